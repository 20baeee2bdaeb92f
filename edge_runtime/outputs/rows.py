"""Rows: readings as the flat records that tables and JSON output share, one row per digit."""

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


def to_rows(reading: Reading) -> Iterator[Row]:
    """Yield the rows of one image in the order of `COLUMNS`, None where a value does not apply.

    An image without digits has one row, whose status gives the reason.
    """
    source = escape_source(reading.source)
    if not reading.digits:
        yield (source, None, None, None, None, None, None, reading.status)
    for digit in reading.digits:
        box = digit.box
        confidence = round(digit.confidence, 4)
        yield (source, digit.value, confidence, box.x, box.y, box.width, box.height, digit.status)


def escape_source(source: str) -> str:
    """A path as valid Unicode text: bytes that are not UTF-8 become backslash escapes."""
    return source if source.isascii() else source.encode("utf-8", "backslashreplace").decode("utf-8")


def to_csv(readings: Iterable[Reading]) -> str:
    """The rows of readings as CSV, without a header line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(chain.from_iterable(map(to_rows, readings)))
    return text.getvalue()


def to_json_lines(readings: Iterable[Reading]) -> str:
    """The rows of readings as JSON lines, one object per row."""
    return "".join(
        json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n"
        for reading in readings
        for row in to_rows(reading)
    )
