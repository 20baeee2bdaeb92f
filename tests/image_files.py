"""Image files made byte by byte: headers that claim any size, and files that no encoder at hand writes."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray


def encode(suffix: str, image: NDArray[np.generic], *options: int) -> bytes:
    """Encode an image in the format of a file name's suffix, with OpenCV's options."""
    return cv2.imencode(suffix, image, list(options))[1].tobytes()


def png(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG of a few dozen bytes that claims a size, a bit depth and a colour type."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(bytes(1000))) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def jpeg(frame: int, width: int, height: int, before: bytes = b"") -> bytes:
    """The start of a JPEG that claims a size, by its frame marker; `before` is put ahead of the marker."""
    return b"\xff\xd8" + before + b"\xff" + struct.pack(">BHBHHB", frame, 11, 8, height, width, 1) + bytes(20)


def jpeg_with_scans(count: int) -> bytes:
    """A progressive JPEG of 16x16 px with this many scans, because it repeats the last one."""
    image = encode(".jpg", np.zeros((16, 16), np.uint8), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    last = image.rindex(b"\xff\xda")
    return image[:-2] + image[last:-2] * (count - image.count(b"\xff\xda")) + image[-2:]


def with_orientation(image: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF block added that holds nothing but the orientation tag."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return image[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + image[2:]


def webp(kind: bytes, content: bytes) -> bytes:
    """The start of a WebP file whose first chunk begins with `content`."""
    return b"RIFF" + bytes(4) + b"WEBP" + kind + bytes(4) + content + bytes(20)


def bmp(width: int, height: int) -> bytes:
    """The start of a BMP that claims a size; a negative height means that the first row is the top one."""
    return b"BM" + bytes(12) + struct.pack("<Iii", 40, width, height) + bytes(28)


def tiff(width: int, height: int, pixels: int = 0) -> bytes:
    """A TIFF that claims a size at its very end, after this many bytes of pixels."""
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, width), (257, height)))
    return b"II*\0" + struct.pack("<I", 8 + pixels) + bytes(pixels) + struct.pack("<H", 2) + tags + bytes(4)
