"""The public entry: single images, streams of images, and batches of tiles."""

from __future__ import annotations

import itertools
import re
import threading

import cv2
import numpy as np
import pytest

from edge_runtime import ArgumentError, DigitReader, ImageError, ModelError, TileReadings
from edge_runtime.images.pages import Pages
from edge_runtime.reading import ahead
from edge_runtime.reading import reader as reader_module
from edge_runtime.reading.networks import Classifier
from edge_runtime.reading.pipeline import STAGES
from edge_runtime.reading.rejection import reject_below
from tests import model_files
from tests.drawing import drawn_tiles, page


@pytest.fixture(scope="module", params=["int8", "float"])
def reader(request):
    return DigitReader(request.param)


def test_a_page_is_read_line_by_line(reader):
    text = "4023 456 78 9"
    reading = reader.read(page(text, seed=5))
    assert reading.lines == tuple(text.split())
    assert reading.text == text.replace(" ", "\n")
    assert (reading.status, reading.source) == ("ok", "")
    assert all(digit.confidence > 0.8 for digit in reading.digits)


def test_a_file_is_read_as_its_array(reader, image_file):
    path = image_file("page.png", "407")
    from_file, from_array = reader.read(path), reader.read(page("407"))
    assert from_file.source == str(path)
    assert from_file.digits == from_array.digits
    assert reader.read(str(path)) == from_file


@pytest.mark.parametrize("threads", [0, -1, 1025, 1.0, 1.5, True, "2", None], ids=repr)
def test_senseless_numbers_of_threads_are_refused(threads):
    for make in (DigitReader, Classifier):
        with pytest.raises(
            ArgumentError, match=f"^threads must be a whole number .*, not {threads!r}$"
        ) as caught:
            make(threads=threads)
        assert isinstance(caught.value, ValueError)


def test_numbers_of_threads_may_come_from_numpy():
    assert DigitReader(threads=np.int64(2)).read(page("4")).text == "4"


@pytest.mark.parametrize("model", [None, 5, True, b"int8", "", "int4", ["int8"]], ids=repr)
def test_senseless_models_are_refused(model):
    with pytest.raises(ModelError, match=f"^no model {re.escape(repr(model))}; "):
        DigitReader(model)


def test_readings_hold_the_array_but_no_other_image(reader, image_file):
    """An array is not copied; the readings of a million files must not fill the memory."""
    array, path = page("407"), image_file("page.png", "407")
    assert reader.read(array).array is array
    held = [reader.read(path), *reader.read_many([array, path]), *next(reader.read_batches([array]))]
    assert all(reading.array is None for reading in held)


def test_an_unreadable_image_raises(reader, tmp_path):
    with pytest.raises(ImageError, match=f"^{re.escape(str(tmp_path / 'gone.png'))}: no such file"):
        reader.read(tmp_path / "gone.png")
    with pytest.raises(ImageError, match=f"^{re.escape(str(tmp_path))}: a folder"):
        reader.read(tmp_path)
    with pytest.raises(ImageError, match="must have shape"):
        reader.read(np.zeros((3, 3, 3, 3)))


NO_IMAGES = [
    pytest.param(None, "None is not an image; cv2.imread returns it", id="None"),
    pytest.param(b"data", "a text file, not an image", id="bytes"),
    pytest.param(b"", "the file is empty", id="no bytes"),
    pytest.param(memoryview(b"data"), "a text file, not an image", id="memoryview"),
    pytest.param(5, "type int is not an image; give a path.* NumPy array, grey or BGR", id="number"),
    pytest.param([[0, 1], [1, 0]], "type list is not an image", id="nested list"),
    pytest.param("", "an empty file name", id="empty name"),
]


@pytest.mark.parametrize(("image", "message"), NO_IMAGES)
def test_what_is_no_image_is_rejected_with_the_reason(reader, image, message):
    with pytest.raises(ImageError, match=message):
        reader.read(image)


@pytest.mark.parametrize("threads", [1, 3])
def test_every_input_has_its_own_reading(threads, image_file):
    """Whatever it is: otherwise all later readings would belong to other images."""
    images = [each for row in NO_IMAGES for each in (row.values[0], page("7"))]
    readings = list(DigitReader(threads=threads).read_many([*images, image_file("3.png", "3")]))
    assert len(readings) == len(images) + 1
    for reading, row in zip(readings[:-1:2], NO_IMAGES, strict=True):
        assert re.match(f"error: .*{row.values[1]}", reading.status)
        assert (reading.source, reading.digits) == ("", ())
    assert [reading.text for reading in (*readings[1::2], readings[-1])] == [*["7"] * len(NO_IMAGES), "3"]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        pytest.param(np.zeros((9, 9)), r"shape \(9, 9\) is one image", id="grey image"),
        pytest.param(np.zeros((9, 9, 3)), r"shape \(9, 9, 3\) is one image", id="colour image"),
        pytest.param(None, "type NoneType is not a list of images", id="None"),
        pytest.param(5, "type int is not a list of images", id="number"),
    ],
)
def test_a_single_image_is_no_list_of_images(reader, images, message):
    with pytest.raises(ImageError, match=message):
        reader.read_many(images)


def test_lists_of_images_may_be_arrays(reader, image_file):
    names = np.array([str(image_file("4.png", "4")), str(image_file("5.png", "5"))])
    assert [reading.text for reading in reader.read_many(names)] == ["4", "5"]
    assert [reading.text for reading in reader.read_many(np.stack([page("6")] * 2))] == ["6", "6"]


@pytest.mark.parametrize("kind", [np.matrix, np.ma.MaskedArray, np.recarray], ids=str)
def test_all_kinds_of_arrays_are_read_alike(reader, kind):
    for image in (page("8"), drawn_tiles(9, seed=1)[0][8]):
        assert reader.read(image.view(kind)).digits == reader.read(image).digits


def test_tiles_are_read_in_batches(reader):
    tiles, labels = drawn_tiles(200, seed=9)
    readings = reader.read_tiles(tiles)
    assert isinstance(readings, TileReadings)
    assert len(readings) == 200
    assert (readings.values == labels).mean() >= 0.98
    assert readings.confidences.dtype == np.float32
    assert ((readings.confidences > 0) & (readings.confidences <= 1)).all()
    threshold = reader.classifier.info.rejection_threshold
    assert (readings.rejected == (readings.confidences < threshold)).all()
    assert len(reader.read_tiles(tiles[:0])) == 0


@pytest.mark.parametrize(
    "tiles",
    [
        pytest.param(np.zeros((28, 28), np.uint8), id="no batch"),
        pytest.param(np.zeros((2, 28, 27), np.uint8), id="shape"),
        pytest.param(np.zeros((2, 28, 28), np.float32), id="dtype"),
        pytest.param(np.uint8(0), id="scalar"),
        pytest.param(np.array(0, np.uint8), id="no dimension"),
        pytest.param([[[0] * 28] * 28], id="list"),
        pytest.param(None, id="None"),
    ],
)
def test_invalid_batches_of_tiles_are_rejected(reader, tiles):
    with pytest.raises(ArgumentError, match=r"^tiles must be .*uint8 \[N, 28, 28\], not "):
        reader.read_tiles(tiles)


def test_readings_come_in_the_order_of_the_images(reader):
    tiles, labels = drawn_tiles(130, seed=11)
    images, expected = [], []
    for index, tile in enumerate(tiles):
        images.append(tile)
        expected.append((str(labels[index]), "ok"))
        if index % 40 == 3:
            images += [page("35"), np.full((28, 28), 200, np.uint8), np.zeros((3, 3, 3, 3))]
            expected += [("35", "ok"), ("", "no digit found"), ("", "error")]
    readings = list(reader.read_many(iter(images)))
    assert len(readings) == len(images)
    found = [(reading.text, reading.status.partition(":")[0]) for reading in readings]
    correct = [one == other for one, other in zip(found, expected, strict=True)]
    assert np.mean(correct) >= 0.98
    # What is no tile is read without a mistake.
    assert all(same for same, (text, _) in zip(correct, expected, strict=True) if len(text) != 1)


@pytest.mark.parametrize("threads", [1, 4])
def test_none_in_the_input_yields_all_finished_readings(threads, monkeypatch):
    monkeypatch.setattr(reader_module, "_MAX_WAIT", 1e6)  # a slow machine would yield earlier
    taken = []

    def images():
        for text in ("1", "2", None, "3"):
            taken.append(text)
            yield None if text is None else page(text)

    batches = DigitReader(threads=threads).read_batches(images())
    assert [reading.text for reading in next(batches)] == ["1", "2"]
    assert taken == ["1", "2", None]
    assert [reading.text for reading in next(batches)] == ["3"]
    assert next(batches, None) is None


def test_files_are_opened_a_few_at_a_time_and_never_after_one_that_takes_a_while(tmp_path, monkeypatch):
    log, time = [], 0.0

    def open_(image):
        nonlocal time
        time += 0.0002 if "small" in image else 1
        log.append(f"open {image}")
        return Pages(tmp_path / "page.png")

    cv2.imwrite(str(tmp_path / "page.png"), page("1"))
    monkeypatch.setattr(ahead.time, "monotonic", lambda: time)
    images = ["large 1", "small 2", "large 3", "small 4", "small 5", "small 6", "small 7"]
    for _ in ahead.prepare_ahead(images, open_, lambda image: log.append("prepare"), None, threads=1):
        pass
    opened = [f"open {image}" for image in images]
    assert log == [
        *(opened[0], "prepare", *opened[1:3], *["prepare"] * 2),
        *(*opened[3:6], *["prepare"] * 3, opened[6], "prepare"),
    ]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_endless_stream_is_read_as_it_comes(threads):
    image, taken = page("1"), 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield image

    stream = DigitReader(threads=threads).read_many(endless())
    assert [reading.text for reading in itertools.islice(stream, 5)] == ["1"] * 5
    # At most four images of earlier batches, one batch, and what the threads prepare ahead.
    assert taken <= 4 + Classifier.BATCH // 2 + ahead.AHEAD * threads + 1
    stream.close()


@pytest.mark.parametrize("kind", ["path", "array", "tile"])
def test_every_reading_has_the_seconds_of_all_stages(reader, kind, image_file):
    image = {"path": image_file("7.png", "7"), "array": page("7"), "tile": drawn_tiles(8, seed=1)[0][7]}[kind]
    reading = reader.read(image)
    assert reading.text == "7"
    assert tuple(reading.seconds) == STAGES == ("preprocess", "detect", "crop", "classify")
    assert all(seconds >= 0 for seconds in reading.seconds.values())
    assert reading.seconds["preprocess"] > 0
    assert reading.seconds["classify"] > 0
    # A tile needs neither detection nor cropping.
    for stage in ("detect", "crop"):
        assert (reading.seconds[stage] == 0) == (kind == "tile")


def test_images_of_a_batch_share_the_time_of_classification(image_file, tmp_path, monkeypatch):
    monkeypatch.setattr(reader_module, "_MAX_WAIT", 1e6)
    reader = DigitReader(rotate=0)  # to find out how an image is turned, it is classified on its own
    images = [image_file("1.png", "1"), page("23"), tmp_path / "gone.png", drawn_tiles(5, seed=1)[0][4], None]
    ((first, second, missing, tile),) = reader.read_batches(images)
    for reading in (first, second, missing, tile):
        assert tuple(reading.seconds) == STAGES
        assert all(seconds >= 0 for seconds in reading.seconds.values())
        assert reading.seconds["classify"] == first.seconds["classify"] > 0
    assert first.seconds["detect"] > 0
    assert missing.failed
    assert missing.seconds["detect"] == 0


def test_digits_below_the_minimum_confidence_are_rejected(reader):
    image = page("408 1356")
    reading = reader.read(image)
    least = sorted(digit.confidence for digit in reading.digits)[3]
    strict = DigitReader(reader.classifier.path.stem.rpartition("-")[2], min_confidence=least)
    expected = reject_below(reading, least)
    assert sum(digit.value is None for digit in expected.digits) == 3
    assert strict.read(image) == expected
    assert [each.digits for each in strict.read_many([image, image])] == [expected.digits] * 2


def test_tiles_below_the_minimum_confidence_are_rejected(reader):
    tiles = drawn_tiles(20, seed=3)[0]
    read = reader.read_tiles(tiles)
    least = float(np.median(read.confidences))
    strict = DigitReader(reader.classifier.path.stem.rpartition("-")[2], min_confidence=least)
    rejected = strict.read_tiles(tiles).rejected
    assert rejected.tolist() == (read.confidences < least).tolist()
    assert rejected.any() and not rejected.all()


def test_the_higher_of_the_two_thresholds_counts(tmp_path):
    tiles = drawn_tiles(1, seed=3)[0]
    for own in (0.2, 0.0):  # all digits have the probability 1/11
        path = model_files.classifier(tmp_path / f"{own}.onnx", rejection_threshold=str(own))
        for least in (0.0, 0.09, 0.1):
            rejected = DigitReader(path, min_confidence=least).read_tiles(tiles).rejected.tolist()
            assert rejected == [max(own, least) > 1 / 11]


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf"), "0.9", None])
def test_a_minimum_confidence_must_be_a_probability(value):
    with pytest.raises(ArgumentError, match=f"min_confidence must be a number from 0 to 1, not {value!r}"):
        DigitReader(min_confidence=value)


def test_an_interruption_does_not_wait_for_what_is_being_opened():
    release, opened = threading.Event(), []

    def images():
        yield from range(2)
        raise KeyboardInterrupt

    def open_slowly(image):
        release.wait(20)
        opened.append(image)

    with pytest.raises(KeyboardInterrupt):
        list(ahead.prepare_ahead(images(), open_slowly, lambda page: page, None, threads=2))
    assert not opened
    release.set()
