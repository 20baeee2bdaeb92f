"""Detection: a small fully convolutional network runs over an image pyramid and proposes boxes.

For every cell of 4 x 4 px the network predicts whether the middle of a digit of 12 to 28 px is there, which
digit it is and where its box ends. Every level of the pyramid, up to the image's own pixels, is searched
wherever there may be ink at its scale, but for the inside of digits that coarser levels have found.
(Anchor-free boxes: Tian et al., 2019, "FCOS"; image pyramid: Hu and Ramanan, 2017, "Finding Tiny Faces".)
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import (
    BACKGROUND,
    BOX_SCALE,
    CLASS_LOGITS,
    DIGIT_SIZES,
    GRID,
    MIN_OBJECTNESS,
    SIDES,
    STRIDE,
)
from edge_runtime.nms import find_duplicates
from edge_runtime.reading import regions
from edge_runtime.reading.candidates import Candidates

# From grey uint8 [1, H, W], sides multiples of GRID, to float32 [1, DETECTOR_CHANNELS, H/STRIDE, W/STRIDE].
Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

MAX_CANDIDATES = 2000  # per image
_MAX_FOUND = 4 * MAX_CANDIDATES  # before duplicates are removed
_MAX_SEARCHED = 40_000_000  # px of all levels, with context; an image of 20 megapixels has no more
SMALLEST_SIDE = 24  # px, of the coarsest level: a digit that fills the image is of a detectable size there
_WHOLE_SIDE = 96  # px; a level up to this side is searched completely
_LEAST_SIDE = 64  # px; smaller levels are padded to this side by repeating their border
_PADDING = GRID  # px; every part is padded at least this much
# px around a region that the network sees with it. It can see 95 px far, but photographs are read no better
# with 64 px.
_CONTEXT = 32
# A level is not searched inside a digit that a coarser one has found with more than this objectness: the
# first value is for digits that are too large to be detected on the level, the second for the others.
_CERTAIN, _BEYOND_DOUBT = 1.0, 1.5
_TOO_LARGE = 32.0  # px; above the largest of `DIGIT_SIZES`, as somewhat larger digits are often detected, too
_NEIGHBOURS = np.ones((3, 3), np.uint8)


def detect(grey: NDArray[np.uint8], network: Network, min_objectness: float = MIN_OBJECTNESS) -> Candidates:
    """Detect digits from 12 px high up to the whole image, dark on bright or bright on dark.

    `grey` is uint8 `(H, W)`. Candidates whose objectness (a logit) is below `min_objectness` are dropped. Of
    more than `MAX_CANDIDATES`, only the best are returned, and an image that is full of them, or of anything
    else that may be ink, is not searched to its end: then `Candidates.complete` is False.
    """
    levels = [grey, _half(grey)]  # the last one is not searched: it is half of the coarsest
    while max(levels[-2].shape) > SMALLEST_SIDE * 1.5:
        levels.append(_half(levels[-1]))
    rows = np.empty((0, 5 + BACKGROUND), np.float32)
    searched = count = 0
    for index in reversed(range(len(levels) - 1)):
        level, scale = levels[index], 2**index
        # A digit that this level may see as well, at twice the resolution, often gets a better score here.
        sizes = np.maximum(rows[:, 2] - rows[:, 0], rows[:, 3] - rows[:, 1]) / scale
        certain = rows[rows[:, 4] > np.where(sizes > _TOO_LARGE, _CERTAIN, _BEYOND_DOUBT), :4] / scale
        found = []
        for region in _regions(level, levels[index + 1], certain):
            searched += (region[2] - region[0] + 2 * _CONTEXT) * (region[3] - region[1] + 2 * _CONTEXT)
            if searched > _MAX_SEARCHED or count > _MAX_FOUND:
                break
            candidates = _search(level, region, network, min_objectness)
            candidates[:, :4] *= scale
            count += len(candidates)
            found.append(candidates)
        rows = np.concatenate([rows, *found])
    rows[:, :4] = np.minimum(rows[:, :4], np.array(grey.shape[::-1] * 2, np.float32))
    best = rows[np.argsort(-rows[:, 4], kind="stable")[:_MAX_FOUND]]
    best = _merge_duplicates(best)
    complete = searched <= _MAX_SEARCHED and count <= _MAX_FOUND and len(best) <= MAX_CANDIDATES
    best = best[:MAX_CANDIDATES]
    return Candidates(best[:, :4], best[:, 4], best[:, 5:], complete)


def _half(level: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A level at half its resolution; an odd side is extended by repeating the last pixels."""
    height, width = level.shape
    if height % 2 or width % 2:
        level = cv2.copyMakeBorder(level, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    size = (level.shape[1] // 2, level.shape[0] // 2)
    return np.asarray(cv2.resize(level, size, interpolation=cv2.INTER_AREA), np.uint8)


def _regions(
    level: NDArray[np.uint8], half: NDArray[np.uint8], digits: NDArray[np.float32]
) -> list[tuple[int, int, int, int]]:
    """The parts of a level to search: left, top, right, bottom in px.

    `half` is the next coarser level. `digits` float32 `[N, 4]` are the boxes of what coarser levels have
    found with certainty: there are no smaller digits in these.
    """
    height, width = level.shape
    if max(height, width) <= _WHOLE_SIDE:
        return [(0, 0, width, height)]
    ink, side = regions.find_ink(half), regions.CELL
    for left, top, right, bottom in np.rint(digits / side).astype(int).tolist():
        # Ink at the edge of the box reaches into the next cell.
        ink[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = False
    cells = regions.group_cells(ink)
    return [(left * side, top * side, right * side, bottom * side) for left, top, right, bottom in cells]


def _search(
    level: NDArray[np.uint8], region: tuple[int, int, int, int], network: Network, min_objectness: float
) -> NDArray[np.float32]:
    """Candidates, as rows of `_run`, whose middle lies in a region of a level."""
    x, y = max(0, region[0] - _CONTEXT), max(0, region[1] - _CONTEXT)
    rows = _run(level[y : region[3] + _CONTEXT, x : region[2] + _CONTEXT], network, min_objectness)
    rows[:, :4] += np.array([x, y] * 2, np.float32)
    # In the context, digits are cut off; the region next to this one has them whole.
    middle = (rows[:, :2] + rows[:, 2:4]) / 2
    return rows[((middle >= region[:2]) & (middle <= region[2:])).all(axis=1)]


def _run(level: NDArray[np.uint8], network: Network, min_objectness: float) -> NDArray[np.float32]:
    """Run the network on a part of one level: candidates as rows.

    A row is the box in pixels of the part, the objectness, and the ten class logits.
    """
    height, width = level.shape
    # The same padding everywhere: cells lie on one grid, so that a digit is seen alike in any part.
    left = top = _PADDING
    down, across = _padded(height) - height - top, _padded(width) - width - left
    padded = cv2.copyMakeBorder(level, top, down, left, across, cv2.BORDER_REPLICATE)
    scores = network(padded[None])[0]
    objectness = scores[0]
    # Several cells respond to one digit: the best of each neighbourhood represents it.
    best = cv2.dilate(objectness, _NEIGHBOURS)
    rows, columns = np.nonzero((objectness >= min_objectness) & (objectness == best))
    chosen = scores[:, rows, columns]
    x, y = (columns + 0.5) * STRIDE - left, (rows + 0.5) * STRIDE - top
    sides = np.maximum(chosen[SIDES], 0) * BOX_SCALE
    boxes = np.stack([x - sides[0], y - sides[1], x + sides[2], y + sides[3]], axis=1)
    boxes = np.clip(boxes, 0, np.array([width, height] * 2))
    size = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    # A box without width lies in the padding.
    good = (
        (size >= 0.6 * DIGIT_SIZES[0]) & (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
    )
    candidates = np.concatenate([boxes, chosen[:1].T, chosen[CLASS_LOGITS].T], axis=1)[good]
    return np.asarray(candidates, np.float32)


def _merge_duplicates(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """One row per digit, best first, from the rows of all levels, best first.

    Boxes and class logits are means, weighted by the odds of being a digit (Solovyev et al., 2021, "Weighted
    Boxes Fusion"): which of the levels is the best may change with a single pixel, their mean hardly changes.
    """
    originals = find_duplicates(rows[:, :4])
    weights = np.exp(rows[:, 4] - rows[originals, 4])[:, None]
    sums, total = np.zeros_like(rows), np.zeros_like(weights)
    np.add.at(sums, originals, weights * rows)
    np.add.at(total, originals, weights)
    kept = np.flatnonzero(originals == np.arange(len(rows)))
    merged = np.asarray(sums[kept] / total[kept], np.float32)
    merged[:, 4] = rows[kept, 4]
    return merged


def _padded(side: int) -> int:
    return max(_LEAST_SIDE, -(-(side + 2 * _PADDING) // GRID) * GRID)
