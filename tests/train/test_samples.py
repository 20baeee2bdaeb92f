"""Training samples: negatives, the detector's scenes and targets, the classifier's tiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edge_runtime import ModelError
from edge_runtime.boxes import iou
from edge_runtime.contract import BACKGROUND, DIGIT_SIZES, STRIDE, TILE
from edge_runtime.reading.networks import Classifier, Detector
from tests import drawing
from train import classifier_samples, detector_samples
from train.data import Digits
from train.detector_samples import EMPTY, UNJUDGED
from train.sources import Source
from train.synthetic import negatives, scenes
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes import IGNORE, Scene


@pytest.fixture(scope="module")
def digits():
    drawn, labels = drawing.drawn_tiles(100, seed=5)
    return Digits(torch.from_numpy(drawn), torch.from_numpy(labels.astype(np.int64)))


@pytest.fixture(scope="module")
def handwriting(digits):
    return Handwriting(digits.tiles.numpy(), digits.labels.numpy(), (1,))


@pytest.mark.parametrize("kind", sorted(negatives.KINDS))
def test_negatives_are_tiles(kind, handwriting):
    draw, share = negatives.KINDS[kind]
    drawn = np.stack([draw(np.random.default_rng(seed), handwriting) for seed in range(12)])
    assert drawn.shape == (12, TILE, TILE)
    assert drawn.dtype == np.uint8
    assert drawn.max() > 100
    assert len(np.unique(drawn, axis=0)) > 6
    assert share > 0


def test_negatives_repeat_for_the_same_seed(handwriting):
    one, again, other = (
        np.stack([negatives.draw(generator, handwriting) for _ in range(20)])
        for generator in map(np.random.default_rng, (1, 1, 2))
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def scene_of(label, box, side=96):
    """A scene whose only digit has this label and box (x, y, width, height)."""
    boxes, labels = np.array([box], np.float32), np.array([label], np.int64)
    return Scene(np.zeros((side, side), np.uint8), boxes, labels, "test")


def test_the_cells_in_the_middle_of_a_digit_are_its_targets():
    digit, sides = detector_samples.targets(scene_of(7, (40, 36, 14, 22)))
    rows, columns = np.nonzero(digit == 7)
    assert len(rows) >= 2
    for row, column in zip(rows, columns, strict=True):
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        left, top, right, bottom = sides[:, row, column].astype(float)
        assert (x - left, y - top, x + right, y + bottom) == pytest.approx((40, 36, 54, 58), abs=0.1)
        assert 40 < x < 54
        assert 36 < y < 58
    assert set(np.unique(digit)) == {EMPTY, UNJUDGED, 7}
    assert not sides[:, digit != 7].any()


@pytest.mark.parametrize(
    ("size", "detected"),
    [
        pytest.param(3, False, id="unreadable"),
        pytest.param(DIGIT_SIZES[0] / 2, False, id="next finer level"),
        pytest.param(20, True, id="this level"),
        pytest.param(DIGIT_SIZES[1] * 1.5, False, id="coarser level"),
    ],
)
def test_each_level_detects_digits_of_its_size(size, detected):
    digit, _ = detector_samples.targets(scene_of(3, (30, 30, size * 0.6, size)))
    assert (digit == 3).any() == detected


def test_cells_of_ignored_digits_are_unjudged():
    digit, _ = detector_samples.targets(scene_of(IGNORE, (80, 36, 16, 22)))
    rows, columns = np.nonzero(digit == UNJUDGED)
    assert len(rows) >= 2
    assert (columns * STRIDE >= 76).all()
    assert not (digit >= 0).any()


@pytest.mark.slow  # starts processes that import torch
def test_samples_do_not_depend_on_the_number_of_processes(digits, monkeypatch):
    monkeypatch.setattr(detector_samples, "_CHUNK", 4)
    one, two = (detector_samples.draw_detector_samples(12, Source(digits), (3, 1), count) for count in (1, 2))
    for name in ("grey", "digit", "sides"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert (one.digit >= 0).any()


def test_detector_samples_depend_on_their_seed(digits):
    one, again, other = (
        detector_samples.draw_detector_samples(4, Source(digits), (3, seed), 1).grey for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_classifier_samples_show_the_digits_that_they_are_labelled_with(handwriting, monkeypatch):
    monkeypatch.setattr(scenes, "_DOCUMENT_SHARE", 0)  # in documents, digits touch and overlap
    detector, classifier = Detector("int8"), Classifier("int8")
    tiles, labels = [], []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        scene = scenes.draw_scene(generator, handwriting, 208, (30, 90), digits=True)
        for sample in classifier_samples.sample_scene(scene, detector, generator):
            assert sample.tile.shape == (TILE, TILE)
            assert 0 <= sample.label <= BACKGROUND
            if sample.label != BACKGROUND:
                tiles.append(sample.tile)
                labels.append(sample.label)
    assert len(tiles) > 30
    values, _ = classifier.classify(np.stack(tiles))
    assert (values == labels).mean() > 0.9


def test_all_candidates_of_a_scene_can_be_sampled(handwriting):
    detector = Detector("int8")
    ambiguous = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        scene = scenes.draw_scene(generator, handwriting, 208, (30, 90), digits=True)
        true = np.concatenate([scene.boxes[:, :2], scene.boxes[:, :2] + scene.boxes[:, 2:]], axis=1)
        samples = classifier_samples.sample_scene(scene, detector, generator, all_candidates=True)
        assert all(sample.candidate is not None for sample in samples)
        for sample in samples:
            ambiguous += sample.label == IGNORE
            if 0 <= sample.label < BACKGROUND:
                # The candidate's box has been tightened to its ink since it was matched.
                assert iou(sample.candidate.boxes, true).max() > 0.2
    assert ambiguous


def test_scenes_come_with_negatives(digits):
    (samples,) = classifier_samples.draw_classifier_samples(1, Source(digits), (1, 3), negatives_per_scene=40)
    added = [sample for sample in samples if sample.candidate is None and sample.label == BACKGROUND]
    # Those that look like a 1 are left out.
    assert 20 < len(added) <= 40
    (candidates,) = classifier_samples.draw_classifier_samples(
        1, Source(digits), (1, 3), negatives_per_scene=0
    )
    assert all(sample.candidate is not None for sample in candidates)


def test_an_unknown_detector_is_reported_before_processes_start(digits):
    with pytest.raises(ModelError, match="unknown"):
        classifier_samples.draw_classifier_samples(1000, Source(digits), (1, 3), "unknown")
