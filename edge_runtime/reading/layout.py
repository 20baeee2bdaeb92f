"""Layout: the lines of writing on a page, and the numbers in each line.

A line follows the direction of the writing, which may be tilted and, under perspective, change over the page.
A number ends where the gap to the next digit is wide: compared with the height of the digits, and with the
other gaps, so that digits spread evenly over the boxes of a form stay together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import blocks, corners
from edge_runtime.reading import spacing
from edge_runtime.results import UNNAMED, Box, Digit

# Lengths are shares of the height of the taller of two digits.
_MAX_OFFSET = 0.5  # of the centre of a digit from the line through the one before it
_FAR_OFFSET = 0.35  # the same across a gap of twice the widest in a number
_MAX_OVERLAP = 0.4  # of two digits of a number; slanted digits run into each other
_MAX_HEIGHT_RATIO = 2.6  # of two neighbours in a number
_NARROWEST = 0.45  # a 1 is as wide as this when gaps are measured

MARKED_GAP = 1.5  # the widest gap with a mark in it that belongs to the number
_SLASHED_GAP = 2.6  # the same with a slash, which may lean
_FEW = 3  # digits; fewer show no tilt

_TILTS = np.deg2rad(np.arange(-40, 41, 2.5))
_NEAR = 2.2  # centre distance of the pairs that show the tilt
_TILT_OFFSET = 0.25  # offset of a pair that still supports a tilt
_LEAST_PAIRS = 1.0  # by which the support of a tilt must exceed that of level writing, besides a tenth


class Layout:
    """The lines of boxes of an image; `lines` are their indices, from top to bottom, left to right."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._page = _Page.of(corners(boxes))
        self.lines = self._page.lines()

    def numbers(self, marks: Sequence[str | None]) -> list[tuple[int, list[int]]]:
        """The numbers in reading order, each as its line and the indices of its boxes.

        `marks` are those before the boxes. An unnamed mark ends a number. Boxes whose mark is None are left
        out.
        """
        lines = [[index for index in line if marks[index] is not None] for line in self.lines]
        lines = [line for line in lines if line]
        rows = [self._page.row(line) for line in lines]
        limits = spacing.widest_gaps(rows)
        return [
            (place, number)
            for place, (line, row, widest) in enumerate(zip(lines, rows, limits, strict=True))
            for number in self._split(line, row.gaps, widest, marks)
        ]

    def _split(
        self,
        line: list[int],
        gaps: NDArray[np.float64],
        widest: NDArray[np.float64],
        marks: Sequence[str | None],
    ) -> list[list[int]]:
        numbers = [line[:1]]
        for last, index, gap, limit in zip(line[:-1], line[1:], gaps.tolist(), widest.tolist(), strict=True):
            least = 0.0 if not marks[index] else _SLASHED_GAP if marks[index] == "/" else MARKED_GAP
            apart = gap > max(limit, least) or gap < -_MAX_OVERLAP or self._page.differ_in_height(last, index)
            if apart or marks[index] == UNNAMED:
                numbers.append([])
            numbers[-1].append(index)
        return numbers


def arrange(digits: Sequence[Digit]) -> list[tuple[int, list[int]]]:
    """The numbers that digits form, as `Layout.numbers` returns them; the digits know the marks before."""
    return Layout([digit.box for digit in digits]).numbers([digit.before for digit in digits])


@dataclass(frozen=True, slots=True)
class _Page:
    """Digits in a frame in which the writing is level on average.

    `x`, `y` `[N]` are the centres in px; `width`, `height` `[N]` the sizes of the digits without their tilt.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    width: NDArray[np.float64]
    height: NDArray[np.float64]

    @classmethod
    def of(cls, boxes: NDArray[np.float64]) -> _Page:
        """The page of the boxes `[N, 4]`, turned so that its writing is level."""
        (width, height), (x, y) = (boxes[:, 2:] - boxes[:, :2]).T, ((boxes[:, :2] + boxes[:, 2:]) / 2).T
        tilt = _tilt(x, y, height)
        cos, sin, spread = np.cos(tilt), abs(np.sin(tilt)), np.cos(2 * tilt)
        # The box of a tilted digit is wider and taller than the digit.
        own_width = np.clip((width * cos - height * sin) / spread, 0.3 * width, width)
        own_height = np.clip((height * cos - width * sin) / spread, 0.6 * height, height)
        turned = (x * cos + y * np.sin(tilt), y * cos - x * np.sin(tilt))
        return cls(*turned, own_width, own_height)

    def lines(self) -> list[list[int]]:
        """Indices of the digits by line: lines from top to bottom, each from left to right."""
        if not len(self.x):
            return []
        slopes = np.zeros(len(self.x))
        if len(self.x) >= 4 * _FEW:
            slopes = self._slopes(self._followers(slopes, reach=1.5))
        follower = self._followers(slopes, reach=np.inf)
        followed = set(follower.values())
        lines = []
        for first in range(len(self.x)):
            if first not in followed:
                line = [first]
                while line[-1] in follower:
                    line.append(follower[line[-1]])
                lines.append(line)
        level = self.y - slopes * (self.x - self.x.mean())
        return sorted(lines, key=lambda line: float(level[line].mean()))

    def row(self, line: list[int]) -> spacing.Line:
        """The edges of the digits of a line, and the gaps between them."""
        width = np.maximum(self.width[line], _NARROWEST * self.height[line])
        x, y, height = self.x[line], self.y[line], self.height[line]
        between = np.hypot(np.diff(x), np.diff(y)) - (width[:-1] + width[1:]) / 2
        gaps = between / np.maximum(height[:-1], height[1:])
        return spacing.Line(x - width / 2, x + width / 2, np.asarray(gaps))

    def differ_in_height(self, one: int, other: int) -> bool:
        """Whether two digits differ too much in height to be neighbours in a number."""
        low, high = sorted((self.height[one], self.height[other]))
        return bool(high > _MAX_HEIGHT_RATIO * low)

    def _followers(self, slopes: NDArray[np.float64], *, reach: float) -> dict[int, int]:
        """The next digit of the line for every digit that has one within `reach`.

        `slopes` `[N]` is the slope of the writing at every digit. The closest pairs are joined first.
        """
        found = []
        for some in blocks(len(self.x)):
            across = self.x[None] - self.x[some, None]
            middle = (slopes[some, None] + slopes[None]) / 2
            taller = np.maximum(self.height[some, None], self.height[None])
            away = np.abs(self.y[None] - self.y[some, None] - middle * across)
            pair = np.nonzero((across > 0) & (away <= _MAX_OFFSET * taller))
            found.append((pair[0] + some.start, pair[1], across[pair], away[pair], taller[pair]))
        one, other, across, away, taller = map(np.concatenate, zip(*found, strict=True))
        gap = (across - (self.width[one] + self.width[other]) / 2) / taller
        offset = away / taller
        limit = np.interp(gap, (spacing.WIDEST, 2 * spacing.WIDEST), (_MAX_OFFSET, _FAR_OFFSET))
        joined = (gap <= reach) & (offset <= limit)
        one, other = one[joined], other[joined]
        cost = np.maximum(gap, 0)[joined] + 2 * offset[joined]
        follower: dict[int, int] = {}
        followed: set[int] = set()
        for index in np.argsort(cost, kind="stable").tolist():
            left, right = int(one[index]), int(other[index])
            if left not in follower and right not in followed:
                follower[left] = right
                followed.add(right)
        return follower

    def _slopes(self, follower: dict[int, int]) -> NDArray[np.float64]:
        """The slope of the writing at every digit, `[N]`: a plane fitted to the slopes between neighbours.

        Under perspective, lines that are parallel on paper fan out.
        """
        left, right = np.array(list(follower), int), np.array(list(follower.values()), int)
        across = self.x[right] - self.x[left]
        wide = across > 0.5 * self.height[left]
        left, right, across = left[wide], right[wide], across[wide]
        if len(left) < 2 * _FEW:
            return np.zeros(len(self.x))
        slopes = (self.y[right] - self.y[left]) / across
        scale = max(np.ptp(self.x), np.ptp(self.y), 1.0)
        points = np.stack(
            [np.ones(len(self.x)), (self.x - self.x.mean()) / scale, (self.y - self.y.mean()) / scale], axis=1
        )
        middles = (points[left] + points[right]) / 2
        weights, plane = np.ones(len(left)), np.zeros(3)
        for _ in range(3):  # neighbours of different lines are outliers
            weighted = middles.T * weights
            plane = np.linalg.solve(weighted @ middles + np.diag([0.1, 1.0, 1.0]), weighted @ slopes)
            weights = 1 / (1 + (np.abs(slopes - middles @ plane) / 0.15) ** 2)
        return np.asarray(points @ plane)


def _tilt(x: NDArray[np.float64], y: NDArray[np.float64], height: NDArray[np.float64]) -> float:
    """The angle of the writing in radians, positive where it falls to the right.

    The tilt at which most digits have a neighbour exactly beside them; 0 unless another is clearly better.
    """
    if len(x) < _FEW:
        return 0.0
    found = []
    for some in blocks(len(x)):
        across, down = x[None] - x[some, None], y[None] - y[some, None]
        taller = np.maximum(height[some, None], height[None])
        near = (across > 0) & (across**2 + down**2 <= (_NEAR * taller) ** 2)
        near &= taller <= _MAX_HEIGHT_RATIO * np.minimum(height[some, None], height[None])
        found.append((across[near] / taller[near], down[near] / taller[near]))
    across, down = map(np.concatenate, zip(*found, strict=True))
    offset = np.abs(down * np.cos(_TILTS)[:, None] - across * np.sin(_TILTS)[:, None])
    support = np.maximum(1 - offset / _TILT_OFFSET, 0).sum(axis=1)
    best, level = int(support.argmax()), support[len(_TILTS) // 2]
    return float(_TILTS[best]) if support[best] > 1.1 * level + _LEAST_PAIRS else 0.0
