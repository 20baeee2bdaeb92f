"""Where images come from: files, folders, globs and lists, as a stream of paths.

Nothing is decoded here and nothing fails here: what cannot be expanded is passed on as it was named, and
reading it gives the reason, in its place among the others.
"""

from __future__ import annotations

import glob
import os
import select
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_runtime.errors import ImageError
from edge_runtime.images.limits import MAX_BYTES

_SMALL = 1 << 16

# What OpenCV decodes in its usual builds; files in folders with other names are passed over.
SUFFIXES = (
    *(".avif", ".bmp", ".dib", ".exr", ".gif", ".hdr", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pfm"),
    *(".pgm", ".pic", ".png", ".pnm", ".ppm", ".ras", ".sr", ".tif", ".tiff", ".webp"),
)

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def expand(
    arguments: Iterable[str | None], *, recursive: bool = True, skip: Path | None = None
) -> Iterator[str | None]:
    """Turn files, folders and globs into paths of images, sorted within each folder.

    Folders are searched to any depth if `recursive`, each once even where links lead in circles; `skip` is
    a folder to stay out of. A folder without images, or a name that fits nothing, is passed on as it is,
    and so is a None.
    """
    for argument in arguments:
        if argument is None:
            yield None
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            yield from _or_itself(_matches(argument, recursive, skip), argument)
        elif os.path.isdir(argument):
            yield from _or_itself(_walk(argument, recursive, skip), argument)
        else:
            yield argument


def _matches(pattern: str, recursive: bool, skip: Path | None) -> Iterator[str]:
    for match in sorted(glob.iglob(pattern, recursive=True)):
        if skip and _is_under(match, skip):
            continue
        if not os.path.isdir(match):
            yield match
        # A pattern with ** finds the files inside its folders itself.
        elif "**" not in pattern:
            yield from _walk(match, recursive, skip)


def _or_itself(paths: Iterator[str], name: str) -> Iterator[str]:
    first = next(paths, None)
    yield name if first is None else first
    yield from paths


def _walk(folder: str, recursive: bool, skip: Path | None) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()
    unreadable: list[str] = []

    def remember(error: OSError) -> None:
        unreadable.append(str(error.filename))

    for parent, folders, files in os.walk(folder, followlinks=True, onerror=remember):
        try:
            status = os.stat(parent)
        except OSError as error:  # gone since it was listed
            remember(error)
            continue
        if (status.st_dev, status.st_ino) in seen or (skip and _is_under(parent, skip)):
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


def _is_under(path: str, folder: Path) -> bool:
    top = os.path.realpath(folder)
    return os.path.commonpath([top, os.path.realpath(path)]) == top


def listed(stream: int) -> Iterator[str | None]:
    """Names from an open file, by its descriptor: a line each, or ended by null bytes as `find -print0` does.

    A None comes where the next name is not there yet: whoever writes the list may be waiting for answers.
    """
    rest, end = b"", b"\n"
    while True:
        if not _ready(stream):
            yield None
        data = os.read(stream, 1 << 16)
        if b"\0" in data:
            end = b"\0"
        *names, rest = (rest + data).split(end)
        for name in names if data else [rest]:
            if name := name.removesuffix(b"\r"):
                yield os.fsdecode(name)
        if not data:
            return


def _ready(stream: int) -> bool:
    try:
        return bool(select.select([stream], [], [], 0)[0])
    except OSError:  # Windows can tell this of sockets alone
        return True


def read_file(path: str | Path) -> bytes:
    """Read a whole file. Raises `ImageError` with the system's reason, also for what is no regular file."""
    try:
        handle = os.open(path, _OPEN_FLAGS)
        try:
            data = os.read(handle, _SMALL)
            # A small image is here by now; asking what it is would cost a fifth of its reading.
            return data if 0 < len(data) < _SMALL else data + _read_rest(handle, len(data))
        finally:
            os.close(handle)
    except IsADirectoryError as error:
        raise ImageError("a folder without images in it") from error
    except OSError as error:
        raise ImageError((error.strerror or str(error)).lower()) from error
    except ValueError as error:  # a null byte in the name
        raise ImageError(f"not a file name: {error}") from error


def _read_rest(handle: int, position: int) -> bytes:
    """What follows of an open regular file after its first `position` bytes."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not a regular file")
    if status.st_size > MAX_BYTES:
        raise ImageError(f"{status.st_size / 1e9:.1f} GB, over the limit of {MAX_BYTES / 1e9:.0f} GB")
    parts = []
    while position < status.st_size and (part := os.read(handle, status.st_size - position)):
        parts.append(part)
        position += len(part)
    return b"".join(parts)
