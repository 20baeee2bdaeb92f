"""Orientation: turned pages are read like upright ones, and nothing else is turned."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge_runtime import Box, DigitReader
from edge_runtime.digits import TURNS
from edge_runtime.reading import orientation, pipeline
from tests import drawing


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


@pytest.fixture
def searches(monkeypatch):
    """The sizes (height, width) of the images in which digits are searched."""
    sizes = []
    detect = pipeline.detect

    def count(grey, *rest):
        sizes.append(grey.shape)
        return detect(grey, *rest)

    monkeypatch.setattr(pipeline, "detect", count)
    return sizes


def hold(page, turn):
    """A page as it looks when it must be turned clockwise by `turn` degrees to be upright."""
    return np.ascontiguousarray(np.rot90(page, turn // 90))


def boxes_of(reading, shape):
    """The boxes of a reading as four corners in the upright page of this shape."""
    height, width = shape
    for digit in reading.digits:
        box = digit.box
        # The page is turned back with a mark in every box.
        mark = np.zeros((reading.height, reading.width), np.uint8)
        mark[box.y : box.y + box.height, box.x : box.x + box.width] = 1
        rows, columns = np.nonzero(np.rot90(mark, -reading.turn // 90))
        x, y = int(columns.min()), int(rows.min())
        yield Box(x, y, int(columns.max()) + 1 - x, int(rows.max()) + 1 - y)
    assert np.rot90(np.empty((reading.height, reading.width)), -reading.turn // 90).shape == (height, width)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(drawing.page("408 1356 92"), id="three lines"),
        pytest.param(drawing.page("2745", height=30), id="one small number"),
        pytest.param(255 - drawing.page("31415 92653"), id="bright on dark"),
        pytest.param(drawing.page("347"), id="three digits"),
    ],
)
def test_a_turned_page_is_read_as_if_it_were_upright(reader, page):
    upright = reader.read(page)
    assert upright.turn == 0
    assert (upright.width, upright.height) == page.shape[::-1]
    for turn in TURNS[1:]:
        given = hold(page, turn)
        reading = reader.read(given)
        assert (reading.turn, reading.lines, reading.status) == (turn, upright.lines, "ok")
        assert (reading.width, reading.height) == given.shape[::-1]
        assert list(boxes_of(reading, page.shape)) == [digit.box for digit in upright.digits]
        for digit, same in zip(reading.digits, upright.digits, strict=True):
            assert replace(digit, box=same.box) == same
            assert (digit.tile == same.tile).all()
        # The same turn, given by the user, gives the same reading.
        assert reader.read(given, rotate=turn) == reading
        assert DigitReader(rotate=turn).read(given) == reading


def test_a_turn_that_is_given_replaces_the_readers(reader):
    page = hold(drawing.page("4753"), 180)
    assert reader.read(page).turn == 180
    assert reader.read(page, rotate=0).turn == 0
    assert DigitReader(rotate=0).read(page) == reader.read(page, rotate=0)
    assert DigitReader(rotate=0).read(page, rotate="auto") == reader.read(page)


@pytest.mark.parametrize("threads", [1, 2])
def test_each_of_many_images_has_its_own_turn(threads, image_file, tmp_path):
    images = [hold(drawing.page("4753"), turn) for turn in TURNS]
    cv2.imwrite(str(tmp_path / "given.png"), hold(drawing.page("2745"), 90))
    images += [tmp_path / "given.png", image_file("lone.png", "7"), drawing.drawn_tiles(5, seed=1)[0][4]]
    readings = list(DigitReader(threads=threads).read_many(images))
    assert [reading.text for reading in readings] == ["4753"] * 4 + ["2745", "7", "4"]
    assert [reading.turn for reading in readings] == [*TURNS, 90, 0, 0]


@pytest.mark.parametrize("side", [50, 160])
def test_a_lone_digit_is_not_turned(reader, side):
    generator = np.random.default_rng(side)
    for digit in (1, 2, 4, 6, 7, 9):
        page = drawing.paper(side, side)
        ink = drawing.draw(digit, generator, height=side * 0.6, pen=side * 0.06, unrest=0.3)
        drawing.place(page, ink, side // 5, side // 5)
        image = drawing.photograph(page, generator)
        assert all(reader.read(hold(image, turn)).turn == 0 for turn in TURNS), digit


def test_tiles_are_turned_only_by_the_user(reader):
    tiles, _ = drawing.drawn_tiles(20, seed=3)
    hanging = np.ascontiguousarray(tiles[:, ::-1, ::-1])
    readings = list(reader.read_many(hanging))
    assert [reading.turn for reading in readings] == [0] * 20
    assert (np.stack([reading.digits[0].tile for reading in readings]) == hanging).all()
    for given, tile in zip(hanging, tiles, strict=True):
        assert reader.read(given, rotate=180).digits == reader.read(tile).digits
    assert reader.read(hanging[4], rotate=180).digits[0].box == Box(0, 0, 28, 28)


@pytest.mark.parametrize("text", ["808 1001", "6969", "11 88", "99", "66 99"])
def test_an_upright_page_that_reads_as_well_upside_down_is_not_turned(reader, text):
    reading = reader.read(drawing.page(text, seed=2))
    assert (reading.turn, reading.text) == (0, text.replace(" ", "\n"))


def test_letters_are_not_turned_into_digits(reader):
    generator = np.random.default_rng(3)
    page = drawing.paper(640, 160)
    for column, letter in enumerate("AEHKMR"):
        drawing.place(
            page, drawing.draw(letter, generator, height=60, pen=6, unrest=0.3), 40 + 90 * column, 50
        )
    reading = reader.read(drawing.photograph(page, generator))
    assert reading.turn == 0
    assert all(digit.value is None for digit in reading.digits)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(drawing.page("408 1356 92"), id="page"),
        pytest.param(drawing.page("8"), id="lone digit that reads both ways"),
        pytest.param(np.full((300, 400), 220, np.uint8), id="blank"),
    ],
)
def test_what_is_certainly_upright_is_searched_once(reader, searches, page):
    reader.read(page)
    assert searches == [page.shape]


def test_other_turns_of_a_large_image_are_tried_at_a_smaller_size(reader, searches, monkeypatch):
    monkeypatch.setattr(orientation, "_PREVIEW", 400)
    page = drawing.page("4753 2745", height=160)
    upright = reader.read(page)
    searches.clear()
    reading = reader.read(hold(page, 180))
    assert (reading.turn, reading.lines) == (180, upright.lines)
    assert list(boxes_of(reading, page.shape)) == [digit.box for digit in upright.digits]
    height, width = page.shape
    assert searches == [page.shape, (round(400 * height / width), 400), page.shape]


def test_a_turn_that_the_whole_image_does_not_confirm_is_dropped(reader, monkeypatch):
    monkeypatch.setattr(orientation, "_PREVIEW", 400)
    page = hold(drawing.page("4753 2745", height=160), 180)
    search = pipeline.Pipeline.search_turned

    def blank(self, page, turn, side=None):
        if side is None:
            page = replace(page, grey=np.full_like(page.grey, 200))
        return search(self, page, turn, side)

    monkeypatch.setattr(pipeline.Pipeline, "search_turned", blank)
    assert reader.read(page) == reader.read(page, rotate=0)


def test_the_seconds_of_all_attempts_count(reader, monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(pipeline, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    page = drawing.page("4753 2745")
    upright, turned = reader.read(page), reader.read(hold(page, 270))
    assert turned.turn == 270
    # By this clock every search lasts one second: two attempts at the least before the right one.
    assert upright.seconds["detect"] == upright.seconds["crop"] == 1
    assert turned.seconds["detect"] == turned.seconds["crop"] >= 2
