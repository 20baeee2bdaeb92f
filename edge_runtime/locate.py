"""Where the digits are in a picture: a small network looks at every place, over a pyramid of sizes.

The network answers for every cell of 4 x 4 px of a grey picture: whether a digit's middle is there whose
longer side is 12 to 28 px, which one, and its box; and whether digits for the next finer level are there.
Coarse levels come first: what they say decides where the finer ones are looked at at all.
(Anchor-free boxes: Tian et al., 2019, "FCOS"; image pyramid: Hu and Ramanan, 2017, "Finding Tiny Faces".)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.results import Box

# What training, export and the search agree on. A locator's channels: digit?, finer level?, ten digits, four
# sides of the box from the cell's middle in units of BOX_SCALE px.
STRIDE = 4
SIZES = (12.0, 28.0)
CHANNELS = 16
BOX_SCALE = 16.0

# From grey uint8 [1, H, W], sides multiples of STRIDE, to float32 [1, CHANNELS, H / STRIDE, W / STRIDE].
Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

MOST = 2000  # candidates of one picture
START_SIDE = 320  # px: the finest level that is always looked at
SMALLEST_SIDE = 24  # px: the coarsest level, where a digit that fills the picture has a size that is found
_LEAST_WINDOW = 64  # px: small levels are surrounded with their border's pixels up to this
_MARGIN = 8  # px: and all of them by this much
_FINER = 0.0  # logit from which on a finer level is worth a look
_BLOCK = 448  # px of a finer level that are looked at in one go: what bounds memory
_CONTEXT = 24  # px around what is asked for: what the network sees of its surroundings
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_OVERLAP = 0.45  # intersection over union from which on two boxes are one digit's
_APART = 0.02  # share of ink beyond a box up to which it is a piece of its own
_AS_HIGH, _BESIDE = 0.7, 0.2  # two digits in a box: their least share of its height, their most of each other
_AROUND = 6  # times a digit's area: what holds it is a shape


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be digits, N of them, best first.

    `boxes` float32 `[N, 4]`: left, top, right, bottom in pixels of the picture; `logits` float32 `[N]`: how
    sure the locator is of a digit; `digits` float32 `[N, 10]`: the logits of its own reading.
    """

    boxes: NDArray[np.float32]
    logits: NDArray[np.float32]
    digits: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.logits)

    @classmethod
    def concatenate(cls, parts: Sequence[Candidates]) -> Candidates:
        """The candidates of several, in their order."""
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.digits for part in parts]),
        )

    def tightened(self, boxes: Sequence[Sequence[float]]) -> Candidates:
        """The same with other boxes."""
        return Candidates(np.array(boxes, np.float32).reshape(-1, 4), self.logits, self.digits)

    def __getitem__(self, chosen: list[int]) -> Candidates:
        return Candidates(self.boxes[chosen], self.logits[chosen], self.digits[chosen])


def find_digits(grey: NDArray[np.uint8], network: Network, least: float = 0.0) -> Candidates:
    """Find what may be digits, of 12 px height up to the whole picture's, in either polarity.

    `grey` uint8 `(H, W)`; `least` is the logit that a candidate has at the least. Of very many the best
    `MOST` come back. Small digits in a large picture are found where some coarser level takes them for
    writing: below a hundredth of the picture's longer side that is no longer sure.
    """
    scale = min(1.0, START_SIDE / max(grey.shape))
    level = _scaled(grey, scale)
    rows, finer = _look(level, network, least)
    across, down = grey.shape[1] / level.shape[1], grey.shape[0] / level.shape[0]
    found, finer = [_placed(rows, 0, 0, across, down)], _placed(finer, 0, 0, across, down)
    # Coarser levels, for larger digits: all of them, they cost nearly nothing.
    while max(level.shape) > SMALLEST_SIDE * 1.5:
        level = _scaled(level, 0.5)
        rows, _ = _look(level, network, least)
        found.append(_placed(rows, 0, 0, grey.shape[1] / level.shape[1], grey.shape[0] / level.shape[0]))
    # Finer ones, for smaller digits: where the level before asks for them.
    while scale < 0.9 and len(finer):
        scale = min(1.0, scale * 2)
        asked = []
        for left, top, right, bottom in _regions(finer, scale, grey.shape):
            part = grey[top:bottom, left:right]
            level = _scaled(part, scale)
            across, down = part.shape[1] / level.shape[1], part.shape[0] / level.shape[0]
            rows, more = _look(level, network, least)
            found.append(_placed(rows, left, top, across, down))
            asked.append(_placed(more, left, top, across, down))
        finer = np.concatenate(asked)
    rows = np.concatenate(found)
    rows = rows[np.argsort(-rows[:, 4], kind="stable")[: 4 * MOST]]
    rows = rows[_distinct(rows)[:MOST]]
    return Candidates(rows[:, :4], rows[:, 4], rows[:, 5:])


def _scaled(grey: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _placed(
    rows: NDArray[np.float32], left: int, top: int, across: float, down: float
) -> NDArray[np.float32]:
    """Rows that begin with a box in a level's pixels, in those of the picture that it was taken from."""
    rows[:, :4] = rows[:, :4] * np.array([across, down] * 2, np.float32) + np.array(
        [left, top] * 2, np.float32
    )
    return rows


def _regions(
    finer: NDArray[np.float32], scale: float, shape: tuple[int, ...]
) -> list[tuple[int, int, int, int]]:
    """Parts of the picture (left, top, right, bottom) around the boxes `finer` `[N, 4]`, of bounded size."""
    margin, block = _CONTEXT / scale, _BLOCK / scale
    places = np.floor((finer[:, :2] + finer[:, 2:]) / 2 / block).astype(np.int64)
    blocks, member = np.unique(places[:, 0] << 32 | places[:, 1], return_inverse=True)
    low, high = np.full((len(blocks), 2), np.inf), np.full((len(blocks), 2), -np.inf)
    np.minimum.at(low, member.ravel(), finer[:, :2])
    np.maximum.at(high, member.ravel(), finer[:, 2:])
    low = np.maximum(low - margin, 0).astype(int)
    high = np.minimum(high + margin + 1, shape[::-1]).astype(int)
    return [
        (x, y, right, bottom) for (x, y), (right, bottom) in zip(low.tolist(), high.tolist(), strict=True)
    ]


def _look(
    level: NDArray[np.uint8], network: Network, least: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run the network over a level: candidates as rows, and cells that ask for a finer one as boxes `[N, 4]`.

    A row is the box in the level's pixels, the logit, ten digits' logits.
    """
    height, width = level.shape
    top, left = _before(height), _before(width)
    down, across = _padded(height) - height - top, _padded(width) - width - left
    padded = cv2.copyMakeBorder(level, top, down, left, across, cv2.BORDER_REPLICATE)
    scores = network(padded[None])[0]
    logits = scores[0]
    # A digit answers in several cells: the best of its neighbourhood speaks for it.
    best = cv2.dilate(logits, _NEIGHBOURS)
    rows, columns = np.nonzero((logits >= least) & (logits == best))
    chosen = scores[:, rows, columns]
    x, y = (columns + 0.5) * STRIDE - left, (rows + 0.5) * STRIDE - top
    sides = np.maximum(chosen[12:], 0) * BOX_SCALE
    boxes = np.stack([x - sides[0], y - sides[1], x + sides[2], y + sides[3]], axis=1)
    boxes = np.clip(boxes, 0, np.array([width, height] * 2))
    size = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    # A box of no width would be one of the border's copies.
    good = (size >= 0.6 * SIZES[0]) & (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
    candidates = np.concatenate([boxes, chosen[:1].T, chosen[2:12].T], axis=1)[good].astype(np.float32)
    rows, columns = np.nonzero(scores[1] > _FINER)
    corners = np.stack([columns * STRIDE - left, rows * STRIDE - top], axis=1)
    # What lies in the border's copies is no part of the picture.
    corners = corners[(corners >= 0).all(axis=1) & (corners < [width, height]).all(axis=1)]
    cells = np.concatenate([corners, corners + STRIDE], axis=1).astype(np.float32)
    return candidates, cells


def _padded(side: int) -> int:
    return max(_LEAST_WINDOW, -(-(side + 2 * _MARGIN) // STRIDE) * STRIDE)


def _before(side: int) -> int:
    return (_padded(side) - side) // 2


def _distinct(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of the candidates, sorted best first, that are not a worse view of another one."""
    boxes = rows[:, :4]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    alive = np.ones(len(boxes), bool)
    for index in range(len(boxes)):
        if not alive[index]:
            continue
        rest = slice(index + 1, None)
        low = np.maximum(boxes[index, :2], boxes[rest, :2])
        high = np.minimum(boxes[index, 2:], boxes[rest, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        union = area[index] + area[rest] - shared
        smaller = np.minimum(area[index], area[rest])
        # A loop in an 8 and the 8 are of different sizes: which it is, the tiles will tell.
        alike = smaller > 0.6 * np.maximum(area[index], area[rest])
        alive[rest] &= ~((shared > _OVERLAP * union) | (alike & (shared > 0.7 * smaller)))
    return np.flatnonzero(alive)


def covered(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share 0..1 of the smaller one of every two of the boxes `[N, 4]` that lies in the other: `[N, N]`."""
    area = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3).prod(axis=1)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    return np.asarray(shared / np.minimum(area[:, None], area[None]), np.float32)


def resolve(
    boxes: NDArray[np.float32], likely: NDArray[np.float32], spills: NDArray[np.float32]
) -> list[int]:
    """Indices of the boxes `[N, 4]`, digits by the probabilities `likely` `[N]`, of which none holds another.

    Of a digit and a part of it the digit stays; of a shape around a digit, which is far larger, the digit:
    its ink is a piece of its own, no share `spills` `[N]` of it lies beyond its box. So it is with two digits
    that stand side by side in a box as high as they are.
    """
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    shared = covered(boxes)
    tied = shared > 0.5
    np.fill_diagonal(tied, False)
    far_larger = area[:, None] > _AROUND * area[None]
    apart = (likely >= 0.5) & (spills < _APART)
    around = np.asarray((tied & far_larger & apart[None]).any(axis=1))
    height = boxes[:, 3] - boxes[:, 1]
    part = tied & apart[None] & (area[:, None] > area[None]) & (height[None] > _AS_HIGH * height[:, None])
    for index in np.flatnonzero(part.sum(axis=1) > 1).tolist():
        parts = np.flatnonzero(part[index])
        around[index] |= bool((shared[np.ix_(parts, parts)] < _BESIDE).any())
    kept: list[int] = []
    for index in np.argsort(-likely * np.sqrt(area), kind="stable").tolist():
        if not around[index] and not tied[index, kept].any():
            kept.append(index)
    return sorted(kept)


def reading_order(boxes: list[Box]) -> list[list[int]]:
    """Indices of the boxes by line: lines from the top, each from the left."""
    lines: list[list[int]] = []
    for index in sorted(range(len(boxes)), key=lambda i: boxes[i].y + boxes[i].height / 2):
        middle = boxes[index].y + boxes[index].height / 2
        for line in reversed(lines[-3:]):
            last = boxes[line[-1]]
            if last.y + 0.15 * last.height < middle < last.y + 0.85 * last.height:
                line.append(index)
                break
        else:
            lines.append([index])
    return [sorted(line, key=lambda i: boxes[i].x) for line in lines]
