"""Marks: points, commas, minuses, slashes and colons between digits are named, others are not lost."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge_runtime import Box, Digit, DigitReader, Reading
from edge_runtime.reading.crop import crop_tiles
from edge_runtime.reading.layout import Layout
from edge_runtime.reading.marks import find_marks
from edge_runtime.reading.surroundings import Surroundings
from tests import drawing

# Paths in heights of the digits, from the top left corner of the mark's place, and the width of that place.
MARKS = {
    ".": ([[(0.1, 0.95), (0.12, 0.97)]], 0.27),
    ",": ([[(0.17, 0.92), (0.16, 1.06), (0.07, 1.2)]], 0.3),
    "-": ([[(0.1, 0.5), (0.55, 0.48)]], 0.65),
    "/": ([[(0.6, -0.1), (0.05, 1.1)]], 0.65),
    ":": ([[(0.1, 0.3), (0.11, 0.32)], [(0.1, 0.85), (0.11, 0.87)]], 0.27),
    "+": ([[(0.1, 0.5), (0.6, 0.5)], [(0.35, 0.25), (0.35, 0.75)]], 0.7),
    "|": ([[(0.1, -0.3), (0.1, 1.3)]], 0.15),
    "~": ([[(0.1, 0.99), (0.11, 0.99)]], 0.1),  # a speck
    "l": ([[(0.2, 0.64), (0.22, 0.9), (0.08, 1.15)]], 0.35),  # a long comma
    "s": ([[(0.25, 0.15), (0.25, 0.35)], [(0.1, 0.7), (0.09, 0.9)]], 0.35),  # two dashes, as a colon
    "m": ([[(0.1, 0.65), (0.8, 0.4)]], 0.9),  # a rising minus
    "t": ([[(0.1, 0.5), (0.8, 0.5)], [(0.45, 0.05), (0.45, 0.97)]], 0.95),  # a plus as tall as digits
    "=": ([[(0.1, 0.38), (0.55, 0.38)], [(0.1, 0.62), (0.55, 0.62)]], 0.7),
}


def written(text, *, height=60, pen=0.09, shade=0.3, level=205, seed=1):
    """A photograph of a line of digits and marks, the values of the digits, and their boxes."""
    generator = np.random.default_rng(seed)
    sheet = drawing.paper(round(height * (len(text) + 2)), round(height * 2.6), level)
    x, y = height * 0.8, round(height * 0.8)
    digits = []
    for character in text:
        if character in MARKS:
            paths, width = MARKS[character]
            thick = height * (0.02 if character == "~" else pen)
            ink = np.zeros(sheet.shape, np.uint8)
            for path in paths:
                points = np.rint((np.array(path) * height + (x, y)) * 16).astype(np.int32)
                cv2.polylines(ink, [points], False, 255, max(1, round(thick)), cv2.LINE_AA, 4)
            drawing.place(sheet, ink, 0, 0, shade=shade)
            x += width * height
        else:
            ink = drawing.draw(int(character), generator, height=height, pen=height * pen, unrest=0.5)
            drawing.place(sheet, ink, round(x), y, shade=shade)
            digits.append(Digit(int(character), 0.9, Box(round(x), y, ink.shape[1], ink.shape[0])))
            x += ink.shape[1] + 0.15 * height
    return drawing.photograph(sheet, generator), digits


def line_of(image, digits):
    crops = crop_tiles(image, [(b.x, b.y, b.x + b.width, b.y + b.height) for b in (d.box for d in digits)])
    around = [Surroundings.of(image, crop) for crop in crops]
    layout = Layout([digit.box for digit in digits])
    marks = find_marks(layout.lines, digits, around)
    found = tuple(
        replace(digits[index], line=line, number=number, before=marks[index])
        for number, (line, indices) in enumerate(layout.numbers(marks))
        for index in indices
    )
    (line,) = Reading("", found).lines
    return line


@pytest.mark.parametrize("text", ["12.50", "3,99", "84-70", "24/12/26", "7:45", "1250", "-58", "0.5-2.5"])
@pytest.mark.parametrize(
    "style",
    [
        pytest.param({}, id="pen on paper"),
        pytest.param({"height": 24}, id="small"),
        pytest.param({"height": 300}, id="large"),
        pytest.param({"shade": 4, "level": 50}, id="chalk"),
        pytest.param({"pen": 0.13}, id="thick"),
        pytest.param({"shade": 0.75}, id="faint"),
        pytest.param({"pen": 0.05}, id="fine"),
        pytest.param({"pen": 0.05, "height": 110}, id="large and fine"),
    ],
)
def test_named_marks_belong_to_the_number(text, style):
    assert line_of(*written(text, **style)) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("12+50", "12 · 50", id="a mark without a name"),
        pytest.param("12t50", "12 · 50", id="a tall one"),
        pytest.param("12=50", "12 · 50", id="two strokes"),
        pytest.param("12l50", "12,50", id="long comma"),
        pytest.param("12m50", "12-50", id="rising minus"),
        pytest.param("12s50", "12:50", id="colon of two strokes"),
        pytest.param("12|50", "1250", id="the line between two boxes"),
        pytest.param("12~50", "1250", id="speck"),
        pytest.param("+5", "5", id="only a minus counts before a number"),
    ],
)
def test_other_marks(text, line):
    assert line_of(*written(text)) == line


def test_a_slash_that_was_read_as_a_1_is_no_digit():
    image, digits = written("24/12")
    slash = Digit(1, 0.8, Box(digits[1].box.x + digits[1].box.width + 8, 42, 33, 78))
    assert line_of(image, [*digits[:2], slash, *digits[2:]]) == "24/12"


def test_a_steep_slash_is_told_from_a_1_by_its_height():
    image, digits = written("24112")
    one = digits[2].box
    for top, text in ((one.y, "24112"), (one.y - 24, "24/12")):
        sheet = image.copy()
        sheet[:, one.x - 4 : one.x + one.width + 4] = np.median(image)
        foot = round(one.y + 1.1 * one.height)
        cv2.line(sheet, (one.x, foot), (one.x + (foot - top) // 4, top), 60, 5, cv2.LINE_AA)
        stroke = replace(digits[2], box=Box(one.x - 2, top - 2, (foot - top) // 4 + 5, foot - top + 5))
        assert line_of(sheet, [*digits[:2], stroke, *digits[3:]]) == text


@pytest.mark.parametrize("text", ["4718", "1111"])
def test_a_1_stays_a_digit(text):
    assert line_of(*written(text)) == text


def test_a_mark_in_the_box_of_its_digit_is_seen():
    """The box of a digit may contain a point close to it."""
    image, digits = written("12.50")
    box = digits[1].box
    wider = Digit(2, 0.9, Box(box.x, box.y, box.width + 14, box.height + 2))
    assert line_of(image, [digits[0], wider, *digits[2:]]) == "12.50"


def test_digits_at_the_edges_of_the_image():
    image, digits = written("12.50")
    x, y = digits[0].box.x + 2, digits[0].box.y + 2
    cut = [Digit(d.value, 0.9, Box(max(0, d.box.x - x), 0, d.box.width, d.box.height - 4)) for d in digits]
    assert line_of(np.ascontiguousarray(image[y:, x:]), cut) == "12.50"


@pytest.mark.parametrize("text", ["12.50", "36-47", "18:05"])
def test_a_reading_has_the_marks(text):
    image, _ = written(text, height=80)
    assert DigitReader().read(image).text == text
