"""Rows: readings as flat records, one per digit, number or image, for results files and JSON output."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

from edge_runtime.images.paths import escape_source
from edge_runtime.results import DIGIT_COLUMNS, FIRST_ONLY, Reading, digit_rows

Row = tuple[Any, ...]

_BOX = ("x", "y", "width", "height")
_OF_IMAGE = ("image_width", "image_height", "turn")
_DIGIT = tuple(DIGIT_COLUMNS)
_CONFIDENCE = _DIGIT.index("confidence")
_NUMBER = (
    *("source", "line", "number", "before", "text", "lowest_confidence", "mean_confidence", *_BOX),
    *("digits", "rejected", *_OF_IMAGE, "status"),
)
_IMAGE = ("source", "text", "numbers", "lowest_confidence", "digits", "rejected", *_OF_IMAGE, "status")
_FORMER = ("source", "digit", "confidence", *_BOX, "status")

TEXT = frozenset(("source", "before", "text", "status"))  # the columns of text; all others hold numbers

_encode = json.JSONEncoder().encode

# Matches every status; the group tells its kind. Rejected digits used to have the status "refused: ...".
STATUS = (
    r"(?:(?P<digit>ok|(?:rejected|refused|incomplete): (?s:.*))|no digit found)"
    rf"(?:{re.escape(FIRST_ONLY)})?|(?P<error>error(?s:.*))"
)


@dataclass(frozen=True, slots=True)
class Rows:
    """One kind of rows.

    `unit` is what a row stands for: "digit", "number" or "image". `of` yields the rows of a reading: values
    in the order of `columns`, None where one does not apply, the source first and the status last. An
    image without digits has one row, whatever the unit.
    """

    unit: str
    columns: tuple[str, ...]
    of: Callable[[Reading], Iterator[Row]]

    def render(
        self, readings: Iterable[Reading], template: str, text: Callable[[str], str], none: str
    ) -> str:
        """The rows of readings as text.

        `template` has a %s for every value; `text` renders a value that is text, and `none` stands for None.
        """
        return "".join(
            [
                template % tuple([none if v is None else text(v) if isinstance(v, str) else v for v in row])
                for row in chain.from_iterable(map(self.of, readings))
            ]
        )

    def to_json_lines(self, readings: Iterable[Reading]) -> str:
        """The rows of readings as JSON lines, one object per row."""
        template = ", ".join([f'"{column}": %s' for column in self.columns])
        return self.render(readings, f"{{{template}}}\n", _encode, "null")


@functools.lru_cache(maxsize=64)
def kind_of(status: str) -> str | None:
    """Whether a row with this status is that of a "digit" or of an "error"; None for no digit found.

    Raises `ValueError` for a status that no row has.
    """
    match = re.fullmatch(STATUS, status)
    if match is None:
        raise ValueError(f"the status {status[:40]!r}")
    return match.lastgroup


def _digit_rows(reading: Reading) -> Iterator[Row]:
    if not reading.digits:
        yield _blank_row(_DIGIT, reading)
        return
    for row in digit_rows(reading):
        yield (*row[:_CONFIDENCE], round(row[_CONFIDENCE], 4), *row[_CONFIDENCE + 1 :])


def _number_rows(reading: Reading) -> Iterator[Row]:
    if not reading.digits:
        yield _blank_row(_NUMBER, reading)
    for number in reading.numbers:
        first, box = number.digits[0], number.box
        rejected = [digit.status for digit in number.digits if digit.value is None]
        yield (
            *(escape_source(reading.source), first.line, first.number, first.before, number.text),
            *(round(number.confidence, 4), round(number.mean_confidence, 4)),
            *(box.x, box.y, box.width, box.height),
            *(len(number.digits), len(rejected), *_of_image(reading)),
            rejected[0] if rejected else reading.status,
        )


def _image_rows(reading: Reading) -> Iterator[Row]:
    if reading.failed:
        yield _blank_row(_IMAGE, reading)
        return
    digits = reading.digits
    lowest = round(reading.confidence, 4) if digits else None
    rejected = sum(digit.value is None for digit in digits)
    counts = (len(reading.numbers), lowest, len(digits), rejected)
    status = escape_source(reading.status)
    yield (escape_source(reading.source), reading.text, *counts, *_of_image(reading), status)


def _blank_row(columns: tuple[str, ...], reading: Reading) -> Row:
    """The row of an image without digits: the source, what is known of the image, and the status."""
    known: dict[str, Any] = dict(zip(_OF_IMAGE, _of_image(reading), strict=True))
    known |= {"source": escape_source(reading.source), "status": escape_source(reading.status)}
    return tuple(map(known.get, columns))


def _of_image(reading: Reading) -> tuple[int | None, ...]:
    """The values of `_OF_IMAGE`; an image that could not be read has none."""
    size = (reading.width or None, reading.height or None)
    return (*size, None if reading.failed else reading.turn)


_former_values = itemgetter(*map(_DIGIT.index, _FORMER))
DIGIT = Rows("digit", _DIGIT, _digit_rows)
NUMBER = Rows("number", _NUMBER, _number_rows)
IMAGE = Rows("image", _IMAGE, _image_rows)
# The rows of files that earlier versions began.
FORMER = Rows("digit", _FORMER, lambda reading: map(_former_values, _digit_rows(reading)))

BY_UNIT = {rows.unit: rows for rows in (DIGIT, NUMBER, IMAGE)}
ALL = (*BY_UNIT.values(), FORMER)
