"""TODO."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from edge_runtime.results import Reading

COLUMNS = ("source", "digit", "confidence", "x", "y", "width", "height", "status")

Row = tuple[Any, ...]


def rows(reading: Reading) -> Iterator[Row]:
    """The rows of one image, in the order of `COLUMNS`; None where a value does not apply."""
    source = printable(reading.source)
    if not reading.digits:
        yield (source, None, None, None, None, None, None, reading.status)
    for digit in reading.digits:
        box = digit.box
        confidence = round(digit.confidence, 4)
        yield (source, digit.value, confidence, box.x, box.y, box.width, box.height, digit.status)


def printable(source: str) -> str:
    """A file's name as text that every encoding holds: bytes that are no UTF-8 become escapes."""
    return source if source.isascii() else source.encode("utf-8", "backslashreplace").decode("utf-8")


def csv_rows(readings: Iterable[Reading]) -> str:
    """Render readings as CSV lines."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(chain.from_iterable(map(rows, readings)))
    return text.getvalue()


def json_rows(readings: Iterable[Reading]) -> str:
    """Render readings as JSON lines, one object a row."""
    return "".join(
        json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n"
        for reading in readings
        for row in rows(reading)
    )
