"""Cropping: the ink of a box as a tile, on any paper and among neighbours."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime.reading.crop import crop_tile, crop_tiles, whole_tile
from edge_runtime.reading.tile import make_tile
from tests import drawing


def similarity(one, other):
    """Correlation of two tiles that may be a pixel apart, because centres of mass are rounded."""
    moved = [np.roll(other, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return max(np.corrcoef(one.ravel().astype(float), tile.ravel().astype(float))[0, 1] for tile in moved)


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(
    ("shade", "level", "scale"),
    [(0.3, 210, 1.0), (4, 45, 1.0), (0.3, 210, 0.4), (0.75, 205, 1.5)],
    ids=["dark on bright", "bright on dark", "small", "faint"],
)
def test_a_digit_on_uneven_paper_gives_the_tile_of_its_ink(digit, shade, level, scale):
    generator = np.random.default_rng(digit)
    ink = drawing.draw(digit, generator, height=100 * scale, pen=12 * scale)
    page = drawing.paper(300, 260, level=level)
    drawing.place(page, ink, 70, 50, shade=shade)
    grey = drawing.photograph(page, generator, noise=2)
    x, y, width, height = cv2.boundingRect((ink > 64).astype(np.uint8))
    tile = crop_tile(grey, 70 + x, 50 + y, width, height)
    assert tile is not None
    assert similarity(tile, make_tile(ink)) > 0.9


# A stroke of 9x81 px from (146, 60), on paper with a brightness of 210.
INK_BOX = (146, 60, 155, 141)
STROKE = np.full((200, 300), 210, np.uint8)
STROKE[60:141, 146:155] = 40


@pytest.mark.parametrize(
    "box", [INK_BOX, (143, 55, 158, 146), (149, 63, 152, 138)], ids=["exact", "loose", "tight"]
)
def test_the_box_of_a_crop_is_tight_around_the_ink(box):
    (crop,) = crop_tiles(STROKE, [box])
    assert np.abs(np.subtract(crop.box, INK_BOX)).max() <= 3
    assert crop.contrast == pytest.approx(170, abs=15)
    assert crop.overflow < 0.05


def test_ink_that_continues_outside_the_box_is_measured_as_overflow():
    (whole,), (half,) = (crop_tiles(STROKE, [box]) for box in (INK_BOX, (146, 60, 155, 100)))
    assert whole.overflow < 0.02
    assert 0.05 < half.overflow < 0.5


def test_a_neighbour_and_a_rule_in_the_margin_are_left_out():
    crowded = STROKE.copy()
    cv2.line(crowded, (125, 55), (125, 145), 40, 8)
    cv2.line(crowded, (0, 158), (299, 158), 40, 3)
    box = (145, 56, 11, 89)
    alone, tile = crop_tile(STROKE, *box), crop_tile(crowded, *box)
    assert similarity(alone, tile) > 0.98


def test_ink_inside_the_box_of_a_neighbour_belongs_to_the_neighbour():
    page = STROKE.copy()
    page[60:141, 162:171] = 40
    boxes = [(140, 56, 164, 145), (157, 56, 176, 145)]
    first, second = crop_tiles(page, boxes)
    assert np.abs(np.subtract(first.box, INK_BOX)).max() <= 3
    assert np.abs(np.subtract(second.box, (162, 60, 171, 141))).max() <= 3


@pytest.mark.parametrize(
    "grey",
    [
        np.full((60, 60), 200, np.uint8),
        np.tile(np.linspace(90, 220, 60).astype(np.uint8), (60, 1)),
        np.zeros((2, 2), np.uint8),
    ],
    ids=["flat", "gradient", "too small"],
)
def test_blank_paper_gives_no_tile(grey):
    assert crop_tile(grey, 0, 0, grey.shape[1], grey.shape[0]) is None
    assert whole_tile(grey) is None


def test_a_box_outside_the_image_gives_no_tile():
    outside, inside = crop_tiles(STROKE, [(400, 20, 440, 80), INK_BOX])
    assert outside is None
    assert inside is not None


def test_a_small_image_is_a_tile_as_a_whole():
    tile = make_tile(drawing.draw(3, np.random.default_rng(0), height=60, pen=6))
    assert (whole_tile(tile) == tile).all()
    assert (whole_tile(255 - tile) == tile).all()
    enlarged = cv2.resize(255 - tile, (56, 56), interpolation=cv2.INTER_CUBIC)
    assert similarity(whole_tile(enlarged), tile) > 0.95
