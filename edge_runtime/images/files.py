"""Files of images, read whole: the bytes of a file, of a pipe, or of standard input."""

from __future__ import annotations

import io
import os
import stat
import time
from pathlib import Path

from edge_runtime.errors import ImageError
from edge_runtime.images import paths
from edge_runtime.images.limits import MAX_BYTES, SPARE_MEMORY

CHUNK = 1 << 16  # bytes per read

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_WRITER_TIMEOUT = 10.0  # s until a program writes to a pipe
_WRITER_POLL = 0.02  # s


class Received(str):
    """The name of an image that has no file: its bytes, `data`, came through standard input."""

    __slots__ = ("data",)
    data: bytes
    hint = "standard input takes paths, one per line, or the bytes of an image"


def read_file(path: str | Path) -> bytes:
    """Read a whole file, or all that comes through a pipe.

    Raises `ImageError` if it cannot be read, is a folder or a device, or is larger than `MAX_BYTES`.
    """
    if isinstance(path, Received):
        check_length(len(path.data))
        return path.data
    if path == "":
        raise ImageError("an empty file name")
    try:
        handle = os.open(path, _OPEN_FLAGS)
        try:
            return _read_all(handle)
        finally:
            os.close(handle)
    except OSError as error:
        # Windows refuses permission to open a folder.
        if isinstance(error, IsADirectoryError) or (os.name == "nt" and os.path.isdir(path)):
            raise ImageError(_describe_folder(str(path))) from error
        if isinstance(error, FileNotFoundError) and paths.is_glob(str(path)):
            raise ImageError("no such file or directory; nothing matches this pattern") from error
        raise ImageError((error.strerror or str(error)).lower()) from error
    except ValueError as error:  # a null byte in the name
        raise ImageError(f"not a file name: {error}") from error


def check_length(length: int) -> None:
    """Raise `ImageError` if a file of `length` bytes is larger than `MAX_BYTES`."""
    if length > MAX_BYTES:
        raise ImageError(
            f"{length / 1e6:.0f} MB, over the limit of {MAX_BYTES / 1e6:.0f} MB; scale the image down first"
        )


def _describe_folder(folder: str) -> str:
    if not paths.holds_images(folder):
        return "a folder that contains no images"
    if not paths.holds_images(folder, recursive=False):
        return "a folder whose images are all in subfolders"
    return "a folder, not an image"


def _read_all(handle: int) -> bytes:
    try:
        data = os.read(handle, CHUNK)
    except BlockingIOError:  # a pipe whose writer is slow
        data = b""
    # A small file is complete now. Looking up its type and size as well would take a fifth longer.
    if 0 < len(data) < CHUNK and _has_position(handle):
        return data
    status = os.fstat(handle)
    if stat.S_ISFIFO(status.st_mode):
        return _read_pipe(handle, data)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not a regular file; give an image file or a folder")
    check_length(status.st_size)
    if status.st_size > SPARE_MEMORY:
        from edge_runtime.images import headers

        headers.check_large(handle)
    # In one piece, as in `_read_pipe`.
    os.lseek(handle, 0, os.SEEK_SET)
    data = os.read(handle, status.st_size)
    parts, position = [data], len(data)
    while position < status.st_size and (part := os.read(handle, status.st_size - position)):
        parts.append(part)
        position += len(part)
    return data if len(parts) == 1 else b"".join(parts)


def _has_position(handle: int) -> bool:
    """Whether an open file is no pipe, in which the next bytes may not have been written yet."""
    try:
        os.lseek(handle, 0, os.SEEK_CUR)
    except OSError:
        return False
    return True


def _read_pipe(handle: int, start: bytes) -> bytes:
    """Read a pipe, from which `start` has been read, to its end, at the writer's pace.

    Raises `ImageError` if no program writes to it, or more than `MAX_BYTES` come.
    """
    received = io.BytesIO()  # putting parts together would take twice the memory
    received.write(start)
    deadline = time.monotonic() + _WRITER_TIMEOUT
    while True:
        check_length(received.tell())
        try:
            part = os.read(handle, CHUNK)
        except BlockingIOError:
            # There is a writer now. From here on, reading waits for it, and ends when it closes the pipe.
            os.set_blocking(handle, True)
            continue
        if part:
            received.write(part)
        elif received.tell():
            return received.getvalue()
        elif time.monotonic() > deadline:
            raise ImageError("a pipe through which nothing came; write an image to it")
        else:
            time.sleep(_WRITER_POLL)
