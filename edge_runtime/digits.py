"""What is found in an image: boxes, digits and the numbers that they form, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OK = "ok"
TURNS = (0, 90, 180, 270)  # degrees clockwise by which an image may be turned before it is read
UNNAMED = "·"  # a mark between digits that is none of those that have a name: . , - / :


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the image; (x, y) is its top left corner.

    These are the pixels after the image's orientation tag has been applied, but before it is turned by
    `Reading.turn`. Where a file says that its pixels are not square, such as a fax of 204x98 dpi, they are
    those of the image after it has been stretched. Annotated images are stretched in the same way.
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

    def to_dict(self) -> dict[str, Any]:
        """The digit without its arrays, for JSON; its box as the keys x, y, width and height."""
        return {
            "value": self.value,
            "confidence": self.confidence,
            **asdict(self.box),
            "line": self.line,
            "number": self.number,
            "before": self.before,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True)
class Number:
    """Digits side by side on one line without a wide gap, from left to right. There is at least one.

    Iteration, `len` and indices are those of `digits`.
    """

    digits: tuple[Digit, ...]

    def __repr__(self) -> str:
        shown = ("text", "confidence", "box", "line")
        return f"Number({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __iter__(self) -> Iterator[Digit]:
        return iter(self.digits)

    def __len__(self) -> int:
        return len(self.digits)

    def __getitem__(self, index: int) -> Digit:
        return self.digits[index]

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

    def to_dict(self) -> dict[str, Any]:
        """The number without its digits, for JSON; its box as the keys x, y, width and height."""
        return {
            "text": self.text,
            "confidence": self.confidence,
            "mean_confidence": self.mean_confidence,
            **asdict(self.box),
            "line": self.line,
        }
