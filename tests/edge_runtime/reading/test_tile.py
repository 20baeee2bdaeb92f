"""Tiles: ink centred and scaled as in MNIST, and 28x28 images that are tiles already."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime import ImageError
from edge_runtime.reading.tile import make_tile, recognise_tiles, zero_background
from tests import drawing


def ink_of(digit, seed=0, height=120, pen=12):
    return drawing.draw(digit, np.random.default_rng(seed), height=height, pen=pen)


TILES = np.stack([make_tile(ink_of(digit)) for digit in range(10)])


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("seed", [0, 1])
def test_a_tile_meets_the_contract(digit, seed):
    tile = make_tile(ink_of(digit, seed))
    assert tile.shape == (28, 28)
    assert tile.dtype == np.uint8
    assert tile.max() == 255
    rows, columns = np.nonzero(tile > 64)
    assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
    weights = tile.astype(float)
    centre = [(weights * axis).sum() / weights.sum() for axis in np.mgrid[:28, :28]]
    assert np.abs(np.array(centre) - 14).max() <= 1.0


def test_fine_strokes_are_thickened():
    tile = make_tile(ink_of(0, height=400, pen=3))
    assert (tile > 128).sum() > 50


def test_making_a_tile_needs_ink():
    with pytest.raises(ImageError, match="no ink to make a tile from"):
        make_tile(np.zeros((30, 30), np.uint8))


@pytest.mark.parametrize("images", [TILES, 255 - TILES], ids=["bright ink", "dark ink"])
def test_tiles_are_recognised_in_either_polarity(images):
    found, good = recognise_tiles(images)
    assert good.all()
    assert (found == TILES).all()


def shifted(tile):
    return np.roll(tile, 5, axis=1)


def shrunk(tile):
    return np.pad(cv2.resize(tile, (14, 14), interpolation=cv2.INTER_AREA), 7)


def enlarged(tile):
    return cv2.resize(tile[4:24, 4:24], (28, 28))


def faint(tile):
    return tile // 8 + 100


@pytest.mark.parametrize("change", [shifted, shrunk, enlarged, faint, np.zeros_like])
def test_other_28x28_images_are_not_taken_for_tiles(change):
    assert not recognise_tiles(np.stack([change(tile) for tile in TILES]))[1].any()


def test_a_raised_background_is_set_to_black():
    assert (zero_background(TILES) == TILES).all()
    hazy = (100 + TILES * 0.5).astype(np.uint8)
    cleaned = zero_background(np.concatenate([hazy, TILES]))
    assert np.abs(cleaned[:10].astype(int) - TILES).max() <= 4
    assert (cleaned[10:] == TILES).all()
