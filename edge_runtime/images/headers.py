"""Headers: what an image file claims to be, checked before anything is decoded.

A few bytes can claim an image that takes gigabytes or hours to decode. `measure` finds out what a file
claims, and `check` compares it with the limits and with the bytes that are there. Files and uploads are
checked by the same code, with different `Limits`. Only formats with a parser here are decoded. JPEG 2000 and
OpenEXR have none, because their headers do not show how much memory and time they take.
"""

from __future__ import annotations

import struct
from typing import Any

from edge_runtime.errors import ImageError
from edge_runtime.images.header import DAMAGED, Header, check_memory, check_size
from edge_runtime.images.limits import MAX_SIDE, Limits

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_UNUSUAL = {"arithmetic JPEG": "an arithmetic-coded JPEG", "lossless JPEG": "a lossless JPEG"}


def check(data: bytes, limits: Limits) -> Header:
    """Return the header of an image file that may be decoded.

    Raises `ImageError` if the file is empty, of a kind that is not read here, or exceeds the limits.
    """
    header = measure(data)
    if header is None:
        from edge_runtime.images import kinds

        raise ImageError(kinds.describe(data))
    check_size(header.width, header.height, limits.pixels)
    if max(header.width, header.height) > MAX_SIDE:
        raise ImageError(
            f"{header.width}x{header.height} pixels, and no side may be longer than {MAX_SIDE}; "
            "cut the image into parts"
        )
    if header.format in _UNUSUAL:
        raise ImageError(f"{_UNUSUAL[header.format]}; save it again as a baseline JPEG")
    check_memory(header, len(data))
    if header.capacity < header.width * header.height:
        raise ImageError(DAMAGED)
    if header.format == "JPEG":
        from edge_runtime.images import jpeg

        jpeg.check(data, header)
    elif header.format == "PNG":
        from edge_runtime.images import png

        png.check(data, header)
    return header


def check_large(handle: int) -> None:
    """Check an open file before it is read: raise `ImageError` if it is larger than its pixels are worth."""
    import mmap

    from edge_runtime.images import kinds

    with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as mapped:
        view: Any = mapped  # parsers take slices of bytes, as which it serves
        if (header := measure(view)) is not None:
            check_memory(header, len(view))
        elif not kinds.is_pdf(start := view[: kinds.HEAD]):  # a PDF may hold any number of pages
            raise ImageError(kinds.describe(start))


def measure(data: bytes) -> Header | None:
    """Parse the header of an image file; None if it is of an unknown format, or its header is damaged.

    Raises `ImageError` if it is damaged elsewhere, or of a kind that cannot be bounded.
    """
    try:
        header = _parse(data)
    # The file ends too early, or has a value that is not defined.
    except (struct.error, LookupError, ValueError):
        return None
    return header if header is not None and header.width > 0 and header.height > 0 else None


def _parse(data: bytes) -> Header | None:
    """Parse the header of an image file with the parser of its format, which is loaded only then."""
    start = data[:4]
    if start == b"\x89PNG" and data[4:8] == b"\r\n\x1a\n":
        from edge_runtime.images import png

        return png.measure(data)
    if start[:3] == b"\xff\xd8\xff":
        from edge_runtime.images import jpeg

        return jpeg.measure(data)
    if start == b"RIFF":
        from edge_runtime.images import webp

        return webp.measure(data)
    if start in TIFF_STARTS:
        from edge_runtime.images import tiff

        return tiff.measure(data)
    if start == b"GIF8":
        from edge_runtime.images import gif

        return gif.measure(data)
    if data[4:8] == b"ftyp" and b"avi" in data[8:64]:
        from edge_runtime.images import avif

        return avif.measure(data)
    return _parse_plain(data, start)


def _parse_plain(data: bytes, start: bytes) -> Header | None:
    from edge_runtime.images import plain

    if start[:2] == b"BM":
        return plain.measure_bmp(data)
    if start[:2] == b"P7":
        return plain.measure_pam(data)
    if start[:2] in (b"PF", b"Pf"):
        return plain.measure_pfm(data)
    if start[:1] == b"P":
        return plain.measure_netpbm(data)
    if start == b"\x59\xa6\x6a\x95":
        return plain.measure_sun(data)
    if start[:2] == b"#?":
        return plain.measure_hdr(data)
    return None
