"""Drawn pages: what reading a whole page costs, as a ratio to thresholding and labelling the same page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import DigitReader
from edge_runtime.profiling.timing import alternate
from edge_runtime.results import Box, Reading
from train.synthetic import glyphs, paper, strokes

_SEED = 11

_PRINT = ("NAME", "DATE", "PLACE", "SURNAME", "STREET", "BANK")  # labels of the dense page's rows


@dataclass(frozen=True)
class DrawnPage:
    """A page, grey uint8 `(H, W)`, and the value and box of every digit on it."""

    name: str
    image: NDArray[np.uint8]
    digits: tuple[tuple[int, Box], ...] = ()


def threshold_and_label(grey: NDArray[np.uint8]) -> int:
    """The reference: one adaptive threshold (block 31, C 10, inverted); returns the number of components."""
    mask = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 10)
    return int(cv2.connectedComponentsWithStats(mask)[0])


def measure(seconds: float, model: str) -> Iterator[dict[str, Any]]:
    """Yield for every page the CPU time of reading it on one core, and its ratio to `threshold_and_label`.

    The two take turns for `seconds` per page; the ratio is the median of the rounds' ratios.
    """
    reader = DigitReader(model)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for draw in PAGES:
            yield {"kind": "drawn page", "model": model, **_measure_page(reader, draw(), seconds)}
    finally:
        cv2.setNumThreads(threads)


def _measure_page(reader: DigitReader, page: DrawnPage, seconds: float) -> dict[str, Any]:
    readings: list[Reading] = []
    contenders: dict[str, Callable[[NDArray[np.uint8]], object]] = {
        "read": lambda image: readings.append(reader.read(image)),
        "reference": threshold_and_label,
    }
    # CPU time, because a busy machine lets each contender wait by chance.
    trial = alternate(contenders, seconds / 2, [page.image], clock=time.process_time_ns)
    read, reference = trial.medians("read"), trial.medians("reference")
    low, ratio, high = np.percentile(read / reference, (25, 50, 75))
    return {
        "page": page.name,
        "size": f"{page.image.shape[1]}x{page.image.shape[0]}",
        "digits": len(page.digits),
        "found": count_found(page, readings[0]),
        "rounds": len(read),
        "read_ms": round(float(np.median(read)) / 1e6, 3),
        "reference_ms": round(float(np.median(reference)) / 1e6, 3),
        "ratio_to_reference": round(float(ratio), 3),
        "ratio_quartiles": [round(float(low), 3), round(float(high), 3)],
        "ms": {
            stage: round(1000 * float(np.median([each.seconds[stage] for each in readings])), 3)
            for stage in readings[0].seconds
        },
    }


def count_found(page: DrawnPage, reading: Reading) -> int:
    """The number of drawn digits that were read: a digit of the same value is centred in their box."""
    centres = [
        (digit.value, digit.box.x + digit.box.width / 2, digit.box.y + digit.box.height / 2)
        for digit in reading.digits
    ]
    return sum(
        any(
            value == drawn and box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height
            for value, x, y in centres
        )
        for drawn, box in page.digits
    )


def ten_digits(width: int, height: int) -> DrawnPage:
    """The digits 0 to 9 in two rows on unevenly lit paper, each an eighth of the page's height."""
    generator = np.random.default_rng(_SEED)
    sheet = paper.blank(width, height, generator)
    size = height // 8
    digits = []
    for value in range(10):
        row, column = divmod(value, 5)
        x, y = round(width * (0.08 + 0.18 * column)), round(height * (0.25 + 0.4 * row))
        digits.append(_write(sheet, value, x, y, size, generator))
    return DrawnPage(f"{width}x{height}, ten digits", paper.photograph(sheet, generator), tuple(digits))


_A4 = (1654, 2339)  # px, width and height at 200 dpi
_A4_LEVEL = 235  # of a scan, which is brighter than a photograph and evenly lit
_ROWS, _COLUMNS = 30, 10


def dense_a4() -> DrawnPage:
    """A scanned A4 form at 200 dpi: 30 ruled rows, each with a printed label and ten digits of 3 to 4 mm."""
    generator = np.random.default_rng(_SEED)
    width, height = _A4
    sheet = np.full((height, width), _A4_LEVEL, np.float32)
    digits = []
    for row in range(_ROWS):
        base = round(height * (0.06 + 0.9 * row / _ROWS)) + 45
        cv2.line(sheet, (100, base + 8), (width - 100, base + 8), 0.7 * _A4_LEVEL, 2)
        _print(sheet, _PRINT[row % len(_PRINT)], 110, base)
        for column in range(_COLUMNS):
            size = int(generator.integers(24, 33))
            x = 520 + 98 * column + int(generator.integers(20))
            digits.append(_write(sheet, int(generator.integers(10)), x, base - size, size, generator))
    return DrawnPage("A4 at 200 dpi, dense", _scan(sheet, generator), tuple(digits))


def empty_a4() -> DrawnPage:
    """A scan of an empty A4 sheet at 200 dpi."""
    width, height = _A4
    sheet = np.full((height, width), _A4_LEVEL, np.float32)
    return DrawnPage("A4 at 200 dpi, empty", _scan(sheet, np.random.default_rng(_SEED)))


PAGES: tuple[Callable[[], DrawnPage], ...] = (
    partial(ten_digits, 640, 480),
    partial(ten_digits, 1280, 960),
    dense_a4,
    empty_a4,
)


def _write(
    sheet: NDArray[np.float32], value: int, x: int, y: int, size: int, generator: np.random.Generator
) -> tuple[int, Box]:
    """Write a digit `size` px high with its corner at (x, y); return its value and box."""
    ink = strokes.draw_digit(value, generator, height=size, pen=max(2, size / 11), variation=0.5)
    paper.place(sheet, ink, x, y, shade=0.3)
    return value, Box(x, y, ink.shape[1], ink.shape[0])


def _print(sheet: NDArray[np.float32], text: str, x: int, base: int) -> None:
    """Print capital letters 20 px high, all alike, on a base line."""
    for letter in text:
        ink = strokes.draw(
            glyphs.LETTERS[letter], np.random.default_rng(_SEED), height=20, pen=2, variation=0
        )
        paper.place(sheet, ink, x, base - 20, shade=0.25)
        x += ink.shape[1] + 4


def _scan(sheet: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.uint8]:
    return paper.photograph(sheet, generator, blur=0.6, noise=2.0)
