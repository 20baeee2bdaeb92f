"""Simulated scenes: what is drawn, what is known of it, and what the networks are asked about it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edge_runtime.contract import BACKGROUND, DIGIT_SIZES
from tests import drawing
from train import classifier_samples, detector_samples, negatives
from train.data import Digits
from train.synthetic import glyphs, scenes, strokes, surfaces
from train.synthetic.handwriting import Handwriting, from_tile
from train.synthetic.scenes import layouts, page


@pytest.fixture(scope="module")
def handwriting():
    drawn, labels = drawing.drawn_tiles(200, seed=5)
    return Handwriting(drawn, labels.astype(np.int64), (1,))


def layout(name):
    return [entry for entry in layouts._WITH_DIGITS + layouts._WITHOUT_DIGITS if entry[0].__name__ == name]


WITH_DIGITS = [entry[0].__name__ for entry in layouts._WITH_DIGITS]

NAMES = WITH_DIGITS + [entry[0].__name__ for entry in layouts._WITHOUT_DIGITS]


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_gives_a_image_and_boxes_in_it(name, handwriting, monkeypatch):
    for part in ("_WITH_DIGITS", "_WITHOUT_DIGITS"):
        monkeypatch.setattr(scenes, part, layout(name))
    found = 0
    for seed in range(12):
        scene = scenes.draw_scene(np.random.default_rng(seed), handwriting, 96, (12, 30))
        assert scene.grey.shape == (96, 96)
        assert scene.grey.dtype == np.uint8
        assert len(scene.boxes) == len(scene.labels)
        assert scene.kind == name.strip("_")
        for x, y, width, height in scene.boxes[scene.labels >= 0]:
            assert x >= 0
            assert y >= 0
            assert x + width <= 96
            assert y + height <= 96
            assert min(width, height) > 0
        found += int((scene.labels >= 0).sum())
    assert bool(found) == (name in WITH_DIGITS)


def test_a_scene_is_its_seed(handwriting):
    def draw(seed, source):
        return scenes.draw_scene(np.random.default_rng(seed), source, 96, (12, 30))

    one, other = draw(7, handwriting), draw(8, handwriting)
    # Marks that were drawn for other scenes before make no difference.
    fresh = draw(7, Handwriting(handwriting._tiles, handwriting._labels, (1,)))
    assert (one.grey == fresh.grey).all()
    assert (one.boxes == fresh.boxes).all()
    assert one.grey.tobytes() != other.grey.tobytes()


@pytest.mark.parametrize("pen", [0.0, 0.03, 0.1, 0.2])
def test_a_digit_is_written_with_the_pen(pen, handwriting):
    """A broader pen inks more of the same digit."""
    tile = drawing.drawn_tiles(10, seed=3)[0][8]
    mark = from_tile(tile, np.random.default_rng(0), pen)
    assert mark.max() > 200
    assert 40 < mark.shape[0] < 90
    if pen:
        thinner = from_tile(tile, np.random.default_rng(0), pen / 2)
        assert (mark > 128).mean() >= (thinner > 128).mean()


@pytest.mark.parametrize("patterns", [glyphs.LETTERS, glyphs.OPERATORS], ids=["letters", "operators"])
def test_letters_and_signs_are_drawn(patterns):
    for pattern in patterns.values():
        assert strokes.draw(pattern, np.random.default_rng(0), height=60, pen=5).max() == 255


@pytest.mark.parametrize("shape", [(96, 96), (28, 28), (17, 90)])
def test_surfaces_are_images_of_any_shape(shape):
    for seed in range(25):
        for surface in (surfaces.sheet, surfaces.clutter):
            drawn = surface(np.random.default_rng(seed), *shape)
            assert drawn.shape == shape
            assert np.isfinite(drawn).all()


@pytest.mark.parametrize("kind", sorted(negatives.KINDS))
def test_others_are_tiles(kind, handwriting):
    drawn = np.stack([negatives.KINDS[kind][0](np.random.default_rng(i), handwriting) for i in range(12)])
    assert drawn.shape == (12, 28, 28)
    assert drawn.dtype == np.uint8
    assert drawn.max() > 100


def scene_of(*digits, side=96):
    boxes = np.array([box for _, box in digits], np.float32).reshape(-1, 4)
    labels = np.array([label for label, _ in digits], np.int64)
    return page.Scene(np.zeros((side, side), np.uint8), boxes, labels, "test")


def test_a_digit_of_the_levels_size_is_asked_for_in_its_middle():
    digit, finer, sides = detector_samples.targets(scene_of((7, (40, 36, 14, 22))))
    rows, columns = np.nonzero(digit == 7)
    assert len(rows) >= 2
    for row, column in zip(rows, columns, strict=True):
        x, y = column * 4 + 2, row * 4 + 2
        left, top, right, bottom = sides[:, row, column].astype(float)
        assert (x - left, y - top, x + right, y + bottom) == pytest.approx((40, 36, 54, 58), abs=0.1)
        assert 40 < x < 54
        assert 36 < y < 58
    assert set(np.unique(digit)) == {detector_samples.NOTHING, detector_samples.UNJUDGED, 7}
    assert not finer.any()


@pytest.mark.parametrize(
    ("size", "asked", "hinted"),
    [
        (DIGIT_SIZES[0] / 2, False, True),
        (20, True, False),
        (DIGIT_SIZES[1] * 1.5, False, False),
        (3, False, False),
    ],
)
def test_other_levels_find_other_sizes(size, asked, hinted):
    digit, finer, _ = detector_samples.targets(scene_of((3, (30, 30, size * 0.6, size))))
    assert (digit == 3).any() == asked
    assert (finer == 1).any() == hinted


def test_what_is_cut_off_is_not_judged():
    digit, _, _ = detector_samples.targets(scene_of((page.IGNORED, (80, 36, 16, 22))))
    assert (digit == detector_samples.UNJUDGED).any()
    assert not (digit >= 0).any()


def test_windows_are_the_same_for_a_seed_and_any_number_of_processes():
    drawn, labels = drawing.drawn_tiles(50, seed=5)
    digits = Digits(torch.from_numpy(drawn), torch.from_numpy(labels.astype(np.int64)))
    one, two = (detector_samples.draw_windows(12, digits, (3, 1), processes) for processes in (1, 2))
    assert torch.equal(one.grey, two.grey)
    assert torch.equal(one.digit, two.digit)
    assert torch.equal(one.sides, two.sides)


def test_tiles_are_cut_where_the_digits_are(handwriting):
    right = count = 0
    for seed in range(30):
        generator = np.random.default_rng(seed)
        scene = scenes.draw_scene(generator, handwriting, 208, (30, 90), digits=True)
        crops = classifier_samples.sample_scene(scene, None, generator)
        assert len(crops) <= int((scene.labels >= 0).sum())
        for cut in crops:
            assert cut.tile.shape == (28, 28)
            assert 0 <= cut.label < BACKGROUND
            right += int((cut.tile > 64).sum() > 20)
            count += 1
    assert count > 30
    assert right / count > 0.95
