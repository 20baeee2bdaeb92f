"""Boxes: overlap, suppression, hull and clipping."""

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
    share = boxes.covered(corners((0, 0, 10, 20), (2, 5, 5, 10), (5, 0, 10, 20)))
    assert share == pytest.approx(np.array([[1, 1, 0.5], [1, 1, 0.4], [0.5, 0.4, 1]]))


@pytest.mark.parametrize(
    ("rectangles", "kept"),
    [
        pytest.param([], [], id="none"),
        pytest.param([(0, 0, 20, 30), (40, 0, 20, 30)], [0, 1], id="apart"),
        pytest.param([(0, 0, 20, 30), (3, 2, 20, 30)], [0], id="same digit twice"),
        pytest.param([(0, 0, 20, 30), (9, 0, 20, 30)], [0, 1], id="less than half in common"),
        pytest.param([(0, 0, 20, 30), (2, 0, 16, 26)], [0], id="similar size, one inside the other"),
        pytest.param([(0, 0, 20, 30), (2, 0, 14, 14)], [0, 1], id="8 and its loop"),
        pytest.param([(0, 0, 20, 30), (3, 0, 20, 30), (9, 0, 20, 30)], [0, 2], id="duplicate of a duplicate"),
    ],
)
def test_duplicates_of_better_boxes_are_suppressed(rectangles, kept):
    assert boxes.suppress(corners(*rectangles)).tolist() == kept


@pytest.mark.parametrize(
    ("rectangles", "confidences", "overflows", "kept"),
    [
        pytest.param([(0, 0, 20, 30), (40, 0, 20, 30)], [0.9, 0.8], [0, 0], [0, 1], id="apart"),
        pytest.param([(0, 0, 20, 30), (2, 1, 20, 30)], [0.7, 0.9], [0, 0], [1], id="same digit twice"),
        pytest.param([(0, 0, 20, 32), (3, 1, 14, 15)], [0.8, 0.9], [0, 0.1], [0], id="8 and its loop"),
        pytest.param([(0, 0, 90, 90), (35, 30, 18, 28)], [0.99, 0.8], [0, 0], [1], id="digit in a circle"),
        pytest.param([(0, 0, 90, 90), (35, 30, 18, 28)], [0.99, 0.2], [0, 0], [0], id="speck in a zero"),
        pytest.param([(0, 0, 90, 90), (35, 30, 18, 28)], [0.9, 0.8], [0, 0.2], [0], id="bend of a digit"),
        pytest.param(
            [(0, 0, 50, 40), (0, 2, 20, 38), (29, 0, 21, 39)], [0.9, 0.9, 0.9], [0, 0, 0], [1, 2], id="pair"
        ),
        pytest.param(
            [(0, 0, 40, 60), (4, 0, 30, 28), (4, 31, 30, 28)], [0.9, 0.9, 0.9], [0, 0, 0], [0], id="two loops"
        ),
        pytest.param(
            [(0, 0, 40, 50), (0, 0, 12, 50), (28, 0, 12, 50)],
            [0.9, 0.8, 0.8],
            [0, 0.3, 0.3],
            [0],
            id="two bends",
        ),
        pytest.param([(0, 0, 50, 40), (0, 2, 20, 38)], [0.9, 0.9], [0, 0], [0], id="digit and a part of it"),
    ],
)
def test_of_nested_boxes_one_is_kept(rectangles, confidences, overflows, kept):
    found = boxes.suppress_nested(corners(*rectangles), np.float32(confidences), np.float32(overflows))
    assert found == kept


def test_boxes_become_corners():
    assert boxes.corners([Box(1, 2, 3, 4), Box(-5, 0, 5, 6)]).tolist() == [[1, 2, 4, 6], [-5, 0, 0, 6]]
    assert boxes.corners([]).shape == (0, 4)


@pytest.mark.parametrize(
    ("parts", "hull"),
    [
        pytest.param([(3, 4, 5, 6)], (3, 4, 5, 6), id="one"),
        pytest.param([(0, 0, 10, 10), (20, 5, 10, 30)], (0, 0, 30, 35), id="two"),
        pytest.param([(5, 5, 2, 2), (0, 0, 20, 20)], (0, 0, 20, 20), id="nested"),
        pytest.param([(-8, 3, 4, 4), (10, -2, 1, 1)], (-8, -2, 19, 9), id="negative"),
    ],
)
def test_the_hull_is_the_smallest_box_around_all(parts, hull):
    assert boxes.hull(Box(*part) for part in parts) == Box(*hull)


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
