"""What the classifier learns from beside MNIST: tiles that the runtime cut out of simulated scenes.

Digits, in the boxes that the locator finds for them, and what it finds that is none, which the classifier is
to refuse; with single marks, textures and noise made into tiles, since anyone may hand over anything.
"""

from __future__ import annotations

import multiprocessing
import sys
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from edge_runtime.locate import Candidates, find_digits
from edge_runtime.model import Locator
from edge_runtime.preprocess import NO_DIGIT, cut_tiles
from edge_runtime.profiling import cores
from edge_runtime.reader import LEAST_LOGIT
from train import others
from train.data import Digits
from train.ink import Handwriting
from train.scenes import IGNORED, Scene, draw_scene

_SIDE = 208  # px, of a scene
_HEIGHTS = (13.0, 130.0)
_LEAST = -2.0  # logit of what is taken from the locator: more than the reader takes, to be sure
_SPILT = 0.04  # share of the ink beyond the box, from which on a tile does not show why it is no digit
_MOST_WRONG = 6  # candidates of a scene that are no digit
_MARKS = 2  # single marks, textures and the like for every scene
_UNFOUND = 0.1  # share of the digits that the locator did not find and that are cut all the same

Tile = NDArray[np.uint8]


@dataclass(frozen=True)
class Cut:
    """A tile, its label 0..9 or `NO_DIGIT`, and the locator's candidate for it, None where it has none."""

    tile: Tile
    label: int
    contrast: float = 0.0
    spill: float = 0.0
    found: Candidates | None = None


def cut_scene(
    scene: Scene, locator: Locator | None, generator: np.random.Generator, *, everything: bool = False
) -> list[Cut]:
    """Tiles of a scene's digits, found or not, and of what the locator takes for one.

    Without a locator boxes are the true ones, moved a little. Of candidates that are no digit some come back:
    a page of text would give hundreds. With `everything` all of the reader's do, and those that are neither
    a digit nor none, labelled `IGNORED`.
    """
    places: list[tuple[list[float], int, int | None]] = []  # box, label, index of the candidate
    found = np.zeros(len(scene.labels), bool)
    wrong = 0
    candidates = None
    if locator is not None:
        candidates = find_digits(scene.grey, locator.scores, LEAST_LOGIT if everything else _LEAST)
        for index, box in enumerate(candidates.boxes.tolist()):
            left, top, right, bottom = box
            overlaps = _overlaps((left, top, right - left, bottom - top), scene.boxes)
            best = int(overlaps.argmax()) if len(overlaps) else -1
            if best >= 0 and overlaps[best] > 0.5:
                label = int(scene.labels[best])
                found[best] = True
            elif best >= 0 and overlaps[best] > 0.1:
                label = IGNORED  # a part of a digit, or two of them
            else:
                label, wrong = NO_DIGIT, wrong + 1
            if everything or (label != IGNORED and (label != NO_DIGIT or wrong <= _MOST_WRONG)):
                places.append((box, label, index))
    for box, label in zip(scene.boxes[~found], scene.labels[~found], strict=True):
        if everything or label == IGNORED or (locator is not None and generator.random() > _UNFOUND):
            continue
        x, y, width, height = (box + 0.04 * max(box[2:]) * generator.normal(size=4)).tolist()
        places.append(([x, y, x + width, y + height], int(label), None))
    cut = cut_tiles(scene.grey, [box for box, _, _ in places])
    cuts = []
    for ink, (_, label, index) in zip(cut, places, strict=True):
        # A piece of a long line shows in its tile as a 1: that it goes on beyond the box, the vote is told,
        # and whether a stroke is a 1 or an edge, the locator sees.
        if ink is not None and (
            everything or label != NO_DIGIT or (ink.spill <= _SPILT and not _slender(ink.tile))
        ):
            seen = None if index is None or candidates is None else candidates[[index]]
            own = None if seen is None else seen.tightened([ink.box])
            cuts.append(Cut(ink.tile, label, ink.contrast, ink.spill, own))
    return cuts


def _slender(tile: Tile) -> bool:
    """Whether a tile shows one upright stroke and nothing else."""
    _, _, width, height = cv2.boundingRect((tile > 64).astype(np.uint8))
    return width * 2.4 < height


def _overlaps(box: tuple[float, ...], boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Intersection over union of a box (x, y, width, height) with `boxes` `[N, 4]`."""
    x, y, width, height = box
    across = np.minimum(x + width, boxes[:, 0] + boxes[:, 2]) - np.maximum(x, boxes[:, 0])
    down = np.minimum(y + height, boxes[:, 1] + boxes[:, 3]) - np.maximum(y, boxes[:, 1])
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    return shared / (width * height + boxes[:, 2] * boxes[:, 3] - shared)


_state: tuple[Handwriting, Locator] | None = None


def _work_with(handwriting: Handwriting, model: str) -> None:
    global _state
    _state = handwriting, Locator(model)
    cv2.setNumThreads(1)


def _draw(index: int, seed: tuple[int, ...], side: int, marks: int) -> list[Cut]:
    assert _state is not None
    handwriting, locator = _state
    generator = np.random.default_rng((*seed, index))
    scene = draw_scene(generator, handwriting, side, _HEIGHTS)
    cuts = cut_scene(scene, locator, generator, everything=not marks)
    drawn = [others.draw(generator, handwriting) for _ in range(marks)]
    return cuts + [Cut(tile, NO_DIGIT) for tile in drawn if not _slender(tile)]


def draw_cuts(
    count: int,
    digits: Digits,
    seed: tuple[int, ...],
    model: str = "int8",
    *,
    side: int = _SIDE,
    marks: int = _MARKS,
) -> list[list[Cut]]:
    """Cut up `count` scenes drawn with the handwriting of `digits`, on all cores; the same for a seed.

    `model` is the released locator that finds the digits.
    Raises `ModelError` where that cannot be opened. Scenes are `side` px wide; `marks` things that nobody
    found come with each, without them come all that the locator finds.
    """
    handwriting = Handwriting(digits.tiles.numpy(), digits.labels.numpy(), seed)
    Locator(model)  # one that cannot be opened would keep the pool busy with new workers for ever
    # fork would carry torch's threads over, half dead.
    context = multiprocessing.get_context("spawn")
    with context.Pool(cores(), _work_with, (handwriting, model)) as pool:
        draw = partial(_draw, seed=seed, side=side, marks=marks)
        scenes = pool.imap(draw, range(count), chunksize=16)
        return list(
            tqdm(scenes, total=count, desc="cutting scenes", leave=False, disable=not sys.stderr.isatty())
        )


def draw_tiles(count: int, digits: Digits, seed: tuple[int, ...], model: str = "int8") -> Digits:
    """Tiles and labels of `draw_cuts` as tensors."""
    cuts = [cut for scene in draw_cuts(count, digits, seed, model) for cut in scene]
    return Digits(
        torch.from_numpy(np.stack([cut.tile for cut in cuts])),
        torch.tensor([cut.label for cut in cuts], dtype=torch.int64),
    )
