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
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def with_chunk(image: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with a chunk added after its header."""
    return image[:33] + chunk(kind, content) + image[33:]


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
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
    """A JPEG, PNG, WebP or TIFF with nothing added but the orientation tag."""
    if image.startswith(b"II*\0"):
        return with_tags(image, {274: orientation})
    block = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    if image.startswith(b"\x89PNG"):
        return with_chunk(image, b"eXIf", block)
    if image.startswith(b"RIFF"):
        return _with_webp_exif(image, block)
    body = b"Exif\0\0" + block
    return image[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + image[2:]


def _with_webp_exif(image: bytes, block: bytes) -> bytes:
    exif = b"EXIF" + struct.pack("<I", len(block)) + block
    if image[12:16] == b"VP8X":
        body = bytearray(image[8:]) + exif
        body[12] |= 8
    else:
        if image[12:16] == b"VP8L":
            bits = int.from_bytes(image[21:25], "little")
            width, height, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
        else:
            width, height, alpha = *(side - 1 for side in struct.unpack_from("<HH", image, 26)), 0
        sizes = width.to_bytes(3, "little") + height.to_bytes(3, "little")
        extended = b"VP8X" + struct.pack("<IB3x", 10, 8 | alpha << 4) + sizes
        body = bytearray(b"WEBP" + extended + image[12:] + exif)
    return b"RIFF" + struct.pack("<I", len(body)) + bytes(body)


def with_avif_turn(image: bytes, turns: int, axis: int | None = None) -> bytes:
    """An AVIF of OpenCV with turns to the left, and a mirror, in place of its bits and colours."""
    changed = bytearray(image)
    first = image.index(b"ipma") + 15
    changed[first : first + 4] = bytes(
        0x80 | index for index in image[first : first + 4]
    )  # all are essential
    place = image.index(b"pixi")
    changed[place : place + 5] = b"irot" + bytes([turns])
    if axis is not None:
        place = image.index(b"colr")
        changed[place : place + 5] = b"imir" + bytes([axis])
    return bytes(changed)


def with_tags(image: bytes, tags: dict[int, int | tuple[int, int] | bytes]) -> bytes:
    """A TIFF with tags added or replaced: numbers, fractions such as a resolution, or bytes."""
    (start,) = struct.unpack_from("<I", image, 4)
    (count,) = struct.unpack_from("<H", image, start)
    old = [image[start + 2 + 12 * index :][:12] for index in range(count)]
    entries = {struct.unpack_from("<H", entry)[0]: entry for entry in old}
    values, data = b"", image + b"\0" * (len(image) % 2)
    for number, value in tags.items():
        if isinstance(value, tuple):
            entries[number] = struct.pack("<HHII", number, 5, 1, len(data) + len(values))
            values += struct.pack("<II", *value)
        elif isinstance(value, bytes):
            entries[number] = struct.pack("<HHII", number, 7, len(value), len(data) + len(values))
            values += value
        else:
            entries[number] = struct.pack("<HHII", number, 4, 1, value)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[number] for number in sorted(entries))
    at = struct.pack("<I", len(data) + len(values))
    return data[:4] + at + data[8:] + values + directory + bytes(4)


def tiff_pages(*pages: NDArray[np.uint8]) -> bytes:
    """A TIFF with several pages. Older versions of OpenCV write one page at a time."""
    whole = bytearray(b"II*\0\0\0\0\0")
    link = 4  # where the place of the next page belongs
    for page in pages:
        image, base = bytearray(encode(".tiff", page)), len(whole)
        (start,) = struct.unpack_from("<I", image, 4)
        (count,) = struct.unpack_from("<H", image, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            number, kind, length, value = struct.unpack_from("<HHII", image, place)
            places = [place + 8]  # of offsets
            if length * {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}[kind] > 4 and number == 273:
                places += range(value, value + 4 * length, 4)
            elif length * {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}[kind] <= 4 and number != 273:
                places = []
            for offset in places:
                struct.pack_into("<I", image, offset, struct.unpack_from("<I", image, offset)[0] + base)
        struct.pack_into("<I", whole, link, base + start)
        link = base + start + 2 + 12 * count
        whole += image + b"\0" * (len(image) % 2)
    return bytes(whole)


def animation(suffix: str, *frames: NDArray[np.uint8]) -> bytes:
    """A GIF, WebP or PNG of grey frames, which are padded to one size. Needs OpenCV 4.12."""
    height, width = np.max([frame.shape for frame in frames], axis=0)
    animated = cv2.Animation()
    animated.frames = [
        cv2.cvtColor(np.pad(each, [(0, height - each.shape[0]), (0, width - each.shape[1])], "edge"), 8)
        for each in frames
    ]
    animated.durations = [100] * len(frames)
    return cv2.imencodeanimation(suffix, animated)[1].tobytes()


def webp(kind: bytes, content: bytes) -> bytes:
    """The start of a WebP file whose first chunk begins with `content`."""
    return b"RIFF" + bytes(4) + b"WEBP" + kind + bytes(4) + content + bytes(20)


def bmp(width: int, height: int) -> bytes:
    """The start of a BMP that claims a size; a negative height means that the first row is the top one."""
    return b"BM" + bytes(12) + struct.pack("<Iii", 40, width, height) + bytes(28)


def gif(width: int, height: int) -> bytes:
    """A GIF of 35 bytes that claims a size, and holds one frame of it that ends at once."""
    size = struct.pack("<HH", width, height)
    screen = b"GIF89a" + size + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    return screen + b"," + bytes(4) + size + b"\0\2\2\x44\1\0;"


def tiff(width: int, height: int, pixels: int = 0) -> bytes:
    """A TIFF that claims a size at its very end, after this many bytes of pixels."""
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, width), (257, height)))
    return b"II*\0" + struct.pack("<I", 8 + pixels) + bytes(pixels) + struct.pack("<H", 2) + tags + bytes(4)
