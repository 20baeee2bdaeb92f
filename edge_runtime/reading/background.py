"""The background of a crop: estimate the paper under the ink, subtract it, and erase ruled lines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge_runtime.reading.tile import INK_LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A plane is fitted to the brightness of the paper, at a grid of points that is the same for every patch.
_GRID = 12
_SPREAD = np.linspace(-1, 1, _GRID, dtype=np.float32)
_PLANE = np.stack([np.ones(_GRID**2, np.float32), np.repeat(_SPREAD, _GRID), np.tile(_SPREAD, _GRID)], axis=1)
_FIT = (_PLANE / (_PLANE**2).sum(axis=0)).T  # the least squares: the columns are orthogonal

_END = 3  # px; lines are recognised by at least so many at both ends


def subtract_background(patch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Difference of every pixel from the paper, in grey levels: float32 `(H, W)`, above 0 where brighter."""
    (difference,) = subtract_backgrounds([patch])
    return difference


def subtract_backgrounds(patches: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
    """What `subtract_background` returns for each of the patches, in less time for many."""
    if not patches:
        return []
    values = np.empty((len(patches), _GRID**2), np.float32)
    for row, patch in zip(values, patches, strict=True):
        row[:] = patch.take(_points(*patch.shape))
    planes = _fit_papers(values).tolist()
    return [_subtract(patch, *plane) for patch, plane in zip(patches, planes, strict=True)]


def _subtract(patch: NDArray[np.uint8], level: float, slope: float, lean: float) -> NDArray[np.float32]:
    """Subtract the plane `level` + `slope` * y + `lean` * x, with coordinates from -1 to 1."""
    down, across = _coordinates(patch.shape[0]), _coordinates(patch.shape[1])
    paper = (np.float32(slope) * down)[:, None] + (np.float32(lean) * across + np.float32(level))
    np.maximum(paper, 1, out=paper)
    level = max(1.0, level)
    # In the shade, the same ink differs from the paper by fewer grey levels: scale by the paper's brightness.
    np.divide(np.float32(level), paper, out=paper)
    paper *= patch
    paper -= np.float32(level)
    return np.asarray(paper, np.float32)


# Patches are scaled to one size: there are only a few dozen side lengths, and few shapes.
@lru_cache(maxsize=1024)
def _points(height: int, width: int) -> NDArray[np.int64]:
    """Where the grid's points, int64 `[144]`, are in the flattened pixels of a patch."""
    rows, columns = (np.arange(_GRID) * (side - 1) // (_GRID - 1) for side in (height, width))
    return (rows[:, None] * width + columns).ravel()


@lru_cache(maxsize=256)
def _coordinates(side: int) -> NDArray[np.float32]:
    """Coordinates of the pixels along a side of a patch, from -1 to 1."""
    return np.linspace(-1, 1, side, dtype=np.float32)


def _fit_papers(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Robust fits of planes to the brightness at the points of the grid, `[N, 144]`: `[N, 3]`.

    A plane is the brightness in the middle of the patch, and by how much it grows from there to the bottom
    and to the right.
    """
    # Ink covers less than half of any patch: start from the median and ignore what is far from it.
    half = values.shape[1] // 2
    level = np.sort(values, axis=1)[:, half, None]
    tolerance = np.maximum(12, 4 * np.sort(np.abs(values - level), axis=1)[:, half, None])
    planes = np.concatenate([level, np.zeros((len(values), 2), np.float32)], axis=1)
    for _ in range(3):
        guess = planes @ _PLANE.T
        # Under ink, assume that the paper is as bright as in the previous fit.
        planes = np.where(np.abs(values - guess) < tolerance, values, guess) @ _FIT.T
    return np.asarray(planes, np.float32)


class _Line(NamedTuple):
    """A line across a patch: its first row at the left and at the right, and how many rows it fills."""

    start: int
    stop: int
    thick: int

    def rows(self, width: int, below: float = 0.0) -> NDArray[np.int64]:
        """The row of the line, or one `below` its upper edge, in each of `width` columns."""
        return np.rint(np.linspace(self.start, self.stop, width) + below).astype(np.int64)


def erase_lines(ink: NDArray[np.uint8], left: int, top: int, right: int, bottom: int) -> None:
    """Erase, in place, straight lines that cross the box from margin to margin: rules, tables, frames.

    Upright lines that end at a level one, such as the walls of a row of boxes, are erased, too.
    """
    rules = sorted(_lines(ink, left, right))
    for line in rules:
        _erase(ink, line)
    for line in _lines(ink.T, top, bottom):
        _erase(ink.T, line)
    if not rules:
        return
    starts = [0, *(max(rule.start, rule.stop) + rule.thick for rule in rules)]
    ends = [*(min(rule.start, rule.stop) for rule in rules), len(ink)]
    for start, end in zip(starts, ends, strict=True):
        if 2 * (end - start) > bottom - top:
            between = ink[start:end].T
            for line in _lines(between, _END + 1, end - start - _END - 1):
                if _is_filled(between, line):
                    _erase(between, line)


def _lines(image: NDArray[np.uint8], low: int, high: int) -> list[_Line]:
    """Lines that fill a row of both margins, the columns left of `low` and right of `high`."""
    if not image.size or image[:, 0].max() <= INK_LEVEL or image[:, -1].max() <= INK_LEVEL:
        return []  # most patches: no line can come from outside
    before, after = image[:, : max(0, low - 1)], image[:, high + 1 :]
    if before.shape[1] < _END or after.shape[1] < _END:
        return []
    # A tilted line enters in one row and leaves in another.
    begins, ends = before.min(axis=1) > INK_LEVEL, after.min(axis=1) > INK_LEVEL
    if not (begins.any() and ends.any()):
        return []
    return [
        _Line(start, stop, thick)
        for start, thick in _runs(begins)
        for stop, _ in _runs(ends)
        if abs(start - stop) <= 5 and thick <= 6
    ]


def _is_filled(image: NDArray[np.uint8], line: _Line) -> bool:
    """Whether a line has ink all along: the two ends may also be those of an 8."""
    height, width = image.shape
    rows = line.rows(width, (line.thick - 1) / 2)
    return bool(image[np.clip(rows, 0, height - 1), np.arange(width)].min() > INK_LEVEL)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index and length of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.view(np.int8), [0]])))
    return [(int(start), int(stop - start)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _erase(image: NDArray[np.uint8], line: _Line) -> None:
    """Erase a line, except where strokes cross it."""
    height, width = image.shape
    rows, columns = line.rows(width), np.arange(width)
    over, under = np.maximum(rows - 2, 0), np.minimum(rows + line.thick + 1, height - 1)
    # Ink above or below the line belongs to a stroke that continues through it.
    crossed = (image[over, columns] > INK_LEVEL) | (image[under, columns] > INK_LEVEL)
    for offset in range(-1, line.thick + 1):
        row = np.clip(rows + offset, 0, height - 1)
        image[row[~crossed], columns[~crossed]] = 0
