"""Results: the text of a reading, what it converts to, and which fields count when results are compared."""

from __future__ import annotations

import dataclasses
import json
import pickle
import sys

import cv2
import numpy as np
import pytest

from edge_runtime import (
    Box,
    Digit,
    DigitReader,
    ImageError,
    MissingDependencyError,
    OutputError,
    Reading,
    TileReadings,
)
from edge_runtime.images import annotate, viewer
from edge_runtime.results import UNNAMED
from tests import drawing, stand_ins
from tests.image_files import tiff_pages

BOX = Box(1, 2, 3, 4)


def digits(*lines):
    """Digits of lines of text, "?" for a rejected one."""
    return tuple(
        Digit(None if character == "?" else int(character), 0.9, BOX, line=number)
        for number, line in enumerate(lines)
        for character in line
    )


@pytest.mark.parametrize("lines", [(), ("7",), ("408", "13?6"), ("?", "??", "1")])
def test_a_reading_is_text_line_by_line(lines):
    reading = Reading("page.png", digits(*lines))
    assert reading.lines == lines
    assert reading.text == "\n".join(lines)


PLACED = tuple(
    Digit(value, 0.9 - index / 100, BOX, status, line=line, number=number, before=before)
    for index, (value, status, line, number, before) in enumerate(
        [
            (4, "ok", 0, 0, ""),
            (0, "ok", 0, 0, ""),
            (1, "ok", 0, 1, ""),
            (2, "ok", 0, 1, "."),
            (3, "ok", 1, 2, ""),
            (None, "rejected: unsure", 1, 3, UNNAMED),
        ]
    )
)


def test_lines_separate_numbers():
    reading = Reading("", PLACED)
    assert [number.digits for number in reading.numbers] == [PLACED[:2], PLACED[2:4], PLACED[4:5], PLACED[5:]]
    assert reading.text == "40 1.2\n3 · ?"


def test_a_reading_is_a_sequence_of_its_digits():
    reading = Reading("a.png", PLACED)
    assert (len(reading), reading[0], reading[-1], tuple(reading)) == (6, PLACED[0], PLACED[-1], PLACED)
    assert PLACED[3] in reading
    assert reading
    assert not Reading("a.png")


def test_readings_and_numbers_are_printed_in_one_short_line():
    reading = Reading("a.png", PLACED, "ok", width=640, height=480, turn=90)
    assert repr(reading) == (
        "Reading(source='a.png', text='40 1.2\\n3 · ?', status='ok', width=640, height=480, turn=90)"
    )
    assert repr(reading.numbers[1]) == (
        "Number(text='1.2', confidence=0.87, box=Box(x=1, y=2, width=3, height=4), line=0)"
    )
    assert repr(Reading("a\udcff.png")).isascii()


def test_readings_have_arrays_of_their_digits():
    reading = Reading("a.png", PLACED)
    assert reading.boxes.tolist() == [[1, 2, 4, 6]] * 6
    assert reading.values.tolist() == [4, 0, 1, 2, 3, -1]
    assert reading.confidences == pytest.approx([0.9, 0.89, 0.88, 0.87, 0.86, 0.85])
    assert reading.confidence == 0.85
    for one in (reading, Reading("")):
        arrays = (one.boxes, one.values, one.confidences)
        assert [array.dtype for array in arrays] == [np.float32, np.int64, np.float32]
        assert [array.shape for array in arrays] == [(len(one), 4), (len(one),), (len(one),)]
    assert Reading("").confidence == 0


def test_readings_become_dictionaries_and_json():
    reading = Reading("a\udcff.png", PLACED, "ok", {"detect": 0.5}, 640, 480, np.zeros((480, 640)))
    record = reading.to_dict()
    assert record == {
        **{"source": "a\\udcff.png", "status": "ok", "width": 640, "height": 480, "turn": 0},
        "text": "40 1.2\n3 · ?",
        "numbers": [number.to_dict() for number in reading.numbers],
        "digits": [digit.to_dict() for digit in PLACED],
        "seconds": {"detect": 0.5},
    }
    assert json.loads(reading.to_json()) == record
    assert "\n" not in reading.to_json()
    assert reading.to_json(indent=2).startswith('{\n  "source"')


def test_readings_become_tables(monkeypatch):
    stand_ins.provide(monkeypatch, "pandas")
    table, empty = (
        Reading("a.png", digits, "ok", width=640, height=480).to_pandas() for digits in (PLACED, ())
    )
    expected = {
        "source": ["a.png"] * 6,
        "line": [0, 0, 0, 0, 1, 1],
        "number": [0, 0, 1, 1, 2, 3],
        "index": [0, 1, 0, 1, 0, 0],
        "before": ["", "", "", ".", "", UNNAMED],
        "digit": [4, 0, 1, 2, 3],  # and a missing one
        "confidence": [digit.confidence for digit in PLACED],
        **{name: [side] * 6 for name, side in (("x", 1), ("y", 2), ("width", 3), ("height", 4))},
        **{"image_width": [640] * 6, "image_height": [480] * 6, "turn": [0] * 6},
        "status": ["ok"] * 5 + ["rejected: unsure"],
    }
    assert list(table.columns) == list(empty.columns) == list(expected)
    assert {name: table[name].tolist()[: len(values)] for name, values in expected.items()} == expected
    assert (len(table), len(empty)) == (6, 0)
    types = [[str(table.dtypes[name]) for name in expected] for table in (table, empty)]
    assert types[0] == types[1]
    assert types[0][5:8] == ["Int64", "float64", "int64"]


def test_tables_need_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        MissingDependencyError, match=r"^to_pandas needs pandas: pip install .*, or use to_dict$"
    ):
        Reading("a.png").to_pandas()


@pytest.mark.parametrize(
    ("status", "failed"),
    [("ok", False), ("no digit found", False), ("error: no such file or directory", True)],
)
def test_a_reading_with_an_error_has_failed(status, failed):
    assert Reading("page.png", status=status).failed == failed


def test_an_empty_reading_has_the_shape_of_any_other():
    reading = Reading("")
    assert (reading.digits, reading.lines, reading.text) == ((), (), "")
    assert (reading.status, reading.failed, dict(reading.seconds)) == ("ok", False, {})


def test_readings_are_equal_whatever_time_they_took():
    tile, probabilities = np.zeros((28, 28), np.uint8), np.full(11, 1 / 11, np.float32)
    plain = Digit(4, 0.9, BOX)
    assert plain == Digit(4, 0.9, BOX, tile=tile, probabilities=probabilities)
    assert plain != Digit(4, 0.9, BOX, line=1)
    assert Reading("a", (plain,), seconds={"detect": 1.0}) == Reading("a", (plain,))
    assert Reading("a", (plain,)) != Reading("b", (plain,))


@pytest.mark.parametrize("result", [BOX, Digit(4, 0.9, BOX), Reading("a")], ids=lambda r: type(r).__name__)
def test_results_cannot_be_changed(result):
    name = dataclasses.fields(result)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, name, getattr(result, name))


def test_tile_readings_have_a_length():
    readings = TileReadings(np.array([4, 2, 7]), np.float32([0.9, 0.8, 0.2]), np.array([False, False, True]))
    assert len(readings) == 3


SEEN = (Digit(4, 0.99, Box(40, 40, 60, 80)),)


def drawn(image):
    return annotate.annotate(image, SEEN)


def test_files_are_decoded_again_to_be_drawn(image_file):
    path = image_file("4.png", "4")
    image = cv2.imread(str(path))
    height, width = image.shape[:2]
    for reading in (Reading(str(path), SEEN), Reading(str(path), SEEN, width=width, height=height)):
        assert (reading.image == image).all()
        assert (reading.plot() == drawn(image)).all()
        assert (reading.plot(tiles=True) == drawn(image)).all()  # the digit has no tile


@pytest.mark.parametrize("shape", [(200, 150), (200, 150, 1), (200, 150, 3), (200, 150, 4)], ids=str)
def test_arrays_are_drawn_as_they_were_read(shape):
    array = np.full(shape, 190, np.uint8)
    if shape[2:] == (4,):
        array[:, :, 3] = 255
    before = array.copy()
    reading = Reading("", SEEN, width=150, height=200, array=array)
    assert (reading.image == 190).all()
    assert reading.image.shape == (200, 150, 3)
    assert (reading.plot() == drawn(np.full((200, 150, 3), 190, np.uint8))).all()
    assert (array == before).all()


def test_images_that_are_no_longer_there_cannot_be_drawn(image_file, tmp_path):
    path = image_file("4.png", "4")
    changed = Reading(str(path), SEEN, width=640, height=480)
    with pytest.raises(ImageError, match=r"4\.png: it has changed since it was read, from 640x480 to .* px"):
        changed.plot()
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        Reading(str(tmp_path / "gone.png"), SEEN).plot()
    with pytest.raises(ImageError, match=r"does not hold its image.*use annotate"):
        Reading("", SEEN).plot()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "new/folder/a.webp", "a.BMP"])
def test_drawn_images_are_saved(name, image_file, tmp_path):
    reading = Reading(str(image_file("4.png", "4")), SEEN)
    path = reading.save(tmp_path / "saved" / name)
    assert path == tmp_path / "saved" / name
    saved, plotted = cv2.imread(str(path)).astype(int), reading.plot()
    assert np.abs(saved - plotted).mean() < (1e-9 if name.lower().endswith((".png", ".bmp")) else 8)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert reading.save(str(path), tiles=True) == path  # again


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param(
            "a.txt", r"a\.txt: OpenCV cannot save .* as \.txt; choose a name that ends in \.png", id="kind"
        ),
        pytest.param("a", "a: OpenCV cannot save .* as a file without a suffix", id="no suffix"),
        pytest.param("file/a.png", r"cannot write .*a\.png: ", id="a file as a folder"),
        pytest.param("folder.png", r"cannot write .*folder\.png: ", id="a folder"),
        pytest.param("a\0.png", r"cannot write .*\.png: ", id="no name"),
        pytest.param("4.png", r"4\.png is the image itself; choose another name", id="the image"),
    ],
)
def test_images_that_cannot_be_saved_are_reported(name, reason, image_file, tmp_path):
    path = image_file("4.png", "4")
    before = path.read_bytes()
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=reason):
        Reading(str(path), SEEN).save(tmp_path / name)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["4.png", "file", "folder.png"]


def test_a_page_does_not_replace_its_file(tmp_path):
    path = tmp_path / "scan.tif"
    path.write_bytes(tiff_pages(drawing.page("12"), drawing.page("4")))
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"scan\.tif is the image itself; choose another name"):
        DigitReader().read(f"{path}#2").save(path)
    assert path.read_bytes() == before


def test_notebooks_show_the_image_and_the_numbers(image_file):
    reading = Reading(str(image_file("&4.png", "4")), PLACED, width=168, height=200)
    html = reading._repr_html_()
    assert 'src="data:image/jpeg;base64,' in html
    assert "&amp;4.png, 168 x 200 px: ok" in html
    assert "<tr><td>1.2</td><td>0.870</td><td>0</td><td>2</td></tr>" in html
    assert html.count("<tr>") == 1 + len(reading.numbers)


@pytest.mark.parametrize(
    ("reading", "caption"),
    [
        pytest.param(
            Reading("gone.png", status="error: no such file"), "gone.png: error: no such file", id="error"
        ),
        pytest.param(
            Reading("gone.png", PLACED), "gone.png: ok (gone.png: no such file or directory)", id="gone"
        ),
        pytest.param(Reading("", PLACED), "image: ok (this reading does not hold its image", id="array"),
        pytest.param(Reading("\udcff.png", status="error: x"), r"\udcff.png: error: x", id="not Unicode"),
    ],
)
def test_notebooks_show_readings_without_their_image(reading, caption):
    html = reading._repr_html_()
    assert f"<p>{caption}" in html
    assert "<img" not in html
    assert ("<td>40</td>" in html) == bool(reading.digits)
    html.encode()


def test_readings_are_shown_in_the_viewer(image_file, monkeypatch):
    shown = []
    monkeypatch.setattr(viewer, "open_viewer", lambda image, name: shown.append((image, name)))
    reading = Reading(str(image_file("4.png", "4")), SEEN)
    reading.show()
    ((image, name),) = shown
    assert name == "4"
    assert (image == reading.plot()).all()


def test_pickled_readings_are_the_same(image_file):
    array = np.full((200, 150), 190, np.uint8)
    reading = Reading("", SEEN, seconds={"detect": 0.5}, width=150, height=200, array=array)
    other = pickle.loads(pickle.dumps(reading))
    assert other == reading
    assert other.seconds == reading.seconds
    assert (other.plot() == reading.plot()).all()
