"""The pad: strokes are read however large, where and with what device they were written."""

from __future__ import annotations

from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest

from edge_runtime import DigitReader, Reading
from edge_runtime.reading.pad import read_strokes
from tests import drawing

# Paths in heights of the digits, from the top left corner of the mark's place, and the width of that place.
MARKS = {
    ".": ([[(0.1, 0.97)]], 0.35),  # a click
    ",": ([[(0.17, 0.92), (0.16, 1.06), (0.07, 1.2)]], 0.4),
    "-": ([[(0.1, 0.5), (0.55, 0.48)]], 0.75),
    "/": ([[(0.6, -0.1), (0.05, 1.1)]], 0.8),
    ":": ([[(0.1, 0.3)], [(0.1, 0.85)]], 0.35),
}


@pytest.fixture(scope="module", params=["int8", "float"])
def reader(request):
    return DigitReader(request.param)


@pytest.fixture(scope="module")
def int8():
    return DigitReader()


def strokes_of(digits):
    return list(chain.from_iterable(digits))


def written(text, height=100.0):
    """The strokes of digits and marks."""
    x, found = 0.0, []
    for character in text:
        if character in MARKS:
            paths, width = MARKS[character]
            found += [np.array(path) * height + (x, 0) for path in paths]
        else:
            strokes = strokes_of(drawing.write(character, height=height, x=x))
            found += strokes
            width = np.ptp(np.concatenate(strokes)[:, 0]) / height + 0.25
        x += width * height
    return found


@pytest.mark.parametrize("value", range(10))
def test_a_digit_is_read_by_itself(reader, value):
    strokes = strokes_of(drawing.write(str(value), height=150, x=40, y=30))
    reading = read_strokes(reader, strokes)
    assert (reading.text, reading.status) == (str(value), "ok")
    assert reading.digits[0].confidence > 0.8
    assert reading.digits[0].tile.shape == (28, 28)


@pytest.mark.parametrize("text", ["247", "1017", "8305946271"])
@pytest.mark.parametrize(
    ("height", "x", "y"),
    [
        pytest.param(18, 5, 5, id="small, at the corner"),
        pytest.param(60, 300, 10, id="at the upper edge"),
        pytest.param(400, -50, -80, id="large, begun outside the pad"),
        pytest.param(3000, 0, 0, id="in finer units"),
    ],
)
def test_size_and_place_do_not_matter(reader, text, height, x, y):
    digits = drawing.write(text, height=height, x=x, y=y)
    reading = read_strokes(reader, strokes_of(digits))
    assert reading.text == text
    for digit, strokes in zip(reading.digits, digits, strict=True):
        points, box = np.concatenate(strokes), digit.box
        ends = [*points.min(axis=0), *points.max(axis=0)]
        found = [box.x, box.y, box.x + box.width, box.y + box.height]
        assert np.abs(np.subtract(found, ends)).max() < 1 + 0.02 * height
    end = np.ceil(np.concatenate(strokes_of(digits)).max(axis=0)).tolist()
    assert [reading.width, reading.height] == end


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(lambda stroke: np.rint(stroke), id="whole pixels"),
        pytest.param(lambda stroke: stroke[:: max(1, len(stroke) // 8)], id="few points"),
        pytest.param(lambda stroke: np.repeat(stroke, 50, axis=0), id="many points"),
        pytest.param(lambda stroke: stroke[::-1], id="backwards"),
    ],
)
def test_the_device_does_not_matter(reader, sample):
    strokes = [sample(stroke) for stroke in strokes_of(drawing.write("7204", height=50, x=20, y=20))]
    assert read_strokes(reader, strokes[::-1]).text == "7204"  # nor does the order


def test_lines_are_read_from_top_to_bottom(reader):
    lines = [drawing.write(text, height=80, x=20, y=y) for text, y in (("408", 20), ("1356", 140))]
    reading = read_strokes(reader, strokes_of(strokes_of(lines)))
    assert reading.lines == ("408", "1356")


@pytest.mark.parametrize(
    ("text", "gap"), [("2702", 0.0), ("4147", 0.0), ("951", 0.0), ("2702", -0.08), ("951", -0.08)]
)
def test_digits_that_touch_are_told_apart(int8, text, gap):
    assert read_strokes(int8, strokes_of(drawing.write(text, height=120, gap=gap))).text == text


def test_digits_in_one_stroke_are_told_apart(int8):
    """The pen was not lifted: only the detector sees more than one digit."""
    strokes = [stroke for digit in drawing.write("606", height=90, gap=0.15) for stroke in digit]
    assert read_strokes(int8, [np.concatenate(strokes)]).text == "606"


def test_the_parts_of_a_digit_need_not_touch(int8):
    """An 8 of two circles, and a 5 whose bar is apart."""
    circle = np.stack([np.sin(np.linspace(0, 2 * np.pi, 30)), np.cos(np.linspace(0, 2 * np.pi, 30))], axis=1)
    eight = [20 * circle + (30, 20), 22 * circle + (30, 68)]
    bar, *rest = (100 * curve + (90, 0) for curve in drawing.strokes(5))
    five = [bar - (0, 9), *rest]
    assert read_strokes(int8, eight + five).text == "85"


@pytest.mark.parametrize("text", ["12.50", "3,99", "84-70", "24/12/26", "7:45", "-58"])
def test_marks_between_digits_are_seen(int8, text):
    assert read_strokes(int8, written(text)).text == text


@pytest.mark.parametrize("letter", "AEHKMX")
def test_letters_are_not_read_as_digits(int8, letter):
    strokes = [100 * curve for curve in drawing.strokes(letter)]
    assert all(digit.value is None for digit in read_strokes(int8, strokes).digits)


def test_what_stands_among_digits_is_rather_a_digit():
    """Here to a classifier that takes all for a 3, but doubts that the first one is a digit."""

    def probabilities(tiles):
        found = np.zeros((len(tiles), 11), np.float32)
        found[:, 3], found[:, 10] = 0.97, 0.03
        found[:2, 3], found[:2, 10] = 0.25, 0.75  # the first digit, in two pens
        return found

    classifier = SimpleNamespace(probabilities=probabilities)
    reader = SimpleNamespace(classifier=classifier, read=lambda image, rotate: Reading(""))
    digits = drawing.write("00000", height=50)
    alone, among = (read_strokes(reader, strokes_of(digits[:count])) for count in (1, 5))
    assert alone.digits == ()
    assert among.text == "33333"


@pytest.mark.parametrize(
    "strokes",
    [
        pytest.param([], id="nothing"),
        pytest.param([[(50, 50)]], id="a click"),
        pytest.param([[(50, 50)]] * 20, id="clicks at one place"),
        pytest.param([[(10, 50), (90, 52)]], id="a dash"),
        pytest.param([[(-60, -50), (-90, -50)]], id="a dash outside the pad"),
    ],
)
def test_what_is_no_digit_gives_no_digit(int8, strokes):
    reading = read_strokes(int8, [np.array(stroke, float) for stroke in strokes])
    assert (reading.digits, reading.status) == ((), "no digit found")
    assert reading.width >= 0 and reading.height >= 0


def test_drawings_are_bounded_however_far_the_strokes_reach(int8):
    digits = drawing.write("4", height=60) + drawing.write("2", height=60, x=90_000, y=50_000)
    reading = read_strokes(int8, strokes_of(digits))
    assert reading.width > 90_000 and reading.height > 50_000
    assert reading.lines == ("4", "2")


def test_hundreds_of_strokes_are_read(int8):
    generator = np.random.default_rng(1)
    scribbles = [generator.uniform(0, 800, 2) + generator.uniform(0, 30, (5, 2)) for _ in range(100)]
    assert isinstance(read_strokes(int8, scribbles).text, str)
