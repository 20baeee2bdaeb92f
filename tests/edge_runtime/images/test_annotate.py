"""Annotated images: boxes, labels and tiles drawn on a copy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime import Box, Digit, ImageError, Reading, boxes
from edge_runtime.images import text
from edge_runtime.images.annotate import annotate
from tests import drawing

GREEN, GREY = (60, 160, 20), (130, 130, 130)  # BGR: read, rejected


def page(*shape):
    return np.full(shape, 200, np.uint8)


def digit(value, x, y, side, tile=None):
    return Digit(value, 0.97, Box(x, y, side, side), tile=tile)


@pytest.mark.parametrize(
    ("shape", "factor"),
    [((28, 28, 3), 8), ((480, 640, 3), 1), ((3000, 4000, 3), 1), ((40, 900, 3), 1)],
    ids=["tile", "frame", "photograph", "strip"],
)
def test_boxes_are_drawn_on_a_copy(shape, factor):
    image, side = page(*shape), min(shape[:2]) // 2
    drawn = annotate(image, [digit(4, 0, 0, side), digit(None, side, side, side)])
    assert (image == 200).all()
    assert drawn.dtype == np.uint8
    assert drawn.shape == (shape[0] * factor, shape[1] * factor, 3)
    middle, end = side * factor // 2, side * factor
    assert np.abs(drawn[middle, end - 1] - np.array(GREEN)).max() < 40  # lines are smoothed
    assert np.abs(drawn[end + middle, 2 * end - 1] - np.array(GREY)).max() < 40
    assert (drawn[:, 2 * end + end // 2 :] == 200).all()


@pytest.mark.parametrize("shape", [(28, 28, 3), (480, 640, 3), (9, 300, 3)], ids=["tile", "frame", "strip"])
def test_tiles_are_inset_on_request(shape):
    side = min(shape[:2]) // 3
    seen = digit(4, 0, 0, side, tile=np.full((28, 28), 77, np.uint8))
    without, inset = (annotate(page(*shape), [seen], tiles=tiles) for tiles in (False, True))
    assert not (without == 77).all(axis=2).any()
    rows, columns = np.nonzero((inset == 77).all(axis=2))
    assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1) > 4  # one filled rectangle
    assert columns.min() <= 1


def test_a_tile_is_inset_below_its_box():
    seen = digit(4, 100, 50, 80, tile=np.full((28, 28), 77, np.uint8))
    rows, columns = np.nonzero((annotate(page(480, 640, 3), [seen], tiles=True) == 77).all(axis=2))
    assert 130 <= rows.min() <= 135
    assert 100 <= columns.min() <= 102
    assert columns.max() < 180


@pytest.mark.parametrize(("value", "colour"), [(4, GREEN), (None, GREY)], ids=["read", "rejected"])
def test_read_and_rejected_digits_have_their_own_colours(value, colour):
    drawn = annotate(page(300, 300, 3), [digit(value, 50, 50, 80)])
    painted = (drawn != 200).any(axis=2)
    rows, columns = np.nonzero(painted)
    assert np.abs(np.array([columns.min(), columns.max(), rows.max()]) - (50, 129, 129)).max() <= 1
    assert 20 <= rows.min() < 45  # the label
    # Versions of OpenCV smooth the label differently.
    assert (drawn[painted] == colour).all(axis=1).mean() > 0.15
    assert not (drawn == (GREY if value else GREEN)).all(axis=2).any()


IMAGES = {
    "grey": np.full((240, 320), 200, np.uint8),
    "one channel": np.full((240, 320, 1), 200, np.uint8),
    "opaque": np.dstack([np.full((240, 320, 3), 200, np.uint8), np.full((240, 320), 255, np.uint8)]),
    "16 bits": np.full((240, 320, 3), 200 << 8, np.uint16),
    "floats": np.full((240, 320), 200 / 255),
    "matrix": np.full((240, 320), 200, np.uint8).view(np.matrix),
}


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_whatever_can_be_read_can_be_drawn_on(image):
    seen = [digit(4, 100, 100, 60), digit(None, 200, 100, 60)]
    before = image.copy()
    assert (annotate(image, seen) == annotate(page(240, 320, 3), seen)).all()
    assert (image == before).all()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param(
            "a.png", "an array, not on an object of type str; for a file, use plot or save", id="path"
        ),
        pytest.param(None, "an array, not on an object of type NoneType", id="None"),
        pytest.param(np.zeros((3, 3, 3, 3)), "must have shape", id="shape"),
        pytest.param(np.zeros((0, 4), np.uint8), "is empty", id="empty"),
        pytest.param(np.full((4, 4, 3), 300.0), "must be within 0..1", id="floats"),
    ],
)
def test_what_is_no_image_is_rejected_with_the_reason(image, message):
    with pytest.raises(ImageError, match=message):
        annotate(image, [])


def test_the_digits_may_be_a_reading_or_an_iterator():
    image, seen = page(240, 320, 3), (digit(4, 100, 100, 60),)
    expected = annotate(image, seen)
    assert (expected != annotate(image, ())).any()
    assert (annotate(image, Reading("", seen)) == expected).all()
    assert (annotate(image, iter(seen)) == expected).all()


@pytest.fixture
def labels(monkeypatch):
    """The places (left, top, right, bottom) of all labels and insets that are drawn."""
    places = []
    paste = text.paste

    def record(canvas, image, x, y):
        paste(canvas, image, x, y)
        if canvas.shape[0] > 2 * image.shape[0] and canvas.shape[2] == 3:  # not a letter on its label
            places.append((x, y, x + image.shape[1], y + image.shape[0]))

    monkeypatch.setattr(text, "paste", record)
    return places


ROWS = {
    "apart": [(80 + 120 * i, 100, 50, 80) for i in range(4)],
    "close": [(40 + 52 * i, 100, 50, 80) for i in range(10)],
    "narrow": [(40 + 14 * i, 100, 6, 80) for i in range(20)],
    "small": [(40 + 13 * i, 100, 9, 14) for i in range(20)],
    "at the top": [(40 + 60 * i, 0, 50, 80) for i in range(8)],
    "at the bottom right": [(590 - 60 * i, 400, 50, 80) for i in range(8)],
    "two lines": [(40 + 60 * i, 100 + 90 * j, 50, 80) for i in range(8) for j in range(2)],
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_labels_cover_neither_boxes_nor_each_other(row, labels):
    seen = [Digit(index % 10, 0.97, Box(*place)) for index, place in enumerate(row)]
    annotate(page(480, 640, 3), seen)
    places, corners = np.array(labels, float), boxes.corners(one.box for one in seen)
    assert len(places) >= 0.9 * len(seen)
    shared = boxes.intersection(places, places)
    np.fill_diagonal(shared, 0)
    assert not shared.any()
    assert not boxes.intersection(places, corners).any()


def test_labels_have_the_confidence_where_it_fits():
    image, letters = page(300, 500, 3), []
    for width in (60, 20):
        drawn = annotate(image, [Digit(4, 0.97, Box(50, 100, width, 80))])
        label = (drawn[:100] == GREEN).all(axis=2)
        letters.append(np.ptp(np.nonzero(label)[1]) + 1)
    assert letters[1] < 20 < letters[0] <= 62


def written(*lines, height=60):
    """A drawn page with a reading of it in which every digit has the same grey tile."""
    image = cv2.cvtColor(drawing.page(" ".join(lines), height=height), cv2.COLOR_GRAY2BGR)
    tile = np.full((28, 28), 77, np.uint8)
    seen = []
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            x, y = round(height * (0.6 + 1.1 * column)), round(height * (0.6 + 1.7 * row))
            box = Box(x, y, round(0.8 * height), height + 4)
            seen.append(Digit(int(character), 0.97, box, number=row, tile=tile))
    return image, seen


@pytest.mark.parametrize("boxed", [2, 1], ids=["all digits have boxes", "a line has none"])
def test_tiles_never_cover_writing(boxed):
    image, seen = written("408", "136")
    seen = [one for one in seen if one.number < boxed]
    without, shown = annotate(image, seen), annotate(image, seen, tiles=True)
    height, width = image.shape[:2]
    assert (shown[:height, :width] == without).all()
    tiles = (shown[height:] == 77).all(axis=2)
    assert cv2.connectedComponents(tiles.astype(np.uint8))[0] - 1 == len(seen)


def test_tiles_are_shown_at_the_same_side_of_their_boxes():
    image = page(480, 640, 3)
    image[200:210] = 60  # something written, a little below the boxes
    tile = np.full((28, 28), 77, np.uint8)
    seen = [Digit(4, 0.97, Box(100 + 90 * i, 110 + i, 50, 80), tile=tile) for i in range(3)]
    shown = annotate(image, seen, tiles=True)
    assert shown.shape == image.shape
    assert (shown[200:210] == 60).all()
    count, _, places, _ = cv2.connectedComponentsWithStats((shown == 77).all(axis=2).astype(np.uint8))
    assert count - 1 == 3
    bottoms = places[1:, cv2.CC_STAT_TOP] + places[1:, cv2.CC_STAT_HEIGHT]
    assert (bottoms < 112).all()  # above


@pytest.mark.parametrize("shape", [(28, 28, 3), (1200, 5, 3), (7, 900, 3)], ids=["tile", "column", "line"])
def test_rows_of_tiles_fit_any_image(shape):
    whole = Digit(4, 0.97, Box(0, 0, shape[1], shape[0]), tile=np.full((28, 28), 77, np.uint8))
    without, shown = (annotate(page(*shape), [whole], tiles=tiles) for tiles in (False, True))
    height, width = without.shape[:2]
    assert (shown[:height, :width] == without).all()
    below = (shown[height:] == 77).all(axis=2)
    rows, columns = np.nonzero(below)
    assert below.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1) >= 28 * 28


def test_digits_without_tiles_are_drawn_as_usual():
    image, seen = page(240, 320, 3), [digit(4, 100, 100, 60)]
    assert (annotate(image, seen, tiles=True) == annotate(image, seen)).all()
