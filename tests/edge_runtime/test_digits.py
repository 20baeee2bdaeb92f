"""Boxes, digits and numbers."""

from __future__ import annotations

import pytest

from edge_runtime import Box, Digit, Number
from edge_runtime.digits import UNNAMED

BOX = Box(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("parts", "around"),
    [
        pytest.param([(3, 4, 5, 6)], (3, 4, 5, 6), id="one"),
        pytest.param([(0, 0, 10, 10), (20, 5, 10, 30)], (0, 0, 30, 35), id="two"),
        pytest.param([(5, 5, 2, 2), (0, 0, 20, 20)], (0, 0, 20, 20), id="nested"),
        pytest.param([(-8, 3, 4, 4), (10, -2, 1, 1)], (-8, -2, 19, 9), id="negative"),
    ],
)
def test_a_box_around_others_is_the_smallest(parts, around):
    assert Box.around(Box(*part) for part in parts) == Box(*around)


def number(text, before=(), **place):
    """A number; `before` are the marks before its digits, by index."""
    marks = dict(before)
    return Number(
        tuple(
            Digit(None if each == "?" else int(each), 0.9 - i / 10, BOX, before=marks.get(i, ""), **place)
            for i, each in enumerate(text)
        )
    )


@pytest.mark.parametrize(
    ("one", "text"),
    [
        pytest.param(number("4?8"), "4?8", id="rejected"),
        pytest.param(number("1250", {2: "."}), "12.50", id="point"),
        pytest.param(number("5", {0: "-"}), "-5", id="minus"),
        pytest.param(number("24122026", {2: "/", 4: "/"}), "24/12/2026", id="date"),
        pytest.param(number("50", {0: UNNAMED}), "50", id="after an unnamed mark"),
    ],
)
def test_the_text_of_a_number_has_its_named_marks(one, text):
    assert one.text == text


def test_a_number_knows_its_line_box_and_confidence():
    digits = (Digit(4, 0.9, Box(10, 5, 8, 20), line=2), Digit(1, 0.7, Box(20, 4, 3, 22), line=2))
    one = Number(digits)
    assert (one.line, one.box, one.confidence) == (2, Box(10, 4, 13, 22), 0.7)
    assert one.mean_confidence == pytest.approx(0.8)


def test_a_number_is_a_sequence_of_its_digits():
    one = number("408")
    assert (len(one), one[0], one[-1].value, tuple(one)) == (3, one.digits[0], 8, one.digits)
    assert one.digits[1] in one


def test_digits_and_numbers_become_dictionaries_without_arrays():
    one = number("4?", {1: "."}, line=1, number=2)
    assert one.to_dict() == {
        "text": "4.?",
        "confidence": 0.8,
        "mean_confidence": pytest.approx(0.85),
        **{"x": 1, "y": 2, "width": 3, "height": 4, "line": 1},
    }
    assert one[1].to_dict() == {
        **{"value": None, "confidence": 0.8, "x": 1, "y": 2, "width": 3, "height": 4},
        **{"line": 1, "number": 2, "before": ".", "status": "ok"},
    }
