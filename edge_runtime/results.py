"""The result types: what was read in an image, and in a batch of tiles.

They are frozen dataclasses. What they consist of, boxes, digits and numbers, is in `digits.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.digits import OK, UNNAMED, Box, Digit, Number
from edge_runtime.errors import ImageError, MissingDependencyError, OutputError
from edge_runtime.images.paths import escape_source, split_page
from edge_runtime.whole_file import whole_file

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from numpy.typing import NDArray

__all__ = [
    "INCOMPLETE",
    "NOTHING_FOUND",
    "OK",
    "UNNAMED",
    "Box",
    "Digit",
    "Number",
    "Reading",
    "TileReadings",
]

NOTHING_FOUND = "no digit found"
INCOMPLETE = "incomplete: too much writing for one image; split it into parts"
FIRST_ONLY = "; only the first page or frame was read"  # follows any of these

# The columns of results files with one row per digit, and of `to_pandas`, with their types in pandas.
DIGIT_COLUMNS = {
    "source": "str",
    **dict.fromkeys(("line", "number", "index"), "int64"),
    **{"before": "str", "digit": "Int64", "confidence": "float64"},
    **dict.fromkeys(("x", "y", "width", "height", "image_width", "image_height", "turn"), "int64"),
    "status": "str",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one image: its digits in reading order, line by line, from left to right.

    Iteration, `len` and indices are those of `digits`, so a reading in which nothing was found is false.

    `source` is the path of the image, or "" for an array; `width` and `height` are the size of the image in
    px, after its orientation tag has been applied, 0 where it could not be read. `turn` is 0, 90, 180 or 270:
    the degrees by which it was then turned clockwise before it was read. Lines, reading order and tiles are
    those of the turned image, boxes and size those of the image as it was given.

    `status` is "ok", "no digit found", "incomplete: " or "error: " and the reason. All but the last are
    followed by "; only the first page or frame was read" where a file has more. `seconds` is the time that
    each stage took ("preprocess", "detect", "crop", "classify"); images that were classified together share
    the time of that stage evenly. `array` is the image itself where `DigitReader.read` was given an array:
    the same object, not a copy. It is None for files, which are decoded again when they are drawn, and for
    the arrays of `read_many`.
    """

    source: str
    digits: tuple[Digit, ...] = ()
    status: str = OK
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)
    width: int = 0
    height: int = 0
    array: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    turn: int = 0

    def __repr__(self) -> str:
        # Not the digits: a page would fill the screen.
        shown = ("source", "text", "status", "width", "height", "turn")
        return f"Reading({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __iter__(self) -> Iterator[Digit]:
        return iter(self.digits)

    def __len__(self) -> int:
        return len(self.digits)

    def __getitem__(self, index: int) -> Digit:
        return self.digits[index]

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

    @property
    def confidence(self) -> float:
        """The confidence of the least confident digit, 0..1, or 0 if there are no digits."""
        return min((digit.confidence for digit in self.digits), default=0.0)

    @property
    def boxes(self) -> NDArray[np.float32]:
        """The boxes of the N digits, float32 `[N, 4]`: left, top, right and bottom in px (xyxy)."""
        from edge_runtime.boxes import corners

        return corners(digit.box for digit in self.digits).astype("float32")

    @property
    def confidences(self) -> NDArray[np.float32]:
        """The confidences of the N digits, float32 `[N]`, 0..1."""
        import numpy as np

        return np.array([digit.confidence for digit in self.digits], np.float32)

    @property
    def values(self) -> NDArray[np.int64]:
        """The values of the N digits, int64 `[N]`, 0..9, or -1 for a rejected digit."""
        import numpy as np

        return np.array([-1 if digit.value is None else digit.value for digit in self.digits], np.int64)

    def to_dict(self) -> dict[str, Any]:
        """The reading as plain Python objects, without arrays: what `to_json` writes."""
        return {
            "source": escape_source(self.source),
            "status": escape_source(self.status),
            "width": self.width,
            "height": self.height,
            "turn": self.turn,
            "text": self.text,
            "numbers": [number.to_dict() for number in self.numbers],
            "digits": [digit.to_dict() for digit in self.digits],
            "seconds": dict(self.seconds),
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """The reading as JSON, on one line unless there is an `indent`."""
        return json.dumps(self.to_dict(), indent=indent)

    def to_pandas(self) -> pandas.DataFrame:
        """The digits as a DataFrame with the columns of results files: one row each, none without digits.

        `digit` is missing (`pandas.NA`) where the digit is rejected. Raises `MissingDependencyError` without
        pandas.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingDependencyError(
                "to_pandas needs pandas: pip install 'edge-digits[pandas]', or use to_dict"
            ) from error
        return pandas.DataFrame(digit_rows(self), columns=list(DIGIT_COLUMNS)).astype(DIGIT_COLUMNS)

    @property
    def image(self) -> NDArray[np.uint8]:
        """The upright image: BGR uint8 `(H, W, 3)`. A file is decoded again, each time; do not write to it.

        Raises `ImageError` if it cannot be read, has changed since it was read, or is not held (`array`).
        """
        from edge_runtime.images.original import load_original

        return load_original(self.source, self.array, (self.width, self.height))

    def plot(self, *, tiles: bool = False) -> NDArray[np.uint8]:
        """The image with boxes and labels, as `annotate` draws them: BGR uint8 `(H, W, 3)`.

        Raises `ImageError` as `image` does.
        """
        from edge_runtime.images.annotate import annotate

        return annotate(self.image, self.digits, tiles=tiles)

    def save(self, path: str | Path, *, tiles: bool = False) -> Path:
        """Save the image with boxes and labels, as `plot` returns it, and return the path.

        The suffix of `path` chooses the format: .png, .jpg or another that OpenCV writes. Missing folders are
        made, and a file of that name is replaced. Raises `ImageError` as `image` does, and `OutputError` if
        the file cannot be written or is the image itself.
        """
        from edge_runtime.images.encode import encode

        path, image = Path(path), self.plot(tiles=tiles)
        try:
            data = encode(image, path.suffix)
        except ImageError as error:
            raise OutputError(f"cannot write {path}: {error}; choose a name that ends in .png") from error
        try:
            if os.path.exists(path) and any(
                os.path.exists(source) and path.samefile(source)
                for source in (self.source, split_page(self.source)[0])
            ):
                raise OutputError(f"{path} is the image itself; choose another name")
            with whole_file(path) as partial:
                partial.write_bytes(data)
        except (OSError, ValueError) as error:  # a ValueError is one of the name
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"cannot write {path}: {reason}") from error
        return path

    def show(self) -> None:
        """Show the image with boxes and labels: below the cell of a notebook, or in the desktop's viewer.

        Raises `ImageError` as `image` does, and `MissingDependencyError` if there is no screen or no viewer.
        """
        from edge_runtime.images import notebook, viewer

        if not notebook.display(self):
            viewer.open_viewer(self.plot(), Path(self.source).stem or "reading")

    def _repr_html_(self) -> str:
        """What notebooks show: the image with boxes and labels, and the numbers."""
        from edge_runtime.images.notebook import to_html

        try:
            image = None if self.failed else self.plot()
            missing = ""
        except ImageError as error:
            image, missing = None, f" ({error})"
        name = escape_source(self.source) or "image"
        size = f", {self.width} x {self.height} px" if self.width else ""
        rows = [
            (number.text, f"{number.confidence:.3f}", number.line, len(number)) for number in self.numbers
        ]
        caption = f"{name}{size}: {escape_source(self.status)}{escape_source(missing)}"
        return to_html(caption, image, ("number", "lowest confidence", "line", "digits"), rows)


def _separated(number: Number) -> str:
    """The text of a number after what separates it from the one before it."""
    return f" {UNNAMED} {number.text}" if number.digits[0].before == UNNAMED else f" {number.text}"


def digit_rows(reading: Reading) -> Iterator[tuple[Any, ...]]:
    """The values of `DIGIT_COLUMNS` for each digit of a reading."""
    source = escape_source(reading.source)
    line = number = index = -1
    for digit in reading.digits:
        index = index + 1 if digit.number == number and digit.line == line else 0
        line, number, value, box = digit.line, digit.number, digit.value, digit.box
        place = (source, line, number, index, digit.before, value, digit.confidence)
        size = (reading.width, reading.height, reading.turn)
        status = digit.status if value is None else reading.status
        yield (*place, box.x, box.y, box.width, box.height, *size, status)


@dataclass(frozen=True, slots=True, eq=False)
class TileReadings:
    """What was read in a batch of N tiles, as arrays.

    `values` int64 `[N]`, 0..9, is the most likely digit of each tile, `confidences` float32 `[N]`, 0..1, its
    calibrated probability, and `rejected` bool `[N]` whether that is below the threshold.
    """

    values: NDArray[np.int64]
    confidences: NDArray[np.float32]
    rejected: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)
