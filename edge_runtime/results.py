"""The result types: frozen dataclasses. If nothing is found, `digits` is an empty tuple."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OK = "ok"
NOTHING_FOUND = "no digit found"
INCOMPLETE = "incomplete: too much writing for one image; split it into parts"
UNNAMED = "·"  # a mark between digits that is none of those that have a name: . , - / :
FIRST_ONLY = "; only the first page or frame was read"  # follows any of these


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright image; (x, y) is its top left corner.

    Where a file says that its pixels are not square, such as a fax of 204x98 dpi, these are the pixels of the
    image after it has been stretched. Annotated images are stretched in the same way.
    """

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def around(cls, boxes: Iterable[Box]) -> Box:
        """The smallest box that contains all of the boxes. There must be at least one."""
        left, top, right, bottom = zip(
            *((box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes), strict=True
        )
        return cls(min(left), min(top), max(right) - min(left), max(bottom) - min(top))


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit that was found in an image.

    `value` is 0..9, or None when the model rejects the candidate; `confidence` is the calibrated probability,
    0..1, of the most likely digit; `status` is "ok" or "rejected: " and the reason. `line` counts the lines
    of writing, from 0 at the top, and `number` the numbers of the image, from 0 in reading order. `before` is
    the mark directly before the digit: ".", ",", "-", "/" or ":", `UNNAMED` for any other, "" for none.
    `tile`, uint8 `(28, 28)`, is the classifier's input; `probabilities`, float32 `(11,)`, are the fused
    probabilities of the ten digits and the background.
    """

    value: int | None
    confidence: float
    box: Box
    status: str = OK
    line: int = 0
    number: int = 0
    before: str = ""
    tile: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    probabilities: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number:
    """Digits side by side on one line without a wide gap, from left to right. There is at least one."""

    digits: tuple[Digit, ...]

    @property
    def text(self) -> str:
        """The digits and the named marks between them, "?" for a rejected digit, such as "12.50" or "4?8"."""
        return "".join(
            (digit.before if digit.before != UNNAMED else "")
            + ("?" if digit.value is None else str(digit.value))
            for digit in self.digits
        )

    @property
    def line(self) -> int:
        """The line of writing that the number stands on, from 0 at the top."""
        return self.digits[0].line

    @property
    def box(self) -> Box:
        """The box around all digits."""
        return Box.around(digit.box for digit in self.digits)

    @property
    def confidence(self) -> float:
        """The confidence of the least confident digit, 0..1."""
        return min(digit.confidence for digit in self.digits)

    @property
    def mean_confidence(self) -> float:
        """The mean confidence of the digits, 0..1."""
        return sum(digit.confidence for digit in self.digits) / len(self.digits)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one image: its digits in reading order, line by line, from left to right.

    `source` is the path of the image, or "" for an array; `width` and `height` are the size of the upright
    image in px, 0 where it could not be read; `status` is "ok", "no digit found", "incomplete: " or "error: "
    and the reason. All but the last are followed by "; only the first page or frame was read" where a file
    has more. `seconds` is the time that each stage took ("preprocess", "detect", "crop",
    "classify"); images that were classified together share the time of that stage evenly.
    """

    source: str
    digits: tuple[Digit, ...] = ()
    status: str = OK
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)
    width: int = 0
    height: int = 0

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers in reading order."""
        groups = groupby(self.digits, key=lambda digit: (digit.line, digit.number))
        return tuple(Number(tuple(digits)) for _, digits in groups)

    @property
    def lines(self) -> tuple[str, ...]:
        """The numbers of each line as text, separated by spaces, such as ("408 12.50", "13?6").

        Two numbers with a mark between them that has no name are separated by " · ".
        """
        return tuple(
            "".join(_separated(number) for number in numbers).lstrip()
            for _, numbers in groupby(self.numbers, key=lambda number: number.line)
        )

    @property
    def text(self) -> str:
        """The lines as one string, separated by line breaks."""
        return "\n".join(self.lines)

    @property
    def failed(self) -> bool:
        """Whether the image could not be read at all."""
        return self.status.startswith("error")

    @property
    def first_only(self) -> bool:
        """Whether the file has further pages or frames, which were left out."""
        return self.status.endswith(FIRST_ONLY)


def _separated(number: Number) -> str:
    """The text of a number after what separates it from the one before it."""
    return f" {UNNAMED} {number.text}" if number.digits[0].before == UNNAMED else f" {number.text}"


@dataclass(frozen=True, slots=True, eq=False)
class TileReadings:
    """What was read in a batch of N tiles, as arrays.

    `values` int64 `[N]`, 0..9, is the most likely digit of each tile, `confidences` float32 `[N]`, 0..1, its
    calibrated probability, and `rejected` bool `[N]` whether that is below the model's threshold.
    """

    values: NDArray[np.int64]
    confidences: NDArray[np.float32]
    rejected: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)
