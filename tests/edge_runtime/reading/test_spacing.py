"""Spacing: other gaps show which ones end a number, in lines of writing, in forms and in tables."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.reading.spacing import Line, widest_gaps

HEIGHT, WIDTH = 50.0, 30.0


def line_of(gaps, left=0.0):
    """A line of digits 50 px high and 30 px wide with these gaps, from `left` px on."""
    gaps = np.array(gaps, float)
    edges = left + np.concatenate([[0], np.cumsum(WIDTH + gaps * HEIGHT)])
    return Line(edges, edges + WIDTH, gaps)


def numbers_of(*lines):
    """How many digits each number of each line has."""
    found = []
    for line, widest in zip(lines, widest_gaps(lines), strict=True):
        ends = np.flatnonzero(line.gaps > widest)
        found.append(np.diff([0, *(ends + 1), len(line.left)]).tolist())
    return found


def spaced(counts, gap, space, left=0.0):
    """A line of numbers with so many digits each."""
    gaps = [each for count in counts for each in [*[gap] * (count - 1), space]]
    return line_of(gaps[:-1], left)


def test_no_line():
    assert widest_gaps([]) == []
    assert numbers_of(line_of([])) == [[1]]


@pytest.mark.parametrize(
    ("gaps", "numbers"),
    [
        pytest.param([0.8, 0.85], [3], id="below a height"),
        pytest.param([0.8, 1.0], [2, 1], id="about a height"),
        pytest.param([0.2, 0.7], [2, 1], id="two groups of one gap"),
        pytest.param([0.2, 0.3, 0.7, 0.25], [3, 2], id="two groups"),
        pytest.param([0.05, 0.3, 0.5, 0.1], [5], id="uneven"),
        pytest.param([0.06, 1.2, 0.8, 1.3, 1.7, 1.6], [2, 1, 1, 1, 1, 1], id="numbers are far apart"),
        pytest.param([1.2, 1.0, 1.3, 1.1], [5], id="evenly spread"),
        pytest.param([1.6, 1.5, 1.7, 1.6], [1] * 5, id="too widely spread"),
        pytest.param([1.1, 6, 1.2, 5, 1.0, 1.2, 1.1], [2, 2, 4], id="fields of a form"),
    ],
)
def test_the_gaps_of_a_line_show_its_numbers(gaps, numbers):
    assert numbers_of(line_of(gaps)) == [numbers]


def test_gaps_of_different_fields_do_not_show_a_spacing():
    """The two digits on the right are a number, like those above and below them."""
    line = line_of([0.2, 2.6, 0.75])
    field = {"left": float(line.left[2])}
    above, below = line_of([0.8, 1.0], **field), line_of([1.1], **field)
    assert numbers_of(above, line, below) == [[3], [2, 2], [2]]


def test_fields_of_a_form_show_their_spacing_together():
    """Each has too few digits, and the rest of the page is written closely."""
    fields = [spaced([3], 1.1, 0, left=800), spaced([2], 1.2, 0, left=860), spaced([3], 1.0, 0, left=800)]
    text = [spaced([2, 4, 2], 0.15, 0.8), spaced([4], 0.2, 0)]
    assert numbers_of(*fields, *text) == [[3], [2], [3], [2, 4, 2], [4]]


def test_a_row_of_single_digits_in_a_table():
    """Evenly spread like the digits of one number, but in the columns of other rows."""
    pairs = spaced([2, 2, 2, 2, 2], 0.1, 0.6)  # 95 px from column to column
    digits = line_of([(95 - WIDTH) / HEIGHT] * 4, left=20)
    assert numbers_of(pairs, digits) == [[2] * 5, [1] * 5]


def test_a_long_field_below_other_numbers_is_no_row_of_a_table():
    field = line_of([0.95] * 11)
    assert numbers_of(spaced([2, 2, 4], 0.15, 0.9), field) == [[2, 2, 4], [12]]
