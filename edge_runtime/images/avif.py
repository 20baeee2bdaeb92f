"""AVIF files: boxes, size and frames, before anything is decoded.

The boxes state a size, but the decoder goes by the one in the AV1 data, and by every frame in them, also
those that are never shown. All of them are looked at. Files that hold more than one plain image, such as
sequences, are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from edge_runtime.errors import ImageError
from edge_runtime.images.header import TOO_MANY_PARTS, Header
from edge_runtime.images.limits import MAX_PARTS

_PER_PIXEL, _DEEP = 20, 27  # bytes that OpenCV takes at its peak with 8 bits, and with 10 or 12: measured
_MAX_META = 1_000_000  # bytes of the box that describes the items; ordinary ones have hundreds
_MAX_FRAMES = 4  # of an item; ordinary ones have one
_UNUSUAL = "an AVIF of an unusual kind, such as an animation; save it as PNG"
_START = 64  # bytes of a unit; more than a sequence header needs
_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
# The orientation of EXIF by quarter turns to the left, and the axis that is mirrored afterwards.
_ORIENTATIONS: dict[tuple[int, int | None], int] = {
    **{(0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6, (0, 0): 4, (0, 1): 2},
    **{(1, 0): 5, (1, 1): 7, (2, 0): 2, (2, 1): 4, (3, 0): 7, (3, 1): 5},
}


def measure(data: bytes) -> Header:
    """Parse an AVIF. Raises `ImageError`, `ValueError` or `struct.error` if it is unusual or damaged."""
    top = dict(_boxes(data, 0, len(data)))
    if b"moov" in top or b"meta" not in top:
        raise ImageError(_UNUSUAL)
    first, end = top[b"meta"]
    if end - first > _MAX_META:
        raise ImageError(_UNUSUAL)
    meta = dict(_boxes(data, first + 4, end))
    start, _ = meta[b"pitm"]
    primary = struct.unpack_from(">I" if data[start] else ">H", data, start + 4)[0]
    kinds, places = _kinds(data, meta[b"iinf"]), _places(data, meta)
    width = height = turns = deep = 0
    axis = None
    for kind, place in _properties(data, meta[b"iprp"], primary):
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", data, place + 4)
        elif kind == b"av1C":
            deep = data[place + 2] & 0x40
        elif kind == b"irot":
            turns = data[place] & 3
        elif kind == b"imir":
            axis = data[place] & 1
    # The image, or the tiles that it is made of; and its opacity.
    coded = [item for item, kind in kinds.items() if kind == b"av01"]
    decoded = _decoded_pixels([_content(data, places.get(item, [])) for item in coded])
    memory = max(width * height, decoded) * (_DEEP if deep else _PER_PIXEL)
    # A plain colour takes next to no bytes, so that the length of the file says nothing about its pixels.
    return Header("AVIF", width, height, memory, decoded, len(coded) > 1, _ORIENTATIONS[turns, axis])


def _boxes(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield the kind of every box between two positions, and where its content starts and ends."""
    for _ in range(MAX_PARTS):
        if position + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", data, start)[0], start + 8
        stop = position + size if size else end
        if not start <= stop <= end:
            raise ValueError("a box is longer than what it lies in")
        yield kind, (start, stop)
        position = stop
    raise ImageError(TOO_MANY_PARTS)


def _kinds(data: bytes, box: tuple[int, int]) -> dict[int, bytes]:
    """The kind of every item by its number."""
    start, end = box
    kinds = {}
    for kind, (position, _) in _boxes(data, start + (8 if data[start] else 6), end):
        version = data[position]
        if kind == b"infe" and version in (2, 3):
            wide = version == 3
            item = struct.unpack_from(">I" if wide else ">H", data, position + 4)[0]
            position += 10 if wide else 8
            kinds[item] = data[position : position + 4]
    return kinds


def _places(data: bytes, meta: dict[bytes, tuple[int, int]]) -> dict[int, list[tuple[int, int]]]:
    """Where the parts of every item start and end in the file."""
    position, _ = meta[b"iloc"]
    version, sizes = data[position], struct.unpack_from(">H", data, position + 4)[0]
    position += 6

    def number(size: int) -> int:
        nonlocal position
        if position + size > len(data):
            raise ValueError("the places of the items are cut off")
        position += size
        return int.from_bytes(data[position - size : position], "big")

    places: dict[int, list[tuple[int, int]]] = {}
    found = total = 0
    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        inside = number(2) & 15 if version else 0  # 1: in the box idat
        number(2)
        base = number(sizes >> 4 & 15)
        if inside > 1:
            raise ImageError(_UNUSUAL)
        if inside:
            base += meta[b"idat"][0]
        for _ in range(number(2)):
            number(sizes & 15 if version else 0)
            first, length = base + number(sizes >> 12), number(sizes >> 8 & 15)
            end = first + length if length else len(data)
            found, total = found + 1, total + end - first
            if not first <= end <= len(data) or total > 2 * len(data):
                raise ValueError("an item lies outside of the file, or shares its bytes")
            if found > MAX_PARTS:
                raise ImageError(TOO_MANY_PARTS)
            places.setdefault(item, []).append((first, end))
    return places


def _properties(data: bytes, box: tuple[int, int], item: int) -> Iterator[tuple[bytes, int]]:
    """Yield the kinds of an item's properties, and where they start."""
    boxes = dict(_boxes(data, *box))
    known = [(kind, start) for kind, (start, _) in _boxes(data, *boxes[b"ipco"])]
    position, _ = boxes[b"ipma"]
    version, wide = data[position], data[position + 3] & 1
    (count,) = struct.unpack_from(">I", data, position + 4)
    position += 8
    for _ in range(count):
        current = struct.unpack_from(">I" if version else ">H", data, position)[0]
        position += 4 if version else 2
        properties, position = data[position], position + 1
        for _ in range(properties):
            index = struct.unpack_from(">H", data, position)[0] & 0x7FFF if wide else data[position] & 0x7F
            position += 2 if wide else 1
            if current == item and 0 < index <= len(known):
                yield known[index - 1]


def _content(data: bytes, places: list[tuple[int, int]]) -> bytes | memoryview:
    """The content of an item; it is copied only if it is in several places."""
    parts = [memoryview(data)[start:end] for start, end in places]
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _decoded_pixels(contents: list[bytes | memoryview]) -> int:
    """How many pixels the frames of all items have together. Raises `ImageError` if one is unusual."""
    total = parts = 0
    for content in contents:
        pixels = frames = 0
        for kind, start in _units(content):
            parts += 1
            if kind == _SEQUENCE_HEADER:
                pixels = max(pixels, _sequence_pixels(start))
            frames += kind in (_FRAME_HEADER, _FRAME)
            if parts > MAX_PARTS:
                raise ImageError(TOO_MANY_PARTS)
        if not pixels or not 0 < frames <= _MAX_FRAMES:
            raise ImageError(_UNUSUAL)
        total += pixels * frames
    if not total:
        raise ImageError(_UNUSUAL)
    return total


def _units(content: bytes | memoryview) -> Iterator[tuple[int, bytes | memoryview]]:
    """Yield the kind of every unit of an item, and how it starts."""
    position = 0
    while position < len(content):
        head = content[position]
        position += 2 if head & 4 else 1
        size = len(content) - position
        if head & 2:
            size = shift = 0
            while True:
                byte = content[position]
                position += 1
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128 or shift > 35:
                    break
        if position + size > len(content):
            raise ValueError("a unit is longer than its item")
        yield head >> 3 & 15, content[position : position + min(size, _START)]
        position += size


def _sequence_pixels(unit: bytes | memoryview) -> int:
    """The largest frame that a sequence header allows."""
    value, left = int.from_bytes(unit, "big"), 8 * len(unit)

    def bits(count: int) -> int:
        nonlocal left
        left -= count
        if left < 0:
            raise ValueError("a sequence header is cut off")
        return value >> left & (1 << count) - 1

    bits(4)  # profile, still picture
    if bits(1):  # the short form
        bits(5)
    else:
        if bits(1):  # timing, which stills lack
            raise ImageError(_UNUSUAL)
        delays = bits(1)
        for _ in range(1 + bits(5)):
            bits(12)
            if bits(5) > 7:
                bits(1)
            if delays and bits(1):
                bits(4)
    wide, high = 1 + bits(4), 1 + bits(4)
    return (1 + bits(wide)) * (1 + bits(high))
