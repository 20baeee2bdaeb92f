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
from train.detector_samples import EMPTY, UNJUDGED, DetectorScenes
from train.sources import Source
from train.synthetic import negatives, scenes
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes import IGNORE


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


def targets_of(label, box):
    """The targets of a sample whose only digit has this label and box (x, y, width, height)."""
    boxes, labels = torch.tensor([[box]], dtype=torch.float32), torch.tensor([[label]], dtype=torch.int8)
    digit, sides = detector_samples.targets(boxes, labels)
    return digit[0].numpy(), sides[0].numpy()


def test_the_cells_in_the_middle_of_a_digit_are_its_targets():
    digit, sides = targets_of(7, (40, 36, 14, 22))
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
    digit, _ = targets_of(3, (30, 30, size * 0.6, size))
    assert (digit == 3).any() == detected


def test_cells_of_ignored_digits_are_unjudged():
    digit, _ = targets_of(IGNORE, (80, 36, 16, 22))
    rows, columns = np.nonzero(digit == UNJUDGED)
    assert len(rows) >= 2
    assert (columns * STRIDE >= 76).all()
    assert not (digit >= 0).any()


def test_a_cell_that_two_digits_share_belongs_to_the_nearer_one():
    boxes = torch.tensor([[[20.0, 20, 16, 24], [26, 20, 16, 24], [0, 0, 0, 0]]])
    digit, sides = detector_samples.targets(boxes, torch.tensor([[4, 9, IGNORE]], dtype=torch.int8))
    row = (20 + 12) // STRIDE
    centres = [(column + 0.5) * STRIDE for column in range(digit.shape[2])]
    expected = [4 if abs(x - 28) < abs(x - 34) else 9 for x in centres]
    owners = digit[0, row].tolist()
    assert {4, 9} <= set(owners)
    for column, owner in enumerate(owners):
        if owner >= 0:
            assert owner == expected[column]
            left = 20 if owner == 4 else 26
            assert centres[column] - sides[0, 0, row, column] == left


def scenes_of(box, count=1):
    """Scenes with a black rectangle at `box` (x, y, width, height) on a white page, labelled 5."""
    side = detector_samples.SCENE_SIDE
    x, y, width, height = box
    grey = torch.full((count, side, side), 255, dtype=torch.uint8)
    grey[:, y : y + height, x : x + width] = 0
    boxes = torch.tensor(box, dtype=torch.float32).expand(count, 1, 4)
    return DetectorScenes(grey, boxes, torch.full((count, 1), 5, dtype=torch.int8))


def test_the_boxes_of_a_view_fit_its_pixels():
    samples = scenes_of((48, 44, 14, 20), 40).random_views(torch.Generator().manual_seed(3))
    corners = set()
    for grey, digit, sides in zip(samples.grey, samples.digit, samples.sides, strict=True):
        rows, columns = torch.nonzero(grey < 128, as_tuple=True)
        ink = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        row, column = torch.nonzero(digit == 5)[0].tolist()
        left, top, right, bottom = sides[:, row, column].tolist()
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        assert (x - left, y - top, x + right, y + bottom) == pytest.approx([float(i) for i in ink], abs=0.8)
        corners.add((round(x - left), round(y - top)))
    assert len(corners) > 20
    widths = samples.sides[:, 0] + samples.sides[:, 2]
    assert {round(float(width), 3) for width in widths[widths > 0]} >= {14.0}
    assert widths.max() > 14.5


def test_unscaled_views_and_the_middle_show_the_pixels_of_the_scene(digits, monkeypatch):
    monkeypatch.setattr(detector_samples, "_SCALED_SHARE", 0)
    scenes = detector_samples.draw_detector_scenes(6, Source(digits), (3, 1), 1)
    views = scenes.random_views(torch.Generator().manual_seed(3)).grey
    side = detector_samples.SIDE
    for view, scene in zip(views, scenes.grey, strict=True):
        assert (scene.unfold(0, side, 1).unfold(1, side, 1) == view).all(dim=(2, 3)).any()
    margin = (detector_samples.SCENE_SIDE - side) // 2
    middle = scenes.middle()
    assert torch.equal(middle.grey, scenes.grey[:, margin:-margin, margin:-margin])
    assert middle.digit.shape == (6, side // STRIDE, side // STRIDE)


@pytest.mark.slow  # starts processes that import torch
def test_scenes_do_not_depend_on_the_number_of_processes(digits, monkeypatch):
    monkeypatch.setattr(detector_samples, "_CHUNK", 4)
    one, two = (detector_samples.draw_detector_scenes(12, Source(digits), (3, 1), count) for count in (1, 2))
    for name in ("grey", "boxes", "labels"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert (one.labels >= 0).any()


def test_detector_scenes_depend_on_their_seed(digits):
    one, again, other = (
        detector_samples.draw_detector_scenes(4, Source(digits), (3, seed), 1).grey for seed in (1, 1, 2)
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
        1, Source(digits), (1, 3), negatives_per_scene=0, all_candidates=True
    )
    assert all(sample.candidate is not None for sample in candidates)


def test_an_unknown_detector_is_reported_before_processes_start(digits):
    with pytest.raises(ModelError, match="unknown"):
        classifier_samples.draw_classifier_samples(1000, Source(digits), (1, 3), "unknown")
