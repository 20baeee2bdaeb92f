"""The JSON that the API returns. The classes describe it in `/openapi.json`."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.images.encode import encode
from edge_runtime.images.scaling import reduce_to
from edge_runtime.results import Digit, Number, Reading
from edge_runtime.web import limits


@dataclass
class DigitResult:
    """A digit and its box, in pixels.

    `value` is null when the candidate is rejected; `status` then gives the reason. `number` is the index of
    its number in `numbers`, and `index` that of the digit in its number. `before` is the mark directly before
    the digit: one of . , - / : or, for any other, a middle dot; empty if there is none. `tile` is the
    classifier's input, a 28x28 PNG in base64, present only with `tiles=1`.
    """

    value: int | None
    confidence: float
    x: int
    y: int
    width: int
    height: int
    line: int
    number: int
    index: int
    before: str
    status: str
    tile: str | None = None


@dataclass
class NumberResult:
    """A number, with the box around its digits, in pixels.

    `text` has "?" for a rejected digit. `confidence` is that of the least confident digit. `line` is the
    index of its line in `lines`.
    """

    text: str
    confidence: float
    mean_confidence: float
    x: int
    y: int
    width: int
    height: int
    line: int


@dataclass
class ReadResult:
    """The digits of an image, and the numbers that they form.

    `lines` are from top to bottom, with "?" for a rejected digit; `width` and `height` are the image's size;
    `ms` is the time that decoding and reading took. `turn` is 0, 90, 180 or 270: the degrees by which the
    image was turned clockwise before it was read. Boxes and size are those of the image as it was sent.
    `pages` is how many pages or frames the file has: those that `page` can ask for.
    `image` is that image in grey, reduced to 2048 px if it is larger, a JPEG in base64, present only with
    `image=1`.
    """

    lines: list[str]
    numbers: list[NumberResult]
    digits: list[DigitResult]
    width: int
    height: int
    ms: float
    status: str
    turn: int
    pages: int
    image: str | None = None


@dataclass
class ModelName:
    """A model by name: "int8", "float", or the path of the model the server was started with."""

    model: str


@dataclass
class SourceHealth:
    """The camera or video: `state` is "starting", "running", "paused", "ended" or "lost"."""

    state: str
    name: str
    capture_format: str
    problem: str


@dataclass
class Health:
    """The health of the device. Without the token, only `ok` is included."""

    ok: bool
    model: str | None = None
    source: SourceHealth | None = None
    seconds_since_frame: float | None = None


@dataclass
class ErrorMessage:
    """An error: one line that says how to fix it."""

    error: str


def read_result(reading: Reading, seconds: float, *, tiles: bool) -> dict[str, Any]:
    """Return a reading as a `ReadResult`, with one page."""
    numbers = reading.numbers
    return {
        "lines": reading.lines,
        "numbers": [_number_result(number) for number in numbers],
        "digits": [
            _digit_result(digit, place, index, tiles)
            for place, number in enumerate(numbers)
            for index, digit in enumerate(number.digits)
        ],
        "width": reading.width,
        "height": reading.height,
        "ms": round(seconds * 1000, 2),
        "status": reading.status,
        "turn": reading.turn,
        "pages": 1,
    }


def to_jpeg(image: NDArray[np.uint8]) -> str:
    """Return an image, uint8 `(H, W)`, as a JPEG in base64; a larger one is reduced to `RETURNED_SIDE`."""
    data = encode(reduce_to(image, limits.RETURNED_SIDE), ".jpg", quality=limits.RETURNED_QUALITY)
    return base64.b64encode(data).decode()


def _number_result(number: Number) -> dict[str, Any]:
    confidences = {"confidence": number.confidence, "mean_confidence": number.mean_confidence}
    return number.to_dict() | {name: round(float(value), 4) for name, value in confidences.items()}


def _digit_result(digit: Digit, number: int, index: int, tile: bool) -> dict[str, Any]:
    result = digit.to_dict() | {"confidence": round(float(digit.confidence), 4)}
    result |= {"number": number, "index": index}
    if tile and digit.tile is not None:
        result["tile"] = base64.b64encode(encode(digit.tile, ".png")).decode()
    return result
