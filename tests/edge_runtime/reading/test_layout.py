"""Reading order: lines from top to bottom, digits from left to right."""

from __future__ import annotations

import pytest

from edge_runtime import Box
from edge_runtime.reading.layout import reading_order


@pytest.mark.parametrize(
    ("boxes", "order"),
    [
        pytest.param([], [], id="no box"),
        pytest.param([(50, 0, 9, 20), (0, 3, 9, 20), (20, -4, 9, 20)], [[1, 2, 0]], id="one line"),
        pytest.param(
            [(0, 40, 9, 20), (30, 0, 9, 20), (0, 2, 9, 20), (30, 41, 9, 20)], [[2, 1], [0, 3]], id="two lines"
        ),
        pytest.param(
            [(i * 20, i * 4, 9, 20) for i in range(6)][::-1], [[5, 4, 3, 2, 1, 0]], id="rising line"
        ),
        pytest.param([(0, 0, 40, 100), (50, 60, 10, 20)], [[0, 1]], id="tall beside small"),
    ],
)
def test_reading_order(boxes, order):
    assert reading_order([Box(*box) for box in boxes]) == order
