"""Where pictures come from: files, folders, globs and lists, as a stream of paths.

Nothing is decoded here and nothing fails here: what cannot be expanded is passed on as it was named, and
reading it gives the reason, in its place among the others.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_runtime.errors import PictureError

# What OpenCV decodes in its usual builds; files in folders with other names are passed over.
SUFFIXES = (
    *(".avif", ".bmp", ".dib", ".exr", ".gif", ".hdr", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pfm"),
    *(".pgm", ".pic", ".png", ".pnm", ".ppm", ".ras", ".sr", ".tif", ".tiff", ".webp"),
)
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def expand(arguments: Iterable[str], *, recursive: bool = True, skip: Path | None = None) -> Iterator[str]:
    """Turn files, folders and globs into paths of pictures, sorted within each folder.

    Folders are searched to any depth if `recursive`, each once even where links lead in circles; `skip` is
    a folder to stay out of. A folder without pictures, or a name that fits nothing, is passed on as it is.
    """
    for argument in arguments:
        if Path(argument).is_dir():
            yield from _or_itself(_walk(argument, recursive, skip), argument)
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            matches = sorted(glob.iglob(argument, recursive=True))
            for match in matches or [argument]:
                if matches and Path(match).is_dir():
                    continue
                yield match
        else:
            yield argument


def _or_itself(paths: Iterator[str], folder: str) -> Iterator[str]:
    first = next(paths, None)
    yield folder if first is None else first
    yield from paths


def _walk(folder: str, recursive: bool, skip: Path | None) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()
    unreadable: list[str] = []

    def remember(error: OSError) -> None:
        unreadable.append(str(error.filename))

    for parent, folders, files in os.walk(folder, followlinks=True, onerror=remember):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in seen or (skip and _same_folder(parent, skip)):
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        prefix = os.path.join(parent, "")
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES):
                yield prefix + name
        if recursive:
            folders.sort()
        else:
            folders.clear()
    yield from unreadable


def _same_folder(one: str, other: Path) -> bool:
    return other.exists() and os.path.samefile(one, other)


def read_file(path: str | Path) -> bytes:
    """Read a whole file. Raises `PictureError` with the system's reason, also for what is no regular file."""
    try:
        handle = os.open(path, _OPEN_FLAGS)
        try:
            status = os.fstat(handle)
            if stat.S_ISDIR(status.st_mode):
                raise PictureError("a folder without pictures in it")
            if not stat.S_ISREG(status.st_mode):
                raise PictureError("not a regular file")
            data = os.read(handle, status.st_size + 1)
            while len(data) < status.st_size and (more := os.read(handle, status.st_size - len(data))):
                data += more
            return data
        finally:
            os.close(handle)
    except OSError as error:
        raise PictureError((error.strerror or str(error)).lower()) from error
    except ValueError as error:  # a null byte in the name
        raise PictureError(f"not a file name: {error}") from error
