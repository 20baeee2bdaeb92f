"""Spacing: how wide a gap in a number may be, as the other gaps of its line, its column or its page show.

All gaps are in heights of the taller of the two digits beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDEST = 0.9  # gap in a number unless the other gaps show another limit
_FAR = 2 * WIDEST  # a gap from here on shows nothing: numbers may be any distance apart
_WIDE = 1.2  # gaps from here on count alike, for the same reason
_LEAST = 0.55  # a gap below this never ends a number, however narrow the others are
_SPREAD = (1.4, 1.5)  # evenly spread digits: their usual gap at most, and the widest as a multiple of it
# Gaps form two groups, those in and those between numbers, if the groups explain this share of their
# variance, and if the mean of the wider ones exceeds that of the others by this factor.
_EXPLAINED, _WIDER = 0.8, 2.2
_FEW = 3  # gaps; fewer show no spacing of their own
_COLUMNS = 2  # numbers of several digits that show the columns of a table


class Line(NamedTuple):
    """N digits from left to right: their edges `left` and `right` `[N]` in px, and the `gaps` `[N - 1]`."""

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    gaps: NDArray[np.float64]


class _Gaps(NamedTuple):
    """Gaps that may be in a number, and the outer edges of the two digits beside each."""

    gaps: NDArray[np.float64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]


class _Row(NamedTuple):
    """A line whose gaps show the limit: the edges of its numbers of several digits."""

    limit: float
    left: NDArray[np.float64]
    right: NDArray[np.float64]


def widest_gaps(lines: Sequence[Line]) -> list[NDArray[np.float64]]:
    """For every gap of every line, how wide it may be in a number.

    The gaps of the line show it, or those of another row of the same table. Where the line has few, those
    above and below do, as in the fields of a form; where these are few, too, those of the page.
    """
    if not lines:
        return []
    near = [_near(line) for line in lines]
    page = _Gaps(*map(np.concatenate, zip(*near, strict=True)))
    usual = _limit_of_groups(page.gaps) or WIDEST
    limits = [_limit_of_groups(each.gaps) for each in near]
    rows = [_row(line, limit) for line, limit in zip(lines, limits, strict=True) if limit is not None]
    found = []
    for line, own, limit in zip(lines, near, limits, strict=True):
        if len(own.gaps) < _FEW:
            found.append(_limits_of_columns(line, page, usual))
            continue
        if limit is None:
            limit = next((row.limit for row in rows if _is_same_table(line, row)), None)
        found.append(np.full(len(line.gaps), limit or _limit_of_spread(own.gaps)))
    return found


def _near(line: Line) -> _Gaps:
    near = line.gaps < _FAR
    return _Gaps(line.gaps[near], line.left[:-1][near], line.right[1:][near])


def _limits_of_columns(line: Line, page: _Gaps, usual: float) -> NDArray[np.float64]:
    """The limit for each gap of a line, as the gaps above and below it show, or else the `usual` one."""
    limits = []
    for left, right, gap in zip(line.left[:-1], line.right[1:], line.gaps, strict=True):
        if not _LEAST < gap <= _SPREAD[0] * _SPREAD[1]:  # no limit is lower or higher
            limits.append(WIDEST)
            continue
        column = page.gaps[(page.left < right) & (page.right > left)]
        if len(column) >= _FEW:
            limits.append(_limit_of_groups(column) or _limit_of_spread(column))
        else:
            limits.append(usual)
    return np.array(limits)


def _row(line: Line, limit: float) -> _Row:
    ends = np.flatnonzero(line.gaps > limit)
    first, last = np.append(0, ends + 1), np.append(ends, len(line.gaps))
    several = first < last
    return _Row(limit, line.left[first[several]], line.right[last[several]])


def _is_same_table(line: Line, row: _Row) -> bool:
    """Whether evenly spread digits stand in the columns of a row: none of its numbers bridges their gaps."""
    beside = (row.right > line.left[0]) & (row.left < line.right[-1])
    middle = (line.right[:-1] + line.left[1:])[:, None] / 2
    bridged = (row.left[beside] < middle) & (middle < row.right[beside])
    return int(beside.sum()) >= _COLUMNS and not bridged.any()


def _limit_of_spread(gaps: NDArray[np.float64]) -> float:
    """The limit of evenly spread digits, as in the boxes of a form."""
    usual, multiple = _SPREAD
    median = float(np.sort(gaps)[len(gaps) // 2])
    return max(WIDEST, multiple * median) if median <= usual else WIDEST


def _limit_of_groups(gaps: NDArray[np.float64]) -> float | None:
    """The middle between two groups of gaps; None if they form a single group.

    The groups are those with the greatest variance between them (Otsu, 1979, "A Threshold Selection Method
    from Gray-Level Histograms").
    """
    gaps = np.sort(np.clip(gaps, 0, _WIDE))
    if len(gaps) < 2 or gaps[-1] < _LEAST:
        return None
    counts, sums = np.arange(1, len(gaps)), np.cumsum(gaps)
    narrow, wide = sums[:-1] / counts, (sums[-1] - sums[:-1]) / (len(gaps) - counts)
    between = counts * (len(gaps) - counts) / len(gaps) * (wide - narrow) ** 2
    best = int(between.argmax())
    if between[best] < _EXPLAINED * len(gaps) * gaps.var():
        return None
    if wide[best] < max(_LEAST, _WIDER * narrow[best] + 0.1):
        return None
    return max(_LEAST, float(gaps[best] + gaps[best + 1]) / 2)
