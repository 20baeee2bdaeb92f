"""PNG files: chunks, size and kind, before anything is decoded; and files with only what decoding needs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from edge_runtime.errors import ImageError
from edge_runtime.images.header import (
    DAMAGED,
    OF_THIS_KIND,
    TOO_MANY_PARTS,
    Header,
    aspect,
    check_size,
)
from edge_runtime.images.limits import MAX_PARTS

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_WITH_ALPHA = (4, 6)
# What decoding needs, and what costs next to nothing. Grey values depend on the chunks about colour.
_KEPT = {
    *(b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"iCCP"),
    *(b"pHYs", b"bKGD", b"tIME", b"tEXt"),
}
_FRAMES = {b"acTL", b"fcTL", b"fdAT"}
_RATIO = 1032  # of the best compression that deflate can reach
_FREE = 400_000  # bytes that inflate within a second whatever they are
_PIECE = 2**20  # bytes
_TOO_LONG = "a PNG whose pixels go on after its last row; save it again"
_LARGE = 16_000_000  # bytes of pixels with alpha; more are decoded in strips
_MAX_SLOW = 200_000_000  # bytes of pixels that are interlaced, or decoded in strips: about 2 s of CPU

_chunk_head = struct.Struct(">I4s").unpack_from


def measure(data: bytes) -> Header | None:
    """Parse the chunks of a PNG; None if the first one is no header.

    Raises `ImageError` if a chunk is longer than the file, or the last one is missing.
    """
    kind, width, height, depth, colour, interlaced = struct.unpack_from(">4sIIBB2xB", data, 12)
    if kind != b"IHDR" or not depth:
        return None
    bits = _CHANNELS[colour] * depth
    packed, copied, orientation, stretch, more = 0, 0, 1, 1.0, False
    first: dict[bytes, tuple[int, int]] = {}  # of each kind of chunk
    for kind, start, end in _chunks(data):
        if kind == b"IDAT":
            packed += end - start
        elif kind != b"IHDR":
            copied += end - start
            first.setdefault(kind, (start, end))
    if first.keys() - _KEPT:
        copied += len(data)
    transparent = colour in _WITH_ALPHA or b"tRNS" in first
    if b"eXIf" in first:
        from edge_runtime.images.tags import exif_orientation

        start, end = first[b"eXIf"]
        orientation = exif_orientation(memoryview(data)[start:end])
    if b"pHYs" in first:
        stretch = aspect(*struct.unpack_from(">II", data, first[b"pHYs"][0]))
    if b"acTL" in first:
        more = struct.unpack_from(">I", data, first[b"acTL"][0])[0] > 1
    pixels, deep = width * height, depth // 16
    strips = colour in _WITH_ALPHA and not interlaced and pixels * bits // 8 > _LARGE
    if strips or interlaced:
        check_size(width, height, _MAX_SLOW * 8 // bits, OF_THIS_KIND)
    per_pixel = 3 if strips else (8 if transparent else 2) << deep
    capacity = packed * _RATIO * 8 // bits
    memory = pixels * per_pixel + (0 if strips else copied)
    return Header("PNG", width, height, memory, capacity, transparent, orientation, stretch, more, strips)


def check(data: bytes, header: Header) -> None:
    """Raise `ImageError` if the compressed pixels go on after the last row: libpng inflates all of them.

    Inflating the pixels once more takes half as long as decoding the image, so it is done only where the
    compressed bytes repeat themselves, as they do where a few of them stand for very many pixels.
    """
    if len(data) <= _FREE or header.strips:
        return
    # Interlaced images have up to twice as many rows, each with a filter byte and a byte in part.
    size = -(-header.width * header.height * _CHANNELS[data[25]] * data[24] // 8) + 4 * header.height
    if sum(len(piece) for piece in pixel_data(data)) > size + size // 1000 + _FREE:
        raise ImageError(_TOO_LONG)
    sample = b"".join(data[start : start + 256] for start in range(0, len(data), 2**14))
    repeated = 1 - len(zlib.compress(sample, 1)) / len(sample)
    if len(data) * repeated > _FREE and _is_longer(data, size + _FREE * _RATIO):
        raise ImageError(_TOO_LONG)


def _is_longer(data: bytes, size: int) -> bool:
    """Whether the pixels of a file inflate to more than `size` bytes."""
    inflate = zlib.decompressobj()
    try:
        for piece in pixel_data(data):
            packed: bytes | memoryview = piece
            while len(packed):
                size -= len(inflate.decompress(packed, _PIECE))
                packed = inflate.unconsumed_tail
                if size < 0:
                    return True
    except zlib.error:
        pass  # libpng stops there as well
    return False


def _chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """The kind of every chunk, and where its content starts and ends. Raises `ImageError`."""
    position, last, kind = 8, len(data) - 12, b""
    found: list[tuple[bytes, int, int]] = []
    while position <= last and kind != b"IEND":
        length, kind = _chunk_head(data, position)
        start = position + 8
        position = start + length + 4
        found.append((kind, start, position - 4))
        if len(found) > MAX_PARTS:
            raise ImageError(TOO_MANY_PARTS)
    if kind != b"IEND" or position > len(data):
        raise ImageError(DAMAGED)
    return found


def count_frames(data: bytes) -> int:
    """How many frames an animated PNG has that `measure` has parsed.

    Raises `ImageError` for files on which some versions of OpenCV crash: with an image before the first
    frame, or with a chunk that is damaged.
    """
    chunks = [chunk for chunk in _chunks(data) if chunk[0] in _KEPT | _FRAMES]
    view = memoryview(data)
    for _, start, end in chunks:
        if zlib.crc32(view[start - 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ImageError(DAMAGED)
    kinds = [kind for kind, _, _ in chunks]
    if b"IDAT" in kinds and b"fcTL" not in kinds[: kinds.index(b"IDAT")]:
        raise ImageError("an animation whose first image is not one of its frames; read it without frames")
    return kinds.count(b"fcTL")


def plain(data: bytes, *, animated: bool = False) -> bytes:
    """The file without compressed text and the like, and without further frames unless it is `animated`.

    A few bytes of these can take seconds to decode, and nothing here uses them.
    """
    kinds = _KEPT | _FRAMES if animated else _KEPT
    if not animated and data[37:41] == b"IDAT" and 57 + int.from_bytes(data[33:37], "big") == len(data):
        return data  # most small files: a header, pixels and an end
    kept = [(start - 8, end + 4) for kind, start, end in _chunks(data) if kind in kinds]
    if sum(end - start for start, end in kept) + 8 == len(data):
        return data
    return SIGNATURE + b"".join(data[start:end] for start, end in kept)


def pixel_data(data: bytes) -> Iterator[memoryview]:
    """Yield the compressed pixels of a file, piece by piece."""
    view = memoryview(data)
    for kind, start, end in _chunks(data):
        if kind == b"IDAT":
            yield view[start:end]


def wrap(head: bytes, rows: bytes, height: int) -> bytes:
    """A PNG of some rows, given with their filter bytes, of an image whose IHDR is `head`."""
    content = head[:4] + struct.pack(">I", height) + head[8:]
    chunks = ((b"IHDR", content), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
        for kind, body in chunks
    )
