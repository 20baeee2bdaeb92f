"""WebP files: chunks, size and kind, before anything is decoded."""

from __future__ import annotations

import struct

from edge_runtime.errors import ImageError
from edge_runtime.images.header import DAMAGED, TOO_MANY_PARTS, Header
from edge_runtime.images.limits import MAX_PARTS
from edge_runtime.images.tags import exif_orientation

# Bytes per pixel that OpenCV takes at its peak, measured.
_LOSSY, _LOSSLESS, _TRANSPARENT, _ANIMATED = 4.2, 8, 9.2, 12


def measure(data: bytes) -> Header | None:
    """Parse the chunks of a WebP. Raises `ImageError` if one is longer than the file."""
    if data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    exif, animated, lossless = b"", False, kind == b"VP8L"
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[start : start + 3], "little") for start in (24, 27))
        alpha, animated = bool(data[20] & 0x10), bool(data[20] & 2)
        size = width, height
        for kind, start, end in _chunks(data):
            if kind == b"EXIF" and not exif:
                exif = data[start:end]
            elif kind in (b"VP8 ", b"VP8L") and not animated:
                lossless = kind == b"VP8L"
                size, _ = _frame(data, kind, start)
        if size != (width, height):  # the decoder would go by this size, not by the one that was checked
            raise ImageError(DAMAGED)
    elif kind in (b"VP8 ", b"VP8L"):
        (width, height), alpha = _frame(data, kind, 20)
    else:
        return None
    per_pixel = _ANIMATED if animated else _TRANSPARENT if alpha else _LOSSLESS if lossless else _LOSSY
    pixels = width * height
    # Plain colour takes next to no bytes, so that the length of the file says nothing about its pixels.
    return Header(
        "animated WebP" if animated else "WebP",
        *(width, height, round(pixels * per_pixel) + len(exif), pixels, alpha, exif_orientation(exif)),
        more=animated,
    )


def count_frames(data: bytes) -> int:
    """How many frames an animated WebP has that `measure` has parsed."""
    return sum(kind == b"ANMF" for kind, _, _ in _chunks(data))


def _frame(data: bytes, kind: bytes, start: int) -> tuple[tuple[int, int], bool]:
    """Size of an image chunk, and whether it has alpha."""
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, start + 6)
        return (width & 0x3FFF, height & 0x3FFF), False
    (bits,) = struct.unpack_from("<I", data, start + 1)
    return (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)), bool(bits >> 28 & 1)


def _chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """The kind of every chunk, and where its content starts and ends. Raises `ImageError`."""
    found, position = [], 12
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        start = position + 8
        position = start + length + length % 2
        if start + length > len(data):
            raise ImageError(DAMAGED)
        found.append((kind, start, start + length))
        if len(found) > MAX_PARTS:
            raise ImageError(TOO_MANY_PARTS)
    return found
