"""Layout: lines from top to bottom, numbers from left to right, whatever the tilt and the spacing."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby

import pytest

from edge_runtime import Box, Digit, Reading
from edge_runtime.reading.layout import arrange
from edge_runtime.results import UNNAMED

HEIGHT = 60


def line_of(text, x=0.0, y=0.0, *, gap=0.2, space=0.7, height=HEIGHT):
    """Digits of a line of text: value, left, top, width, height. `gap` and `space` are in heights."""
    for character in text:
        if character == " ":
            x += (space - gap) * height
        else:
            width = (0.2 if character == "1" else 0.6) * height
            yield int(character), x, y, width, height
            x += width + gap * height


def page_of(lines, *, pitch=110, **spacing):
    return [digit for row, text in enumerate(lines) for digit in line_of(text, y=row * pitch, **spacing)]


def warped(digits, warp):
    """The digits as tight boxes around their corners after a warp of the plane."""
    found = []
    for value, left, top, width, height in digits:
        corners = [warp(x, y) for x in (left, left + width) for y in (top, top + height)]
        xs, ys = zip(*corners, strict=True)
        found.append((value, min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)))
    return found


def lines_of(digits):
    boxes = [(value, Box(*map(round, box))) for value, *box in digits]
    return Reading("", in_order([Digit(value, 0.9, box) for value, box in boxes])).lines


def in_order(digits):
    return tuple(
        replace(digits[index], line=line, number=number)
        for number, (line, indices) in enumerate(arrange(digits))
        for index in indices
    )


@pytest.mark.parametrize(
    ("boxes", "lines"),
    [
        pytest.param([], [], id="no box"),
        pytest.param([(50, 0, 9, 20), (0, 3, 9, 20), (20, -4, 9, 20)], [[1, 2, 0]], id="one line"),
        pytest.param(
            [(0, 40, 9, 20), (30, 0, 9, 20), (0, 2, 9, 20), (30, 41, 9, 20)], [[2, 1], [0, 3]], id="two lines"
        ),
        pytest.param(
            [(i * 20, i * 4, 9, 20) for i in range(6)][::-1], [[5, 4, 3, 2, 1, 0]], id="falling line"
        ),
        pytest.param([(0, 0, 40, 100), (50, 60, 10, 20)], [[0, 1]], id="tall beside small"),
        pytest.param([(0, 0, 9, 20), (12, 18, 9, 20)], [[0], [1]], id="lower"),
        pytest.param([(0, 18, 20, 50), (68, 0, 20, 50)], [[0, 1]], id="a little higher across a gap"),
        pytest.param([(5, 5, 0, 20), (5, 40, 9, 20)], [[0], [1]], id="without width"),
    ],
)
def test_lines_are_in_reading_order(boxes, lines):
    numbers = arrange([Digit(0, 0.9, Box(*box)) for box in boxes])
    by_line = groupby(numbers, key=lambda number: number[0])
    assert [[index for _, indices in line for index in indices] for _, line in by_line] == lines


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("0172 945 386",), id="groups"),
        pytest.param(("12 7", "408", "1356"), id="the page shows the spacing"),
        pytest.param(("2718", "1111"), id="narrow digits"),
    ],
)
def test_numbers_end_at_wide_gaps(lines):
    assert lines_of(page_of(lines)) == lines


@pytest.mark.parametrize("gap", [0.1, 0.5, 0.9, 1.2])
def test_evenly_spread_digits_are_one_number(gap):
    """As in the boxes of a form."""
    assert lines_of(page_of(["11820745"], gap=gap)) == ("11820745",)


def test_boxes_of_a_form_hold_several_numbers():
    assert lines_of(page_of(["1945 83 2071"], gap=0.9, space=2.6)) == ("1945 83 2071",)


def test_columns_are_numbers_of_their_own():
    digits = [*page_of(["25", "46"]), *((v, x + 580, *rest) for v, x, *rest in page_of(["83", "90"]))]
    assert lines_of(digits) == ("25 83", "46 90")


@pytest.mark.parametrize("degrees", [-30, -20, -10, 10, 20, 30])
@pytest.mark.parametrize(
    ("lines", "spacing"),
    [
        (("0172 945 386", "408 2711", "1356"), {}),
        (("0172945386", "4082711", "1356"), {"gap": 0.9, "pitch": 80}),
        (("247",), {}),
    ],
    ids=["groups", "spread", "short"],
)
def test_lines_follow_tilted_writing(lines, spacing, degrees):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    tilted = warped(
        page_of(lines, **spacing), lambda x, y: (500 + x * cos - y * sin, 500 + x * sin + y * cos)
    )
    assert lines_of(tilted) == lines


@pytest.mark.parametrize("strength", [-3e-4, 3e-4])
def test_lines_follow_perspective(strength):
    """The lines fan out: the right side of the page is further away, or nearer."""
    lines = tuple("47 20 935 62 80 51 394"[row % 3 :].strip() for row in range(8))

    def warp(x, y):
        return x / (1 + strength * x), (y - 400) / (1 + strength * x)

    assert lines_of(warped(page_of(lines, pitch=90, space=1.5), warp)) == lines


def test_an_unnamed_mark_ends_a_number():
    digits = [Digit(value, 0.9, Box(50 * value, 0, 36, 60)) for value in range(4)]
    marked = Digit(2, 0.9, digits[2].box, before=UNNAMED)
    point = Digit(3, 0.9, digits[3].box, before=".")
    assert Reading("", in_order([*digits[:2], marked, point])).lines == ("01 · 2.3",)


@pytest.mark.parametrize(
    ("mark", "gap", "line"),
    [
        (".", 1.4, "4.2"),
        ("/", 2.3, "4/2"),
        ("-", 1.8, "4 -2"),  # a sign
        ("", 1.4, "4 2"),
    ],
)
def test_marks_widen_the_gaps_of_a_number(mark, gap, line):
    four, two = Digit(4, 0.9, Box(0, 0, 36, 60)), Digit(2, 0.9, Box(round(36 + 60 * gap), 0, 36, 60))
    assert Reading("", in_order([four, replace(two, before=mark)])).lines == (line,)


def test_digits_know_their_line_and_number():
    digits = [Digit(v, 0.9, Box(*map(round, box))) for v, *box in page_of(["25 8", "3"], space=1.5)]
    ordered = in_order(digits[::-1])
    assert [(digit.value, digit.line, digit.number) for digit in ordered] == [
        (2, 0, 0),
        (5, 0, 0),
        (8, 0, 1),
        (3, 1, 2),
    ]
