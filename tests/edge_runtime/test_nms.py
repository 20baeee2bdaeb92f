"""Suppression of overlapping candidates, before and after classification."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime import Box, boxes, nms


def corners(*rectangles):
    """Rectangles (x, y, width, height) as an array of boxes."""
    return boxes.corners(Box(*each) for each in rectangles).astype(np.float32)


@pytest.mark.parametrize(
    ("rectangles", "originals"),
    [
        pytest.param([], [], id="none"),
        pytest.param([(0, 0, 20, 30), (40, 0, 20, 30)], [0, 1], id="apart"),
        pytest.param([(0, 0, 20, 30), (3, 2, 20, 30)], [0, 0], id="same digit twice"),
        pytest.param([(0, 0, 20, 30), (9, 0, 20, 30)], [0, 1], id="less than half in common"),
        pytest.param([(0, 0, 20, 30), (2, 0, 16, 26)], [0, 0], id="similar size, one inside the other"),
        pytest.param([(0, 0, 20, 30), (2, 0, 14, 14)], [0, 1], id="8 and its loop"),
        pytest.param(
            [(0, 0, 20, 30), (3, 0, 20, 30), (9, 0, 20, 30)], [0, 0, 2], id="duplicate of a duplicate"
        ),
    ],
)
def test_duplicates_of_better_boxes_are_found(rectangles, originals):
    assert nms.find_duplicates(corners(*rectangles)).tolist() == originals


def test_more_boxes_than_are_compared_at_a_time():
    rectangles = [(40 * index, 0, 20, 30) for index in range(600)]
    again = [(x + 2, y + 1, *size) for x, y, *size in rectangles]
    assert nms.find_duplicates(corners(*rectangles, *again)).tolist() == [*range(600), *range(600)]


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
            [(0, 0, 33, 50), (0, 0, 16, 32), (26, 3, 7, 47)],
            [0.76, 0.99, 0.98],
            [0, 0.05, 0],
            [1, 2],
            id="pair of different heights",
        ),
        pytest.param(
            [(0, 0, 33, 50), (0, 0, 16, 32), (26, 3, 7, 47)],
            [0.97, 0.8, 0.9],
            [0, 0, 0],
            [0],
            id="4 in two strokes",
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
    found = nms.suppress_nested(corners(*rectangles), np.float32(confidences), np.float32(overflows))
    assert found == kept
