"""WebP files: chunks, size and kind, before anything is decoded."""

from __future__ import annotations

import struct

from edge_runtime.errors import ImageError
from edge_runtime.images.header import DAMAGED, TOO_MANY_PARTS, Header
from edge_runtime.images.limits import MAX_PARTS
from edge_runtime.images.tags import exif_orientation

# Bytes per pixel that OpenCV takes at its peak, measured.
_LOSSY, _LOSSLESS, _TRANSPARENT, _ANIMATED = 4.2, 7.2, 9.2, 12
_IMAGES = (b"VP8 ", b"VP8L")
_WITHOUT_LOSS = 1  # a compression of opacity


def measure(data: bytes) -> Header | None:
    """Parse the chunks of a WebP. Raises `ImageError` if one is longer than the file."""
    if data[8:12] != b"WEBP":
        return None
    chunks = _chunks_of_file(data)
    exif, extended, animated, alpha = b"", data[12:16] == b"VP8X", False, False
    if extended:
        size = _size(data, 24)
        alpha, animated = bool(data[20] & 0x10), bool(data[20] & 2)
        exif = next((data[start:end] for kind, start, end in chunks if kind == b"EXIF"), b"")
    elif data[12:16] in _IMAGES:
        size, alpha = _frame(data, data[12:16], 20)
        chunks = [(data[12:16], 20, len(data))]
    else:
        return None
    if not animated:
        parts, frame = chunks, size
    elif first := next(((start, end) for kind, start, end in chunks if kind == b"ANMF"), None):
        parts, frame = _chunks(data, first[0] + 16, first[1]), _size(data, first[0] + 6)
    else:
        parts, frame = [], size
    # The decoder goes by the size in these chunks.
    if any(_frame(data, kind, start)[0] != frame for kind, start, _ in parts if kind in _IMAGES):
        raise ImageError(DAMAGED)
    lossless = any(kind == b"VP8L" for kind, _, _ in parts)
    per_pixel = _ANIMATED if animated else _TRANSPARENT if alpha else _LOSSLESS if lossless else _LOSSY
    pixels = size[0] * size[1]
    memory = round(pixels * per_pixel) + len(exif) + _code_memory(data, parts, frame)
    # Plain colour takes next to no bytes, so that the length of the file says nothing about its pixels.
    return Header(
        "animated WebP" if animated else "WebP",
        *(*size, memory, pixels, alpha, exif_orientation(exif)),
        more=animated,
    )


def count_frames(data: bytes) -> int:
    """How many frames an animated WebP has that `measure` has parsed."""
    return sum(kind == b"ANMF" for kind, _, _ in _chunks_of_file(data))


def _size(data: bytes, position: int) -> tuple[int, int]:
    """The width and height that are stored in three bytes each, less one."""
    width, height = (int.from_bytes(data[start : start + 3], "little") for start in (position, position + 3))
    return 1 + width, 1 + height


def _frame(data: bytes, kind: bytes, start: int) -> tuple[tuple[int, int], bool]:
    """Size of an image chunk, and whether it has alpha."""
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, start + 6)
        return (width & 0x3FFF, height & 0x3FFF), False
    (bits,) = struct.unpack_from("<I", data, start + 1)
    return (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)), bool(bits >> 28 & 1)


def _code_memory(data: bytes, chunks: list[tuple[bytes, int, int]], size: tuple[int, int]) -> int:
    """Bytes that the prefix codes of an image without loss, and of such an opacity, take."""
    # After the header of the image, or of the opacity.
    heads = {b"VP8L": 5, b"ALPH": 1}
    streams = [
        memoryview(data)[start + heads[kind] : end]
        for kind, start, end in chunks
        if kind == b"VP8L" or (kind == b"ALPH" and data[start] & 3 == _WITHOUT_LOSS)
    ]
    if not streams:
        return 0
    from edge_runtime.images import vp8l

    return sum(vp8l.code_memory(stream, *size) for stream in streams)


def _chunks_of_file(data: bytes) -> list[tuple[bytes, int, int]]:
    return _chunks(data, 12, min(len(data), 8 + int.from_bytes(data[4:8], "little")))


def _chunks(data: bytes, position: int, end: int) -> list[tuple[bytes, int, int]]:
    """The kind of every chunk, and where its content starts and ends. Raises `ImageError`."""
    found = []
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
