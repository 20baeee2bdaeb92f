"""Boxes, labels and tiles on an image."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime import Box, Digit
from edge_runtime.images import annotate


def digit(value, x, y, side):
    return Digit(value, 0.97, Box(x, y, side, side))


@pytest.mark.parametrize("shape", [(28, 28, 3), (480, 640, 3), (3000, 4000, 3), (40, 900, 3)])
def test_annotating_leaves_the_image_and_draws_on_a_copy(shape):
    image = np.full(shape, 200, np.uint8)
    side = min(shape[:2]) // 2
    drawn = annotate.annotate(image, [digit(4, 0, 0, side), digit(None, side, side, side)])
    assert (image == 200).all()
    assert (drawn != 200).any()
    assert drawn.dtype == np.uint8
    assert drawn.shape[0] >= shape[0]


@pytest.mark.parametrize("shape", [(28, 28, 3), (480, 640, 3), (9, 300, 3)])
def test_tiles_are_inset_where_they_are_asked_for(shape):
    image = np.full(shape, 200, np.uint8)
    side = min(shape[:2]) // 3
    seen = Digit(4, 0.97, Box(0, 0, side, side), tile=np.full((28, 28), 77, np.uint8))
    without, inset = (annotate.annotate(image, [seen], tiles=tiles) for tiles in (False, True))
    assert not (without == 77).all(axis=2).any()
    assert (inset == 77).all(axis=2).sum() > 4


def test_refused_and_read_look_different():
    image = np.full((200, 200, 3), 200, np.uint8)
    read, rejected = (annotate.annotate(image, [digit(value, 50, 50, 80)]) for value in (4, None))
    assert (read != rejected).any()
