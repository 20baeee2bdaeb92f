"""Non-maximum suppression: which of several overlapping candidates are the same digit, or parts of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import area, blocks, covered, intersection

_NMS_IOU = 0.45  # two candidates that overlap more than this are the same digit
_NMS_COVERED = 0.7  # so are two of similar size where this share of the smaller one is covered
_SIMILAR_AREA = 0.6  # two boxes are of similar size if the ratio of their areas is above this

_NESTED = 0.5  # with more than this share of the smaller box inside the larger, only one of them is kept
_SHAPE_AREA = 6  # a box this many times as large as the digit in it is a shape around the digit
_MAX_OVERFLOW = 0.02  # a digit with less of its ink outside its box is separate from what surrounds it
_PAIR_HEIGHT, _PAIR_OVERLAP = 0.5, 0.2  # two digits in one box: minimum share of its height, maximum overlap
_PAIR_OVERFLOW = 0.1  # of each, at most: they may touch what is beside them


def find_duplicates(boxes: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each of the boxes `[N, 4]`, sorted best first, the index of the box that it duplicates: `[N]`.

    A box that duplicates no better one has its own index. Overlapping boxes of different sizes, such as an 8
    and one of its loops, are no duplicates: the classifier decides between them.
    """
    originals = np.full(len(boxes), -1)
    for some in blocks(len(boxes)):
        duplicates = _duplicates(boxes[some], boxes)
        for index, row in enumerate(duplicates, some.start):
            if originals[index] < 0:
                originals[(originals < 0) & row] = index
                originals[index] = index
    return originals


def _duplicates(some: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of `boxes` `[N, 4]` show the same digit as each of `some` `[M, 4]`: bool `[M, N]`."""
    shared, areas, others = intersection(some, boxes), area(some)[:, None], area(boxes)
    smaller, larger = np.minimum(areas, others), np.maximum(areas, others)
    similar = smaller > _SIMILAR_AREA * larger
    same = shared > _NMS_IOU * (areas + others - shared)
    return np.asarray(same | (similar & (shared > _NMS_COVERED * smaller)))


def suppress_nested(
    boxes: NDArray[np.float32], confidences: NDArray[np.float32], overflows: NDArray[np.float32]
) -> list[int]:
    """Suppression after classification: indices of boxes `[N, 4]`, none of which contains another.

    A digit is kept rather than a part of it. A digit in a drawn shape is kept rather than the shape, which is
    far larger, if hardly any of the digit's ink lies outside its box. Two digits are kept rather than a box
    around both, if neither of them is less certain. `confidences` `[N]` are the probabilities 0..1 of being a
    digit, `overflows` `[N]` the shares of ink outside the box (`Crop.overflow`).
    """
    alone = np.ones(len(boxes), bool)
    for some in blocks(len(boxes)):
        alone[some] = (covered(boxes[some], boxes) > _NESTED).sum(axis=1) == 1  # in itself
    others = np.flatnonzero(~alone)  # of a whole page, few
    best = _best_of_nested(boxes[others], confidences[others], overflows[others])
    return sorted([*np.flatnonzero(alone).tolist(), *others[best].tolist()])


def _best_of_nested(
    boxes: NDArray[np.float32], confidences: NDArray[np.float32], overflows: NDArray[np.float32]
) -> list[int]:
    """What `suppress_nested` returns, in any order."""
    areas = area(boxes)
    shared = covered(boxes, boxes)
    nested = shared > _NESTED
    np.fill_diagonal(nested, False)
    far_larger = areas[:, None] > _SHAPE_AREA * areas[None]
    separate = (confidences >= 0.5) & (overflows < _MAX_OVERFLOW)
    container = np.asarray((nested & far_larger & separate[None]).any(axis=1))
    height = boxes[:, 3] - boxes[:, 1]
    as_high = height[None] > _PAIR_HEIGHT * height[:, None]
    as_certain = (confidences >= 0.5) & (overflows < _PAIR_OVERFLOW) & (confidences >= confidences[:, None])
    part = nested & as_certain & (areas[:, None] > areas[None]) & as_high
    for index in np.flatnonzero(part.sum(axis=1) > 1).tolist():
        parts = np.flatnonzero(part[index])
        container[index] |= bool((shared[np.ix_(parts, parts)] < _PAIR_OVERLAP).any())
    kept: list[int] = []
    for index in np.argsort(-confidences * np.sqrt(areas), kind="stable").tolist():
        if not container[index] and not nested[index, kept].any():
            kept.append(index)
    return kept
