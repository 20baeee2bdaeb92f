"""What reading a picture returns: one shape always, and "nothing found" is an empty tuple."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OK = "ok"
NOTHING_FOUND = "no digit found"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the picture as it is looked at: (x, y) is its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Digit:
    """One thing found in a picture.

    `value` is 0..9, or None where the reader refused to name a digit; `confidence` is the calibrated
    probability, 0..1, of the most likely digit; `status` is "ok" or "refused: " and the reason; `line`
    counts the lines of writing from 0 at the top; `tile`, uint8 `(28, 28)`, is what the classifier saw;
    `probabilities`, float32 `(11,)`, are those of the ten digits and of none, as `confidence` calibrated.
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
    """What was read in one picture: digits in reading order, line by line, left to right.

    `source` names the picture (its path, or "" for an array); `status` is "ok" when something was
    found, "no digit found", or "error: " and the reason.
    """

    source: str
    digits: tuple[Digit, ...] = ()
    status: str = OK

    @property
    def lines(self) -> tuple[str, ...]:
        """The digits line by line, "?" for a refused one, such as ("408", "13?6")."""
        lines = groupby(self.digits, key=lambda digit: digit.line)
        return tuple(
            "".join("?" if digit.value is None else str(digit.value) for digit in line) for _, line in lines
        )

    @property
    def text(self) -> str:
        """The lines as one string, with line breaks between them."""
        return "\n".join(self.lines)

    @property
    def failed(self) -> bool:
        """Whether the picture could not be read at all."""
        return self.status.startswith("error")


@dataclass(frozen=True, slots=True, eq=False)
class TileReadings:
    """What was read in a batch of tiles, as arrays of the batch's length N.

    `values` int64 `[N]` in 0..9 is the most likely digit of each, `confidences` float32 `[N]` its
    calibrated probability 0..1, `refused` bool `[N]` where that is below the model's threshold.
    """

    values: NDArray[np.int64]
    confidences: NDArray[np.float32]
    refused: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)
