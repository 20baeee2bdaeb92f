"""What the detector learns from: windows of simulated scenes, and what it is to answer at every cell."""

from __future__ import annotations

import multiprocessing
import sys
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from edge_runtime.contract import DIGIT_SIZES, STRIDE
from edge_runtime.profiling.host import cores
from train.data import Digits
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes import draw_scene
from train.synthetic.scenes.page import IGNORED, Scene

SIDE = 96  # px, of a window

# Heights of digits that scenes are drawn with, and how often: what this level of the pyramid is to find, what
# a finer one finds, what a coarser one finds.
_HEIGHTS = (((10.0, 31.0), 0.62), ((5.0, 11.0), 0.13), ((28.0, 90.0), 0.25))

_DOUBTFUL = 0.16  # digits that are out of range by this share are neither right nor wrong here

_CENTRE = 0.27  # the cells of a digit lie within this share of its sides around its middle

SMALLEST_HINT = 4.5  # px; smaller writing is not worth a look at a finer level

NOTHING, UNJUDGED = -1, -2


@dataclass(frozen=True)
class Windows:
    """N windows with C x C cells each.

    `grey` uint8 `[N, SIDE, SIDE]`; `digit` int8 `[N, C, C]`: 0..9, `NOTHING` or `UNJUDGED`; `finer` int8
    `[N, C, C]`: whether digits for the next finer level are there (0, 1 or `UNJUDGED`); `sides` float16
    `[N, 4, C, C]`: from the cell's middle to the box's left, top, right and bottom, in px.
    """

    grey: Tensor
    digit: Tensor
    finer: Tensor
    sides: Tensor

    def __len__(self) -> int:
        return len(self.grey)

    def __getitem__(self, index: Tensor | slice) -> Windows:
        return Windows(self.grey[index], self.digit[index], self.finer[index], self.sides[index])

    def to(self, device: torch.device) -> Windows:
        """Copy to `device`."""
        return Windows(*(part.to(device) for part in (self.grey, self.digit, self.finer, self.sides)))


def draw_window(seed: tuple[int, ...], handwriting: Handwriting) -> Scene:
    """The window that `seed` stands for."""
    generator = np.random.default_rng(seed)
    index = generator.choice(len(_HEIGHTS), p=[share for _, share in _HEIGHTS])
    return draw_scene(generator, handwriting, SIDE, _HEIGHTS[index][0])


def targets(scene: Scene) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.float16]]:
    """What the detector is to say of a scene: `digit`, `finer` and `sides` of one window."""
    cells = scene.grey.shape[0] // STRIDE
    middles = (np.arange(cells) + 0.5) * STRIDE
    digit = np.full((cells, cells), NOTHING, np.int8)
    finer = np.zeros((cells, cells), np.int8)
    sides = np.zeros((4, cells, cells), np.float16)
    nearest = np.full((cells, cells), np.inf)
    smallest, largest = DIGIT_SIZES
    for (x, y, width, height), label in zip(scene.boxes, scene.labels, strict=True):
        size = max(width, height)
        across, down = middles - (x + width / 2), middles - (y + height / 2)

        def within(share: float, a=across, d=down, w=width, h=height) -> NDArray[np.bool_]:
            reach_x, reach_y = max(STRIDE / 2, share * w), max(STRIDE / 2, share * h)
            return (np.abs(a) <= reach_x)[None] & (np.abs(d) <= reach_y)[:, None]

        if SMALLEST_HINT <= size < smallest * 1.05:
            finer[within(0.7)] = 1
        elif size < smallest * 1.3:
            finer[within(0.7) & (finer == 0)] = UNJUDGED
        if size < smallest * (1 - _DOUBTFUL) or size > largest * (1 + _DOUBTFUL):
            continue
        if label == IGNORED or not smallest <= size <= largest:
            digit[within(0.5) & (digit < 0)] = UNJUDGED
            continue
        digit[within(0.5) & (digit == NOTHING)] = UNJUDGED
        # Where two digits share a cell it belongs to the one whose middle is nearer.
        away = np.maximum((np.abs(across) / max(width, 4))[None], (np.abs(down) / max(height, 4))[:, None])
        own = within(_CENTRE) & (away < nearest)
        nearest[own] = away[own]
        digit[own] = label
        rows, columns = np.nonzero(own)
        sides[:, rows, columns] = (
            middles[columns] - x,
            middles[rows] - y,
            x + width - middles[columns],
            y + height - middles[rows],
        )
    return digit, finer, sides


_handwriting: Handwriting | None = None


def _work_with(handwriting: Handwriting) -> None:
    global _handwriting
    _handwriting = handwriting
    cv2.setNumThreads(1)


def _draw(index: int, seed: tuple[int, ...]):
    assert _handwriting is not None
    scene = draw_window((*seed, index), _handwriting)
    return scene.grey, *targets(scene)


def draw_windows(count: int, digits: Digits, seed: tuple[int, ...], processes: int | None = None) -> Windows:
    """Draw `count` windows with the handwriting of `digits`, on all cores; the same for a seed."""
    handwriting = Handwriting(digits.tiles.numpy(), digits.labels.numpy(), seed)
    cells = SIDE // STRIDE
    grey = np.empty((count, SIDE, SIDE), np.uint8)
    digit, finer = np.empty((count, cells, cells), np.int8), np.empty((count, cells, cells), np.int8)
    sides = np.empty((count, 4, cells, cells), np.float16)
    # fork would carry torch's threads over, half dead.
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes or cores(), _work_with, (handwriting,)) as pool:
        drawn = pool.imap(partial(_draw, seed=seed), range(count), chunksize=64)
        progress = tqdm(
            drawn, total=count, desc="drawing scenes", leave=False, disable=not sys.stderr.isatty()
        )
        for index, parts in enumerate(progress):
            grey[index], digit[index], finer[index], sides[index] = parts
    return Windows(*(torch.from_numpy(part) for part in (grey, digit, finer, sides)))
