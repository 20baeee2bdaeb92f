"""The pad: how well numbers that held-out writers wrote on screens are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.markdown import conditions, table
from benchmarks.record import Record
from benchmarks.writers import load_test_writers
from edge_runtime import DigitReader
from edge_runtime.reading.pad import read_strokes
from edge_runtime.reading.strokes import Stroke, span
from edge_runtime.results import Reading

PADS = ((900, 300), (1200, 400), (340, 260), (300, 500), (360, 180))  # px
LENGTHS = range(1, 11)  # digits of a number
_SEED = 13

# How people write. Lengths are shares of the height of the writing, which is a share of the pad's height, but
# less where the number would be wider than the pad.
_HEIGHTS = (0.2, 0.8)
_GAPS = (0.15, 0.5)  # between the digits of a number
_JITTER = 0.04  # standard deviation of a digit's distance from the base line
_MARGIN = 0.06  # to the edge of the pad, as a share of its shorter side
# Devices: px between the points of a stroke, at least and at most, and the unit of their coordinates.
_DEVICES = {"mouse": (2.0, 8.0, 1.0), "finger": (5.0, 16.0, 0.5), "pen": (1.0, 3.0, 0.0)}
_LEAST_POINTS = 6  # in the height of the writing: nobody writes faster than the device follows


@dataclass(frozen=True)
class Written:
    """A number as it was written: the strokes of each digit."""

    text: str
    digits: list[list[Stroke]]
    device: str


def measure(data: Path, count: int, model: str = "int8") -> Iterator[dict[str, Any]]:
    """Write and read `count` numbers of each length on each pad; yield the figures of each pad, then of all.

    All digits of a number are by one of the test writers in `data/pens`. A digit is right if its value was
    read where it was written; a number is right if exactly its digits were read. Raises `BenchmarkError`
    without pen strokes.
    """
    strokes = load_test_writers(data)
    writers = _Writers(strokes)
    reader = DigitReader(model)
    everything: list[tuple[Written, int, bool]] = []
    for place, pad in enumerate(PADS):
        scores = []
        for length in LENGTHS:
            for number in range(count):
                generator = np.random.default_rng([_SEED, place, length, number])
                written = writers.write(generator, pad, length)
                scores.append(
                    _score(written, read_strokes(reader, list(chain.from_iterable(written.digits))))
                )
        everything += scores
        yield {"kind": "pad", "model": model, "pad": f"{pad[0]}x{pad[1]}", **_figures(scores)}
    yield {"kind": "pad", "model": model, "pad": "all", **_figures(everything)}


def _score(written: Written, reading: Reading) -> tuple[Written, int, bool]:
    """How many digits of a number were read, and whether it was read as a whole."""
    right = 0
    for value, strokes in zip(written.text, written.digits, strict=True):
        low, high = span(strokes)
        right += any(
            str(digit.value) == value
            and low[0] - 1 <= digit.box.x + digit.box.width / 2 <= high[0] + 1
            and low[1] - 1 <= digit.box.y + digit.box.height / 2 <= high[1] + 1
            for digit in reading.digits
        )
    return written, right, reading.text == written.text


def _figures(scores: list[tuple[Written, int, bool]]) -> dict[str, Any]:
    """The shares of digits and of numbers, of two digits and more, that are right."""
    lengths: dict[str, list[bool]] = defaultdict(list)
    devices: dict[str, list[bool]] = defaultdict(list)
    for written, _, whole in scores:
        lengths[str(len(written.text))].append(whole)
        if len(written.text) > 1:
            devices[written.device].append(whole)
    digits = sum(len(written.text) for written, _, _ in scores)
    numbers = [whole for written, _, whole in scores if len(written.text) > 1]
    return {
        "digits": digits,
        "digits_right": round(sum(right for _, right, _ in scores) / digits, 4),
        "numbers": len(numbers),
        "numbers_right": round(float(np.mean(numbers)), 4),
        "right_by_length": {length: round(float(np.mean(found)), 4) for length, found in lengths.items()},
        "numbers_right_by_device": {
            name: round(float(np.mean(devices[name])), 4) for name in sorted(devices)
        },
    }


class _Writers:
    """The digits of all writers of `train.synthetic.writers.PenStrokes`."""

    def __init__(self, pens: Any) -> None:
        self._pens = pens
        self._digits: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, (label, writer) in enumerate(
            zip(pens.labels.tolist(), pens.writers.tolist(), strict=True)
        ):
            if label.isdecimal():
                self._digits[writer][label].append(index)

    def write(self, generator: np.random.Generator, pad: tuple[int, int], length: int) -> Written:
        """A number of a random writer on a random place of a pad."""
        writer = self._digits[list(self._digits)[generator.integers(len(self._digits))]]
        text = "".join(generator.choice(sorted(writer), length))
        digits, x = [], 0.0
        for label in text:
            strokes = self._digit(int(generator.choice(writer[label])))
            low, high = span(strokes)
            offset = (x - low[0], _JITTER * generator.normal() - high[1])
            digits.append([stroke + offset for stroke in strokes])
            x += high[0] - low[0] + generator.uniform(*_GAPS)
        device = str(generator.choice(list(_DEVICES)))
        return Written(text, _place(digits, generator, pad, device), device)

    def _digit(self, index: int) -> list[Stroke]:
        """The strokes of a digit in heights of its writer's digits."""
        size = float(self._pens.relative_sizes[index])
        scale = (size if np.isfinite(size) else 1.0) / 1000
        return [stroke.astype(np.float64) * scale for stroke in self._pens.strokes(index)]


def _place(
    digits: list[list[Stroke]], generator: np.random.Generator, pad: tuple[int, int], device: str
) -> list[list[Stroke]]:
    """Digits on a pad, in px, as a device sees them."""
    low, high = span(list(chain.from_iterable(digits)))
    room = np.array(pad) - 2 * _MARGIN * min(pad)
    height = float(min(pad[1] * generator.uniform(*_HEIGHTS), *(room / np.maximum(high - low, 1e-6))))
    corner = _MARGIN * min(pad) + (room - height * (high - low)) * generator.random(2)
    least, most, unit = _DEVICES[device]
    step = min(generator.uniform(least, most), height / _LEAST_POINTS)
    return [[_sample((each - low) * height + corner, step, unit) for each in digit] for digit in digits]


def _sample(stroke: Stroke, step: float, unit: float) -> Stroke:
    """Points of a stroke at equal distances of about `step` px, in multiples of `unit` unless that is 0."""
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
    stops = np.linspace(0, way[-1], max(2, int(np.ceil(way[-1] / step)) + 1))
    points: NDArray[np.float64] = np.stack([np.interp(stops, way, side) for side in stroke.T], axis=1)
    return np.rint(points / unit) * unit if unit else points


def format_page(record: Record) -> str:
    """The report of a record as a Markdown page."""
    devices = record.of_kind("pad")[-1]["numbers_right_by_device"]
    parts = [
        f"# Pad {record.name}",
        "Made by `python -m benchmarks pad`; all figures are from the record of the same name.",
        conditions(record),
        "Shares of digits, and of numbers of two digits and more, that are right; and of numbers by their "
        "length in digits.",
        format_table(record),
        "Numbers right by device: " + ", ".join(f"{name} {share:.1%}" for name, share in devices.items()),
    ]
    return "\n\n".join(parts) + "\n"


def format_table(record: Record) -> str:
    """The figures of a record by pad, as a Markdown table."""
    return table(
        ("pad", "digits", "numbers", *LENGTHS),
        (
            (
                result["pad"],
                f"{result['digits_right']:.1%}",
                f"{result['numbers_right']:.1%}",
                *(f"{share:.0%}" for share in result["right_by_length"].values()),
            )
            for result in record.of_kind("pad")
        ),
    )
