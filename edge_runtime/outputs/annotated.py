"""Annotated images: copies of the sources with boxes and labels, in a folder that mirrors their paths."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ImageError, OutputError
from edge_runtime.images import annotate, lists, paths
from edge_runtime.images.document import Document
from edge_runtime.images.encode import encode
from edge_runtime.images.pages import Pages
from edge_runtime.outputs.fingerprints import Fingerprints
from edge_runtime.results import Reading
from edge_runtime.whole_file import whole_file

_MARK_TEXT = "edge-digits saves annotated copies here. It reads none of them unless this folder is named.\n"


class AnnotatedImages:
    """A folder of annotated images that mirrors the paths of the sources.

    `scans/a/1.jpg` becomes `FOLDER/scans/a/1.jpg`. Sources that are neither JPEG nor PNG become `NAME.png`,
    or `NAME.2.png` if there is a source `NAME.png` as well. With `tiles`, the classifier's inputs are shown.
    A new folder is marked, so that the copies are not read as images later. In a folder without the mark,
    files are replaced only with `again`, because they may be anything.
    """

    def __init__(self, folder: Path, *, tiles: bool = False, again: bool = False) -> None:
        self.folder, self.tiles, self.again = folder, tiles, again
        self._written = Fingerprints()  # in a folder without the mark: there may be millions
        self._document: tuple[str, Document] | None = None  # the last file with several pages

    def write(self, reading: Reading) -> None:
        """Annotate the source of a reading and save the copy.

        Raises `ImageError` when this image cannot be annotated or saved, and `OutputError` when the folder
        cannot be written or the copy would overwrite its source or another file.
        """
        source = Path(reading.source)
        target = self.target(reading.source)
        try:
            if os.path.exists(target):
                if os.path.exists(source) and target.samefile(source):
                    raise OutputError(f"--annotate would overwrite {source}; choose another folder")
                if not self._may_replace(target):
                    raise OutputError(f"--annotate would overwrite {target}; choose another folder")
            lists.check_again(reading.source)
            image = self._decode(reading.source)
            encoded = encode(annotate.annotate(image, reading.digits, tiles=self.tiles), target.suffix)
            is_new = self._is_new()
            with whole_file(target) as partial:
                partial.write_bytes(encoded)
            if is_new:
                (self.folder / paths.ANNOTATED_MARK).write_text(_MARK_TEXT, encoding="utf-8")
            elif not self._is_marked():
                self._written.add(paths.escape_source(str(target)))
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise ImageError("the file name is too long") from error
            raise OutputError(f"cannot write {target}: {error.strerror or error}") from error

    def _decode(self, source: str) -> NDArray[np.uint8]:
        """The image of a source as BGR. Pages of one file follow one another: it stays open for the next."""
        file, page = paths.split_page(source)
        if page is None or os.path.lexists(source):
            self._document = None
            return Pages(source).first.decode(colour=True)
        if self._document is None or self._document[0] != file:
            self._document = (file, Pages(source).document)
        return self._document[1].decode(page - 1, colour=True)

    def _may_replace(self, target: Path) -> bool:
        """Whether an existing file is a copy of this run, or may be one of an earlier run."""
        return self.again or paths.escape_source(str(target)) in self._written or self._is_marked()

    def _is_marked(self) -> bool:
        return os.path.exists(self.folder / paths.ANNOTATED_MARK)

    def _is_new(self) -> bool:
        if not os.path.exists(self.folder):
            return True
        with os.scandir(self.folder) as entries:
            return next(entries, None) is None

    def target(self, source: str | Path) -> Path:
        """Path of the annotated copy of `source`, inside the folder even for absolute paths and ".."."""
        name = str(source)
        if paths.is_remote(name):  # with characters that file names cannot have on Windows
            name = quote(name.replace("://", "/", 1), "/ !()[]{},;=+@&#")
        path = Path(name)
        parts = ["__" if part == ".." else part for part in path.parts if part != path.anchor]
        target = self.folder.joinpath(*parts)
        if target.suffix.lower() in (".jpg", ".jpeg", ".png"):
            return target
        suffix, number = ".png", 1
        while os.path.lexists(f"{source}{suffix}"):  # another source, whose copy has that name
            number += 1
            suffix = f".{number}.png"
        return target.with_name(target.name + suffix)
