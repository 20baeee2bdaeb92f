"""Results: the text of a reading, and which fields count when results are compared."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edge_runtime import Box, Digit, Number, Reading, TileReadings
from edge_runtime.results import UNNAMED

BOX = Box(1, 2, 3, 4)


def digits(*lines):
    """Digits of lines of text, "?" for a rejected one."""
    return tuple(
        Digit(None if character == "?" else int(character), 0.9, BOX, line=number)
        for number, line in enumerate(lines)
        for character in line
    )


@pytest.mark.parametrize("lines", [(), ("7",), ("408", "13?6"), ("?", "??", "1")])
def test_a_reading_is_text_line_by_line(lines):
    reading = Reading("page.png", digits(*lines))
    assert reading.lines == lines
    assert reading.text == "\n".join(lines)


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


def test_lines_separate_numbers():
    numbers = (
        number("408", line=0, number=0),
        number("1250", {2: "."}, line=0, number=1),
        number("3", line=1, number=2),
        number("5", {0: UNNAMED}, line=1, number=3),
    )
    reading = Reading("", tuple(digit for each in numbers for digit in each.digits))
    assert reading.numbers == numbers
    assert reading.text == "408 12.50\n3 · 5"


@pytest.mark.parametrize(
    ("status", "failed"),
    [("ok", False), ("no digit found", False), ("error: no such file or directory", True)],
)
def test_a_reading_with_an_error_has_failed(status, failed):
    assert Reading("page.png", status=status).failed == failed


def test_an_empty_reading_has_the_shape_of_any_other():
    reading = Reading("")
    assert (reading.digits, reading.lines, reading.text) == ((), (), "")
    assert (reading.status, reading.failed, dict(reading.seconds)) == ("ok", False, {})


def test_readings_are_equal_whatever_time_they_took():
    tile, probabilities = np.zeros((28, 28), np.uint8), np.full(11, 1 / 11, np.float32)
    plain = Digit(4, 0.9, BOX)
    assert plain == Digit(4, 0.9, BOX, tile=tile, probabilities=probabilities)
    assert plain != Digit(4, 0.9, BOX, line=1)
    assert Reading("a", (plain,), seconds={"detect": 1.0}) == Reading("a", (plain,))
    assert Reading("a", (plain,)) != Reading("b", (plain,))


@pytest.mark.parametrize("result", [BOX, Digit(4, 0.9, BOX), Reading("a")], ids=lambda r: type(r).__name__)
def test_results_cannot_be_changed(result):
    name = dataclasses.fields(result)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, name, getattr(result, name))


def test_tile_readings_have_a_length():
    readings = TileReadings(np.array([4, 2, 7]), np.float32([0.9, 0.8, 0.2]), np.array([False, False, True]))
    assert len(readings) == 3
