"""Writers: a page is written by one of them, in one slant and with their own characters only."""

from __future__ import annotations

import numpy as np
import pytest

from train.synthetic.glyph_images import GLYPH_HEIGHT, IGNORE, NOT_A_DIGIT
from train.synthetic.handwriting import Handwriting
from train.synthetic.writers import PenStrokes, Writers, draw_strokes

LETTERS = "ACDEFGHJKMNPQRTUVWXYacdefhkmnprtuvwxy"


def pen_strokes(writers=2):
    """Writers with a digit, letter or symbol of each kind: a bar as long as the writer's index says."""
    labels = [*"0123456789", *LETTERS, *"+/"]
    characters = [(writer, label) for writer in range(writers) for label in labels]
    points = np.concatenate(
        [np.float32([[0, 0], [200 * (writer + 1), 500], [0, 1000]]) for writer, _ in characters]
    )
    count = len(characters)
    return PenStrokes(
        points,
        np.arange(count + 1) * 3,
        np.arange(count + 1),
        np.array([label for _, label in characters]),
        np.array([writer for writer, _ in characters]),
        np.ones(count, np.float32),
    )


def test_strokes_are_those_of_the_character():
    pens = pen_strokes()
    (stroke,) = pens.strokes(len(pens) - 1)
    assert stroke.tolist() == [[0, 0], [400, 500], [0, 1000]]


def test_a_drawn_character_has_the_given_height_and_ink_of_the_given_width():
    generator = np.random.default_rng(0)
    strokes = pen_strokes().strokes(0)
    thin, thick = (draw_strokes(strokes, generator, height=64, pen=pen) for pen in (2, 8))
    assert thin.dtype == np.uint8
    assert thin.shape[0] == pytest.approx(64, abs=8)
    assert (thick > 128).mean() > 2 * (thin > 128).mean()


def test_a_page_has_one_writer():
    writers = Writers(pen_strokes())
    for seed in range(6):
        generator = np.random.default_rng(seed)
        page = writers.choose(generator)
        widths = [page.digit(generator, 0.05)[0].shape[1] for _ in range(20)]
        # The second writer's characters are twice as wide as the first one's.
        assert max(widths) < 1.7 * min(widths)


def test_glyphs_come_with_their_labels():
    page = Writers(pen_strokes()).choose(np.random.default_rng(0))
    generator = np.random.default_rng(1)
    assert {page.digit(generator, 0.1)[1] for _ in range(200)} == set(range(10))
    assert {page.symbol(generator, 0.1)[1] for _ in range(40)} == {NOT_A_DIGIT, IGNORE}
    assert page.letter(generator, 0.1).shape[0] <= 1.7 * GLYPH_HEIGHT
    assert page.word(generator, 0.1, 4).shape[1] > 2 * page.letter(generator, 0.1).shape[1]


def test_handwriting_without_pen_strokes_writes_every_page_itself():
    handwriting = Handwriting(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int64), (1,))
    assert all(handwriting.choose_writer(np.random.default_rng(seed)) is handwriting for seed in range(9))


def test_about_half_of_the_pages_are_written_by_real_writers():
    tiles = np.zeros((0, 28, 28), np.uint8)
    handwriting = Handwriting(tiles, np.zeros(0, np.int64), (1,), pen_strokes())
    generator = np.random.default_rng(0)
    own = sum(handwriting.choose_writer(generator) is handwriting for _ in range(400))
    assert 120 < own < 240
