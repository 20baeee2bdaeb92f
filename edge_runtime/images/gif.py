"""GIF files: size, frames and transparency, before anything is decoded."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

from edge_runtime.errors import ImageError
from edge_runtime.images.header import TOO_MANY_PARTS, Header
from edge_runtime.images.limits import MAX_PARTS

# Bytes per pixel that OpenCV takes at its peak, measured.
_OPAQUE, _TRANSPARENT = 10.2, 13.2
_EXTENSION, _FRAME = 0x21, 0x2C
_MAX_BLOCKS = 2**20  # of all frames; they hold 255 bytes at most
_RATIO = 2731  # of the best compression: a code of 12 bits stands for up to 4096 pixels


def measure(data: bytes) -> Header:
    """Parse the blocks of a GIF, as far as its second frame."""
    width, height = struct.unpack_from("<HH", data, 6)
    frames, transparent = 0, False
    for kind, position in _sections(data, MAX_PARTS):
        if kind == _FRAME:
            frames += 1
            transparent |= struct.unpack_from("<HHHH", data, position) != (0, 0, width, height)
            if frames > 1:
                break
        elif data[position] == 0xF9 and not frames:
            transparent = bool(data[position + 2] & 1)
    pixels = width * height
    # OpenCV returns an alpha channel for animations, too.
    alpha = transparent or frames > 1
    memory = round(pixels * (_TRANSPARENT if alpha else _OPAQUE))
    return Header("GIF", width, height, memory, len(data) * _RATIO, alpha, more=frames > 1)


def count_frames(data: bytes) -> int:
    """How many frames a GIF has that `measure` has parsed."""
    frames = 0
    with contextlib.suppress(LookupError):  # the file is cut off
        for kind, _ in _sections(data, _MAX_BLOCKS):
            frames += kind == _FRAME
    return frames


def _sections(data: bytes, limit: int) -> Iterator[tuple[int, int]]:
    """The kind of each extension and frame, and where its content starts.

    Raises `ImageError` after `limit` blocks of data, and `IndexError` where the file is cut off.
    """
    position, blocks = 13 + _table(data[10]), 0
    while position < len(data) and data[position] in (_EXTENSION, _FRAME):
        yield data[position], position + 1
        position += 11 + _table(data[position + 9]) if data[position] == _FRAME else 2
        while True:
            blocks += 1
            if blocks > limit:
                raise ImageError(TOO_MANY_PARTS)
            if position >= len(data) or not data[position]:
                break
            position += 1 + data[position]
        position += 1


def _table(flags: int) -> int:
    """Length of a colour table in bytes."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
