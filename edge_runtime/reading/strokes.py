"""Strokes: the paths that a finger, a pen or a mouse takes on a screen; they are drawn, measured and grouped.

A stroke is float64 `[N, 2]` with at least one point: x to the right and y down, in px.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Stroke: TypeAlias = NDArray[np.float64]

MARGIN = 16  # px around drawings
_TOLERANCE = 0.3  # px; points that change a path by less are not drawn

# Lengths are shares of the height of the writing.
_JOINED = 8.0  # width of digits that are joined in one stroke
_SHARED = 0.3  # strokes that share this part of the width of the narrower one may be of one digit,
_APART = 0.35  # if they are no further apart in height
_SMALLEST = 0.3  # smaller strokes are no digit, but may be a point or a comma; so are those that are smaller
_SMALL, _LOW = 0.7, 0.75  # than this, and begin so far below the top of the taller ones beside them


def span(strokes: Sequence[Stroke]) -> tuple[Stroke, Stroke]:
    """The top left and the bottom right corner of strokes, each `(2,)`."""
    points = np.concatenate(strokes)
    return points.min(axis=0), points.max(axis=0)


def size(strokes: Sequence[Stroke]) -> tuple[float, float]:
    """Width and height of strokes."""
    low, high = span(strokes)
    return float(high[0] - low[0]), float(high[1] - low[1])


def writing_height(strokes: Sequence[Stroke]) -> float:
    """The usual height of a digit: the median over what stands above each other; large things count more."""
    guess = _median_height([[stroke] for stroke in strokes])
    return _median_height(_connected(strokes, _stacked(strokes, guess)))


def _median_height(groups: Sequence[Sequence[Stroke]]) -> float:
    sizes = np.array([size(each) for each in groups])
    heights, weights = np.maximum(sizes[:, 1], sizes[:, 0] / _JOINED), sizes.max(axis=1)
    order = np.argsort(heights, kind="stable")
    below = np.cumsum(weights[order])
    return float(heights[order[np.searchsorted(below, below[-1] / 2)]])


def at_corner(strokes: Sequence[Stroke], scale: float) -> list[Stroke]:
    """The strokes, scaled, in the top left corner of an image, with a margin."""
    low, _ = span(strokes)
    return [(stroke - low) * scale + MARGIN for stroke in strokes]


def draw(strokes: Sequence[Stroke], pen: int) -> NDArray[np.uint8]:
    """Draw strokes that are in the corner of an image: uint8 `(H, W)`, 255 on 0, with a margin.

    `pen` is the width of the lines in px.
    """
    width, height = np.ceil(span(strokes)[1]).astype(int) + MARGIN
    ink = np.zeros((height, width), np.uint8)
    for stroke in strokes:
        path = cv2.approxPolyDP(stroke.astype(np.float32)[:, None], _TOLERANCE, False)
        path = np.rint(16 * np.concatenate([path, path[-1:]])).astype(np.int32)  # a point becomes a dot
        cv2.polylines(ink, [path], False, 255, pen, cv2.LINE_AA, 4)
    return ink


def group(strokes: Sequence[Stroke], height: float) -> list[list[Stroke]]:
    """The strokes that may be of one digit, for each: they touch, or stand above each other.

    The strokes must be in the corner of an image, whose pixels decide what touches; `height` is that of the
    writing. Strokes that are too small for a digit, and commas, are left out.
    """
    groups = _connected(strokes, _touching(strokes) | _stacked(strokes, height))
    groups = [each for each in groups if max(size(each)) >= _SMALLEST * height]
    return [each for each, hangs in zip(groups, _hanging(groups, height), strict=True) if not hangs]


def _connected(strokes: Sequence[Stroke], joined: NDArray[np.bool_]) -> list[list[Stroke]]:
    """Groups of strokes, given which of them are joined: bool `[N, N]`."""
    groups, left = [], np.ones(len(strokes), bool)
    for first in range(len(strokes)):
        if left[first]:
            members = joined[first]
            while (grown := joined[members].any(axis=0)).sum() > members.sum():
                members = grown
            left &= ~members
            groups.append([strokes[index] for index in np.flatnonzero(members).tolist()])
    return groups


def _hanging(groups: Sequence[Sequence[Stroke]], height: float) -> NDArray[np.bool_]:
    """Which groups begin near the foot of the taller ones beside them, as commas do: bool `[N]`."""
    low, high = np.array([span(each) for each in groups]).reshape(-1, 2, 2).swapaxes(0, 1)
    tops, heights = low[:, 1], (high - low)[:, 1]
    tall = heights >= _SMALL * height
    gap = np.maximum(low[:, None, 0] - high[:, 0], low[:, 0] - high[:, None, 0])
    down = (tops[:, None] - tops) / np.maximum(heights, 1e-3)  # in heights of the taller one
    beside = tall & (gap < height) & (down < 1)
    return np.asarray(~tall & beside.any(axis=1) & (~beside | (down > _LOW)).all(axis=1))


def _touching(strokes: Sequence[Stroke]) -> NDArray[np.bool_]:
    """Which of the strokes touch each other, directly or through others: bool `[N, N]`."""
    _, labels = cv2.connectedComponents((draw(strokes, 2) > 0).astype(np.uint8), connectivity=8)
    x, y = np.rint(np.array([stroke[0] for stroke in strokes])).astype(int).T
    return np.asarray(labels[y, x][:, None] == labels[y, x])


def _stacked(strokes: Sequence[Stroke], height: float) -> NDArray[np.bool_]:
    """Which of the strokes are above one another, with little space in between: bool `[N, N]`."""
    low, high = np.array([span([stroke]) for stroke in strokes]).swapaxes(0, 1)
    across, down = (np.minimum(high[:, None], high) - np.maximum(low[:, None], low)).T
    widths = high[:, 0] - low[:, 0]
    narrower = np.minimum(widths[:, None], widths)
    return np.asarray((across >= _SHARED * narrower) & (down >= -_APART * height))
