"""Boxes in reading order, and what is drawn from them."""

import numpy as np
import pytest

from edge_runtime import Box, Digit, display, locate


@pytest.mark.parametrize(
    ("boxes", "order"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(50, 0, 9, 20), (0, 3, 9, 20), (20, -4, 9, 20)], [[1, 2, 0]], id="one line"),
        pytest.param(
            [(0, 40, 9, 20), (30, 0, 9, 20), (0, 2, 9, 20), (30, 41, 9, 20)], [[2, 1], [0, 3]], id="two lines"
        ),
        pytest.param(
            [(i * 20, i * 4, 9, 20) for i in range(6)][::-1], [[5, 4, 3, 2, 1, 0]], id="a rising line"
        ),
        pytest.param([(0, 0, 40, 100), (50, 60, 10, 20)], [[0, 1]], id="tall beside small"),
    ],
)
def test_reading_order(boxes, order):
    assert locate.reading_order(boxes) == order


def test_ruled_lines_do_not_hide_digits(draw_page):
    page = draw_page("583", height=90)
    page[::60] = 120
    assert len(*locate.find_digits(page)) >= 3


def test_specks_beside_digits_are_left_out(draw_page):
    page = draw_page("47")
    generator = np.random.default_rng(0)
    for _ in range(30):
        y, x = generator.integers(0, page.shape[0] - 3), generator.integers(0, 40)
        page[y : y + 3, x : x + 3] = 60
    assert len(*locate.find_digits(page)) == 2


def test_a_large_picture_keeps_its_own_coordinates(draw_page):
    page = draw_page("15", height=900)
    (boxes,) = locate.find_digits(page)
    assert len(boxes) == 2
    assert all(800 < box.height < 1000 for box in boxes)


def digit(value, x, y, side):
    return Digit(value, 0.97, Box(x, y, side, side))


@pytest.mark.parametrize("shape", [(28, 28, 3), (480, 640, 3), (3000, 4000, 3), (40, 900, 3)])
def test_annotating_leaves_the_picture_and_draws_on_a_copy(shape):
    picture = np.full(shape, 200, np.uint8)
    side = min(shape[:2]) // 2
    drawn = display.annotate(picture, [digit(4, 0, 0, side), digit(None, side, side, side)])
    assert (picture == 200).all()
    assert (drawn != 200).any()
    assert drawn.dtype == np.uint8
    assert drawn.shape[0] >= shape[0]


def test_refused_and_read_look_different():
    picture = np.full((200, 200, 3), 200, np.uint8)
    read, refused = (display.annotate(picture, [digit(value, 50, 50, 80)]) for value in (4, None))
    assert (read != refused).any()


def test_overlay_writes_into_the_lower_edge():
    picture = np.full((240, 320, 3), 200, np.uint8)
    drawn = display.overlay(picture, ["one", "two"])
    assert (drawn[:180] == 200).all()
    assert (drawn[-10:] != 200).any()
