"""Strips: decodes large PNG files with alpha a few rows at a time.

At once, OpenCV takes 8 bytes per pixel for these, or 16 if they have 16 bits per channel; in strips, 3.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_runtime.errors import ImageError
from edge_runtime.images import png
from edge_runtime.images.header import DAMAGED, Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRIP = 4_000_000  # bytes of rows that are decoded together


def decode(data: bytes, header: Header) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Decode a PNG with an alpha channel that is not interlaced: its grey and its opacity, `uint8 (H, W)`.

    Raises `ImageError` if it is damaged.
    """
    head = data[16:29]
    deep, colour = head[8] == 16, head[9] == 6
    bytes_per_row = header.width * (4 if colour else 2) * (2 if deep else 1)
    grey = np.empty((header.height, header.width), np.uint8)
    opacity = np.empty_like(grey)
    top, above = 0, b""
    for rows in _strips(data, 1 + bytes_per_row, header.height):
        count = len(rows) // (1 + bytes_per_row)
        # The filters of the first row may refer to the row above: it comes along, unfiltered.
        packed = png.wrap(head, above + rows, count + bool(above))
        strip = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_UNCHANGED)
        if strip is None:
            raise ImageError(DAMAGED)
        above = b"\0" + _as_stored(strip[-1], colour=colour)
        shown = strip[-count:]
        if deep:
            shown = (shown >> 8).astype(np.uint8)
        cv2.cvtColor(shown, cv2.COLOR_BGRA2GRAY, dst=grey[top : top + count])
        cv2.extractChannel(shown, 3, dst=opacity[top : top + count])
        top += count
    return grey, opacity


def _strips(data: bytes, row: int, height: int) -> Iterator[bytes]:
    """Decompress the pixels of a file and yield them in strips of whole rows of `row` bytes."""
    inflate, rows = zlib.decompressobj(), bytearray()
    left, most = row * height, max(1, _STRIP // row) * row
    try:
        for piece in png.pixel_data(data):
            packed: bytes | memoryview = piece
            while left and (len(packed) or inflate.unconsumed_tail):
                wanted = min(left, most) - len(rows)
                rows += inflate.decompress(packed, wanted)
                packed = inflate.unconsumed_tail
                if len(rows) == min(left, most):
                    yield bytes(rows)
                    left -= len(rows)
                    rows.clear()
    except zlib.error as error:
        raise ImageError(DAMAGED) from error
    if left:
        raise ImageError(DAMAGED)


def _as_stored(row: NDArray[Any], *, colour: bool) -> bytes:
    """The bytes of a decoded row BGRA as the file stores them."""
    channels = row[:, [2, 1, 0, 3] if colour else [0, 3]]
    return channels.astype(">u2" if row.dtype == np.uint16 else np.uint8).tobytes()
