"""Boxes: overlap and clipping."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime import Box, boxes


def corners(*rectangles):
    """Rectangles (x, y, width, height) as an array of boxes."""
    return np.array([(x, y, x + w, y + h) for x, y, w, h in rectangles], np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("other", "shared", "iou"),
    [
        pytest.param((0, 0, 10, 20), 200, 1, id="same"),
        pytest.param((5, 0, 10, 20), 100, 1 / 3, id="half"),
        pytest.param((5, 10, 10, 20), 50, 50 / 350, id="corner"),
        pytest.param((2, 5, 5, 10), 50, 0.25, id="inside"),
        pytest.param((10, 0, 10, 20), 0, 0, id="touching"),
        pytest.param((50, 50, 10, 20), 0, 0, id="apart"),
        pytest.param((5, 5, 0, 0), 0, 0, id="empty"),
    ],
)
def test_overlap_of_two_boxes(other, shared, iou):
    one, other = corners((0, 0, 10, 20)), corners(other)
    for a, b in ((one, other), (other, one)):
        assert boxes.intersection(a, b).tolist() == [[shared]]
        assert boxes.iou(a, b) == pytest.approx(np.array([[iou]]))
    assert boxes.area(one).tolist() == [200]


def test_overlap_has_one_row_for_each_box_of_the_first_array():
    a, b = corners((0, 0, 10, 10), (20, 0, 10, 10)), corners((0, 0, 10, 10), (20, 0, 5, 10), (90, 0, 9, 9))
    assert boxes.iou(a, b) == pytest.approx(np.array([[1, 0, 0], [0, 0.5, 0]]))
    assert boxes.iou(a, corners()).shape == (2, 0)


def test_covered_is_the_share_of_the_smaller_box():
    three = corners((0, 0, 10, 20), (2, 5, 5, 10), (5, 0, 10, 20))
    share = boxes.covered(three, three)
    assert share == pytest.approx(np.array([[1, 1, 0.5], [1, 1, 0.4], [0.5, 0.4, 1]]))


def test_boxes_become_corners():
    assert boxes.corners([Box(1, 2, 3, 4), Box(-5, 0, 5, 6)]).tolist() == [[1, 2, 4, 6], [-5, 0, 0, 6]]
    assert boxes.corners([]).shape == (0, 4)


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        pytest.param((10, 10, 20, 20), (10, 10, 20, 20), id="inside"),
        pytest.param((-5, -6, 20, 20), (0, 0, 15, 14), id="top left"),
        pytest.param((90, 70, 20, 20), (90, 70, 10, 10), id="bottom right"),
        pytest.param((-5, -5, 500, 500), (0, 0, 100, 80), id="larger than the image"),
        pytest.param((200, 300, 20, 20), (99, 79, 1, 1), id="outside"),
        pytest.param((-50, -50, 20, 20), (0, 0, 1, 1), id="outside, before the start"),
    ],
)
def test_boxes_are_clipped_to_the_image(box, clipped):
    assert boxes.clip(Box(*box), (100, 80)) == Box(*clipped)


def test_blocks_cover_all_boxes_in_order():
    indices = [list(range(1000))[some] for some in boxes.blocks(1000)]
    assert [index for each in indices for index in each] == list(range(1000))
    assert len(indices) > 1
    assert list(boxes.blocks(0)) == []
