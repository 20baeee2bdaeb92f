"""TODO."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import cv2

from edge_runtime.errors import ImageError, OutputError
from edge_runtime.images import annotate, decode, paths
from edge_runtime.results import Reading


class AnnotatedImages:
    """A folder of images with boxes and labels drawn in, laid out as the sources are.

    `scans/a/1.jpg` becomes `FOLDER/scans/a/1.jpg`; what is neither JPEG nor PNG becomes `NAME.png`.
    """

    def __init__(self, folder: Path, *, tiles: bool = False) -> None:
        self.folder, self.tiles = folder, tiles

    def write(self, reading: Reading) -> None:
        """Draw on one image and save it; with `tiles`, what the classifier saw is inset.

        Raises `ImageError` when this one cannot be drawn on or saved, `OutputError` when none can.
        """
        source = Path(reading.source)
        target = self.target(source)
        try:
            if os.path.exists(target) and target.samefile(source):
                raise OutputError(f"--annotate would overwrite {source}; name another folder")
            image = decode.decode_colour(paths.read_file(source))
            image = annotate.annotate(image, reading.digits, tiles=self.tiles)
            good, encoded = cv2.imencode(target.suffix, image)
            if not good:
                raise ImageError(f"OpenCV cannot save it as {target.suffix}")
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(target.name + ".partial")
            partial.write_bytes(encoded.tobytes())
            partial.replace(target)
        except cv2.error as error:
            raise ImageError(f"OpenCV cannot save it as {target.suffix}") from error
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise ImageError("its name is too long") from error
            raise OutputError(f"cannot write {target}: {error.strerror or error}") from error

    def target(self, source: Path) -> Path:
        """Where the drawing of `source` goes: inside the folder, whatever the source's path is."""
        parts = ["__" if part == ".." else part for part in source.parts if part != source.anchor]
        target = self.folder.joinpath(*parts)
        if target.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            target = target.with_name(target.name + ".png")
        return target
