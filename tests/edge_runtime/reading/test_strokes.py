"""Strokes: which of them belong to one digit, how high the writing is, and how they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.reading import strokes
from tests import drawing

LINES = [[(0, 0), (0, 100)], [(0, 0), (60, 0)]]  # a tall stroke, and a bar at its top


def at(x, y, *paths):
    return [np.add(path, (x, y)).astype(float) for path in paths]


def counts(groups):
    return sorted(len(each) for each in groups)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param(at(0, 0, [(0, 0), (60, 0)]), [2], id="at its end"),
        pytest.param(at(-30, 50, [(0, 0), (60, 0)]), [2], id="across it"),
        pytest.param(at(-20, -30, [(0, 0), (40, 0)]), [2], id="above it, with a gap"),
        pytest.param(at(3, 60, [(0, 0), (60, 0)]), [2], id="almost touching"),
        pytest.param(at(10, 0, [(0, 0), (0, 100)]), [1, 1], id="beside it"),
        pytest.param(at(0, 150, [(0, 0), (0, 100)]), [1, 1], id="on the next line"),
        pytest.param(at(0, 0, [(0, 0), (60, 0)]) + at(60, 0, [(0, 0), (0, 100)]), [3], id="a chain"),
    ],
)
def test_strokes_of_a_digit_touch_or_stand_above_each_other(others, expected):
    written = strokes.at_corner(at(0, 0, [(0, 0), (0, 100)]) + others, 0.64)
    assert counts(strokes.group(written, 64)) == expected


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param([(60, 98)], id="a point"),
        pytest.param([(62, 90), (60, 112), (54, 125)], id="a comma"),
        pytest.param([(62, 88), (58, 120), (40, 145)], id="a large comma"),
    ],
)
def test_marks_are_left_out(mark):
    digits = at(0, 0, [(0, 0), (0, 100)]) + at(120, 0, [(0, 0), (0, 100)])
    groups = strokes.group(strokes.at_corner([*digits, np.array(mark, float)], 1), 100)
    assert counts(groups) == [1, 1]


def test_small_digits_are_no_marks():
    """Neither on the line of larger ones nor below them."""
    digits = at(0, 0, [(0, 0), (0, 100)]) + at(40, 0, [(0, 50), (0, 100)]) + at(80, 0, [(0, 140), (0, 190)])
    assert counts(strokes.group(strokes.at_corner(digits, 1), 100)) == [1, 1, 1]


@pytest.mark.parametrize("text", ["1", "3", "44", "2078", "1234567890"])
def test_the_height_of_the_writing_is_that_of_its_digits(text):
    written = [stroke for digit in drawing.write(text, height=70) for stroke in digit]
    assert 60 < strokes.writing_height(written) <= 70
    width, _ = strokes.size(written)
    line = np.array([(0.0, 100.0), (width + 10, 102.0)])
    assert 60 < strokes.writing_height([*written, line]) <= 70  # underlined


def test_strokes_are_drawn_with_a_margin():
    written = strokes.at_corner(at(500, -300, *LINES, [(30, 50)]), 0.5)
    ink = strokes.draw(written, 4)
    assert ink.shape == (50 + 2 * strokes.MARGIN, 30 + 2 * strokes.MARGIN)
    rows, columns = np.nonzero(ink > 128)
    assert abs(rows.min() - (strokes.MARGIN - 2)) <= 1 and abs(rows.max() - (strokes.MARGIN + 52)) <= 1
    assert abs(columns.min() - (strokes.MARGIN - 2)) <= 1 and abs(columns.max() - (strokes.MARGIN + 32)) <= 1
    assert ink[strokes.MARGIN + 25, strokes.MARGIN + 15] == 255  # a single point is a dot
