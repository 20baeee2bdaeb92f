"""Results: the text of a reading, and which fields count when results are compared."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edge_runtime import Box, Digit, Reading, TileReadings

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
