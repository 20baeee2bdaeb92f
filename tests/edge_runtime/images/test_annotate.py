"""Annotated images: boxes, labels and tiles drawn on a copy."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime import Box, Digit
from edge_runtime.images.annotate import annotate

GREEN, GREY = (60, 160, 20), (130, 130, 130)  # BGR: read, rejected


def page(*shape):
    return np.full(shape, 200, np.uint8)


def digit(value, x, y, side, tile=None):
    return Digit(value, 0.97, Box(x, y, side, side), tile=tile)


@pytest.mark.parametrize(
    ("shape", "factor"),
    [((28, 28, 3), 8), ((480, 640, 3), 1), ((3000, 4000, 3), 1), ((40, 900, 3), 1)],
    ids=["tile", "frame", "photograph", "strip"],
)
def test_boxes_are_drawn_on_a_copy(shape, factor):
    image, side = page(*shape), min(shape[:2]) // 2
    drawn = annotate(image, [digit(4, 0, 0, side), digit(None, side, side, side)])
    assert (image == 200).all()
    assert drawn.dtype == np.uint8
    assert drawn.shape == (shape[0] * factor, shape[1] * factor, 3)
    middle, end = side * factor // 2, side * factor
    assert np.abs(drawn[middle, end - 1] - np.array(GREEN)).max() < 40  # lines are smoothed
    assert np.abs(drawn[end + middle, 2 * end - 1] - np.array(GREY)).max() < 40
    assert (drawn[:, 2 * end + end // 2 :] == 200).all()


@pytest.mark.parametrize("shape", [(28, 28, 3), (480, 640, 3), (9, 300, 3)], ids=["tile", "frame", "strip"])
def test_tiles_are_inset_on_request(shape):
    side = min(shape[:2]) // 3
    seen = digit(4, 0, 0, side, tile=np.full((28, 28), 77, np.uint8))
    without, inset = (annotate(page(*shape), [seen], tiles=tiles) for tiles in (False, True))
    assert not (without == 77).all(axis=2).any()
    rows, columns = np.nonzero((inset == 77).all(axis=2))
    assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1) > 4  # one filled rectangle
    assert columns.min() <= 1


def test_a_tile_is_inset_below_its_box():
    seen = digit(4, 100, 50, 80, tile=np.full((28, 28), 77, np.uint8))
    rows, columns = np.nonzero((annotate(page(480, 640, 3), [seen], tiles=True) == 77).all(axis=2))
    assert 130 <= rows.min() <= 135
    assert 100 <= columns.min() <= 102
    assert columns.max() < 180


@pytest.mark.parametrize(("value", "colour"), [(4, GREEN), (None, GREY)], ids=["read", "rejected"])
def test_read_and_rejected_digits_have_their_own_colours(value, colour):
    drawn = annotate(page(300, 300, 3), [digit(value, 50, 50, 80)])
    painted = (drawn != 200).any(axis=2)
    rows, columns = np.nonzero(painted)
    assert np.abs(np.array([columns.min(), columns.max(), rows.max()]) - (50, 129, 129)).max() <= 1
    assert 20 <= rows.min() < 45  # the label
    assert (drawn[painted] == colour).all(axis=1).mean() > 0.25
    assert not (drawn == (GREY if value else GREEN)).all(axis=2).any()
