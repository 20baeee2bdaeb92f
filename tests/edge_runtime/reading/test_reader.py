"""Images in, results out, with the models that ship."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime import Box, Classifier, DigitReader, ModelError, TileReadings
from edge_runtime.models import manifest
from edge_runtime.reading.networks import Detector
from tests import drawing
from tests.drawing import drawn_tiles


@pytest.fixture(scope="module", params=["int8", "float"])
def reader(request):
    return DigitReader(request.param)


def test_drawn_pages_are_read_line_by_line(reader, draw_page):
    text = "0123 456 78 9"
    reading = reader.read(draw_page(text, seed=5))
    assert reading.lines == tuple(text.split())
    assert reading.text == text.replace(" ", "\n")
    assert reading.status == "ok"
    assert all(digit.confidence > 0.8 for digit in reading.digits)


def test_both_polarities_give_the_same(reader, draw_page):
    page = draw_page("2718")
    assert reader.read(page).text == reader.read(255 - page).text == "2718"


def test_boxes_are_where_the_ink_is(reader):
    page = np.full((300, 400), 220, np.uint8)
    page[100:180, 200:212] = 30
    (digit,) = reader.read(page).digits
    assert digit.value == 1
    box = digit.box
    assert abs(box.x - 200) <= 2
    assert abs(box.y - 100) <= 2
    assert abs(box.width - 12) <= 4
    assert abs(box.height - 80) <= 4


def test_tiles_are_read_as_they_are(reader):
    tiles, labels = drawn_tiles(200, seed=9)
    readings = reader.read_tiles(tiles)
    assert isinstance(readings, TileReadings)
    assert len(readings) == 200
    assert (readings.values == labels).mean() >= 0.98
    assert readings.confidences.dtype == np.float32
    assert ((readings.confidences > 0) & (readings.confidences <= 1)).all()
    one = reader.read(tiles[4])
    assert one.digits[0].box == Box(0, 0, 28, 28)
    assert reader.read(255 - tiles[4]).digits[0].value == one.digits[0].value


def test_batches_of_any_size_agree(reader):
    tiles, _ = drawn_tiles(150, seed=10)
    whole = reader.classifier.logits(tiles)
    parts = np.concatenate([reader.classifier.logits(part) for part in (tiles[:1], tiles[1:64], tiles[64:])])
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-4)
    assert reader.classifier.logits(tiles[:0]).shape == (0, 11)


@pytest.mark.parametrize(
    "tiles",
    [np.zeros((28, 28), np.uint8), np.zeros((2, 28, 27), np.uint8), np.zeros((2, 28, 28), np.float32)],
    ids=["no batch", "shape", "type"],
)
def test_what_is_no_batch_of_tiles_is_refused(reader, tiles):
    with pytest.raises(ValueError, match="uint8"):
        reader.read_tiles(tiles)


def test_many_are_read_in_their_order_whatever_they_are(reader, draw_page):
    tiles, labels = drawn_tiles(130, seed=11)
    images, expected = [], []
    for index, tile in enumerate(tiles):
        images.append(tile)
        expected.append(str(labels[index]))
        if index % 40 == 3:
            images += [draw_page("35"), np.full((28, 28), 200, np.uint8), np.zeros((3, 3, 3, 3))]
            expected += ["35", "", ""]
    readings = list(reader.read_many(iter(images)))
    assert len(readings) == len(images)
    right = [reading.text == text for reading, text in zip(readings, expected, strict=True)]
    assert np.mean(right) >= 0.98
    assert sum(reading.failed for reading in readings) == expected.count("") / 2


@pytest.mark.parametrize(
    ("places", "lines"),
    [
        pytest.param([(40, 40, "1"), (120, 200, "2")], ("1", "2"), id="lower and further right"),
        pytest.param(
            [(40, 40, "4"), (120, 40, "0"), (200, 40, "8"), (204, 200, "7")], ("408", "7"), id="a sum"
        ),
        pytest.param([(40, 40, "3"), (140, 180, "5"), (240, 320, "7")], ("3", "5", "7"), id="a diagonal"),
    ],
)
def test_lines_are_lines_wherever_they_begin(places, lines):
    generator = np.random.default_rng(0)
    page = drawing.paper(400, 460)
    for x, y, digit in places:
        ink = drawing.draw(int(digit), generator, height=80, pen=8, unrest=0.3)
        drawing.place(page, ink, x, y, shade=0.3)
    assert DigitReader().read(drawing.photograph(page, generator)).lines == lines


def pen_page(strokes_of_pen, size, pen):
    page = np.full(size, 225, np.uint8)
    for start, end in strokes_of_pen:
        cv2.line(page, start, end, 40, pen, cv2.LINE_AA)
    return page


@pytest.mark.parametrize("pen", [4, 6, 10])
@pytest.mark.parametrize(
    ("strokes_of_pen", "size", "text"),
    [
        pytest.param([((100, 60), (100, 140))], (240, 200), "1", id="upright"),
        pytest.param([((60, 60), (60, 140)), ((160, 60), (160, 140))], (240, 520), "11", id="two"),
    ],
)
def test_an_upright_one_is_no_rule(strokes_of_pen, size, text, pen):
    assert DigitReader().read(pen_page(strokes_of_pen, size, pen)).text == text


@pytest.mark.parametrize("margin", [10, 30, 100])
def test_a_digit_that_fills_the_image_is_one_digit(margin):
    """As drawn in a paint program."""
    generator = np.random.default_rng(4)
    reader = DigitReader()
    right = 0
    for digit in list(range(10)) * 2:
        ink = drawing.draw(digit, generator, height=220, pen=20, unrest=0.5)
        page = 255 - np.pad(ink, margin)
        right += reader.read(page).text == str(digit)
    assert right >= 19


@pytest.mark.parametrize("threads", [1, 4])
def test_none_asks_for_what_is_ready(threads, draw_page):
    given = []

    def images():
        for text in ("1", "2", None, "3"):
            given.append(text)
            yield None if text is None else draw_page(text)

    batches = DigitReader(threads=threads).read_batches(images())
    assert [reading.text for reading in next(batches)] == ["1", "2"]
    assert given == ["1", "2", None]
    assert [reading.text for reading in next(batches)] == ["3"]


def test_threads_do_not_run_far_ahead(draw_page):
    given = 0

    def endless():
        nonlocal given
        while True:
            given += 1
            yield draw_page("1")

    stream = DigitReader(threads=2).read_many(endless())
    for _ in range(5):
        next(stream)
    assert given < 200
    stream.close()


def test_many_yields_before_the_source_ends(reader, draw_page):
    def endless():
        while True:
            yield draw_page("1")

    stream = reader.read_many(endless())
    assert next(stream).text == "1"


def test_an_unsure_tile_is_refused_with_the_reason(monkeypatch):
    reader = DigitReader()
    blurred = np.zeros((28, 28), np.uint8)
    blurred[8:20, 8:20] = np.random.default_rng(1).integers(0, 255, (12, 12))
    confidence = float(reader.read_tiles(blurred[None]).confidences[0])
    strict = type(reader.classifier.info)(
        **{name: getattr(reader.classifier.info, name) for name in reader.classifier.info.__slots__}
        | {"rejection_threshold": confidence + 1e-3}
    )
    monkeypatch.setattr(reader.classifier, "info", strict)
    assert reader.read_tiles(blurred[None]).rejected.all()
    (digit,) = reader.read(blurred).digits
    assert digit.value is None
    assert digit.status.startswith("rejected: ")


@pytest.mark.parametrize("side", [20, 32, 48, 64])
def test_a_forms_cell_is_one_digit(reader, side):
    """Small images that one digit fills, as cells cut out of forms are."""
    generator = np.random.default_rng(side)
    right = 0
    for digit in list(range(10)) * 2:
        ink = drawing.draw(digit, generator, height=80, pen=8, unrest=0.4)
        square = np.zeros((100, 100), np.uint8)
        top, left = (100 - ink.shape[0]) // 2, (100 - ink.shape[1]) // 2
        square[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
        cell = 230 - cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA) // 2
        right += reader.read(cell).text == str(digit)
    assert right >= 18


@pytest.mark.parametrize("letter", ["A", "E", "H", "K", "M", "R", "X"])
def test_a_letter_is_no_digit(reader, letter):
    generator = np.random.default_rng(3)
    page = drawing.paper(240, 240)
    ink = drawing.draw(letter, generator, height=120, pen=12, unrest=0.3)
    drawing.place(page, ink, 60, 50, shade=0.3)
    reading = reader.read(drawing.photograph(page, generator))
    assert all(digit.value is None for digit in reading.digits)
    assert all(digit.status.startswith("rejected: ") for digit in reading.digits)


def test_every_digit_brings_the_tile_that_was_read(reader, draw_page):
    for digit in reader.read(draw_page("407")).digits:
        assert digit.tile.shape == (28, 28)
        assert reader.read_tiles(digit.tile[None]).values[0] == digit.value


def test_int8_and_float_agree_on_drawn_tiles():
    tiles, _ = drawn_tiles(300, seed=12)
    values = [DigitReader(name).read_tiles(tiles).values for name in ("int8", "float")]
    assert (values[0] == values[1]).mean() >= 0.99


def test_the_manifest_agrees_with_the_models():
    entries = manifest.entries()
    assert {(entry.task, entry.name) for entry in entries} == {
        (task, name) for task in (manifest.CLASSIFIER, manifest.DETECTOR) for name in ("int8", "float")
    }
    for entry in entries:
        assert entry.intact()
        if entry.task == manifest.DETECTOR:
            assert Detector(entry.name).run_id == entry.run_id
            continue
        info = Classifier(entry.name).info
        assert entry.bytes == entry.path.stat().st_size
        assert (info.precision, info.run_id, info.architecture) == (
            entry.precision,
            entry.run_id,
            entry.architecture,
        )


def test_the_release_keeps_its_promises():
    int8 = {entry.task: entry for entry in manifest.entries() if entry.name == "int8"}
    assert int8[manifest.CLASSIFIER].accuracy >= 0.996
    assert sum(entry.bytes for entry in int8.values()) <= 150_000


@pytest.mark.parametrize(
    ("model", "word"),
    [
        ("nonsense", "int8 or float"),
        ("gone.onnx", "no model file"),
        ("text.onnx", "not a model"),
        ("", "int8"),
    ],
)
def test_a_model_that_is_none_is_named(model, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.onnx").write_text("text")
    with pytest.raises(ModelError, match=word) as caught:
        DigitReader(model)
    assert "\n" not in str(caught.value)


def test_a_damaged_model_shows(monkeypatch, tmp_path):
    entry = manifest.entries()[0]
    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    assert not entry.intact()
    (tmp_path / entry.file).write_bytes(b"something else")
    assert not entry.intact()
