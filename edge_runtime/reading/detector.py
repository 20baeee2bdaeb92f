"""Detection: a small fully convolutional network runs over an image pyramid and proposes boxes.

For every cell of 4 x 4 px the network predicts whether the middle of a digit of 12 to 28 px is there, which
digit it is and where its box ends. A further output, the gate, predicts whether smaller digits are there,
which the next finer level would detect. All levels up to 320 px are searched, finer ones only where the gate
of the coarser level opens.
(Anchor-free boxes: Tian et al., 2019, "FCOS"; image pyramid: Hu and Ramanan, 2017, "Finding Tiny Faces".)
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import BOX_SCALE, DIGIT_SIZES, STRIDE
from edge_runtime.nms import suppress
from edge_runtime.reading.candidates import Candidates

# From grey uint8 [1, H, W], sides multiples of STRIDE, to float32 [1, DETECTOR_CHANNELS, H/STRIDE, W/STRIDE].
Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

MAX_CANDIDATES = 2000  # per image
START_SIDE = 320  # px, longer side of the finest level that is always searched
SMALLEST_SIDE = 24  # px, of the coarsest level: a digit that fills the image is of a detectable size there
_LEAST_SIDE = 64  # px; smaller levels are padded to this side by repeating their border
_PADDING = 8  # px; every level is padded at least this much
_GATE = 0.0  # a gate with a logit above this is open
_BLOCK = 448  # px of a finer level that are searched in one run, which bounds memory
_CONTEXT = 24  # px around an open gate that are searched with it
_NEIGHBOURS = np.ones((3, 3), np.uint8)


def detect(grey: NDArray[np.uint8], network: Network, min_objectness: float = 0.0) -> Candidates:
    """Detect digits from 12 px high up to the whole image, dark on bright or bright on dark.

    `grey` is uint8 `(H, W)`. Candidates whose objectness (a logit) is below `min_objectness` are dropped, and
    only the best `MAX_CANDIDATES` are returned. A digit that is too small for the 320 px level is
    detected only if that level opens its gate there, which it does not do reliably for digits below 2 % of
    the longer side.
    """
    scale = min(1.0, START_SIDE / max(grey.shape))
    level = _resized(grey, scale)
    rows, gates = _run(level, network, min_objectness)
    across, down = grey.shape[1] / level.shape[1], grey.shape[0] / level.shape[0]
    found, gates = [_to_image(rows, 0, 0, across, down)], _to_image(gates, 0, 0, across, down)
    # Coarser levels detect larger digits. They cost next to nothing, so all are searched.
    while max(level.shape) > SMALLEST_SIDE * 1.5:
        level = _resized(level, 0.5)
        rows, _ = _run(level, network, min_objectness)
        found.append(_to_image(rows, 0, 0, grey.shape[1] / level.shape[1], grey.shape[0] / level.shape[0]))
    while scale < 0.9 and len(gates):
        scale = min(1.0, scale * 2)
        opened = []
        for left, top, right, bottom in _regions(gates, scale, grey.shape):
            part = grey[top:bottom, left:right]
            level = _resized(part, scale)
            across, down = part.shape[1] / level.shape[1], part.shape[0] / level.shape[0]
            rows, more = _run(level, network, min_objectness)
            found.append(_to_image(rows, left, top, across, down))
            opened.append(_to_image(more, left, top, across, down))
        gates = np.concatenate(opened)
    rows = np.concatenate(found)
    rows = rows[np.argsort(-rows[:, 4], kind="stable")[: 4 * MAX_CANDIDATES]]
    rows = rows[suppress(rows[:, :4])[:MAX_CANDIDATES]]
    return Candidates(rows[:, :4], rows[:, 4], rows[:, 5:])


def _resized(grey: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _to_image(
    rows: NDArray[np.float32], left: int, top: int, across: float, down: float
) -> NDArray[np.float32]:
    """Convert the boxes that the rows begin with from pixels of a level to pixels of the whole image."""
    rows[:, :4] = rows[:, :4] * np.array([across, down] * 2, np.float32) + np.array(
        [left, top] * 2, np.float32
    )
    return rows


def _regions(
    gates: NDArray[np.float32], scale: float, shape: tuple[int, ...]
) -> list[tuple[int, int, int, int]]:
    """Regions of bounded size (left, top, right, bottom) of the image, around the open gates `[N, 4]`."""
    margin, block = _CONTEXT / scale, _BLOCK / scale
    places = np.floor((gates[:, :2] + gates[:, 2:]) / 2 / block).astype(np.int64)
    blocks, member = np.unique(places[:, 0] << 32 | places[:, 1], return_inverse=True)
    low, high = np.full((len(blocks), 2), np.inf), np.full((len(blocks), 2), -np.inf)
    np.minimum.at(low, member.ravel(), gates[:, :2])
    np.maximum.at(high, member.ravel(), gates[:, 2:])
    low = np.maximum(low - margin, 0).astype(int)
    high = np.minimum(high + margin + 1, shape[::-1]).astype(int)
    return [
        (x, y, right, bottom) for (x, y), (right, bottom) in zip(low.tolist(), high.tolist(), strict=True)
    ]


def _run(
    level: NDArray[np.uint8], network: Network, min_objectness: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run the network on one level: candidates as rows, and the cells with an open gate as boxes `[N, 4]`.

    A row is the box in pixels of the level, the objectness, and the ten class logits.
    """
    height, width = level.shape
    top, left = _before(height), _before(width)
    down, across = _padded(height) - height - top, _padded(width) - width - left
    padded = cv2.copyMakeBorder(level, top, down, left, across, cv2.BORDER_REPLICATE)
    scores = network(padded[None])[0]
    objectness = scores[0]
    # Several cells respond to one digit: the best of each neighbourhood represents it.
    best = cv2.dilate(objectness, _NEIGHBOURS)
    rows, columns = np.nonzero((objectness >= min_objectness) & (objectness == best))
    chosen = scores[:, rows, columns]
    x, y = (columns + 0.5) * STRIDE - left, (rows + 0.5) * STRIDE - top
    sides = np.maximum(chosen[12:], 0) * BOX_SCALE
    boxes = np.stack([x - sides[0], y - sides[1], x + sides[2], y + sides[3]], axis=1)
    boxes = np.clip(boxes, 0, np.array([width, height] * 2))
    size = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    # A box without width lies in the padding.
    good = (
        (size >= 0.6 * DIGIT_SIZES[0]) & (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
    )
    candidates = np.concatenate([boxes, chosen[:1].T, chosen[2:12].T], axis=1)[good].astype(np.float32)
    rows, columns = np.nonzero(scores[1] > _GATE)
    corners = np.stack([columns * STRIDE - left, rows * STRIDE - top], axis=1)
    # Gates in the padding are not part of the image.
    corners = corners[(corners >= 0).all(axis=1) & (corners < [width, height]).all(axis=1)]
    gates = np.concatenate([corners, corners + STRIDE], axis=1).astype(np.float32)
    return candidates, gates


def _padded(side: int) -> int:
    return max(_LEAST_SIDE, -(-(side + 2 * _PADDING) // STRIDE) * STRIDE)


def _before(side: int) -> int:
    return (_padded(side) - side) // 2
