"""The contract: any image to grey, and ink to tiles."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime import ImageError
from edge_runtime.images import decode
from edge_runtime.reading import crop
from edge_runtime.reading.tile import make_tile, recognise_tiles, zero_background
from tests import drawing


def ink_of(digit: int, seed: int = 0, height: float = 120, pen: float = 12):
    return drawing.draw(digit, np.random.default_rng(seed), height=height, pen=pen)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param(np.full((4, 5), 7, np.uint8), 7, id="grey"),
        pytest.param(np.full((4, 5, 1), 7, np.uint8), 7, id="one channel"),
        pytest.param(np.full((4, 5, 3), 90, np.uint8), 90, id="colour"),
        pytest.param(np.full((4, 5), 65535, np.uint16), 255, id="16 bits"),
        pytest.param(np.full((4, 5), 4095, np.uint16), 255, id="12 of 16 bits"),
        pytest.param(np.full((4, 5), 200, np.uint16), 200, id="8 of 16 bits"),
        pytest.param(np.full((4, 5), True), 255, id="bool"),
        pytest.param(np.full((4, 5), 0.5), 128, id="float"),
        pytest.param(np.full((4, 5), 200, np.int64), 200, id="wide integers"),
    ],
)
def test_any_image_becomes_grey(image, expected):
    grey = decode.to_grey(image)
    assert grey.dtype == np.uint8
    assert grey.shape == (4, 5)
    assert np.abs(grey.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("image", "word"),
    [
        pytest.param(np.zeros((2, 3, 4, 5), np.uint8), "shape", id="four dimensions"),
        pytest.param(np.zeros((4, 5, 2), np.uint8), "shape", id="two channels"),
        pytest.param(np.zeros((0, 5), np.uint8), "empty", id="no pixels"),
        pytest.param(np.full((4, 5), 200.0), "0..1", id="float beyond 1"),
        pytest.param(np.full((4, 5), np.nan), "0..1", id="not a number"),
        pytest.param(np.full((4, 5), 300, np.int32), "0..255", id="integers beyond 255"),
        pytest.param(np.full((4, 5), -1, np.int16), "0..255", id="negative integers"),
        pytest.param(np.full((4, 5), "x"), "numbers", id="text"),
    ],
)
def test_what_is_no_image_is_named(image, word):
    with pytest.raises(ImageError, match=word):
        decode.to_grey(image)


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)], ids=["dark ink", "bright ink"])
def test_transparent_ink_stays_visible(ink, paper):
    image = np.zeros((10, 10, 4), np.uint8)
    image[3:6, 3:6] = (ink, ink, ink, 255)
    grey = decode.to_grey(image)
    assert grey[4, 4] == ink
    assert grey[0, 0] == paper


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("seed", [0, 1])
def test_a_tile_keeps_the_contract(digit, seed):
    tile = make_tile(ink_of(digit, seed))
    assert tile.shape == (28, 28)
    assert tile.dtype == np.uint8
    assert tile.max() == 255
    rows, columns = np.nonzero(tile > 64)
    assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
    weights = tile.astype(float)
    centre = [(weights * axis).sum() / weights.sum() for axis in np.mgrid[:28, :28]]
    assert np.abs(np.array(centre) - 14).max() <= 1.0


def similarity(one, other):
    """Correlation of two tiles, where they may be a pixel apart: centres of mass are rounded."""
    moved = [np.roll(other, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return max(np.corrcoef(one.ravel().astype(float), tile.ravel().astype(float))[0, 1] for tile in moved)


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(
    ("shade", "level", "scale"),
    [(0.3, 210, 1.0), (4, 45, 1.0), (0.3, 210, 0.4), (0.75, 205, 1.5)],
    ids=["dark on bright", "bright on dark", "small", "faint"],
)
def test_a_digit_on_an_uneven_page_gives_the_tile_of_its_ink(digit, shade, level, scale):
    generator = np.random.default_rng(digit)
    ink = drawing.draw(digit, generator, height=100 * scale, pen=12 * scale)
    page = drawing.paper(300, 260, level=level)
    drawing.place(page, ink, 70, 50, shade=shade)
    grey = drawing.photograph(page, generator, noise=2)
    x, y, width, height = cv2.boundingRect((ink > 64).astype(np.uint8))
    tile = crop.crop_tile(grey, 70 + x, 50 + y, width, height)
    assert tile is not None
    assert similarity(tile, make_tile(ink)) > 0.9


def test_neighbours_and_a_rule_in_the_margin_are_left_out():
    page = np.full((200, 300), 210, np.uint8)
    alone, crowded = page.copy(), page.copy()
    for image in (alone, crowded):
        cv2.line(image, (150, 60), (150, 140), 40, 8)
    cv2.line(crowded, (125, 55), (125, 145), 40, 8)
    cv2.line(crowded, (0, 158), (299, 158), 40, 3)
    box = (145, 56, 11, 89)
    assert similarity(crop.crop_tile(alone, *box), crop.crop_tile(crowded, *box)) > 0.98


def test_a_fine_pen_is_not_faint_in_its_tile():
    tile = make_tile(ink_of(0, height=400, pen=3))
    assert (tile > 128).sum() > 50


@pytest.mark.parametrize(
    "grey",
    [
        np.full((60, 60), 200, np.uint8),
        np.tile(np.linspace(90, 220, 60).astype(np.uint8), (60, 1)),
        np.zeros((2, 2), np.uint8),
    ],
    ids=["flat", "gradient", "too small"],
)
def test_paper_alone_gives_no_tile(grey):
    assert crop.crop_tile(grey, 0, 0, grey.shape[1], grey.shape[0]) is None


def test_no_ink_at_all_is_an_error_for_make_tile():
    with pytest.raises(ImageError, match="no ink"):
        make_tile(np.zeros((30, 30), np.uint8))


def test_tiles_are_recognised_in_either_polarity():
    tiles = np.stack([make_tile(ink_of(digit)) for digit in range(10)])
    for images in (tiles, 255 - tiles):
        found, good = recognise_tiles(images)
        assert good.all()
        assert (found == tiles).all()


def test_a_raised_background_is_brought_down():
    tiles = np.stack([make_tile(ink_of(digit)) for digit in range(10)])
    assert (zero_background(tiles) == tiles).all()
    hazy = (100 + tiles * 0.5).astype(np.uint8)
    levelled = zero_background(np.concatenate([hazy, tiles]))
    assert np.abs(levelled[:10].astype(int) - tiles).max() <= 4
    assert (levelled[10:] == tiles).all()


def shifted(tile):
    return np.roll(tile, 5, axis=1)


def shrunk(tile):
    return np.pad(cv2.resize(tile, (14, 14), interpolation=cv2.INTER_AREA), 7)


def grown(tile):
    return cv2.resize(tile[4:24, 4:24], (28, 28))


@pytest.mark.parametrize("change", [shifted, shrunk, grown, np.zeros_like, lambda tile: tile // 8 + 100])
def test_other_small_images_are_no_tiles(change):
    tiles = np.stack([change(make_tile(ink_of(digit))) for digit in range(10)])
    assert not recognise_tiles(tiles)[1].any()
