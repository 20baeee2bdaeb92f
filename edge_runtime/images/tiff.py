"""TIFF files: size, compression and strips, before anything is decoded."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_runtime.errors import ImageError
from edge_runtime.images.header import DAMAGED, Header
from edge_runtime.images.limits import MAX_PIXELS, MAX_SCANNED_PIXELS, MAX_SCANS
from edge_runtime.images.tags import Directory

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FAX = (2, 3, 4, 32771)  # compressions whose rows take at least one bit each
_JPEG = 7
# The best compression that others can reach: none, LZW, JPEG, deflate (two numbers), PackBits.
_RATIOS = {1: 1, 5: 2731, _JPEG: 3 * 512, 8: 1032, 32946: 1032, 32773: 64}
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}  # samples by photometric interpretation
_RGB = 2
_FLOAT = 3
_MULTIPLIED, _SEPARATE = 1, 2  # colours, by what the opacity channel says it is
_LARGE = (
    8_000_000  # px; one strip of this size is not left to libtiff, which takes ten bytes per pixel for it
)
_SPARE_TILES = 16_000_000  # px of tiles outside of the image, besides four times its own
_MAX_PAGES = 65_535  # libtiff counts no further
_NEW_SUBFILE, _SUBFILE = 254, 255  # tags that tell thumbnails and masks from pages
_MAX_TABLES = 4096  # bytes of the tables of a JPEG, which are read again for every strip


def measure(data: bytes) -> Header:
    """Parse the first directory of a TIFF. OpenCV turns the image upright itself.

    Raises `ImageError` if the file is built so that decoding it cannot be bounded, `ValueError` or
    `struct.error` if it is damaged.
    """
    tags = Directory(data)
    width, height = tags.integer(256), tags.integer(257)
    samples, bits = tags.integer(277, 1), max(tags.integers(258, 1))
    compression, photometric = tags.integer(259, 1), tags.integer(262, 1)
    if compression not in (*_RATIOS, *_FAX):
        raise ImageError(f"a TIFF with compression {compression}; save it again with LZW or none")
    if photometric not in _COLOURS or samples > 5 or bits > 64:
        raise ImageError("a TIFF of an unusual kind; save it again as grey or RGB")
    if samples == 2 and photometric < _RGB:  # OpenCV would leave the opacity out
        raise ImageError("a grey TIFF with opacity; save it again as PNG")
    tiled = 322 in tags
    packed = tags.integers(325 if tiled else 279, len(data))
    total = min(sum(packed), len(data)) or len(data)  # some writers leave zeros
    if sum(packed) > 2 * len(data) or tags.count(347) > _MAX_TABLES:
        raise ImageError(DAMAGED)  # strips that share their bytes, or lie outside of the file
    pixels = width * height
    rows = tags.integer(323) if tiled else min(height, tags.integer(278, height))
    columns = tags.integer(322) if tiled else width
    strip = rows * columns
    parts = -(-width // max(1, columns)) * -(-height // max(1, rows))
    # Each scan of a JPEG goes over the whole of its strip or tile.
    scans = data.count(b"\xff\xda") if compression == _JPEG else 0
    _check_work(pixels, parts * strip, scans * strip)
    raw = strip >= pixels > _LARGE and _is_raw(tags)
    aspect, orientation = tags.aspect, tags.orientation
    alpha = photometric == _RGB and samples == 4 and bits in (8, 16)
    kind = tags.integers(338, 0)[0]  # of the opacity
    return Header(
        "TIFF",
        width,
        height,
        memory=(2 * pixels if raw else _memory(tags, pixels, strip, max(packed))) + 3 * tags.size,
        capacity=_capacity(compression, total, samples * bits, width),
        alpha=alpha,
        orientation=orientation if raw else 1,
        aspect=1 / aspect if orientation > 4 and not raw else aspect,
        more=tags.more,
        strips=raw,
        # libtiff multiplies the colours itself if it returns 8 bits.
        premultiplied=alpha and (kind == _MULTIPLIED or (kind == _SEPARATE and bits == 8)),
    )


def _check_work(pixels: int, stored: int, scanned: int) -> None:
    """Raise `ImageError` if libtiff would decode far more than the pixels of the image.

    `stored` are the pixels of all strips or tiles, `scanned` those that the scans of JPEGs go over.
    """
    if stored > 4 * pixels + _SPARE_TILES:
        raise ImageError("a TIFF whose tiles are far larger than the image; save it again without tiles")
    if scanned > min(MAX_SCANNED_PIXELS, MAX_SCANS * pixels + MAX_PIXELS):
        raise ImageError("a TIFF of JPEGs with too many scans; save it again with LZW")


def _is_raw(tags: Directory) -> bool:
    """Whether the image is grey or RGB, with 8 bits, in one piece and not compressed."""
    plain = (tags.integer(262, 1), tags.integer(277, 1)) in ((0, 1), (1, 1), (_RGB, 3))
    bits, compression, planes = tags.integers(258, 1), tags.integer(259, 1), tags.integer(284, 1)
    return (
        plain and set(bits) == {8} and compression == planes == tags.integer(339, 1) == 1 and 322 not in tags
    )


def raw_pixels(data: bytes, header: Header, *, colour: bool) -> NDArray[np.uint8]:
    """The pixels of a large TIFF in one piece that is not compressed: grey, or BGR if it has colours."""
    tags = Directory(data)
    samples, start = tags.integer(277, 1), tags.integer(273)
    size = header.width * header.height * samples
    if start + size > len(data):
        raise ImageError(DAMAGED)
    image = np.frombuffer(data, np.uint8, size, start).reshape(header.height, header.width, samples)
    if samples == 3:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR if colour else cv2.COLOR_RGB2GRAY), np.uint8)
    grey = image[:, :, 0]
    return np.asarray(cv2.bitwise_not(grey) if tags.integer(262, 1) == 0 else grey.copy(), np.uint8)


def _memory(tags: Directory, pixels: int, strip: int, packed: int) -> int:
    """Peak memory of decoding: the image twice, or once besides a strip or tile in three stages."""
    samples, bits = tags.integer(277, 1), max(tags.integers(258, 1))
    deep = max(1, bits // 8)
    if tags.integer(262, 1) == _RGB and samples == 4:
        image = 4 * deep
    elif tags.integer(339, 1) == _FLOAT or bits > 16:
        image = samples * deep
    else:
        image = 2 if bits > 8 else 1
    stages = samples * bits // 8 + (4 if bits <= 8 else 0)  # as stored, and as RGBA
    if tags.integer(259, 1) == _JPEG:
        stages += 2  # if it is progressive
    return max(2 * image * pixels, image * pixels + strip * stages + packed)


def _capacity(compression: int, packed: int, bits: int, width: int) -> int:
    if compression in _FAX:
        return 8 * packed * width
    return packed * _RATIOS[compression] * 8 // max(1, bits)


def find_pages(data: bytes) -> list[int]:
    """Where the directories of all pages start: those of thumbnails and masks are left out.

    A chain of directories that is damaged ends there.
    """
    order, big = _layout(data)
    word, length, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    pages, others, seen = list[int](), list[int](), set[int]()
    try:
        (start,) = struct.unpack_from(order + word, data, 8 if big else 4)
        while start and start not in seen and len(pages) < _MAX_PAGES:
            seen.add(start)
            (count,) = struct.unpack_from(order + length, data, start)
            first = start + struct.calcsize(length)
            (others if _is_aside(data, order, first, entry) else pages).append(start)
            (start,) = struct.unpack_from(order + word, data, first + count * entry)
    except (struct.error, OverflowError):
        pass
    return pages or others[:1]


def _is_aside(data: bytes, order: str, first: int, entry: int) -> bool:
    """Whether a directory is that of a thumbnail or a mask. Tags are sorted, and this one is the first."""
    number, kind = struct.unpack_from(order + "HH", data, first)
    (value,) = struct.unpack_from(
        order + ("H" if kind == 3 else "I"), data, first + (12 if entry == 20 else 8)
    )
    return bool(number == _NEW_SUBFILE and value & 5) or bool(number == _SUBFILE and value == 2)


def start_at(data: bytearray, page: int) -> None:
    """Make the directory at a position, as `find_pages` returns it, the first one of a file, in place."""
    order, big = _layout(bytes(data[:4]))
    struct.pack_into(order + ("Q" if big else "I"), data, 8 if big else 4, page)


def _layout(data: bytes) -> tuple[str, bool]:
    """The byte order as `struct` names it, and whether the file is a BigTIFF."""
    return "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+")
