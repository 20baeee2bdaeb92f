"""Training samples of the classifier besides MNIST: tiles that the runtime crops from simulated scenes.

They show digits in the boxes that the released detector finds, and what it wrongly takes for digits. The
negatives of `train.synthetic.negatives` are added, because a user may pass in a tile of anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.boxes import iou
from edge_runtime.contract import BACKGROUND, MIN_OBJECTNESS
from edge_runtime.reading.candidates import Candidates
from edge_runtime.reading.crop import crop_tiles
from edge_runtime.reading.detector import detect
from edge_runtime.reading.networks import Detector
from edge_runtime.reading.surroundings import Surroundings
from train import workers
from train.data import Digits
from train.sources import Source
from train.synthetic import negatives
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes import IGNORE, Scene, draw_scene

_SIDE = 208  # px, side of a scene
_HEIGHTS = (13.0, 130.0)  # px, range of digit heights

_TRAINING_OBJECTNESS = -2.0  # logit; below the reader's threshold, for harder and more varied samples
_DIGIT_IOU = 0.5  # a candidate that overlaps a digit more than this is that digit
_BACKGROUND_IOU = 0.1  # one that overlaps no digit more than this is background
_MAX_BACKGROUND = 6  # background candidates per scene: a page of text would give hundreds
_MAX_OVERFLOW = 0.04  # background tiles with a larger share of their ink outside the box are not used
_MISSED_SHARE = 0.1  # share of the digits missed by the detector that are cropped nevertheless
_JITTER = 0.04  # deviation of the box of a missed digit, as a share of its longer side
_NEGATIVES = 2  # per scene
_CHUNK = 32  # scenes that a worker process draws at a time

Tile = NDArray[np.uint8]


@dataclass(frozen=True)
class Sample:
    """A tile and its label: 0..9, `BACKGROUND`, or `IGNORE` where it is ambiguous.

    `contrast` and `overflow` are those of the `Crop`. `candidate` is the detector's candidate, with a box
    tight around the ink, or None for digits that the detector missed and for negatives; `surroundings` are
    those of a candidate where all candidates are wanted.
    """

    tile: Tile
    label: int
    contrast: float = 0.0
    overflow: float = 0.0
    candidate: Candidates | None = None
    surroundings: Surroundings | None = None


def sample_scene(
    scene: Scene, detector: Detector, generator: np.random.Generator, *, all_candidates: bool = False
) -> list[Sample]:
    """Crop and label the detector's candidates in a scene.

    Ambiguous candidates and most of the background ones are dropped. A tenth of the digits that the detector
    misses are cropped from their true boxes, moved a little. With `all_candidates`, returns what the reader
    would crop instead: every candidate, ambiguous ones labelled `IGNORE`, and no missed digits.
    """
    places: list[tuple[list[float], int, int | None]] = []  # box, label, index of the candidate
    detected = np.zeros(len(scene.labels), bool)
    background = 0
    threshold = MIN_OBJECTNESS if all_candidates else _TRAINING_OBJECTNESS
    candidates = detect(scene.grey, detector.scores, threshold)
    true = np.concatenate([scene.boxes[:, :2], scene.boxes[:, :2] + scene.boxes[:, 2:]], axis=1)
    for index, overlaps in enumerate(iou(candidates.boxes, true)):
        overlap = overlaps.max(initial=0)
        if overlap > _DIGIT_IOU:
            best = overlaps.argmax()
            label = int(scene.labels[best])
            detected[best] = True
        elif overlap > _BACKGROUND_IOU:
            label = IGNORE  # a part of a digit, or two of them
        else:
            label = BACKGROUND
            background += 1
        if all_candidates or (label != IGNORE and (label != BACKGROUND or background <= _MAX_BACKGROUND)):
            places.append((candidates.boxes[index].tolist(), label, index))
    for box, label in zip(scene.boxes[~detected], scene.labels[~detected], strict=True):
        if all_candidates or label == IGNORE or generator.random() > _MISSED_SHARE:
            continue
        x, y, width, height = (box + _JITTER * max(box[2:]) * generator.normal(size=4)).tolist()
        places.append(([x, y, x + width, y + height], int(label), None))
    samples = []
    for crop, (_, label, place) in zip(
        crop_tiles(scene.grey, [box for box, _, _ in places]), places, strict=True
    ):
        if crop is None:
            continue
        # The tile of a piece of a long line looks like a 1, and would teach the classifier to reject 1s.
        # Leave it to the fusion, which knows the overflow, and the detector, which sees the surroundings.
        misleading = crop.overflow > _MAX_OVERFLOW or _is_slender(crop.tile)
        if label == BACKGROUND and misleading and not all_candidates:
            continue
        candidate = None if place is None else candidates[[place]].with_boxes([crop.box])
        surroundings = Surroundings.of(scene.grey, crop) if all_candidates else None
        samples.append(Sample(crop.tile, label, crop.contrast, crop.overflow, candidate, surroundings))
    return samples


def _is_slender(tile: Tile) -> bool:
    """Whether all ink of a tile lies in a box as narrow as an upright stroke."""
    _, _, width, height = cv2.boundingRect((tile > 64).astype(np.uint8))
    return width * 2.4 < height


def draw_classifier_scene(
    generator: np.random.Generator, handwriting: Handwriting, side: int = _SIDE
) -> Scene:
    """Draw a scene of `side` x `side` px, of which samples are taken."""
    return draw_scene(generator, handwriting, side, _HEIGHTS)


def draw_classifier_samples(
    count: int,
    source: Source,
    seed: tuple[int, ...],
    model: str = "int8",
    *,
    side: int = _SIDE,
    negatives_per_scene: int = _NEGATIVES,
    all_candidates: bool = False,
) -> list[list[Sample]]:
    """Draw `count` scenes with the handwriting of `source`, on all cores; return the samples of each.

    Scenes are `side` x `side` px; `model` names the released detector. Each scene adds
    `negatives_per_scene` negatives; `all_candidates` is as in `sample_scene`. The same seed gives the same
    samples. Raises `ModelError` when the detector cannot be loaded.
    """
    handwriting = source.handwriting(seed)
    # If workers fail to start, a pool restarts them for ever, so an unusable model must fail here.
    Detector(model)
    arguments = (handwriting, model, seed, side, negatives_per_scene, all_candidates)
    return list(workers.draw_all(_prepare, arguments, count, chunk=_CHUNK))


def _prepare(
    handwriting: Handwriting,
    model: str,
    seed: tuple[int, ...],
    side: int,
    negatives_per_scene: int,
    all_candidates: bool,
) -> Callable[[int], list[Sample]]:
    detector = Detector(model)

    def draw(index: int) -> list[Sample]:
        generator = np.random.default_rng((*seed, index))
        scene = draw_classifier_scene(generator, handwriting, side)
        samples = sample_scene(scene, detector, generator, all_candidates=all_candidates)
        drawn = [negatives.draw(generator, handwriting) for _ in range(negatives_per_scene)]
        return samples + [Sample(tile, BACKGROUND) for tile in drawn if not _is_slender(tile)]

    return draw


def draw_tiles(count: int, source: Source, seed: tuple[int, ...]) -> Digits:
    """The tiles and labels, 0..9 or `BACKGROUND`, of `draw_classifier_samples` as tensors."""
    samples = [sample for scene in draw_classifier_samples(count, source, seed) for sample in scene]
    return Digits(
        torch.from_numpy(np.stack([sample.tile for sample in samples])),
        torch.tensor([sample.label for sample in samples], dtype=torch.int64),
    )
