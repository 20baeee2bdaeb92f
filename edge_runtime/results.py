"""The result types: frozen dataclasses. If nothing is found, `digits` is an empty tuple."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OK = "ok"
NOTHING_FOUND = "no digit found"
INCOMPLETE = "incomplete: too much writing for one image; split it into parts"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright image; (x, y) is its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit that was found in an image.

    `value` is 0..9, or None when the model rejects the candidate; `confidence` is the calibrated probability,
    0..1, of the most likely digit; `status` is "ok" or "rejected: " and the reason; `line` is the number of
    the line of writing, from 0 at the top; `tile`, uint8 `(28, 28)`, is the classifier's input;
    `probabilities`, float32 `(11,)`, are the fused probabilities of the ten digits and the background.
    """

    value: int | None
    confidence: float
    box: Box
    status: str = OK
    line: int = 0
    tile: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    probabilities: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one image: its digits in reading order, line by line, from left to right.

    `source` is the path of the image, or "" for an array; `status` is "ok", "no digit found", "incomplete: "
    or "error: " and the reason; `seconds` is the time that each stage took ("preprocess", "detect", "crop",
    "classify"); images that were classified together share the time of that stage evenly.
    """

    source: str
    digits: tuple[Digit, ...] = ()
    status: str = OK
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)

    @property
    def lines(self) -> tuple[str, ...]:
        """The digits of each line as text, "?" for a rejected one, such as ("408", "13?6")."""
        lines = groupby(self.digits, key=lambda digit: digit.line)
        return tuple(
            "".join("?" if digit.value is None else str(digit.value) for digit in line) for _, line in lines
        )

    @property
    def text(self) -> str:
        """The lines as one string, separated by line breaks."""
        return "\n".join(self.lines)

    @property
    def failed(self) -> bool:
        """Whether the image could not be read at all."""
        return self.status.startswith("error")


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
