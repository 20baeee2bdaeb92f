"""The dashboard: no text is cut off or covered, whatever the size of the frame and whatever is in view."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime import Box, Digit, boxes
from edge_runtime.images import text
from edge_runtime.live.events import TrackedNumber
from edge_runtime.live.view import View
from edge_runtime.window import dashboard, style
from edge_runtime.window.keys import KEYS
from edge_runtime.window.layout import arrange
from tests import drawing

PROBLEM = "camera 0: no image for 2 s, reconnecting"
STAGES = {"capture": 0.0031, "detect": 0.0089, "classify": 0.0021, "draw": 0.0014}

SIZES = {
    "a tile": (28, 28),
    "a pixel": (1, 1),
    "small": (160, 120),
    "usual": (640, 480),
    "odd": (641, 487),
    "wide": (1920, 400),
    "tall": (300, 1200),
    "a line": (3000, 7),
    "a column": (5, 1200),
    "full HD": (1920, 1080),
    "4K": (3840, 2160),
}


@pytest.fixture(scope="module")
def tiles():
    return drawing.drawn_tiles(60, seed=3)[0]


def view(size=(640, 480), texts=(), tiles=None, **changes):
    """A view of a grey frame with these numbers, one per row."""
    width, height = size
    numbers = []
    for row, string in enumerate(texts):
        step, high = width / (len(string) + 1), height / (len(texts) + 1)
        digits = tuple(
            Digit(
                None if character == "?" else int(character),
                0.93,
                Box(round(step * (i + 0.5)), round(high * (row + 0.5)), round(step * 0.6), round(high * 0.6)),
                line=row,
                tile=None if tiles is None else tiles[(7 * row + i) % len(tiles)],
            )
            for i, character in enumerate(string)
        )
        numbers.append(TrackedNumber(digits, row, confirmed=row % 2 == 0))
    known = {
        "image": np.full((height, width, 3), 170, np.uint8),
        "frame": 5,
        "seconds": 1.0,
        "time": 0.0,
        "digits": tuple(digit for number in numbers for digit in number.digits),
        "numbers": tuple(numbers),
        "stages": STAGES,
        "rate": 29.8,
        "source": "camera 0",
        "capture_format": "640x480 at 30 fps (requested 1280x720)",
    }
    return View(**{**known, **changes})


def compose(view, *, tiles=False, help=False, recording=False):
    return dashboard.compose(view, tiles=tiles, help=help, recording=recording)


def count_places(canvas, image):
    """The number of places where an image is found on a canvas, pixel by pixel."""
    height, width = image.shape[:2]
    rows, columns = canvas.shape[0] - height + 1, canvas.shape[1] - width + 1
    # Compare single pixels first, those that differ most from the corner: few places are left after some.
    difference = np.abs(image.astype(int) - image[0, 0]).sum(axis=2)
    order = np.argsort(-difference, axis=None, kind="stable")
    y, x = np.unravel_index(order[0], difference.shape)
    tops, lefts = np.nonzero((canvas[y : y + rows, x : x + columns] == image[y, x]).all(axis=2))
    for pixel in order[1:100]:
        y, x = np.unravel_index(pixel, difference.shape)
        same = (canvas[tops + y, lefts + x] == image[y, x]).all(axis=1)
        tops, lefts = tops[same], lefts[same]
        if len(tops) <= 2:
            break
    spots = zip(tops, lefts, strict=True)
    return sum(bool((canvas[top : top + height, left : left + width] == image).all()) for top, left in spots)


def count_pixels(canvas, colour):
    return int((canvas == colour).all(axis=2).sum())


def letters(string, size, colour, *, bold=False, background=style.BACKGROUND):
    return text.render(string, size, bold, colour, background)


@pytest.fixture
def pasted(monkeypatch):
    """Boxes (left, top, right, bottom) of all images pasted onto a canvas of a shape, as a function of it."""
    record = []
    paste = text.paste

    def recording_paste(canvas, image, x, y):
        paste(canvas, image, x, y)
        record.append((canvas.shape, (x, y, x + image.shape[1], y + image.shape[0])))

    monkeypatch.setattr(text, "paste", recording_paste)
    return lambda wanted: np.array([box for shape, box in record if shape == wanted], float).reshape(-1, 4)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("tiles_on", [False, True], ids=["plain", "tiles"])
def test_canvases_fit_a_screen_for_every_size_of_frame(size, tiles_on, tiles):
    shown = view(size, ["4285", "1?"], tiles)
    before = shown.image.copy()
    canvas = compose(shown, tiles=tiles_on, help=True, recording=True)
    assert canvas.dtype == np.uint8
    assert canvas.shape[2] == 3
    assert 340 <= canvas.shape[0] <= 960
    assert 600 <= canvas.shape[1] <= 1280
    assert (shown.image == before).all()


CROWDS = {
    "nothing": [],
    "one digit": ["7"],
    "two numbers": ["4285", "17"],
    "a long number": ["4285" * 12],
    "many numbers": ["42"] * 40,
    "60 digits": ["4285019637"] * 6,
    "300 digits": ["428501963742?"] * 24,
}

STATES = {
    "ordinary": {},
    "lost and paused": {"problem": PROBLEM, "paused": True},
    "long texts": {
        "problem": "rtsp://camera.example:554/a/very/long/address: " + "no image, reconnecting " * 12,
        "source": "rtsp://camera.example:554/a/very/long/address/of/a/stream",
        "capture_format": "x" * 300,
        "model": "models/one-with-a-very-long-name.onnx",
        "paused": True,
    },
    "empty texts": {"source": "", "capture_format": "", "stages": {}, "rate": 0.0},
    "slow": {"stages": dict.fromkeys(STAGES, 12.3456), "rate": 0.04},
    "fast": {"stages": dict.fromkeys(STAGES, 0.0), "rate": 1234.5},
    "not ASCII": {"source": "caméra\n\t№ 1", "problem": "caméra: perdue"},
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize("texts", CROWDS.values(), ids=CROWDS)
@pytest.mark.parametrize("size", [SIZES[name] for name in ("usual", "wide", "tall", "a column")])
def test_texts_neither_overlap_nor_leave_the_canvas(size, texts, state, tiles, pasted):
    canvas = compose(view(size, texts, tiles, **state), tiles=True, recording=True)
    places = pasted(canvas.shape)
    assert len(places) > 8
    assert places.min() >= 0
    assert (places[:, 2:].max(axis=0) <= canvas.shape[1::-1]).all()
    shared = boxes.intersection(places, places)
    np.fill_diagonal(shared, 0)
    assert not shared.any(), places[shared.any(axis=1)]


@pytest.mark.parametrize("x, y", [(15, 0), (0, 15), (-1, 0), (0, -1), (-15, 0), (0, -15)])
def test_pasting_beyond_the_canvas_is_an_error(x, y):
    canvas = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(ValueError, match="does not fit"):
        text.paste(canvas, np.ones((9, 9, 3), np.uint8), x, y)
    assert not canvas.any()


@pytest.mark.parametrize("bold", [False, True], ids=["regular", "bold"])
@pytest.mark.parametrize("size", [8, 9, 11, 24, 38])
def test_characters_are_not_cut_off(size, bold, monkeypatch):
    """With more space above and below, they do not grow."""
    characters = [chr(code) for code in range(33, 127) if chr(code).isalnum() or chr(code) in "%.:,-?+"]
    images = [text._letter.__wrapped__(character, size, bold) for character in characters]
    above, below = text._rise_and_fall(size)
    monkeypatch.setattr(text, "_rise_and_fall", lambda size: (above + 9, below + 9))
    for character, image in zip(characters, images, strict=True):
        roomy = text._letter.__wrapped__(character, size, bold)
        edge = 9 * text._OVERSAMPLING
        assert (roomy[edge:-edge] == image).all(), character
        assert roomy[:edge].max() == roomy[-edge:].max() == 0, character
        assert image.max() > 200, character


def test_frames_of_the_right_size_are_shown_unchanged():
    generator = np.random.default_rng(1)
    image = generator.integers(0, 255, (480, 640, 3)).astype(np.uint8)
    assert (compose(view(image=image))[:480, :640] == image).all()


def test_large_frames_are_averaged_when_they_are_scaled_down():
    image = np.zeros((2160, 3840, 3), np.uint8)
    image[::2] = 200  # every other row: leaving rows out would make it black or white
    shown = compose(view(image=image))[:500, :900]
    assert shown.mean() == pytest.approx(100, abs=8)


def test_the_size_of_the_canvas_does_not_depend_on_what_is_in_view(tiles):
    shapes = {
        compose(view(texts=texts, tiles=tiles, **state), tiles=True).shape
        for texts in CROWDS.values()
        for state in STATES.values()
    }
    assert len(shapes) == 1


@pytest.mark.parametrize("number", ["7", "4285", "?2"])
def test_numbers_are_large_and_confirmed_ones_bright(number):
    canvas = compose(view(texts=[number, number], digits=()))
    # Rows below the baseline are left out: the underline crosses them.
    for string, size, bold, colour, count in (
        (number, 38, True, style.TEXT, 1),
        (number, 38, True, style.DIM, 1),
        ("93%", 16, False, style.DIM, 2),
    ):
        image = letters(string, size, colour, bold=bold)
        assert count_places(canvas, image[: size + text.rise(size)]) == count


def test_numbers_that_do_not_fit_are_counted():
    canvas = compose(view(texts=["42"] * 40, digits=()))
    counts = [
        count for count in range(1, 40) if count_places(canvas, letters(f"and {count} more", 9, style.DIM))
    ]
    assert len(counts) == 1
    shown = [letters("42", 11, colour, bold=True) for colour in (style.TEXT, style.DIM)]
    assert sum(count_places(canvas, image[: 11 + text.rise(11)]) for image in shown) == 40 - counts[0]


@pytest.mark.parametrize(
    ("texts", "enlarged"),
    [pytest.param(["428"], 2, id="few"), pytest.param(["4285019637"] * 6, 1, id="60")],
)
def test_tiles_are_shown_pixel_by_pixel(texts, enlarged, tiles):
    shown = view(texts=texts, tiles=tiles)
    canvas = compose(shown, tiles=True)
    strip = canvas[compose(shown).shape[0] :]
    for digit in shown.digits:
        large = np.kron(digit.tile, np.ones((enlarged, enlarged), np.uint8))
        assert count_places(strip, np.repeat(large[:, :, None], 3, axis=2)) >= 1


def test_tiles_that_do_not_fit_are_counted(tiles):
    strip = compose(view(texts=["428501963742?"] * 24, tiles=tiles), tiles=True)[480:]
    assert count_places(strip, letters(f"+{13 * 24 - 59}", 8, style.DIM)) == 1


def test_digits_without_tiles_leave_the_strip_empty():
    strip = compose(view(texts=["42"]), tiles=True)[480:]
    assert (strip == compose(view(), tiles=True)[480:]).all()
    assert count_places(strip, letters("no digits detected", 9, style.DIM)) == 1


@pytest.mark.parametrize("size", [(640, 480), (1920, 400), (300, 1200)])
def test_problems_dim_the_frame_and_give_the_reason(size):
    ordinary, lost = (compose(view(size, ["42"], problem=problem)) for problem in ("", PROBLEM))
    area = arrange(*size, False).area
    inside = (slice(0, area.height), slice(0, area.width))
    assert lost[inside].mean() < 0.6 * ordinary[inside].mean()
    assert count_pixels(lost[inside], style.ALARM) > 100
    assert count_pixels(ordinary[inside], style.ACCENT) > 100
    assert count_pixels(lost[inside], style.ACCENT) == 0
    for line in text.wrap(PROBLEM, 12, area.width - 80, 4):
        assert count_places(lost, letters(line, 12, style.TEXT)) == 1


def test_long_texts_are_wrapped():
    lines = text.wrap(PROBLEM, 12, 180, 4)
    assert " ".join(lines) == PROBLEM
    assert len(lines) > 1
    assert all(text.width(line, 12) <= 180 for line in lines)


@pytest.mark.parametrize("width", [20, 60, 150])
def test_wide_texts_lose_their_middle(width):
    short = text.shorten(PROBLEM, 11, width)
    first, last = short.split("..")
    assert PROBLEM.startswith(first)
    assert PROBLEM.endswith(last)
    assert text.width(short, 11) <= width


@pytest.mark.parametrize(
    ("options", "changes", "string", "size", "colour", "background"),
    [
        pytest.param({"recording": True}, {}, "REC", 9, style.ALARM, style.BACKGROUND, id="recording"),
        pytest.param({}, {"paused": True}, "PAUSED", 8, style.ON_ACCENT, style.ACCENT, id="paused"),
    ],
)
def test_the_state_is_shown_only_in_the_header(options, changes, string, size, colour, background):
    ordinary, changed = compose(view()), compose(view(**changes), **options)
    rows, columns = np.nonzero((ordinary != changed).any(axis=2))
    assert rows.max() < 40
    assert columns.min() > 640
    image = letters(string, size, colour, bold=True, background=background)
    assert count_places(changed, image[text.rise(size) :][:size]) == 1


def test_figures_are_those_of_the_view():
    canvas = compose(view(rate=17.3, stages={"capture": 0.0041, "detect": 0.0123}, model="float"))
    for string, size, bold in (
        ("17.3", 24, True),
        ("16.4 ms", 9, False),
        ("4.1 ms", 9, False),
        ("12.3 ms", 9, False),
    ):
        assert count_places(canvas, letters(string, size, style.TEXT, bold=bold)) == 1, string
    assert count_places(canvas, text.tag("FLOAT", 9, style.TEXT, style.RAISED)) == 1


def test_the_bar_is_divided_like_the_time():
    canvas = compose(view(stages={"capture": 0.003, "detect": 0.001}))
    row = next(row for row in canvas if count_pixels(row[None], style.SHADES[1]) > 40)
    first, second = (count_pixels(row[None], shade) for shade in style.SHADES[:2])
    assert first / (first + second) == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("size", [(640, 480), (1920, 400), (20, 1200)])
def test_the_help_lists_every_key(size):
    ordinary, helped = compose(view(size)), compose(view(size), help=True)
    assert (ordinary != helped).any()
    for key, action in KEYS.items():
        assert count_places(helped, letters(action, 9, style.TEXT, background=style.RAISED)) == 1
        name = "space" if key == " " else key
        assert count_places(helped, text.tag(name, 9, style.TEXT, style.LINE)) == 1


@pytest.mark.parametrize(
    ("texts", "count"),
    [
        pytest.param(["4285019637"] * 6, 60, id="page"),
        pytest.param(["4" * 30] * 2, 60, id="row"),
        pytest.param(["42"] * 7, 14, id="column"),
        pytest.param(["42"] * 30, 60, id="beside the boxes"),
        pytest.param(["4" * 30] * 30, 59, id="at the edges"),
    ],
)
def test_labels_hide_no_other_box_and_no_label(texts, count, pasted):
    shown = view(texts=texts)
    compose(shown)
    labels = pasted((480, 640, 3))  # onto the part of the canvas that shows the frame
    assert len(labels) == count
    shared = boxes.intersection(labels, labels)
    np.fill_diagonal(shared, 0)
    assert not shared.any()
    hidden = boxes.intersection(labels, boxes.corners(digit.box for digit in shown.digits)) > 0
    assert (hidden.sum(axis=1) <= 1).all()  # its own


def test_labels_stand_at_their_boxes(pasted):
    shown = view(texts=["42", "17"])
    compose(shown)
    labels = pasted((480, 640, 3))
    assert len(labels) == 4
    for (left, _, _, bottom), digit in zip(labels, shown.digits, strict=True):
        assert left == pytest.approx(digit.box.x, abs=2)
        assert bottom == pytest.approx(digit.box.y, abs=2)


def test_boxes_beyond_the_frame_are_cut_off():
    def digit(value, x, y, side):
        return Digit(value, 0.97, Box(x, y, side, side))

    partly = compose(view(digits=(digit(4, -50, -50, 90), digit(5, 600, 440, 200))))
    assert count_pixels(partly[:42, :42], style.ACCENT) > 50
    assert count_pixels(partly[438:480, 598:640], style.ACCENT) > 50
    empty = compose(view())
    assert (partly[:, 640:] == empty[:, 640:]).all()
    assert (compose(view(digits=(digit(6, 900, 900, 5),))) == empty).all()


def test_boxes_without_an_area_are_drawn():
    assert count_pixels(compose(view(digits=(Digit(7, 0.97, Box(300, 200, 0, 0)),))), style.ACCENT) > 0
