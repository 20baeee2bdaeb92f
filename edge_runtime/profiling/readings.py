"""Whole images: how long the models take from an image to its digits, and how far their readings agree."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import corners, iou
from edge_runtime.digits import Box
from edge_runtime.errors import ImageError
from edge_runtime.profiling.comparison import single_stream
from edge_runtime.reading.reader import DigitReader
from edge_runtime.results import Reading

_SAME_PLACE = 0.5  # IoU of two boxes


@dataclass(frozen=True, slots=True)
class ReadImages:
    """Images that can be read, their readings by each model, and one line for each `unreadable` one."""

    images: list[str | NDArray[np.uint8]]
    readings: dict[str, list[Reading]]
    unreadable: list[str] = field(default_factory=list)


def read_all(
    readers: dict[str, DigitReader],
    images: Iterable[str | NDArray[np.uint8]],
    progress: Callable[[float], object] = lambda share: None,
) -> ReadImages:
    """Read every image with every reader."""
    images = list(images)
    done = ReadImages([], {name: [] for name in readers})
    for index, image in enumerate(images):
        try:
            readings = {name: reader.read(image) for name, reader in readers.items()}
        except ImageError as error:
            done.unreadable.append(str(error))
        else:
            done.images.append(image)
            for name, reading in readings.items():
                done.readings[name].append(reading)
        progress((index + 1) / len(images))
    return done


def measure(
    readers: dict[str, DigitReader],
    read: ReadImages,
    seconds: float,
    progress: Callable[[float], object] = lambda share: None,
) -> dict[str, Any]:
    """Time the readers, one of which is called "float", on images that have been read, at least once on each.

    Returns what `single_stream` does, the mean milliseconds of every stage, and the `agreement` of each other
    reader with "float".
    """
    stages: dict[str, list[Mapping[str, float]]] = {name: [] for name in readers}

    def call(name: str) -> Callable[[str | NDArray[np.uint8]], object]:
        return lambda image: stages[name].append(readers[name].read(image).seconds)

    timed = single_stream({name: call(name) for name in readers}, seconds, read.images, progress=progress)
    reference = read.readings["float"]
    return {
        "kind": "single stream",
        "subject": "reading",
        "threads": 1,
        "images": len(read.images),
        **timed,
        "stages_ms": {name: _means(taken) for name, taken in stages.items()},
        "agreement": {
            name: agreement(readings, reference)
            for name, readings in read.readings.items()
            if name != "float"
        },
    }


def _means(taken: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean milliseconds of every stage: unlike medians, they add up where images differ."""
    return {name: round(1000 * float(np.mean([each[name] for each in taken])), 3) for name in taken[0]}


def agreement(readings: Sequence[Reading], reference: Sequence[Reading]) -> dict[str, int]:
    """How far two readings of each image agree.

    Of the accepted digits (`digits`) and the numbers (`numbers`) that at least one of the two has, those that
    both have in the same place and with the same value or text (`same_digits`, `same_numbers`). Of the
    `images`, those with the same text (`same_images`).
    """
    counts = dict.fromkeys(("digits", "same_digits", "numbers", "same_numbers", "images", "same_images"), 0)
    for one, other in zip(readings, reference, strict=True):
        digits, same_digits = _count_same(_digits(one), _digits(other))
        numbers, same_numbers = _count_same(_numbers(one), _numbers(other))
        counts["digits"] += digits
        counts["same_digits"] += same_digits
        counts["numbers"] += numbers
        counts["same_numbers"] += same_numbers
        counts["images"] += 1
        counts["same_images"] += one.text == other.text
    return counts


Found = list[tuple[Hashable, Box]]


def _digits(reading: Reading) -> Found:
    return [(digit.value, digit.box) for digit in reading.digits if digit.value is not None]


def _numbers(reading: Reading) -> Found:
    return [(number.text, number.box) for number in reading.numbers]


def _count_same(one: Found, other: Found) -> tuple[int, int]:
    """How many places the two have together, and in how many of these both have the same."""
    overlaps = iou(corners(box for _, box in one), corners(box for _, box in other))
    pairs = sorted(((overlaps[i, j], i, j) for i, j in np.argwhere(overlaps >= _SAME_PLACE)), reverse=True)
    left, right, same = set(range(len(one))), set(range(len(other))), 0
    for _, i, j in pairs:
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            same += one[i][0] == other[j][0]
    return len(one) + len(right), same
