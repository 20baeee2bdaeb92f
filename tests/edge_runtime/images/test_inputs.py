"""Inputs: paths, bytes, file objects and images of Pillow are read alike."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, ImageError
from edge_runtime.images import files, inputs
from tests import drawing
from tests.image_files import encode, tiff_pages, with_orientation

PAGE = drawing.page("407")
PNG = encode(".png", PAGE)


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


@pytest.mark.parametrize(
    "wrap",
    [bytes, bytearray, memoryview, io.BytesIO, lambda data: io.BufferedReader(io.BytesIO(data))],
    ids=["bytes", "bytearray", "memoryview", "BytesIO", "BufferedReader"],
)
def test_the_bytes_of_a_file_are_read_as_the_file(wrap, reader):
    expected = reader.read(PAGE).digits
    assert reader.read(wrap(PNG)).digits == expected
    for images in (wrap(PNG), [wrap(PNG)]):
        (reading,) = reader.read_many(images)
        assert (reading.source, reading.digits) == ("", expected)


def test_open_files_have_their_names(image_file, reader):
    path = image_file("page.png", "407")
    with path.open("rb") as file:
        reading = reader.read(file)
        assert (reading.source, reading.text) == (str(path), "407")
        assert not file.closed
        with pytest.raises(ImageError, match=r"page\.png: a BufferedReader with nothing left to read"):
            reader.read(file)
    with path.open(encoding="latin-1") as text, pytest.raises(ImageError, match=r'opened as text.*"rb"'):
        reader.read(text)
    with pytest.raises(ImageError, match=r"cannot be read: .*closed file"):
        reader.read(file)


def test_a_pipe_is_read_to_its_end(reader):
    """A single read of an unbuffered pipe returns only what has arrived."""
    write = f"import sys, time; data = bytes.fromhex({PNG.hex()!r}); out = sys.stdout.buffer; "
    write += "out.write(data[:99]); out.flush(); time.sleep(0.2); out.write(data[99:])"
    with subprocess.Popen([sys.executable, "-c", write], stdout=subprocess.PIPE, bufsize=0) as process:
        assert reader.read(process.stdout).digits == reader.read(PAGE).digits
        assert not process.stdout.closed


def test_objects_that_are_no_files_are_rejected(reader):
    class Later:
        def read(self, size):
            return None

    with pytest.raises(ImageError, match=r"a Later whose read\(\) returns NoneType instead of bytes"):
        reader.read(Later())


@pytest.mark.parametrize("harm", [EOFError("cut off"), zipfile.BadZipFile("bad CRC")])
def test_a_file_object_may_raise_any_error(harm, reader):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise harm

    readings = list(reader.read_many([Broken(PNG), io.BytesIO(PNG)]))
    assert readings[0].status == f"error: a Broken that cannot be read: {harm}"
    assert readings[1].text == "407"


def test_data_has_the_limit_of_files(monkeypatch, reader):
    for module in (files, inputs):
        monkeypatch.setattr(module, "MAX_BYTES", 100)
    for data in (PNG, io.BytesIO(PNG)):
        with pytest.raises(ImageError, match="over the limit"):
            reader.read(data)


@pytest.fixture
def folder(image_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("in/a.png", "1"), ("in/b.png", "2"), ("in/more/c.png", "3")):
        image_file(name, text)
    (tmp_path / "in" / "notes.txt").write_text("x")


@pytest.mark.parametrize(
    ("images", "texts"),
    [
        pytest.param("in", ["1", "2", "3"], id="folder"),
        pytest.param(Path("in"), ["1", "2", "3"], id="pathlib"),
        pytest.param("in/*.png", ["1", "2"], id="glob"),
        pytest.param("in/a.png", ["1"], id="one path"),
        pytest.param(["in/more", "in/b.png", PNG], ["3", "2", "407"], id="list"),
        pytest.param((Path("in/b.png"), PAGE), ["2", "407"], id="tuple"),
    ],
)
def test_many_are_named_as_in_the_command(folder, images, texts, reader):
    assert [reading.text for reading in reader.read_many(images)] == texts


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param("in", "^in: a folder.*read_many$", id="folder"),
        pytest.param("in/*.png", r"^in/\*.png: no such file.*read_many$", id="glob"),
        pytest.param(["in/a.png"], "^a list of 1 image; use read_many$", id="list"),
        pytest.param((PAGE, PAGE), "^a tuple of 2 images; use read_many$", id="tuple"),
    ],
)
def test_several_images_are_not_read_as_one(folder, image, message, reader):
    with pytest.raises(ImageError, match=message):
        reader.read(image)


def pillow(array, mode=None):
    image = pytest.importorskip("PIL.Image").fromarray(array)
    return image.convert(mode) if mode else image


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "LA", "CMYK", "I", "YCbCr"])
def test_images_of_pillow_are_read_in_every_mode(mode, reader):
    reading = reader.read(pillow(PAGE, mode))
    assert (reading.text, reading.source, reading.width) == ("407", "", PAGE.shape[1])


def test_images_of_pillow_keep_their_colours_and_depth():
    colour = np.zeros((5, 7, 3), np.uint8)
    colour[..., 0] = 255  # red, in the order of Pillow
    expected = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY)
    assert (inputs.pillow_to_grey(pillow(colour)) == expected).all()
    deep = PAGE.astype(np.uint16) * 257
    assert (inputs.pillow_to_grey(pillow(deep)) == PAGE).all()
    assert (inputs.pillow_to_grey(pillow(deep.astype(np.int32))) == PAGE).all()


def test_images_of_pillow_with_floats_are_within_0_and_1(reader):
    assert reader.read(pillow(np.float32(PAGE / 255))).text == "407"
    image = pillow(PAGE, "F")
    with pytest.raises(ImageError, match=r'mode F must be within 0\.\.1, not .*; use \.convert\("L"\) if'):
        reader.read(image)
    assert reader.read(image.convert("L")).text == "407"


def test_transparent_images_of_pillow_are_placed_on_paper(reader):
    ink = np.dstack([np.zeros((*PAGE.shape, 3), np.uint8), np.where(PAGE < 110, 255, 0).astype(np.uint8)])
    assert reader.read(pillow(ink)).text == "407"


def test_files_opened_with_pillow_are_turned_and_named(tmp_path, reader):
    open_image = pytest.importorskip("PIL.Image").open
    path = tmp_path / "a.jpg"
    path.write_bytes(with_orientation(encode(".jpg", cv2.rotate(PAGE, cv2.ROTATE_90_COUNTERCLOCKWISE)), 6))
    with open_image(path) as image:
        reading = reader.read(image)
        (again,) = reader.read_many([image])
    assert (reading.text, reading.source) == (again.text, again.source) == ("407", str(path))
    assert (reading.width, reading.height) == PAGE.shape[::-1]
    path.write_bytes(path.read_bytes()[:3000])
    with open_image(path) as image, pytest.raises(ImageError, match=r"a\.jpg: Pillow cannot decode it"):
        reader.read(image)


def test_large_images_of_pillow_are_rejected_undecoded(monkeypatch, reader):
    from edge_runtime.images import pillow as module

    monkeypatch.setattr(module, "MAX_PIXELS", 100)
    with pytest.raises(ImageError, match="over the limit"):
        reader.read(pillow(PAGE))


def test_one_image_of_pillow_is_no_list(reader):
    with pytest.raises(ImageError, match="one image, and read_many takes several"):
        reader.read_many(pillow(PAGE))


def test_the_bytes_of_a_file_with_pages_give_its_pages(reader):
    data = tiff_pages(drawing.page("1"), drawing.page("2"))
    assert [(each.source, each.text) for each in reader.read_many([data])] == [("#1", "1"), ("#2", "2")]


def test_paths_may_be_of_any_class(image_file, reader):
    class Name(os.PathLike):
        def __fspath__(self):
            return str(path)

    path = image_file("5.png", "5")
    assert [each.source for each in (reader.read(Name()), *reader.read_many([Name()]))] == [str(path)] * 2
