"""Tags: the directories of TIFF files, which EXIF blocks are as well."""

from __future__ import annotations

import struct
from typing import NamedTuple

from edge_runtime.images.header import aspect
from edge_runtime.images.limits import MAX_PARTS

_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_MAX_ENTRIES = 4096  # of a directory; libtiff reads no more either
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # unsigned ones, by type

_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION = 274, 282, 283


class Tag(NamedTuple):
    """A tag of a directory: its type, the number of its values, and the position of the first."""

    kind: int
    values: int
    position: int


class Directory:
    """The first directory of a TIFF file.

    Raises `ValueError` where a length or position lies outside of the file, and `struct.error` where the file
    ends too early. `size` is the length of all values that lie outside of the directory, in bytes, and
    `more` is whether another directory follows.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data, self._order = data, "<" if data[:2] == b"II" else ">"
        big = self._unpack("H", 2) == 43  # BigTIFF: all lengths have 64 bits
        word, length = ("Q", 8) if big else ("I", 4)
        start = self._unpack(word, 8 if big else 4)
        count = self._unpack("Q" if big else "H", start)
        start, size = start + (8 if big else 2), 4 + 2 * length
        if count > _MAX_ENTRIES:
            raise ValueError("the directory is too long")
        if start + count * size > len(data):
            raise ValueError("the directory is longer than the file")
        self._tags: dict[int, Tag] = {}
        self.size = 0
        for position in range(start, start + count * size, size):
            number, kind = struct.unpack_from(self._order + "HH", data, position)
            values = self._unpack(word, position + 4)
            first = position + 4 + length
            total = values * _SIZES.get(kind, 1)
            if total > length:
                first = self._unpack(word, first)
                self.size += total
                if first + total > len(data):
                    raise ValueError(f"tag {number} lies outside of the file")
            self._tags.setdefault(number, Tag(kind, values, first))  # of duplicates, libtiff uses the first
        end = start + count * size
        self.more = end + length <= len(data) and self._unpack(word, end) != 0

    def __contains__(self, number: int) -> bool:
        return number in self._tags

    def count(self, number: int) -> int:
        """How many values a tag has, 0 where it is missing."""
        return self._tags[number].values if number in self._tags else 0

    def _unpack(self, kind: str, position: int) -> int:
        if position > len(self._data):
            raise ValueError("a position lies outside of the file")
        return int(struct.unpack_from(self._order + kind, self._data, position)[0])

    def integers(self, number: int, default: int | None = None) -> tuple[int, ...]:
        """All values of a tag that holds unsigned integers, or the default.

        Raises `ValueError` if it holds anything else, or more than `MAX_PARTS` of them.
        """
        count = self.count(number)
        if count > MAX_PARTS:
            raise ValueError(f"tag {number} has too many values")
        return self._integers(number, count, default)

    def integer(self, number: int, default: int | None = None) -> int:
        """The first value of a tag that holds unsigned integers, or the default. Raises `ValueError`."""
        return self._integers(number, 1, default)[0]

    def _integers(self, number: int, count: int, default: int | None) -> tuple[int, ...]:
        tag = self._tags.get(number)
        if tag is None and default is not None:
            return (default,)
        if tag is None or tag.kind not in _INTEGERS or not tag.values:
            raise ValueError(f"tag {number} is missing or no integer")
        return struct.unpack_from(f"{self._order}{count}{_INTEGERS[tag.kind]}", self._data, tag.position)

    @property
    def orientation(self) -> int:
        """How the image has to be turned, 1..8; 1 where the tag is missing or invalid."""
        try:
            value = self.integer(_ORIENTATION, 1)
        except ValueError:
            return 1
        return value if 1 <= value <= 8 else 1

    @property
    def aspect(self) -> float:
        """The height of a stored pixel divided by its width; 1 where the tags are missing or invalid."""
        densities = []
        for number in (_X_RESOLUTION, _Y_RESOLUTION):
            tag = self._tags.get(number)
            if tag is None or tag.kind != 5 or not tag.values:
                return 1.0
            dots, unit = struct.unpack_from(self._order + "II", self._data, tag.position)
            densities.append(dots / unit if unit else 0.0)
        return aspect(*densities)


def exif_orientation(block: bytes | memoryview) -> int:
    """The orientation in an EXIF block, 1..8; 1 where it is missing or the block is damaged."""
    if block[:6] == b"Exif\0\0":
        block = block[6:]
    if block[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    try:
        return Directory(block).orientation
    except (ValueError, struct.error):
        return 1
