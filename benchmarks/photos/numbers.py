"""Numbers: which labelled digits form a number, by a rule that knows nothing of the reader's own.

Labels hold digits, not numbers. Which digits form a number follows from line and gap, where these are clear:

- Two digits are on one line if their centres differ in height by at most half the height of the taller one.
- A run of digits is a number if no gap in it is wider than 0.9 heights, and the gaps on both sides are at
  least twice as wide as any in it, and 0.6 heights.
- A single digit is a number if there is no other within two heights on either side.
- A run that is made up of shorter numbers is not one itself. Of other runs that share digits, none counts.

A box of `ignore` may hold a digit: it stands on a line like one, and what contains it is no number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from benchmarks.photos.labels import LabelledImage
from edge_runtime.boxes import corners
from edge_runtime.results import Box

# In heights of the taller of two digits.
_MAX_OFFSET = 0.5
_MAX_OVERLAP = 0.4
_MAX_INSIDE = 0.9
_MIN_OUTSIDE = 0.6
_ALONE = 2.0
_MAX_HEIGHT_RATIO = 2.5  # of two digits on one line


def find_numbers(image: LabelledImage) -> list[tuple[int, ...]]:
    """The numbers of an image that are clear, each as the indices of its labels from left to right."""
    boxes = [*(box for _, box in image.digits), *image.ignore]
    numbers = [run for line, gaps in _lines(boxes) for run in _clear(list(_runs(line, gaps)))]
    return [number for number in numbers if max(number) < len(image.digits)]


def _clear(runs: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The runs that are unambiguous: not made up of shorter ones, and without digits of any other run."""
    simple = [
        run
        for run in runs
        if set(run) != {index for other in runs if set(other) < set(run) for index in other}
    ]
    return [run for run in simple if not any(other != run and set(other) & set(run) for other in simple)]


def _runs(line: list[int], gaps: list[float]) -> Iterator[tuple[int, ...]]:
    """The runs of a line that its gaps show to be numbers."""
    bounds = [np.inf, *gaps, np.inf]
    for first in range(len(line)):
        for end in range(first + 1, len(line) + 1):
            inside = bounds[first + 1 : end]
            if max(inside, default=0) > _MAX_INSIDE:
                break
            least = max(_MIN_OUTSIDE, 2 * max(inside)) if inside else _ALONE
            if min(bounds[first], bounds[end]) >= least:
                yield tuple(line[first:end])


def _lines(boxes: Sequence[Box]) -> Iterator[tuple[list[int], list[float]]]:
    """The boxes of each line from left to right, and the gaps between them. The closest are joined first."""
    left, top, right, bottom = corners(boxes).T
    height, x, y = bottom - top, (left + right) / 2, (top + bottom) / 2
    taller, lower = np.maximum.outer(height, height), np.minimum.outer(height, height)
    gaps = (left[None] - right[:, None]) / taller
    allowed = (
        (x[None] > x[:, None])
        & (gaps >= -_MAX_OVERLAP)
        & (np.abs(y[:, None] - y[None]) <= _MAX_OFFSET * taller)
        & (taller <= _MAX_HEIGHT_RATIO * lower)
    )
    following: dict[int, int] = {}
    followed: set[int] = set()
    for one, other in sorted(np.argwhere(allowed).tolist(), key=lambda pair: float(gaps[tuple(pair)])):
        if one not in following and other not in followed:
            following[one] = other
            followed.add(other)
    for first in set(range(len(boxes))) - followed:
        line = [first]
        while line[-1] in following:
            line.append(following[line[-1]])
        yield line, [float(gaps[pair]) for pair in pairwise(line)]
