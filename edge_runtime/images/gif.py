"""GIF files: size, frames and transparency, before anything is decoded."""

from __future__ import annotations

import struct

from edge_runtime.errors import ImageError
from edge_runtime.images.header import TOO_MANY_PARTS, Header
from edge_runtime.images.limits import MAX_PARTS

# Bytes per pixel that OpenCV takes at its peak, measured.
_OPAQUE, _TRANSPARENT = 10.2, 13.2
_RATIO = 2731  # of the best compression: a code of 12 bits stands for up to 4096 pixels


def measure(data: bytes) -> Header:
    """Parse the blocks of a GIF, as far as its second frame."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _table(flags)
    frames, parts, transparent = 0, 0, False

    def after_blocks(position: int) -> int:
        """The position after a chain of blocks, or the end of a file that is cut off."""
        nonlocal parts
        while position < len(data):
            parts += 1
            if parts > MAX_PARTS:
                raise ImageError(TOO_MANY_PARTS)
            if not data[position]:
                break
            position += 1 + data[position]
        return position + 1

    while frames < 2 and position < len(data):
        kind = data[position]
        if kind == 0x21:
            if data[position + 1] == 0xF9 and not frames:
                transparent = bool(data[position + 3] & 1)
            position = after_blocks(position + 2)
        elif kind == 0x2C:
            frames += 1
            left, top, right, bottom, flags = struct.unpack_from("<HHHHB", data, position + 1)
            transparent |= (left, top, right, bottom) != (0, 0, width, height)
            position = after_blocks(position + 11 + _table(flags))
        else:
            break
    pixels = width * height
    # OpenCV returns an alpha channel for animations, too.
    alpha = transparent or frames > 1
    memory = round(pixels * (_TRANSPARENT if alpha else _OPAQUE))
    return Header("GIF", width, height, memory, len(data) * _RATIO, alpha, more=frames > 1)


def count_frames(data: bytes) -> int:
    """How many frames a GIF has that `measure` has parsed."""
    position, frames = 13 + _table(data[10]), 0
    while position < len(data) and data[position] in (0x21, 0x2C):
        if data[position] == 0x2C:
            frames += 1
            position += 9 + _table(data[position + 9] if position + 9 < len(data) else 0)
        position = _after_blocks(data, position + 2)
    return frames


def _table(flags: int) -> int:
    """Length of a colour table in bytes."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
