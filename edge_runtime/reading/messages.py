"""Messages between this process and its workers, and the compact form in which they contain readings.

A message is its kind, one byte, its length, eight bytes, and its content. Pickling readings would take ten
times as long as packing them.
"""

from __future__ import annotations

import marshal
import struct
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from edge_runtime.contract import CLASSES, TILE
from edge_runtime.digits import Box, Digit
from edge_runtime.results import Reading

# From a worker
READY = b"r"  # the models are loaded
READINGS = b"R"  # some readings of the files, packed
CHOOSE = b"c"  # the names of the pages of a file; the answer is which of them to read
DONE = b"d"  # all files of the task are read; the seconds that it took
FAILED = b"f"  # an exception, pickled

# To a worker
READ = b"t"  # a task: paths, whether to read frames, and whether to ask which pages to read
CHOSEN = b"C"  # the indices of pages

_HEAD = struct.Struct("<cQ")


def send(stream: IO[bytes], kind: bytes, content: bytes = b"") -> None:
    """Write a message. Raises `OSError`."""
    stream.write(_HEAD.pack(kind, len(content)) + content)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[bytes, bytes]:
    """Read the kind and the content of a message. Raises `EOFError` if the stream ends before its end."""
    kind, length = _HEAD.unpack(_read(stream, _HEAD.size))
    return kind, _read(stream, length)


def _read(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def encode(value: Any) -> bytes:
    """A value of plain types as bytes, for a process of the same Python."""
    return marshal.dumps(value)


def decode(data: bytes) -> Any:
    """The value that `encode` was given."""
    return marshal.loads(data)


def pack(readings: Sequence[Reading]) -> bytes:
    """The compact form of readings that hold no arrays."""
    digits = [digit for reading in readings for digit in reading.digits]
    tiles = [digit.tile for digit in digits if digit.tile is not None]
    probabilities = [digit.probabilities for digit in digits if digit.probabilities is not None]
    images = [
        (each.source, each.status, dict(each.seconds), each.width, each.height, each.turn, len(each.digits))
        for each in readings
    ]
    found = [
        (
            *(each.value, each.confidence, (each.box.x, each.box.y, each.box.width, each.box.height)),
            *(each.status, each.line, each.number, each.before),
        )
        for each in digits
    ]
    arrays = [np.concatenate(each).tobytes() if each else b"" for each in (tiles, probabilities)]
    return encode((images, found, *arrays))


def unpack(data: bytes) -> list[Reading]:
    """The readings that `pack` was given."""
    found: list[tuple[int | None, float, tuple[int, int, int, int], str, int, int, str]]
    images, found, *arrays = decode(data)
    # Arrays of bytes would be read-only.
    tiles = np.frombuffer(bytearray(arrays[0]), np.uint8).reshape(-1, TILE, TILE)
    probabilities = np.frombuffer(bytearray(arrays[1]), np.float32).reshape(-1, CLASSES)
    digits = [
        Digit(value, confidence, Box(*box), status, line, number, before, tile, scores)
        for (value, confidence, box, status, line, number, before), tile, scores in zip(
            found, tiles, probabilities, strict=True
        )
    ]
    readings, start = [], 0
    for source, status, seconds, width, height, turn, count in images:
        end = start + count
        readings.append(Reading(source, tuple(digits[start:end]), status, seconds, width, height, turn=turn))
        start = end
    return readings
