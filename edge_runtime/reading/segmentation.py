"""Segmentation: which strokes of a group are one digit, and which are several that touch.

From left to right, every run of a few strokes may be a digit. What the classifier thinks of all runs, and how
far neighbouring strokes reach over each other, decides where one digit ends and the next begins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_runtime.reading.strokes import Stroke, size, span

_MOST = 3  # strokes of a digit, unless the whole group is one
_REACH = 0.05  # heights of the writing that separate what is above something from what is beside it
_ONE = 1.0  # log odds that neighbouring strokes of a group are of one digit where their places do not tell
_TALL = 0.5  # heights of the writing below which something is less likely a digit by itself
_CLEAR = 0.02  # least probability, by their places alone, that strokes are of one digit, or of two
_LEAST = 0.5  # certainty of each of several digits; if one is less certain, the whole group is taken for one
_DOUBT = 1e-4  # certainty of what is no digit at all


def in_order(group: Sequence[Stroke]) -> list[Stroke]:
    """The strokes from left to right, by the middles of their widths."""
    return sorted(group, key=lambda stroke: float(stroke[:, 0].min() + stroke[:, 0].max()))


def runs(count: int) -> list[tuple[int, int]]:
    """The runs of `count` strokes that may be a digit, as start and end; the whole group is the first."""
    lengths = range(1, min(_MOST, count - 1) + 1)
    return [(0, count), *((start, start + many) for many in lengths for start in range(count - many + 1))]


def segment(
    ordered: Sequence[Stroke], certainties: Mapping[tuple[int, int], float], height: float
) -> list[tuple[int, int]]:
    """The most likely digits of a group, from left to right, as runs of its strokes `ordered`.

    `certainties` 0..1 are those of all `runs` as digits; `height` is that of the writing.
    """
    joined = _joined(ordered, height)
    one, two = np.log(joined), np.log(1 - joined)
    best: list[tuple[float, list[tuple[int, int]]]] = [(0.0, [])]  # of the first strokes, by their number
    for end in range(1, len(ordered) + 1):
        options = []
        for start in range(end):
            if (start, end) in certainties:
                score, before = best[start]
                tall = min(1.0, size(ordered[start:end])[1] / (_TALL * height))
                score += (end - start) * math.log(max(tall * certainties[start, end], _DOUBT))
                score += float(one[start : end - 1].sum() + two[start - 1 : start].sum())
                options.append((score, [*before, (start, end)]))
        best.append(max(options))
    found = best[-1][1]
    return found if all(certainties[run] >= _LEAST for run in found) else [(0, len(ordered))]


def _joined(ordered: Sequence[Stroke], height: float) -> NDArray[np.float64]:
    """The probability that each stroke is of the same digit as the next one, by their places: `[N - 1]`.

    Strokes of a digit stand above each other or cross: the middle of the narrower one is inside the width of
    the other.
    """
    left, right = np.array([span([stroke]) for stroke in ordered])[:, :, 0].T
    first = right[:-1] - left[:-1] < right[1:] - left[1:]  # is the narrower one
    middle = (left + right) / 2
    narrower = np.where(first, middle[:-1], middle[1:])
    wider = np.where(first, (left[1:], right[1:]), (left[:-1], right[:-1]))
    inside = np.minimum(narrower - wider[0], wider[1] - narrower) / (_REACH * height) + _ONE
    return np.asarray(np.clip((1 + np.tanh(inside / 2)) / 2, _CLEAR, 1 - _CLEAR))
