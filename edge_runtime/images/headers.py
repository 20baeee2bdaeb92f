"""Headers: what an image file claims to be, checked before anything is decoded.

A few bytes can claim an image that takes gigabytes or hours to decode. `measure` finds the size, and
`check` compares it with the limits. Files and uploads are checked by the same code, with different `Limits`.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from edge_runtime.errors import ImageError
from edge_runtime.images.limits import MAX_NETPBM_HEADER, MAX_SEGMENTS, Limits


class Header(NamedTuple):
    """What a file claims to be.

    `format` is "JPEG", "PNG", "WebP", "BMP" or "GIF" for ordinary files in these formats, "arithmetic JPEG",
    "lossless JPEG" or "animated WebP" for unusual ones, and "other" for all other formats. `width` and
    `height` are in px, at least 1. `bytes_per_pixel` estimates the memory that decoding takes.
    """

    format: str
    width: int
    height: int
    bytes_per_pixel: int


def check(data: bytes, limits: Limits) -> Header | None:
    """Return the header of an image file, or None if its size is only known once it is decoded.

    Raises `ImageError` if the file is empty, its format is not allowed, or the image exceeds the limits.
    """
    header = measure(data)
    if limits.formats is not None and (header is None or header.format not in limits.formats):
        *others, last = limits.formats
        raise ImageError(
            f"damaged, or not a plain {', '.join(others)} or {last} image; "
            "send the bytes of the file unchanged (curl --data-binary @FILE)"
        )
    if header is None:
        if not data:
            raise ImageError("the file is empty")
        return None
    _, width, height, bytes_per_pixel = header
    check_size(width, height, limits, bytes_per_pixel)
    if limits.scans is not None:
        _check_structure(data, header, limits.scans)
    return header


def check_size(width: int, height: int, limits: Limits, bytes_per_pixel: int = 1) -> None:
    """Raise `ImageError` if an image has more pixels, or takes more memory, than the limits allow."""
    most, kind = limits.pixels, ""
    if limits.memory is not None and limits.memory < most * bytes_per_pixel:
        most, kind = limits.memory // bytes_per_pixel, " for this kind of image"
    if width * height > most:
        raise ImageError(
            f"{width}x{height} pixels, over the limit of {most / 1e6:.0f} megapixels{kind}; "
            "scale the image down first"
        )


def _check_structure(data: bytes, header: Header, scans: int) -> None:
    """Raise `ImageError` if an image of acceptable size is built so that it takes far too long to decode."""
    if header.format == "JPEG" and data.count(b"\xff\xda") > scans:
        raise ImageError(f"a JPEG with more than {scans} scans; save it again as a baseline JPEG")


def measure(data: bytes) -> Header | None:
    """Parse the header of an image file; None if it is damaged or of an unknown format."""
    try:
        if data.startswith(_PNG):
            # For runs over millions of small PNG files: this cached parser takes a third of imagesize's time.
            return _measure_png(data[12:26])
        for signature, parse in _PARSERS:
            if data.startswith(signature):
                return _plausible(parse(data))
    except (struct.error, LookupError):  # the file ends too early, or has a value that is not defined
        return None
    return _plausible(_measure_other(data))


def _plausible(header: Header | None) -> Header | None:
    return header if header is not None and header.width > 0 and header.height > 0 else None


_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}  # by colour type; a palette may hold transparency


@lru_cache(maxsize=256)
def _measure_png(start: bytes) -> Header | None:
    """Parse the start of the first chunk."""
    kind, width, height, depth, colour = struct.unpack(">4sIIBB", start)
    if kind != b"IHDR":
        return None
    samples = _PNG_CHANNELS[colour] * (2 if depth == 16 else 1)
    return _plausible(Header("PNG", width, height, 1 + 2 * samples))


_next_marker = re.compile(rb"\xff([^\x00\xff])").search  # skips fill bytes and garbage, as libjpeg does
_JPEG_BARE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_JPEG_END = {0xD8, 0xD9, 0xDA}  # markers that are errors before the frame header
_JPEG_NO_FRAME = {0xC4, 0xC8, 0xCC}  # markers in the range of frame headers that do not begin a frame
_JPEG_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
_JPEG_SEQUENTIAL = {0xC0, 0xC1}  # the decoder keeps the coefficients of the whole image for all others


def _measure_jpeg(data: bytes) -> Header | None:
    position = 2
    for _ in range(MAX_SEGMENTS):
        match = _next_marker(data, position)
        if match is None:
            return None
        marker, position = match[1][0], match.end()
        if marker in _JPEG_END:
            return None
        if 0xC0 <= marker <= 0xCF and marker not in _JPEG_NO_FRAME:
            height, width = struct.unpack_from(">HH", data, position + 3)
            return Header(_jpeg_format(marker), width, height, 3 if marker in _JPEG_SEQUENTIAL else 8)
        if marker not in _JPEG_BARE:
            position += struct.unpack_from(">H", data, position)[0]
    return None


def _jpeg_format(marker: int) -> str:
    if marker in _JPEG_LOSSLESS:
        return "lossless JPEG"
    return "JPEG" if marker <= 0xC2 else "arithmetic JPEG"


def _measure_webp(data: bytes) -> Header | None:
    if data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[start : start + 3], "little") for start in (24, 27))
        return Header("animated WebP" if data[20] & 2 else "WebP", width, height, 9)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WebP", width & 0x3FFF, height & 0x3FFF, 9)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("WebP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 9)
    return None


def _measure_bmp(data: bytes) -> Header:
    old = struct.unpack_from("<I", data, 14)[0] == 12  # the short header of OS/2
    width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
    return Header("BMP", width, abs(height), 9)  # the height is negative if the first row is the top one


def _measure_gif(data: bytes) -> Header:
    width, height = struct.unpack_from("<HH", data, 6)  # imagesize reads these as signed numbers
    return Header("GIF", width, height, 9)


def _measure_other(data: bytes) -> Header | None:
    import imagesize  # takes 3 ms, and the common formats do not need it

    # A TIFF may have its size at the end of the file. A Netpbm header is searched byte by byte.
    head = data[:MAX_NETPBM_HEADER] if data.startswith(b"P") else data
    try:
        width, height = imagesize.get(io.BytesIO(head))
    # A damaged header raises all kinds of errors in imagesize.
    except Exception:
        return None
    # The size of an SVG may be fractional; OpenCV does not decode SVGs.
    return Header("other", width, height, 17) if isinstance(width, int) and isinstance(height, int) else None


_PARSERS: tuple[tuple[bytes, Callable[[bytes], Header | None]], ...] = (
    (b"\xff\xd8", _measure_jpeg),
    (b"RIFF", _measure_webp),
    (b"BM", _measure_bmp),
    (b"GIF8", _measure_gif),
)
