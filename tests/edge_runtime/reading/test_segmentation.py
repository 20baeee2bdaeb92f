"""Segmentation: where one digit of a group of strokes ends and the next begins."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.reading import segmentation

HEIGHT = 100


def at(*places):
    """Strokes from the top to the bottom of the writing, each between two places x."""
    return [np.array([(left, 0), (right, HEIGHT)], float) for left, right in places]


def segment(group, **certainties):
    """Segment a group. `s01` is the certainty of the run of the strokes 0 and 1, 0.01 unless given."""
    given = {name[1:]: value for name, value in certainties.items()}
    runs = segmentation.runs(len(group))
    of_runs = {run: given.get("".join(map(str, range(*run))), 0.01) for run in runs}
    return segmentation.segment(group, of_runs, HEIGHT)


def test_runs_are_short_or_the_whole_group():
    runs = segmentation.runs(5)
    assert runs[0] == (0, 5) and len(set(runs)) == len(runs) == 1 + 5 + 4 + 3
    assert {end - start for start, end in runs[1:]} == {1, 2, 3}
    assert segmentation.runs(1) == [(0, 1)]


def test_strokes_are_ordered_by_their_middles():
    wide, narrow, last = at((0, 60), (10, 14), (50, 90))
    ordered = segmentation.in_order([last, wide, narrow])
    assert [id(stroke) for stroke in ordered] == [id(narrow), id(wide), id(last)]


@pytest.mark.parametrize(
    ("places", "certainties", "expected"),
    [
        pytest.param([(0, 40)], {"s0": 0.1}, [(0, 1)], id="a single stroke"),
        pytest.param([(0, 40), (40, 80)], {"s0": 0.9, "s1": 0.9}, [(0, 1), (1, 2)], id="two digits"),
        pytest.param([(0, 40), (20, 60)], {"s01": 0.9, "s0": 0.3}, [(0, 2)], id="one digit"),
        pytest.param(
            [(0, 40), (48, 52)], {"s0": 0.9, "s1": 0.9, "s01": 0.95}, [(0, 1), (1, 2)], id="side by side"
        ),
        pytest.param(
            [(0, 40), (20, 24)], {"s0": 0.9, "s1": 0.9, "s01": 0.85}, [(0, 2)], id="above each other"
        ),
        pytest.param(
            [(0, 40), (20, 24), (44, 48), (50, 90)],
            {"s0": 0.6, "s1": 0.9, "s01": 0.9, "s2": 0.9, "s3": 0.9, "s23": 0.5},
            [(0, 2), (2, 3), (3, 4)],
            id="three digits",
        ),
        pytest.param(
            [(0, 40), (40, 80)], {"s0": 0.9, "s1": 0.4, "s01": 0.02}, [(0, 2)], id="half of it is no digit"
        ),
        pytest.param(
            [(0, 9), (3, 12), (6, 15), (9, 18), (12, 21)], {"s01234": 0.9}, [(0, 5)], id="many strokes"
        ),
    ],
)
def test_the_most_likely_digits_are_found(places, certainties, expected):
    assert segment(at(*places), **certainties) == expected


@pytest.mark.parametrize(("height", "expected"), [(100, [(0, 1), (1, 2)]), (20, [(0, 2)])])
def test_a_small_stroke_is_rather_a_part_of_the_digit_beside_it(height, expected):
    group = [np.array([(0.0, 0.0), (40.0, HEIGHT)]), np.array([(44.0, 0.0), (48.0, height)])]
    assert segment(group, s0=0.9, s1=0.9, s01=0.7) == expected


@pytest.mark.parametrize("scale", [0.1, 10])
def test_the_unit_of_lengths_does_not_matter(scale):
    group = [scale * stroke for stroke in at((0, 40), (50, 54), (66, 90))]
    certainties = dict.fromkeys(segmentation.runs(3), 0.9)
    assert segmentation.segment(group, certainties, HEIGHT * scale) == [(0, 1), (1, 2), (2, 3)]
