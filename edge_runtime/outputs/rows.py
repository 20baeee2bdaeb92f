"""Rows: readings as the flat records that tables and JSON output share, one row per digit."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from edge_runtime.images.paths import escape_source
from edge_runtime.results import Reading

COLUMNS = ("source", "digit", "confidence", "x", "y", "width", "height", "status")

Row = tuple[Any, ...]

# Rejected digits used to have the status "refused: ...".
_STATUS = re.compile(r"(?P<digit>ok|rejected: .*|refused: .*)|no digit found|(?P<error>error.*)", re.DOTALL)


def to_rows(readings: Iterable[Reading]) -> Iterator[Row]:
    """Yield the rows of readings in the order of `COLUMNS`, None where a value does not apply.

    An image without digits has one row, whose status gives the reason.
    """
    return chain.from_iterable(map(_rows_of, readings))


def to_json_lines(readings: Iterable[Reading]) -> str:
    """The rows of readings as JSON lines, one object per row."""
    return "".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in to_rows(readings))


@functools.lru_cache(maxsize=64)
def kind_of(status: str) -> str | None:
    """Whether a row with this status is that of a "digit" or of an "error"; None for no digit found.

    Raises `ValueError` for a status that no row has.
    """
    match = _STATUS.fullmatch(status)
    if match is None:
        raise ValueError(f"the status {status[:40]!r}")
    return match.lastgroup


def _rows_of(reading: Reading) -> Iterator[Row]:
    source = escape_source(reading.source)
    if not reading.digits:
        yield (source, None, None, None, None, None, None, escape_source(reading.status))
    for digit in reading.digits:
        box = digit.box
        confidence = round(digit.confidence, 4)
        yield (source, digit.value, confidence, box.x, box.y, box.width, box.height, digit.status)
