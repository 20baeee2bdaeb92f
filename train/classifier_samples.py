"""What the classifier learns from beside MNIST: tiles that the runtime cut out of simulated scenes.

Digits, in the boxes that the detector finds for them, and what it finds that is none, which the classifier is
to reject; with single glyphs, textures and noise made into tiles, since anyone may hand over anything.
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

from edge_runtime.contract import BACKGROUND, MIN_OBJECTNESS
from edge_runtime.profiling.host import cores
from edge_runtime.reading.candidates import Candidates
from edge_runtime.reading.crop import crop_tiles
from edge_runtime.reading.detector import detect
from edge_runtime.reading.networks import Detector
from train import negatives
from train.data import Digits
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes import draw_scene
from train.synthetic.scenes.page import IGNORED, Scene

_SIDE = 208  # px, of a scene

_HEIGHTS = (13.0, 130.0)

_MIN_OBJECTNESS = -2.0  # logit of what is taken from the detector: more than the reader takes, to be sure

_MAX_OVERFLOW = 0.04  # share of the ink beyond the box, from which on a tile does not show why it is no digit

_MOST_WRONG = 6  # candidates of a scene that are no digit

_NEGATIVES = 2  # single glyphs, textures and the like for every scene

_UNFOUND = 0.1  # share of the digits that the detector did not find and that are cut all the same

Tile = NDArray[np.uint8]


@dataclass(frozen=True)
class Sample:
    """A tile, its label 0..9 or `BACKGROUND`, and the detector's candidate for it, None where it has none."""

    tile: Tile
    label: int
    contrast: float = 0.0
    overflow: float = 0.0
    candidate: Candidates | None = None


def sample_scene(
    scene: Scene, detector: Detector | None, generator: np.random.Generator, *, everything: bool = False
) -> list[Sample]:
    """Tiles of a scene's digits, found or not, and of what the detector takes for one.

    Without a detector boxes are the true ones, moved a little. Of candidates that are no digit some come back:
    a page of text would give hundreds. With `everything` all of the reader's do, and those that are neither
    a digit nor none, labelled `IGNORED`.
    """
    places: list[tuple[list[float], int, int | None]] = []  # box, label, index of the candidate
    found = np.zeros(len(scene.labels), bool)
    wrong = 0
    candidates = None
    if detector is not None:
        candidates = detect(scene.grey, detector.scores, MIN_OBJECTNESS if everything else _MIN_OBJECTNESS)
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
                label, wrong = BACKGROUND, wrong + 1
            if everything or (label != IGNORED and (label != BACKGROUND or wrong <= _MOST_WRONG)):
                places.append((box, label, index))
    for box, label in zip(scene.boxes[~found], scene.labels[~found], strict=True):
        if everything or label == IGNORED or (detector is not None and generator.random() > _UNFOUND):
            continue
        x, y, width, height = (box + 0.04 * max(box[2:]) * generator.normal(size=4)).tolist()
        places.append(([x, y, x + width, y + height], int(label), None))
    crops = crop_tiles(scene.grey, [box for box, _, _ in places])
    samples = []
    for crop, (_, label, index) in zip(crops, places, strict=True):
        # A piece of a long line shows in its tile as a 1: that it goes on beyond the box, the fusion is told,
        # and whether a stroke is a 1 or an edge, the detector sees.
        if crop is not None and (
            everything or label != BACKGROUND or (crop.overflow <= _MAX_OVERFLOW and not _slender(crop.tile))
        ):
            seen = None if index is None or candidates is None else candidates[[index]]
            own = None if seen is None else seen.with_boxes([crop.box])
            samples.append(Sample(crop.tile, label, crop.contrast, crop.overflow, own))
    return samples


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


_state: tuple[Handwriting, Detector] | None = None


def _work_with(handwriting: Handwriting, model: str) -> None:
    global _state
    _state = handwriting, Detector(model)
    cv2.setNumThreads(1)


def _draw(index: int, seed: tuple[int, ...], side: int, negatives_per_scene: int) -> list[Sample]:
    assert _state is not None
    handwriting, detector = _state
    generator = np.random.default_rng((*seed, index))
    scene = draw_scene(generator, handwriting, side, _HEIGHTS)
    samples = sample_scene(scene, detector, generator, everything=not negatives_per_scene)
    drawn = [negatives.draw(generator, handwriting) for _ in range(negatives_per_scene)]
    return samples + [Sample(tile, BACKGROUND) for tile in drawn if not _slender(tile)]


def draw_samples(
    count: int,
    digits: Digits,
    seed: tuple[int, ...],
    model: str = "int8",
    *,
    side: int = _SIDE,
    negatives_per_scene: int = _NEGATIVES,
) -> list[list[Sample]]:
    """Crop up `count` scenes drawn with the handwriting of `digits`, on all cores; the same for a seed.

    `model` is the released detector that finds the digits.
    Raises `ModelError` where that cannot be opened. Scenes are `side` px wide; `negatives_per_scene` things that nobody
    found come with each, without them come all that the detector finds.
    """
    handwriting = Handwriting(digits.tiles.numpy(), digits.labels.numpy(), seed)
    Detector(model)  # one that cannot be opened would keep the pool busy with new workers for ever
    # fork would carry torch's threads over, half dead.
    context = multiprocessing.get_context("spawn")
    with context.Pool(cores(), _work_with, (handwriting, model)) as pool:
        draw = partial(_draw, seed=seed, side=side, negatives_per_scene=negatives_per_scene)
        scenes = pool.imap(draw, range(count), chunksize=16)
        return list(
            tqdm(scenes, total=count, desc="cutting scenes", leave=False, disable=not sys.stderr.isatty())
        )


def draw_tiles(count: int, digits: Digits, seed: tuple[int, ...], model: str = "int8") -> Digits:
    """Tiles and labels of `draw_samples` as tensors."""
    samples = [sample for scene in draw_samples(count, digits, seed, model) for sample in scene]
    return Digits(
        torch.from_numpy(np.stack([sample.tile for sample in samples])),
        torch.tensor([sample.label for sample in samples], dtype=torch.int64),
    )
