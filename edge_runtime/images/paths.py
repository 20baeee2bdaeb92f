"""Paths of images: expands files, folders, globs and lists, and reads whole files.

Expanding never fails. An argument that cannot be expanded is passed on unchanged, so that reading it reports
the reason, in its place among the other images.
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

_CHUNK = 1 << 16  # bytes per read

# Formats that OpenCV decodes in its usual builds. Other files in folders are skipped.
SUFFIXES = (
    *(".avif", ".bmp", ".dib", ".exr", ".gif", ".hdr", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pfm"),
    *(".pgm", ".pic", ".png", ".pnm", ".ppm", ".ras", ".sr", ".tif", ".tiff", ".webp"),
)

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def expand(
    arguments: Iterable[str | None], *, recursive: bool = True, skip: Path | None = None
) -> Iterator[str | None]:
    """Expand files, folders and globs to the paths of images, sorted within each folder.

    Folders are searched to any depth if `recursive`, each only once even if links form a cycle; the folder
    `skip` is left out. A folder without images, a glob without a match, and None are passed on unchanged.
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
        # A pattern with ** also matches the files inside these folders.
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
        except OSError as error:  # deleted since it was listed
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


def read_list(stream: int) -> Iterator[str | None]:
    """Read names from a file descriptor: one per line, or separated by null bytes as by `find -print0`.

    Yields None when the next name has not been written yet, because the writer may be waiting for results.
    """
    rest, end = b"", b"\n"
    while True:
        if not _ready(stream):
            yield None
        data = os.read(stream, _CHUNK)
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
    except OSError:  # on Windows, select works for sockets only
        return True


def read_file(path: str | Path) -> bytes:
    """Read a whole file.

    Raises `ImageError` if it cannot be read, is not a regular file, or is larger than `MAX_BYTES`.
    """
    try:
        handle = os.open(path, _OPEN_FLAGS)
        try:
            data = os.read(handle, _CHUNK)
            # A small file is complete now. Looking up its type and size as well would take a fifth longer.
            return data if 0 < len(data) < _CHUNK else data + _read_rest(handle, len(data))
        finally:
            os.close(handle)
    except IsADirectoryError as error:
        raise ImageError("a folder that contains no images") from error
    except OSError as error:
        raise ImageError((error.strerror or str(error)).lower()) from error
    except ValueError as error:  # a null byte in the name
        raise ImageError(f"not a file name: {error}") from error


def _read_rest(handle: int, position: int) -> bytes:
    """Read an open regular file from `position` to its end."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not a regular file; give an image file or a folder")
    if status.st_size > MAX_BYTES:
        raise ImageError(
            f"{status.st_size / 1e9:.1f} GB, over the limit of {MAX_BYTES / 1e9:.0f} GB; "
            "scale the image down first"
        )
    parts = []
    while position < status.st_size and (part := os.read(handle, status.st_size - position)):
        parts.append(part)
        position += len(part)
    return b"".join(parts)
