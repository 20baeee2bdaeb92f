"""Formats with next to no compression: BMP, Netpbm, PAM, PFM, Sun raster and Radiance HDR."""

from __future__ import annotations

import re
import struct

from edge_runtime.errors import ImageError
from edge_runtime.images.header import Header
from edge_runtime.images.limits import MAX_TEXT_HEADER

_RUN_RATIO = 128  # of the best compression by run lengths: 255 pixels in two bytes
_GREY = 2  # bytes per pixel at the peak: the decoder's image, and its copy
_FLOATS = 25  # the same for HDR, measured
_PAM_CHANNELS = (1, 3, 4)
_PAM_NUMBERS = (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
_NUMBERS = re.compile(
    rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})(?:(?:\s|#[^\n]*\n)+(\d{1,9}))?"
)
_PFM = re.compile(rb"(P[Ff])\s+(\d{1,9})\s+(\d{1,9})\s+\S{1,30}\s")
_HDR_SIZE = re.compile(rb"\n\n-Y (\d{1,9}) \+X (\d{1,9})\n")


def measure_bmp(data: bytes) -> Header:
    """Parse the header of a BMP."""
    offset, size = struct.unpack_from("<II", data, 10)
    if size == 12:  # the short header of OS/2
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)  # negative if the first row is the top one
    stored = max(0, len(data) - offset)
    ratio = _RUN_RATIO if compression in (1, 2) else 1
    capacity = stored * 8 * ratio // bits if bits else 0
    return Header("BMP", width, height, width * height * _GREY, capacity)


def measure_netpbm(data: bytes) -> Header | None:
    """Parse the header of a PBM, PGM or PPM."""
    match = _NUMBERS.match(data, 0, MAX_TEXT_HEADER)
    if match is None:
        return None
    width, height = int(match[1]), int(match[2])
    kind, rest = data[1] - 48, len(data) - match.end(2)
    deep = kind in (2, 3, 5, 6) and match[3] is not None and int(match[3]) > 255
    channels = 3 if kind in (3, 6) else 1
    if kind == 4:
        capacity = rest * 8
    elif kind in (5, 6):
        capacity = rest // (channels * (2 if deep else 1))
    else:  # a digit each, and a space unless it is a bit
        capacity = rest if kind == 1 else (rest + 1) // (2 * channels)
    return Header("Netpbm", width, height, width * height * (2 * _GREY if deep else _GREY), capacity)


def measure_pam(data: bytes) -> Header | None:
    """Parse the header of a PAM. Raises `ImageError` for a number of channels that is not read."""
    head, end, _ = data[:MAX_TEXT_HEADER].partition(b"\nENDHDR\n")
    if not end:
        return None
    lines = [parts for line in head.split(b"\n")[1:] if len(parts := line.split(None, 1)) == 2]
    fields, names = dict(lines), [name for name, _ in lines]
    if any(names.count(name) > 1 for name in _PAM_NUMBERS):
        return None  # OpenCV may take another one of the values
    width, height, depth, most = (int(fields[name]) for name in _PAM_NUMBERS)
    if depth not in _PAM_CHANNELS:
        # Some versions of OpenCV decode grey with alpha beyond the end of their buffer.
        raise ImageError(f"a PAM with {depth} channels; save it as PNG")
    size = depth * (2 if most > 255 else 1)
    alpha = depth == 4
    per_pixel = 2 * size if alpha else _GREY * (2 if most > 255 else 1)
    capacity = (len(data) - len(head)) // size
    return Header("PAM", width, height, width * height * per_pixel, capacity, alpha)


def white(data: bytes) -> int:
    """The number that stands for white in a PBM, PGM, PPM or PAM whose header has been parsed."""
    if data[:2] == b"P7":
        found = re.search(rb"\nMAXVAL\s+(\d{1,9})", data[:MAX_TEXT_HEADER])
        return int(found[1]) if found else 255
    match = _NUMBERS.match(data, 0, MAX_TEXT_HEADER)
    if match is None or match[3] is None or data[1:2] in b"14":
        return 255
    return max(1, int(match[3]))


def measure_pfm(data: bytes) -> Header | None:
    """Parse the header of a PFM."""
    match = _PFM.match(data, 0, 200)
    if match is None:
        return None
    size = 12 if match[1] == b"PF" else 4
    width, height = int(match[2]), int(match[3])
    return Header("PFM", width, height, width * height * 2 * size, (len(data) - match.end()) // size)


def measure_sun(data: bytes) -> Header:
    """Parse the header of a Sun raster image, which is decoded in colour."""
    width, height, bits, _, kind = struct.unpack_from(">5i", data, 4)
    capacity = len(data) * 8 * (_RUN_RATIO if kind == 2 else 1) // max(1, bits)
    return Header("Sun raster", width, height, width * height * 2 * _GREY, capacity)


def measure_hdr(data: bytes) -> Header | None:
    """Parse the header of a Radiance HDR image."""
    match = _HDR_SIZE.search(data, 0, MAX_TEXT_HEADER)
    if match is None:
        return None
    height, width = int(match[1]), int(match[2])
    return Header("HDR", width, height, width * height * _FLOATS, len(data) * _RUN_RATIO)
