"""Training samples of the detector: small simulated scenes, and the targets of every cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_runtime.contract import DIGIT_SIZES, STRIDE
from train import workers
from train.sources import Source
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes import IGNORE, Scene, draw_scene

SIDE = 96  # px, side of a sample

EMPTY, UNJUDGED = -1, -2  # targets of cells without a digit, and of cells that the loss leaves out

# Ranges of digit heights in px, and the share of samples drawn from each: digits for this level of the
# pyramid, for finer and for coarser levels.
_HEIGHTS = (((10.0, 31.0), 0.7), ((4.0, 11.0), 0.1), ((28.0, 200.0), 0.2))

_TOLERANCE = 0.16  # digits outside `DIGIT_SIZES` by up to this share may be detected, but need not be
_CENTRE = 0.27  # cells this close to a digit's centre, as a share of its sides, must detect it
_UNJUDGED_REACH = 0.5  # the same, for the cells around those, which may or may not detect it
_CHUNK = 64  # samples that a worker process draws at a time


@dataclass(frozen=True)
class DetectorSamples:
    """N samples of `SIDE` x `SIDE` px, with C x C cells each, and their targets.

    `grey` is uint8 `[N, SIDE, SIDE]`. `digit` is int8 `[N, C, C]`: 0..9, `EMPTY` or `UNJUDGED`. `sides` is
    float16 `[N, 4, C, C]`: distances in px from the centre of a cell with a digit to the left, top, right and
    bottom of the digit's box, and 0 elsewhere.
    """

    grey: Tensor
    digit: Tensor
    sides: Tensor

    def __len__(self) -> int:
        return len(self.grey)

    def __getitem__(self, index: Tensor | slice) -> DetectorSamples:
        return DetectorSamples(self.grey[index], self.digit[index], self.sides[index])

    def to(self, device: torch.device) -> DetectorSamples:
        """Copy to `device`."""
        return DetectorSamples(*(part.to(device) for part in (self.grey, self.digit, self.sides)))


def draw_sample(seed: tuple[int, ...], handwriting: Handwriting) -> Scene:
    """Draw the scene of one sample; the same scene for the same seed."""
    generator = np.random.default_rng(seed)
    index = generator.choice(len(_HEIGHTS), p=[share for _, share in _HEIGHTS])
    return draw_scene(generator, handwriting, SIDE, _HEIGHTS[index][0])


def targets(scene: Scene) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """The targets of a square scene: `digit` and `sides` of `DetectorSamples`, for one sample."""
    cells = scene.grey.shape[0] // STRIDE
    centres = (np.arange(cells) + 0.5) * STRIDE
    digit = np.full((cells, cells), EMPTY, np.int8)
    sides = np.zeros((4, cells, cells), np.float16)
    nearest = np.full((cells, cells), np.inf)
    smallest, largest = DIGIT_SIZES
    for (x, y, width, height), label in zip(scene.boxes, scene.labels, strict=True):
        size = max(width, height)
        across, down = centres - (x + width / 2), centres - (y + height / 2)
        within = partial(_within, across, down, width, height)
        if size < smallest * (1 - _TOLERANCE) or size > largest * (1 + _TOLERANCE):
            continue
        if label == IGNORE or not smallest <= size <= largest:
            digit[within(_UNJUDGED_REACH) & (digit < 0)] = UNJUDGED
            continue
        digit[within(_UNJUDGED_REACH) & (digit == EMPTY)] = UNJUDGED
        # A cell that two digits share belongs to the one with the nearer centre.
        distance = np.maximum(
            (np.abs(across) / max(width, 4))[None], (np.abs(down) / max(height, 4))[:, None]
        )
        own = within(_CENTRE) & (distance < nearest)
        nearest[own] = distance[own]
        digit[own] = label
        rows, columns = np.nonzero(own)
        sides[:, rows, columns] = (
            centres[columns] - x,
            centres[rows] - y,
            x + width - centres[columns],
            y + height - centres[rows],
        )
    return digit, sides


def _within(
    across: NDArray[np.float64], down: NDArray[np.float64], width: float, height: float, reach: float
) -> NDArray[np.bool_]:
    """Cells, bool `[C, C]`, whose centre is at most `reach` times a box's sides away from the box's centre.

    `across` and `down`, both `[C]`, are the distances of the columns and rows from the box's centre. At least
    the nearest cell counts, however small the box.
    """
    reach_x, reach_y = max(STRIDE / 2, reach * width), max(STRIDE / 2, reach * height)
    return (np.abs(across) <= reach_x)[None] & (np.abs(down) <= reach_y)[:, None]


def draw_detector_samples(
    count: int, source: Source, seed: tuple[int, ...], processes: int | None = None
) -> DetectorSamples:
    """Draw `count` samples with the handwriting of `source`, by default on all cores.

    The same seed gives the same samples, whatever the number of processes.
    """
    handwriting = source.handwriting(seed)
    cells = SIDE // STRIDE
    grey = np.empty((count, SIDE, SIDE), np.uint8)
    digit = np.empty((count, cells, cells), np.int8)
    sides = np.empty((count, 4, cells, cells), np.float16)
    drawn = workers.draw_all(_prepare, (handwriting, seed), count, chunk=_CHUNK, processes=processes)
    for index, parts in enumerate(drawn):
        grey[index], digit[index], sides[index] = parts
    return DetectorSamples(*(torch.from_numpy(part) for part in (grey, digit, sides)))


def _prepare(handwriting: Handwriting, seed: tuple[int, ...]) -> Callable[[int], tuple[NDArray[Any], ...]]:
    def draw(index: int) -> tuple[NDArray[Any], ...]:
        scene = draw_sample((*seed, index), handwriting)
        return scene.grey, *targets(scene)

    return draw
