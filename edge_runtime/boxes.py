"""Geometry of boxes: overlap, IoU, coverage, clipping.

An array of boxes is float `[N, 4]`: left, top, right, bottom in pixels. A `Box` holds one result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_runtime.digits import Box

_BLOCK = 256  # boxes


def area(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Areas `[N]` of the boxes `[N, 4]`, in square pixels."""
    return np.asarray(np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1))


def intersection(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Area `[N, M]` that each of the boxes `a` `[N, 4]` shares with each of `b` `[M, 4]`."""
    # Width and height are computed separately: np.prod over the last axis takes ten times as long.
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0))


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Intersection over union 0..1, `[N, M]`, of each of the boxes `a` `[N, 4]` and `b` `[M, 4]`."""
    shared = intersection(a, b)
    return np.asarray(shared / np.maximum(area(a)[:, None] + area(b)[None] - shared, 1e-6))


def covered(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float32]:
    """The share 0..1 of the smaller of two boxes in the other, `[N, M]` for `a` `[N, 4]` and `b` `[M, 4]`."""
    areas, others = (np.maximum(each[:, 2:] - each[:, :2], 1e-3).prod(axis=1) for each in (a, b))
    return np.asarray(intersection(a, b) / np.minimum(areas[:, None], others), np.float32)


def blocks(count: int) -> Iterator[slice]:
    """Slices of `count` boxes, in order: comparing all pairs of a full page at once takes much memory."""
    return (slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))


def corners(boxes: Iterable[Box]) -> NDArray[np.float64]:
    """Boxes as an array `[N, 4]`."""
    rows = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes]
    return np.array(rows, np.float64).reshape(-1, 4)


def to_box(left: float, top: float, right: float, bottom: float) -> Box:
    """Corners in whole pixels, as a box of at least one pixel."""
    x, y = int(left), int(top)
    return Box(x, y, max(1, round(right) - x), max(1, round(bottom) - y))


def clip(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box inside an image of `size` (width, height) px; at least one pixel."""
    x, y = min(max(0, box.x), size[0] - 1), min(max(0, box.y), size[1] - 1)
    right, bottom = min(box.x + box.width, size[0]), min(box.y + box.height, size[1])
    return replace(box, x=x, y=y, width=max(1, right - x), height=max(1, bottom - y))
