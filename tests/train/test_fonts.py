"""Fonts, and characters that are traced from them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import MissingDependencyError
from train.synthetic import distractors, fonts, skeletons, vocabulary
from train.synthetic.glyph_images import GLYPH_HEIGHT, crop_to_ink


@pytest.mark.parametrize("font", fonts.latin(), ids=lambda font: Path(font).stem)
def test_fonts_have_letters_and_digits(font):
    images = [crop_to_ink(fonts.print_line(font, character, 24)) for character in "0123456789AKmx"]
    assert len({image.tobytes() for image in images}) == len(images)
    assert images[8].shape[0] == pytest.approx(24, abs=2)


@pytest.mark.parametrize("font", fonts.latin(), ids=lambda font: Path(font).stem)
def test_fonts_have_every_character_of_the_vocabulary(font):
    generator = np.random.default_rng(0)
    text = "".join(vocabulary.CAPTIONS) + vocabulary.prose(generator, 10_000)
    missing = fonts.print_line(font, "\uffff", 24)
    drawn = {
        character: fonts.print_line(font, character, 24)
        for character in {*text, *text.upper(), *"€£×÷"} - {" "}
    }
    assert len(drawn) > 80
    lacking = [character for character, image in drawn.items() if np.array_equal(image, missing)]
    assert not lacking


def test_a_line_is_composed_of_characters_on_one_base_line():
    font = fonts.sans()
    line = fonts.print_line(font, "12 g", 48)
    x, y = fonts.origin(48)
    assert line.dtype == np.uint8
    assert line.shape[1] == pytest.approx(2 * x + fonts.advance(font, "12 g", 48), abs=2)
    digits = line[:, : x + round(fonts.advance(font, "12", 48))]
    assert np.nonzero(digits.max(axis=1) > 128)[0].max() + 1 == pytest.approx(y, abs=1)
    assert np.nonzero(line.max(axis=1) > 128)[0].max() > y + 5  # the g hangs below it


@pytest.mark.parametrize(("height", "expected"), [(5.0, 12), (12.0, 12), (13.0, 24), (60.0, 96), (300.0, 96)])
def test_text_is_printed_at_one_of_a_few_heights(height, expected):
    assert fonts.level(height) == expected


@pytest.mark.parametrize("script", distractors.SCRIPTS)
def test_every_foreign_character_is_in_its_font(script):
    characters = distractors.SCRIPTS[script] + "".join(distractors.LOOKALIKES.get(script, ""))
    missing = distractors.print_foreign(script, "\uffff")
    drawn = [distractors.print_foreign(script, character) for character in characters]
    assert all(image.max() > 128 for image in drawn)
    assert not any(image.shape == missing.shape and np.array_equal(image, missing) for image in drawn)


@pytest.mark.parametrize(("script", "character"), [("hiragana", "あ"), ("Cyrillic", "Ж"), ("Arabic", "ش")])
def test_foreign_characters_are_written_in_many_ways(script, character):
    generator = np.random.default_rng(0)
    drawn = [
        distractors.write_foreign(script, character, generator, pen) for pen in (0.0, 0.04, 0.2) for _ in "ab"
    ]
    assert len({image.tobytes() for image in drawn}) > 3
    for image in drawn:
        assert image.dtype == np.uint8
        assert image.max() > 200
        assert 0.6 * GLYPH_HEIGHT < max(image.shape) < 1.8 * GLYPH_HEIGHT


def test_cursive_words_grow_with_their_letters():
    generator = np.random.default_rng(0)
    short, long = (distractors.cursive(generator, 0.08, count) for count in (3, 9))
    assert short.max() == long.max() == 255
    assert 1.5 * short.shape[1] < long.shape[1]


def test_a_cross_is_traced_as_four_strokes_that_meet():
    ink = np.zeros((60, 60), np.uint8)
    ink[27:33], ink[:, 27:33] = 255, 255
    glyph = skeletons.trace(ink)
    assert len(glyph) == 4
    ends = np.array([[stroke[0], stroke[-1]] for stroke in glyph])
    meeting = np.abs(ends - 0.5).max(axis=2).min(axis=1)
    assert meeting.max() < 0.06


def test_a_ring_is_traced_as_a_closed_stroke():
    rows, columns = np.mgrid[:60, :60] - 30
    ink = (255 * (np.abs(np.hypot(rows, columns) - 24) < 4)).astype(np.uint8)
    glyph = skeletons.trace(ink)
    assert len(glyph) == 1
    assert np.hypot(*(np.array(glyph[0][0]) - glyph[0][-1])) < 0.1


@pytest.mark.parametrize(
    ("package", "draw", "message"),
    [
        pytest.param("font_roboto", fonts.latin.__wrapped__, "printed text needs font-roboto", id="font"),
        pytest.param(
            "PIL", lambda: fonts._face.__wrapped__(fonts.sans(), 12), "printed text needs Pillow", id="Pillow"
        ),
        pytest.param(
            "skimage.morphology",
            lambda: skeletons.trace(np.ones((9, 9), np.uint8)),
            "scikit-image",
            id="skimage",
        ),
    ],
)
def test_missing_packages_are_named(package, draw, message, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=message + ".*pip install"):
        draw()
