"""Marks: how well points, commas, minuses, slashes and colons between digits are seen and named.

Digits and marks are the pen strokes of held-out writers. The strokes show how a mark is
formed. Its place beside the digits, which they do not show, is drawn at random.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.writers import load_test_writers
from edge_runtime import DigitReader
from edge_runtime.results import UNNAMED, Box, Digit, Reading
from train.synthetic import paper
from train.synthetic.writers import DIGITS, PenStrokes, draw_strokes

_SEED = 17
_PAGES = 240
_ROWS = 4  # numbers of a page, one below another
_HEIGHTS = (22, 30, 40, 60, 90)  # px, of the digits

NO_MARK, LEADING = "none", "leading -"
KINDS = (NO_MARK, ".", ",", "-", "/", ":", "+", LEADING)  # in turn; a plus has no name
NOTHING, DIGIT = "nothing", "a digit"
OUTCOMES = (".", ",", "-", "/", ":", UNNAMED, DIGIT, NOTHING)

# Ranges, in heights of the digits. The longer side of a mark: alone, as in the data, many are larger.
_SIZES = {
    ".": (0.06, 0.2),
    ",": (0.2, 0.5),
    "-": (0.35, 0.7),
    "/": (0.9, 1.5),
    ":": (0.4, 0.7),
    "+": (0.5, 0.8),
}
_DIGIT_SIZES = (0.85, 1.1)
# The foot of points, commas, colons and digits, and the middle of other marks, from the top of the digits.
_FEET = {".": (0.92, 1.02), ",": (1.1, 1.3), ":": (0.92, 1.02)}
_DIGIT_FEET, _MIDDLES = (0.95, 1.05), (0.42, 0.58)
_GAPS, _MARK_GAPS = (0.1, 0.3), (0.04, 0.25)  # after digits, the same for a whole line, and after marks


@dataclass(frozen=True)
class Row:
    """A number on a page: the values and boxes of its digits, and which of them follows the mark, if any."""

    kind: str
    digits: tuple[tuple[int, Box], ...]
    marked: int | None

    @property
    def numbers(self) -> tuple[str, ...]:
        """The texts of the numbers that a faultless reading has in this row."""
        texts = "".join(str(value) for value, _ in self.digits)
        if self.marked is None:
            return (texts,)
        before, after = texts[: self.marked], texts[self.marked :]
        return (before, after) if self.kind == "+" else (f"{before}{self.kind[-1]}{after}",)


def measure(data: Path, model: str = "int8") -> dict[str, Any]:
    """Read pages of numbers by the test writers in `data/pens`, and sum up what became of their marks.

    Raises `BenchmarkError` without pen strokes.
    """
    strokes = load_test_writers(data)
    reader, writing = DigitReader(model), Handwriting(strokes)
    rows = []
    for page in range(_PAGES):
        image, drawn = writing.page(page)
        reading = reader.read(image)
        rows += [(row, reading) for row in drawn]
    return sum_up(rows)


def sum_up(rows: Sequence[tuple[Row, Reading]]) -> dict[str, Any]:
    """The figures of numbers, each given with the reading of its page.

    "seen_as" is a confusion table of the numbers whose digits were all read: how often each kind of mark was
    seen as what. "whole" is the share of them that were read with the right mark; a plus, which has no name,
    divides its number. "false_marks" were seen before digits that follow another digit or begin the number,
    "digits_as_marks" are digits in whose place a mark was named.
    """
    read, whole = Counter[str](), Counter[str]()
    seen_as = {kind: Counter[str]() for kind in KINDS if kind != NO_MARK}
    places = false_marks = as_marks = 0
    for row, reading in rows:
        digits = _match(row, reading)
        for index, digit in enumerate(digits):
            if digit is None or index == row.marked:
                continue
            if index and digits[index - 1] is None:
                as_marks += digit.before not in ("", UNNAMED)
            else:
                places += 1
                false_marks += bool(digit.before)
        found = [digit for digit in digits if digit is not None]
        if len(found) < len(digits):
            continue
        read[row.kind] += 1
        texts = {number.text for number in reading.numbers if number.line in {each.line for each in found}}
        whole[row.kind] += texts.issuperset(row.numbers)
        if row.marked is not None:
            seen_as[row.kind][_outcome(row.marked, found, reading)] += 1
    return {
        "numbers": len(rows),
        "digits_read": sum(read.values()),
        "seen_as": {kind: dict(seen) for kind, seen in seen_as.items()},
        "whole": {kind: round(whole[kind] / read[kind], 4) for kind in KINDS if read[kind]},
        "places_without_a_mark": places,
        "false_marks": false_marks,
        "digits": sum(len(row.digits) for row, _ in rows),
        "digits_as_marks": as_marks,
    }


def format_page(figures: dict[str, Any]) -> str:
    """The figures as text for the terminal."""
    lines = [
        f"{figures['numbers']} numbers by held-out writers; "
        f"{figures['digits_read']} have all their digits read",
        f"  {'mark':<10}" + "".join(f"{outcome:>9}" for outcome in OUTCOMES) + f"{'whole':>9}",
    ]
    for kind, share in figures["whole"].items():
        seen = figures["seen_as"].get(kind, {})
        counts = "".join(f"{seen.get(outcome, 0) or '':>9}" for outcome in OUTCOMES)
        lines.append(f"  {kind:<10}{counts}{share:>9.1%}")
    lines += [
        f"  false marks {figures['false_marks']}, in {figures['places_without_a_mark']} places without one",
        f"  digits read as marks {figures['digits_as_marks']} of {figures['digits']}",
    ]
    return "\n".join(lines)


def _match(row: Row, reading: Reading) -> list[Digit | None]:
    """The digit of the reading for every digit of the row, or None where it was not read."""
    return [
        next((each for each in reading.digits if each.value == value and _is_centred(each.box, box)), None)
        for value, box in row.digits
    ]


def _is_centred(inner: Box, outer: Box) -> bool:
    x, y = inner.x + inner.width / 2, inner.y + inner.height / 2
    return outer.x <= x <= outer.x + outer.width and outer.y <= y <= outer.y + outer.height


def _outcome(marked: int, digits: Sequence[Digit], reading: Reading) -> str:
    """What the reading has in the place of the mark."""
    digit, expected = digits[marked], digits[marked - 1] if marked else None
    index = reading.digits.index(digit)
    previous = reading.digits[index - 1] if index else None
    if previous is not None and previous.line == digit.line and previous != expected:
        return DIGIT
    return digit.before or NOTHING


class Handwriting:
    """Draws pages in the hands of writers of all ten digits. Who wrote no such mark borrows another's."""

    def __init__(self, strokes: PenStrokes) -> None:
        self._strokes = strokes
        self._indices: dict[tuple[int | None, str], list[int]] = {}
        for index, (writer, label) in enumerate(zip(strokes.writers.tolist(), strokes.labels, strict=True)):
            if label == ":" and len(strokes.strokes(index)) < 2:
                continue  # a point with a wrong label
            for key in ((writer, str(label)), (None, str(label))):
                self._indices.setdefault(key, []).append(index)
        self._writers = [
            writer
            for writer in np.unique(strokes.writers).tolist()
            if all((writer, digit) in self._indices for digit in DIGITS)
        ]
        if not self._writers or not all((None, mark) in self._indices for mark in _SIZES):
            raise BenchmarkError("the pen strokes lack a writer of all ten digits, or one of the marks")

    def page(self, number: int) -> tuple[NDArray[np.uint8], list[Row]]:
        """Page `number`, grey uint8 `(H, W)`, and its rows. The kinds of mark take turns."""
        generator = np.random.default_rng((_SEED, number))
        height = int(generator.choice(_HEIGHTS))
        sheet = paper.blank(11 * height, (1 + 2 * _ROWS) * height, generator)
        writer = self._writers[generator.integers(len(self._writers))]
        pen = generator.uniform(0.06, 0.13) * height
        rows = []
        for row in range(_ROWS):
            kind = KINDS[(number * _ROWS + row) % len(KINDS)]
            rows.append(self._write(sheet, kind, writer, height, pen, (1 + 2 * row) * height, generator))
        return paper.photograph(sheet, generator), rows

    def _write(
        self,
        sheet: NDArray[np.float32],
        kind: str,
        writer: int,
        height: int,
        pen: float,
        top: int,
        generator: np.random.Generator,
    ) -> Row:
        """Write a number with a mark of this kind, the top of its digits at `top` px; all sizes are in px."""
        marked, after = generator.integers(1, 4, 2).tolist() if kind != LEADING else (0, 3)
        text = [str(value) for value in generator.integers(10, size=marked + after)]
        if kind != NO_MARK:
            text.insert(marked, kind[-1])
        x, gap, digits = generator.uniform(0.5, 1.5) * height, generator.uniform(*_GAPS), []
        for character in text:
            ink = self._draw(writer, character, height, pen, generator)
            high, wide = ink.shape
            if character in DIGITS or character in _FEET:
                y = height * generator.uniform(*_FEET.get(character, _DIGIT_FEET)) - high
            else:
                y = height * generator.uniform(*_MIDDLES) - high / 2
            left, upper = round(x), max(0, round(top + y))
            paper.place(sheet, ink, left, upper, shade=0.3)
            if character in DIGITS:
                digits.append((int(character), Box(left, upper, wide, high)))
            x += wide + height * (gap if character in DIGITS else generator.uniform(*_MARK_GAPS))
        return Row(kind, tuple(digits), None if kind == NO_MARK else marked)

    def _draw(
        self, writer: int, character: str, height: int, pen: float, generator: np.random.Generator
    ) -> NDArray[np.uint8]:
        """The ink of a digit or mark, uint8 `(H, W)`, in the size that its writer gave it, within limits."""
        indices = self._indices.get((writer, character)) or self._indices[None, character]
        index = indices[generator.integers(len(indices))]
        least, most = _SIZES.get(character, _DIGIT_SIZES)
        size = np.nan_to_num(self._strokes.relative_sizes[index], nan=(least + most) / 2)
        longer = float(np.clip(size, least, most)) * height
        # A dot may be a single point, of which nothing would be drawn.
        strokes = [np.concatenate([path, path[-1:]]) for path in self._strokes.strokes(index)]
        return draw_strokes(strokes, generator, height=longer, pen=pen)
