"""Simulated scenes: glyphs and handwriting, surfaces, and the layouts with their labels."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from edge_runtime.errors import MissingDependencyError
from tests import drawing
from train.synthetic import distractors, glyphs, scenes, strokes, surfaces
from train.synthetic.glyph_images import IGNORE, NOT_A_DIGIT, crop_to_ink
from train.synthetic.handwriting import Handwriting, redraw_tile
from train.synthetic.scenes import documents, layouts
from train.synthetic.scenes.page import Page

SIDE = 96
WITH_DIGITS = [layout.name for layout in layouts.WITH_DIGITS]
WITHOUT_DIGITS = [layout.name for layout in layouts.WITHOUT_DIGITS]


def new_handwriting():
    tiles, labels = drawing.drawn_tiles(200, seed=5)
    return Handwriting(tiles, labels.astype(np.int64), (1,))


@pytest.fixture(scope="module")
def handwriting():
    return new_handwriting()


def draw_scene(seed, handwriting, **options):
    return scenes.draw_scene(np.random.default_rng(seed), handwriting, SIDE, (12, 30), **options)


@pytest.mark.parametrize("name", WITH_DIGITS + WITHOUT_DIGITS)
def test_boxes_and_labels_of_every_layout_are_valid(name, handwriting, monkeypatch):
    chosen = tuple(each for each in layouts.WITH_DIGITS + layouts.WITHOUT_DIGITS if each.name == name)
    monkeypatch.setattr(scenes, "_DOCUMENT_SHARE", 0)
    monkeypatch.setattr(layouts, "WITH_DIGITS", chosen)
    monkeypatch.setattr(layouts, "WITHOUT_DIGITS", chosen)
    found = 0
    for seed in range(8):
        scene = draw_scene(seed, handwriting)
        assert scene.grey.shape == (SIDE, SIDE)
        assert scene.grey.dtype == np.uint8
        assert scene.boxes.dtype == np.float32
        assert scene.boxes.shape == (len(scene.labels), 4)
        assert scene.kind == name
        assert set(scene.labels.tolist()) <= {IGNORE, *range(10)}
        digits = scene.boxes[scene.labels >= 0]
        assert (digits[:, :2] >= 0).all()
        assert (digits[:, 2:] > 0).all()
        assert (digits[:, :2] + digits[:, 2:] <= SIDE).all()
        found += len(digits)
    assert bool(found) == (name in WITH_DIGITS)


@pytest.mark.parametrize("kinds", ["WITH_DIGITS", "WITHOUT_DIGITS"])
def test_digits_can_be_required_or_excluded(kinds, handwriting):
    """Half of the scenes are documents, of either kind."""
    drawn = {draw_scene(seed, handwriting, digits=kinds == "WITH_DIGITS").kind for seed in range(20)}
    names, papers = ({each.name for each in getattr(module, kinds)} for module in (layouts, documents))
    assert drawn <= names | papers
    assert len(drawn & names) > 2
    assert len(drawn & papers) > 2


def blank_page(handwriting, seed=0):
    """A page of 96 x 96 px without tilt, on which digits are 30 px high."""
    brightness, cover = np.full((SIDE, SIDE), 200, np.float32), np.zeros((SIDE, SIDE), np.float32)
    return Page(np.random.default_rng(seed), handwriting, brightness, 30, np.eye(2), 0.1, cover)


@pytest.mark.parametrize("seed", range(8))
def test_the_box_of_a_digit_is_that_of_its_ink(seed, handwriting):
    page = blank_page(handwriting, seed)
    page.digit(0.2, -0.3)
    rows, columns = np.nonzero(page.cover > 0.35)
    assert page.labels[0] in range(10)
    assert page.boxes == [(columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)]
    assert page.boxes[0][3] == pytest.approx(30, abs=8)
    page.apply_ink(0.25)
    assert page.brightness.min() == pytest.approx(50, abs=1)
    assert (page.brightness < 200).sum() >= len(rows)
    assert not page.cover.any()


@pytest.mark.parametrize(
    ("x", "labelled"),
    [
        pytest.param(0.0, True, id="inside"),
        pytest.param(1.6, False, id="cut off"),
        pytest.param(3.0, None, id="outside"),
    ],
)
def test_digits_at_the_border_are_ignored(x, labelled, handwriting):
    page = blank_page(handwriting)
    page.digit(x, 0)
    if labelled is None:
        assert not page.labels
        assert not page.cover.any()
    else:
        assert (page.labels[0] in range(10)) == labelled
        assert (page.labels[0] == IGNORE) != labelled
        assert page.boxes[0][0] + page.boxes[0][2] <= SIDE


def test_the_seed_determines_the_scene(handwriting):
    drawn, other = draw_scene(7, handwriting), draw_scene(8, handwriting)
    # Glyphs that were drawn for earlier scenes make no difference.
    again = draw_scene(7, new_handwriting())
    assert np.array_equal(drawn.grey, again.grey)
    assert np.array_equal(drawn.boxes, again.boxes)
    assert np.array_equal(drawn.labels, again.labels)
    assert not np.array_equal(drawn.grey, other.grey)


@pytest.mark.parametrize("pen", [0.0, 0.03, 0.1, 0.2])
def test_tiles_are_redrawn_at_the_height_of_a_glyph(pen):
    for tile in drawing.drawn_tiles(10, seed=3)[0]:
        ink = redraw_tile(tile, np.random.default_rng(0), pen)
        assert ink.dtype == np.uint8
        assert ink.max() > 200
        assert 40 < ink.shape[0] < 90


def test_a_wider_pen_leaves_more_ink():
    tile = drawing.drawn_tiles(10, seed=3)[0][8]
    shares = [
        float((redraw_tile(tile, np.random.default_rng(0), pen) > 128).mean()) for pen in (0.05, 0.1, 0.2)
    ]
    assert shares[0] < shares[1] < shares[2]


def test_handwriting_labels_digits_and_symbols(handwriting):
    generator = np.random.default_rng(0)
    assert {handwriting.digit(generator, 0.1)[1] for _ in range(100)} == set(range(10))
    assert {handwriting.symbol(generator, 0.1)[1] for _ in range(100)} == {NOT_A_DIGIT, IGNORE}


def test_words_are_letters_side_by_side(handwriting):
    widths = [handwriting.word(np.random.default_rng(1), 0.1, count).shape for count in (1, 5)]
    assert {height for height, _ in widths} == {80}
    assert widths[1][1] > 2 * widths[0][1]


@pytest.mark.parametrize(
    "patterns",
    [
        pytest.param(glyphs.DIGITS, id="digits"),
        pytest.param(glyphs.LETTERS, id="letters"),
        pytest.param(glyphs.SYMBOLS, id="symbols"),
    ],
)
def test_every_glyph_has_the_given_height(patterns):
    for name, glyph in patterns.items():
        ink = strokes.draw(glyph, np.random.default_rng(0), height=60, pen=5, variation=0)
        assert ink.dtype == np.uint8
        assert ink.max() == 255, name
        rows, columns = np.nonzero(ink > 128)
        extent = np.ptp(columns) if name in ("-", "=") else np.ptp(rows)  # flat symbols are that wide instead
        assert extent + 1 == pytest.approx(61, abs=3), name


def test_glyphs_vary_only_as_much_as_they_should():
    def draw(seed, variation):
        return strokes.draw_digit(5, np.random.default_rng(seed), height=60, pen=5, variation=variation)

    assert np.array_equal(draw(0, 0), draw(1, 0))
    assert draw(0, 1).shape != draw(1, 1).shape or not np.array_equal(draw(0, 1), draw(1, 1))


def test_distractors_are_cropped_to_their_ink():
    generator = np.random.default_rng(0)
    for draw in (
        lambda: distractors.scribble(generator, 0.1),
        lambda: distractors.invented(generator, 0.0),
        lambda: distractors.foreign(generator),
        lambda: distractors.printed(generator, 3),
    ):
        for _ in range(5):
            ink = draw()
            assert ink.dtype == np.uint8
            assert ink.max() > 128
            assert ink.shape == crop_to_ink(ink).shape


@pytest.mark.parametrize(
    ("package", "draw", "message"),
    [
        pytest.param(
            "skimage.morphology",
            lambda: redraw_tile(np.full((28, 28), 255, np.uint8), np.random.default_rng(0), 0.1),
            "needs scikit-image: pip install",
            id="scikit-image",
        ),
    ],
)
def test_missing_packages_are_named(package, draw, message, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=message):
        draw()


@pytest.mark.parametrize("shape", [(96, 96), (28, 28), (17, 90)])
@pytest.mark.parametrize("surface", [surfaces.sheet, surfaces.clutter])
def test_surfaces_have_any_shape(surface, shape):
    for seed in range(15):
        drawn = surface(np.random.default_rng(seed), *shape)
        assert drawn.shape == shape
        assert drawn.dtype == np.float32
        assert np.isfinite(drawn).all()
