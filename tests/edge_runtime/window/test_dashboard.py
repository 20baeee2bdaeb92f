"""What the live window shows: nothing cut, nothing covered, at any size of frame."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from edge_runtime import Box, Digit
from edge_runtime.live.events import Number
from edge_runtime.live.view import View
from edge_runtime.window import dashboard
from edge_runtime.window import text as lettering
from edge_runtime.window.window import KEYS
from tests import drawing

TROUBLE = "camera 0: no image for 2 s, reconnecting"
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
    "a pillar": (5, 1200),
    "full": (1920, 1080),
    "4K": (3840, 2160),
}

size_of_frame = pytest.mark.parametrize("size", [pytest.param(size, id=name) for name, size in SIZES.items()])


@pytest.fixture(scope="module")
def tiles():
    return drawing.drawn_tiles(60, seed=3)[0]


def digit(value, x, y, side):
    return Digit(value, 0.97, Box(x, y, side, side))


def view(size=(640, 480), texts=(), tiles=None, **changes):
    """A grey frame with these texts in rows across it."""
    width, height = size
    numbers = []
    for row, text in enumerate(texts):
        step, high = width / (len(text) + 1), height / (len(texts) + 1)
        digits = tuple(
            Digit(
                None if character == "?" else int(character),
                0.93,
                Box(round(step * (i + 0.5)), round(high * (row + 0.5)), round(step * 0.6), round(high * 0.6)),
                line=row,
                tile=None if tiles is None else tiles[(7 * row + i) % len(tiles)],
            )
            for i, character in enumerate(text)
        )
        numbers.append(Number(row, text, 0.93, digits[0].box, digits, confirmed=row % 2 == 0))
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
        "capture_format": "640x480 at 30 fps (asked for 1280x720)",
    }
    return View(**{**known, **changes})


def compose(view, *, tiles=False, help=False, recording=False):
    return dashboard.compose(view, tiles=tiles, help=help, recording=recording)


def places(canvas, image):
    """How often an image is found on another, pixel by pixel."""
    height, width = image.shape[:2]
    rows, columns = canvas.shape[0] - height + 1, canvas.shape[1] - width + 1
    # Where the pixel that differs most from the image's corner is, the whole of it may be.
    apart = np.abs(image.astype(int) - image[0, 0]).sum(axis=2)
    y, x = np.unravel_index(apart.argmax(), apart.shape)
    spots = np.argwhere((canvas[y : y + rows, x : x + columns] == image[y, x]).all(axis=2))
    return sum(bool((canvas[y : y + height, x : x + width] == image).all()) for y, x in spots)


def colour_count(canvas, colour):
    return int((canvas == colour).all(axis=2).sum())


@size_of_frame
@pytest.mark.parametrize("tiles_on", [False, True], ids=["plain", "tiles"])
def test_every_frame_becomes_a_canvas_of_a_screens_size(size, tiles_on, tiles):
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
    "one": ["7"],
    "two numbers": ["4285", "17"],
    "a long number": ["4285" * 12],
    "many numbers": ["42"] * 40,
    "sixty digits": ["4285019637"] * 6,
    "300 digits": ["428501963742?"] * 24,
}

STATES = {
    "quiet": {},
    "all at once": {"problem": TROUBLE, "paused": True},
    "long words": {
        "problem": "rtsp://camera.example:554/a/very/long/address: " + "no image, reconnecting " * 12,
        "source": "rtsp://camera.example:554/a/very/long/address/of/a/stream",
        "capture_format": "x" * 300,
        "model": "models/one-with-a-name-that-goes-on.onnx",
        "paused": True,
    },
    "nothing known": {"source": "", "capture_format": "", "stages": {}, "rate": 0.0},
    "slow": {"stages": dict.fromkeys(STAGES, 12.3456), "rate": 0.04},
    "fast": {"stages": dict.fromkeys(STAGES, 0.0), "rate": 1234.5},
    "not ASCII": {"source": "caméra\n\t№ 1", "problem": "caméra: perdue"},
}


@pytest.mark.parametrize("state", [pytest.param(state, id=name) for name, state in STATES.items()])
@pytest.mark.parametrize("texts", [pytest.param(texts, id=name) for name, texts in CROWDS.items()])
@pytest.mark.parametrize("size", [SIZES[name] for name in ("usual", "wide", "tall", "a pillar")])
def test_no_text_covers_another_or_leaves_the_canvas(size, texts, state, tiles, monkeypatch):
    pasted = []
    real = lettering._paste

    def paste(canvas, image, x, y):
        real(canvas, image, x, y)
        pasted.append((canvas.shape, x, y, x + image.shape[1], y + image.shape[0]))

    monkeypatch.setattr(dashboard, "_paste", paste)
    canvas = compose(view(size, texts, tiles, **state), tiles=True, recording=True)
    texts_on_canvas = [place for shape, *place in pasted if shape == canvas.shape]
    assert len(texts_on_canvas) > 8
    for a, b in combinations(texts_on_canvas, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)
    assert all(x >= 0 and y >= 0 for x, y, _, _ in texts_on_canvas)


def test_what_would_be_cut_off_by_the_edge_is_an_error():
    canvas = np.zeros((20, 20, 3), np.uint8)
    for x, y in ((15, 0), (0, 15), (-1, 0), (0, -1)):
        with pytest.raises(ValueError, match="broadcast"):
            lettering._paste(canvas, np.ones((9, 9, 3), np.uint8), x, y)


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("size", [8, 9, 11, 24, 38])
def test_letters_are_whole(size, bold, monkeypatch):
    """With more room above and below there is no more of them."""
    rise, fall = lettering._rise_and_fall(size)
    letters = [chr(code) for code in range(33, 127) if chr(code).isalnum() or chr(code) in "%.:,-?+"]
    given = [lettering._letter.__wrapped__(letter, size, bold) for letter in letters]
    monkeypatch.setattr(dashboard, "_rise_and_fall", lambda size: (rise + 9, fall + 9))
    for letter, image in zip(letters, given, strict=True):
        roomy = lettering._letter.__wrapped__(letter, size, bold)
        edge = 9 * lettering._FINE
        assert (roomy[edge:-edge] == image).all(), letter
        assert roomy[:edge].max() == roomy[-edge:].max() == 0, letter
        assert image.max() > 200, letter


def test_the_frame_is_shown_as_it_is():
    generator = np.random.default_rng(1)
    image = generator.integers(0, 255, (480, 640, 3)).astype(np.uint8)
    assert (compose(view(image=image))[:480, :640] == image).all()


def test_a_large_frame_is_made_small_without_loss_of_light():
    image = np.zeros((2160, 3840, 3), np.uint8)
    image[::2] = 200  # every other row: single rows left out would show it as black or white
    shown = compose(view(image=image))[:500, :900]
    assert shown.mean() == pytest.approx(100, abs=8)


def test_the_canvas_keeps_its_size_whatever_is_in_view(tiles):
    shapes = {
        compose(view(texts=texts, tiles=tiles, **state), tiles=True).shape
        for texts in CROWDS.values()
        for state in STATES.values()
    }
    assert len(shapes) == 1


@pytest.mark.parametrize("text", ["7", "4285", "?2"])
def test_numbers_are_written_large_and_settled_ones_brightly(text):
    canvas = compose(view(texts=[text, text], digits=()))
    # Without the room that a tail would take: the line of its confidence goes through there.
    for size, bold, colour, words, count in (
        (38, True, dashboard._TEXT, text, 1),
        (38, True, dashboard._DIM, text, 1),
        (16, False, dashboard._DIM, "93%", 2),
    ):
        image = lettering._text(words, size, bold, colour, lettering._GROUND)
        assert places(canvas, image[: size + lettering._rise(size)]) == count


def test_what_has_no_room_is_counted():
    canvas = compose(view(texts=["42"] * 40, digits=()))
    counts = [
        count
        for count in range(1, 40)
        if places(canvas, lettering._text(f"and {count} more", 9, False, dashboard._DIM, lettering._GROUND))
    ]
    assert len(counts) == 1
    shown = [
        lettering._text("42", 11, True, colour, lettering._GROUND)
        for colour in (dashboard._TEXT, dashboard._DIM)
    ]
    assert sum(places(canvas, image[: 11 + 4]) for image in shown) == 40 - counts[0]


@pytest.mark.parametrize(
    ("texts", "enlarged"),
    [pytest.param(["428"], 2, id="few"), pytest.param(["4285019637"] * 6, 1, id="sixty")],
)
def test_every_tile_is_shown_as_the_network_saw_it(texts, enlarged, tiles):
    shown = view(texts=texts, tiles=tiles)
    canvas = compose(shown, tiles=True)
    strip = canvas[compose(shown).shape[0] :]
    for each in shown.digits:
        large = np.kron(each.tile, np.ones((enlarged, enlarged), np.uint8))
        assert places(strip, np.repeat(large[:, :, None], 3, axis=2)) >= 1


def test_tiles_without_room_are_counted(tiles):
    strip = compose(view(texts=["428501963742?"] * 24, tiles=tiles), tiles=True)[480:]
    more = lettering._text(f"+{13 * 24 - 59}", 8, False, dashboard._DIM, lettering._GROUND)
    assert places(strip, more) == 1


def test_digits_without_tiles_have_none_shown():
    strip = compose(view(texts=["42"]), tiles=True)[480:]
    assert (strip == compose(view(), tiles=True)[480:]).all()


@pytest.mark.parametrize("size", [(640, 480), (1920, 400), (300, 1200)])
def test_trouble_dims_the_last_image_and_says_why(size):
    quiet, troubled = (compose(view(size, ["42"], problem=problem)) for problem in ("", TROUBLE))
    area = dashboard._arrange(*size, False).area
    inside = (slice(0, area.height), slice(0, area.width))
    assert troubled[inside].mean() < 0.6 * quiet[inside].mean()
    assert colour_count(troubled[inside], dashboard._ALARM) > 100
    assert colour_count(troubled[inside], dashboard._ACCENT) == 0
    first = lettering._wrap(TROUBLE, 12, area.width - 80, 4)[0]
    assert places(troubled, lettering._text(first, 12, False, dashboard._TEXT, lettering._GROUND)) == 1


def test_trouble_is_wrapped_into_narrow_images():
    words = " ".join(lettering._wrap(TROUBLE, 12, 180, 4))
    assert words == TROUBLE
    assert all(lettering._width(line, 12, False) <= 180 for line in lettering._wrap(TROUBLE, 12, 180, 4))


@pytest.mark.parametrize(
    ("options", "changes", "word", "colour", "ground"),
    [
        pytest.param({"recording": True}, {}, "REC", dashboard._ALARM, lettering._GROUND, id="recording"),
        pytest.param({}, {"paused": True}, "PAUSED", dashboard._ON_ACCENT, dashboard._ACCENT, id="paused"),
    ],
)
def test_the_state_is_shown_at_the_panels_head_alone(options, changes, word, colour, ground):
    usual, changed = compose(view()), compose(view(**changes), **options)
    rows, columns = np.nonzero((usual != changed).any(axis=2))
    assert rows.max() < 40
    assert columns.min() > 640
    size = 9 if word == "REC" else 8
    text = lettering._text(word, size, True, colour, ground)
    rise = lettering._rise(size)
    assert places(changed, text[rise : rise + size]) == 1


def test_the_figures_are_those_of_the_view():
    canvas = compose(view(rate=17.3, stages={"capture": 0.0041, "detect": 0.0123}, model="float"))
    for text, size, bold, ground in (
        ("17.3", 24, True, lettering._GROUND),
        ("16.4 ms", 9, False, lettering._GROUND),
        ("4.1 ms", 9, False, lettering._GROUND),
        ("12.3 ms", 9, False, lettering._GROUND),
    ):
        assert places(canvas, lettering._text(text, size, bold, dashboard._TEXT, ground)) == 1, text
    assert places(canvas, lettering._tag("FLOAT", 9, dashboard._TEXT, dashboard._RAISED)) == 1


def test_the_bar_is_divided_as_the_time_is():
    canvas = compose(view(stages={"capture": 0.003, "detect": 0.001}))
    row = next(row for row in canvas if colour_count(row[None], dashboard._SHADES[1]) > 40)
    first, second = (colour_count(row[None], shade) for shade in dashboard._SHADES[:2])
    assert first / (first + second) == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("size", [(640, 480), (1920, 400), (20, 1200)])
def test_help_lists_every_key(size):
    usual, helped = compose(view(size)), compose(view(size), help=True)
    assert (usual != helped).any()
    for key, meaning in KEYS.items():
        assert places(helped, lettering._text(meaning, 9, False, dashboard._TEXT, dashboard._RAISED)) == 1
        name = "space" if key == " " else key
        assert places(helped, lettering._tag(name, 9, dashboard._TEXT, dashboard._LINE)) == 1


@pytest.mark.parametrize(
    "texts", [["4285019637"] * 6, ["4" * 30] * 2, ["42"] * 30], ids=["page", "row", "column"]
)
def test_labels_hide_no_box_and_no_label(texts, monkeypatch):
    labels = []
    real = lettering._paste

    def paste(canvas, image, x, y):
        real(canvas, image, x, y)
        if canvas.shape == (480, 640, 3):
            labels.append((x, y, x + image.shape[1], y + image.shape[0]))

    monkeypatch.setattr(dashboard, "_paste", paste)
    shown = view(texts=texts)
    compose(shown)
    boxes = [(d.box.x, d.box.y, d.box.x + d.box.width, d.box.y + d.box.height) for d in shown.digits]

    def overlaps(a, b):
        return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]

    assert not any(overlaps(a, b) for a, b in combinations(labels, 2))
    assert all(sum(overlaps(label, box) for box in boxes) <= 1 for label in labels)


def test_boxes_beyond_the_frame_do_no_harm():
    far = [digit(4, -50, -50, 60), digit(5, 600, 440, 200), digit(6, 900, 900, 5), digit(7, 0, 0, 0)]
    assert compose(view(digits=tuple(far))).shape == compose(view()).shape
