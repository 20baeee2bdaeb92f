"""What may be decoded of what strangers send: few formats, of a size that is known beforehand.

A few bytes can claim an image of gigabytes, or of hours. The decoder's own header parsers and other people's
do not agree on every odd file; here only plain ones pass.
"""

from __future__ import annotations

import io
import struct

import imagesize

from edge_runtime.errors import ImageError
from edge_runtime.web import limits

_PNG = b"\x89PNG\r\n\x1a\n"

# Bytes in which the size is looked for, by how a file begins: of these kinds every byte costs time of its
# own. Others may hold their size at their end, as TIFFs do.
_HEADS = ((b"P", 1 << 15), (b"\xff\xd8", 1 << 24))


def _size_in_header(data: bytes) -> tuple[int, int]:
    """Width and height that a file claims to have; 0 or less where its format or its header is not known."""
    try:
        if data.startswith(_PNG):
            # Small PNG files come by the million: this takes a fifth of what imagesize takes for it.
            size: tuple[int, int] = struct.unpack_from(">II", data, 16)
        else:
            end = next((end for begin, end in _HEADS if data.startswith(begin)), len(data))
            size = imagesize.get(io.BytesIO(data[:end]))
        return size
    # A damaged header meets all kinds of errors in there: OpenCV has the last word on it.
    except Exception:
        return 0, 0


_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}  # by colour type; a palette may hold transparency
_JPEG_COSTS = {0xC0: 3, 0xC1: 3, 0xC2: 8}  # by start of frame; a progressive one keeps its coefficients
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a length

_NOT_KNOWN = "not a plain JPEG, PNG, WebP or BMP image (curl sends a file whole with --data-binary @FILE)"


def check(data: bytes) -> None:
    """Raise `ImageError` for bytes that are no image of these formats, or one that is too large."""
    try:
        width, height, cost = _measured(data)
    except (struct.error, IndexError, KeyError):
        raise ImageError(_NOT_KNOWN) from None
    if width <= 0 or height <= 0:
        raise ImageError(_NOT_KNOWN)
    pixels = width * height
    if pixels > limits.MAX_PIXELS or pixels * cost > limits.MAX_DECODED:
        most = min(limits.MAX_PIXELS, limits.MAX_DECODED // cost) / 1e6
        raise ImageError(
            f"{width}x{height} pixels, over the limit of {most:.0f} megapixels for this kind of image; "
            "reduce it first"
        )


def _measured(data: bytes) -> tuple[int, int, int]:
    """Width, height, and bytes that a pixel takes while it is decoded; KeyError where it is not known."""
    if data.startswith(b"\xff\xd8\xff"):
        return _measured_jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
        return width, height, 1 + 2 * _PNG_CHANNELS[colour] * (2 if depth == 16 else 1)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return (*_measured_webp(data), 9)
    if data.startswith(b"BM"):
        form = "<HH" if struct.unpack_from("<I", data, 14)[0] == 12 else "<ii"
        width, height = struct.unpack_from(form, data, 18)
        return width, abs(height), 9  # a negative height: stored from the top
    raise KeyError


def _measured_jpeg(data: bytes) -> tuple[int, int, int]:
    # Every scan of a progressive one goes over the whole image.
    if data.count(b"\xff\xda") > limits.MAX_SCANS:
        raise KeyError
    place = 2
    for _ in range(limits.MAX_SEGMENTS):
        if data[place] != 0xFF:
            raise KeyError
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker in _JPEG_BARE:
            place += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height, _JPEG_COSTS[marker]
        else:
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    raise KeyError


def _measured_webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X" and not data[20] & 2:  # not animated
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise KeyError
