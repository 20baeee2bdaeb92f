"""The stages on single images: what is read as a digit, what is rejected, and where the boxes lie."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from edge_runtime import Box, DigitReader, ImageError, boxes
from edge_runtime.reading import detector, pipeline
from tests import drawing


@pytest.fixture(scope="module", params=["int8", "float"])
def reader(request):
    return DigitReader(request.param)


@pytest.fixture(scope="module")
def default_reader():
    return DigitReader()


def write(places, size, *, height=80, pen=8, seed=0):
    """A photograph of digits at places (x, y, digit), and the boxes of their ink."""
    generator = np.random.default_rng(seed)
    page, drawn = drawing.paper(*size), []
    for x, y, digit in places:
        ink = drawing.draw(int(digit), generator, height=height, pen=pen, unrest=0.3)
        drawing.place(page, ink, x, y)
        left, top, width, high = cv2.boundingRect((ink > 128).astype(np.uint8))
        drawn.append(Box(x + left, y + top, width, high))
    return drawing.photograph(page, generator), drawn


def corners(reading):
    return boxes.corners(digit.box for digit in reading.digits)


@pytest.mark.parametrize(
    ("places", "lines"),
    [
        pytest.param([(40, 40, "1"), (120, 200, "2")], ("1", "2"), id="lower and further right"),
        pytest.param(
            [(40, 40, "4"), (120, 40, "0"), (200, 40, "8"), (204, 200, "7")], ("408", "7"), id="two lines"
        ),
        pytest.param([(40, 40, "3"), (140, 180, "5"), (240, 320, "7")], ("3", "5", "7"), id="diagonal"),
    ],
)
def test_digits_are_read_where_they_were_written(reader, places, lines):
    page, drawn = write(places, (400, 460))
    reading = reader.read(page)
    assert reading.lines == lines
    assert [digit.line for digit in reading.digits] == [
        number for number, line in enumerate(lines) for _ in line
    ]
    assert np.abs(corners(reading) - boxes.corners(drawn)).max() <= 3


@pytest.mark.parametrize("height", [20, 40, 160])
def test_boxes_fit_digits_of_any_size(reader, height):
    gap = round(height * 1.2)
    places = [(gap * (1 + index), gap, digit) for index, digit in enumerate("27490")]
    page, drawn = write(places, (7 * gap, 3 * gap), height=height, pen=height / 10)
    reading = reader.read(page)
    assert reading.text == "27490"
    assert np.abs(corners(reading) - boxes.corners(drawn)).max() <= max(3, 0.05 * height)


def test_the_box_of_a_plain_stroke_is_exact(reader):
    page = np.full((300, 400), 220, np.uint8)
    page[100:180, 200:212] = 30
    reading = reader.read(page)
    assert reading.text == "1"
    assert np.abs(corners(reading) - [200, 100, 212, 180]).max() <= 2


def test_bright_ink_on_dark_paper_is_read_just_as_well(reader):
    page = drawing.page("2718")
    dark, bright = reader.read(page), reader.read(255 - page)
    assert dark.text == bright.text == "2718"
    assert np.abs(corners(dark) - corners(bright)).max() <= 5  # of 85


@pytest.mark.parametrize("pen", [8, 10])
@pytest.mark.parametrize(
    ("strokes", "size"),
    [
        pytest.param([(100, 60, 140)], (200, 240), id="one"),
        pytest.param([(60, 60, 140), (160, 60, 140)], (520, 240), id="two"),
    ],
)
def test_an_upright_1_is_not_erased_as_a_rule(strokes, size, pen, default_reader):
    page = np.full(size[::-1], 225, np.uint8)
    for x, top, bottom in strokes:
        cv2.line(page, (x, top), (x, bottom), 40, pen, cv2.LINE_AA)
    reading = default_reader.read(page)
    assert reading.text == "1" * len(strokes)
    expected = [(x - pen / 2, top - pen / 2, x + pen / 2, bottom + pen / 2) for x, top, bottom in strokes]
    assert np.abs(corners(reading) - expected).max() <= 4


@pytest.mark.parametrize("margin", [10, 30, 100])
def test_a_digit_that_fills_the_image_is_read(margin, default_reader):
    """As drawn in a paint program."""
    generator = np.random.default_rng(4)
    correct = 0
    for digit in list(range(10)) * 2:
        ink = drawing.draw(digit, generator, height=220, pen=20, unrest=0.5)
        reading = default_reader.read(255 - np.pad(ink, margin))
        if reading.text == str(digit):
            correct += 1
            x, y, width, height = cv2.boundingRect((ink > 128).astype(np.uint8))
            expected = np.array([x, y, x + width, y + height]) + margin
            assert np.abs(corners(reading) - expected).max() <= 12
    assert correct >= 19


@pytest.mark.parametrize("side", [20, 32, 48, 64])
def test_a_small_image_of_one_digit_is_read(reader, side):
    """Such as a cell that was cut out of a form."""
    generator = np.random.default_rng(side)
    correct = 0
    for digit in list(range(10)) * 2:
        ink = drawing.draw(digit, generator, height=80, pen=8, unrest=0.4)
        square = np.zeros((100, 100), np.uint8)
        top, left = (100 - ink.shape[0]) // 2, (100 - ink.shape[1]) // 2
        square[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
        cell = 230 - cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA) // 2
        correct += reader.read(cell).text == str(digit)
    assert correct >= 18


@pytest.mark.parametrize("letter", ["A", "E", "H", "K", "M", "R", "X"])
def test_a_letter_is_not_read_as_a_digit(reader, letter):
    generator = np.random.default_rng(3)
    page = drawing.paper(240, 240)
    drawing.place(page, drawing.draw(letter, generator, height=120, pen=12, unrest=0.3), 60, 50)
    reading = reader.read(drawing.photograph(page, generator))
    assert all(digit.value is None for digit in reading.digits)
    assert all(digit.status.startswith("rejected: ") for digit in reading.digits)


def test_every_digit_comes_with_its_tile_and_probabilities(reader):
    reading = reader.read(drawing.page("407"))
    assert [digit.value for digit in reading.digits] == [4, 0, 7]
    for digit in reading.digits:
        assert (digit.tile.shape, digit.tile.dtype) == ((28, 28), np.uint8)
        assert reader.read_tiles(digit.tile[None]).values[0] == digit.value
        assert digit.probabilities.shape == (11,)
        assert digit.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert digit.probabilities[digit.value] == pytest.approx(digit.confidence)


def test_a_28x28_tile_is_classified_without_detection(reader):
    tiles, labels = drawing.drawn_tiles(10, seed=9)
    for image in (tiles[4], 255 - tiles[4]):
        (digit,) = reader.read(image).digits
        assert (digit.value, digit.box) == (labels[4], Box(0, 0, 28, 28))
        assert (digit.tile == tiles[4]).all()


def test_a_page_with_too_much_writing_is_incomplete(default_reader, monkeypatch):
    grey, _ = write([(40 + 90 * index, 60, "5") for index in range(4)], (420, 220))
    assert default_reader.read(grey).status == "ok"
    monkeypatch.setattr(detector, "MAX_CANDIDATES", 2)
    reading = default_reader.read(grey)
    assert reading.status == "incomplete: too much writing for one image; split it into parts"
    assert 0 < len(reading.digits) <= 2


def test_a_confidence_below_the_threshold_is_rejected(monkeypatch):
    reader = DigitReader()
    blurred = np.zeros((28, 28), np.uint8)
    blurred[8:20, 8:20] = np.random.default_rng(1).integers(0, 255, (12, 12))
    confidence = float(reader.read_tiles(blurred[None]).confidences[0])
    strict = dataclasses.replace(reader.classifier.info, rejection_threshold=confidence + 1e-3)
    monkeypatch.setattr(reader.classifier, "info", strict)
    assert reader.read_tiles(blurred[None]).rejected.all()
    (digit,) = reader.read(blurred).digits
    assert digit.value is None
    assert digit.confidence == pytest.approx(confidence)
    background = digit.probabilities[10]
    assert digit.status == (
        f"rejected: probably not a digit (probability {background:.2f})"
        if background > confidence
        else f"rejected: confidence {confidence:.2f} is below {strict.rejection_threshold:.2f}"
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(MemoryError(), "too large for this machine's memory", id="Python"),
        pytest.param(-4, "too large for this machine's memory", id="OpenCV"),
        pytest.param(-215, "OpenCV failed: ", id="other failure of OpenCV"),
    ],
)
def test_failures_of_the_detection_are_reported(error, message, monkeypatch):
    if isinstance(error, int):
        code, error = error, cv2.error("failed")
        error.code, error.err = code, "assertion"

    def fail(*_):
        raise error

    reader = DigitReader()
    monkeypatch.setattr(pipeline, "detect", fail)
    with pytest.raises(ImageError, match=message):
        reader.read(drawing.page("1"))
