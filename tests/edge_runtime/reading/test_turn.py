"""Turning: which turns can be asked for, and where boxes lie in the image as given."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime import ArgumentError, Box, DigitReader
from edge_runtime.digits import TURNS
from edge_runtime.reading.turn import box_as_given, parse, turn_image


@pytest.mark.parametrize("turn", TURNS)
def test_a_box_in_a_turned_image_is_found_in_the_image_as_given(turn):
    given = np.zeros((40, 60), np.uint8)
    given[5:12, 20:50] = np.arange(30)
    turned = turn_image(given, turn)
    np.testing.assert_array_equal(turned, np.rot90(given, -turn // 90))
    rows, columns = np.nonzero(turned)
    x, y = int(columns.min()), int(rows.min())
    box = Box(x, y, int(columns.max()) + 1 - x, int(rows.max()) + 1 - y)
    assert box_as_given(box, turn, (60, 40)) == Box(21, 5, 29, 7)


@pytest.mark.parametrize(
    ("rotate", "turn"),
    [("auto", None), (0, 0), (270, 270), ("90", 90), (np.int64(180), 180)],
)
def test_turns_are_given_as_numbers_or_text(rotate, turn):
    assert parse(rotate) == turn


@pytest.mark.parametrize("rotate", [45, -90, 360, "", "Auto", "upright", True, 90.0, None, [90]], ids=repr)
def test_any_other_turn_is_refused(rotate):
    with pytest.raises(ArgumentError, match=r'^rotate must be "auto", 0, 90, 180 or 270, not ') as error:
        DigitReader(rotate=rotate)
    assert str(error.value).endswith(repr(rotate))
