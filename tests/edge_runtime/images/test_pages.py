"""Pages and frames: each is decoded by itself, and named after its file."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, ImageError
from edge_runtime.images import frames, tiff
from edge_runtime.images.documents import open_document
from edge_runtime.images.header import DAMAGED
from edge_runtime.images.pages import Pages
from tests import drawing
from tests.image_files import animation, tiff_pages, with_orientation, with_tags

THREE = [drawing.page(text) for text in ("12", "345", "6")]
TIFF = tiff_pages(*THREE)
FIRST_ONLY = "ok; only the first page or frame was read"

needs_animations = pytest.mark.skipif(
    not hasattr(cv2, "imencodeanimation"), reason="needs OpenCV 4.12 or later"
)


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.tif"
    path.write_bytes(TIFF)
    return str(path)


def found(readings):
    return [(reading.source, reading.text, reading.status) for reading in readings]


@pytest.mark.parametrize("threads", [1, 3])
def test_every_page_of_a_tiff_has_its_own_reading(scan, image_file, threads):
    image = str(image_file("7.png"))
    readings = DigitReader(threads=threads).read_many([image, scan, image])
    assert found(readings) == [
        (image, "7", "ok"),
        *((f"{scan}#{page}", text, "ok") for page, text in ((1, "12"), (2, "345"), (3, "6"))),
        (image, "7", "ok"),
    ]


def test_one_page_is_read_by_its_name(scan, image_file, reader):
    assert found([reader.read(scan), reader.read(f"{scan}#1"), reader.read(f"{scan}#3")]) == [
        (scan, "12", FIRST_ONLY),
        (f"{scan}#1", "12", "ok"),
        (f"{scan}#3", "6", "ok"),
    ]
    assert found(reader.read_many([f"{scan}#2"])) == [(f"{scan}#2", "345", "ok")]
    image = image_file("7.png")
    assert reader.read(f"{image}#1").text == "7"
    for name, message in (
        (f"{scan}#4", "scan.tif#4: the file has 3 pages; there is no page 4$"),
        (f"{image}#2", "7.png#2: the file has 1 page; there is no page 2$"),
        (f"{scan}#0", "no such file"),
        (f"{scan}.gone#2", "gone#2: no such file"),
    ):
        with pytest.raises(ImageError, match=message):
            reader.read(name)


def test_a_file_with_such_a_name_comes_first(scan, image_file, reader):
    image_file("scan.tif#2.png", "9").rename(f"{scan}#2")
    assert reader.read(f"{scan}#2").text == "9"


def test_a_damaged_page_does_not_stop_the_others(scan, reader, tmp_path):
    data = bytearray(TIFF)
    _, second, _ = tiff.find_pages(TIFF)
    strips = next(place for place in range(second + 2, len(data), 12) if data[place : place + 2] == b"\x11\1")
    struct.pack_into("<HII", data, strips + 2, 4, 1, 10**8)  # beyond the end of the file
    (tmp_path / "scan.tif").write_bytes(data)
    readings = list(reader.read_many([scan]))
    assert [reading.text for reading in readings] == ["12", "", "6"]
    assert readings[1].status.startswith("error: damaged")


def test_a_first_page_that_cannot_be_read_does_not_stop_the_others(scan, reader, tmp_path):
    data = bytearray(TIFF)
    first, *_ = tiff.find_pages(TIFF)
    kind = next(place for place in range(first + 2, len(data), 12) if data[place : place + 2] == b"\6\1")
    struct.pack_into("<H", data, kind + 8, 8)  # CIELab
    (tmp_path / "scan.tif").write_bytes(data)
    readings = list(reader.read_many([scan]))
    assert [reading.text for reading in readings] == ["", "345", "6"]
    assert readings[0].status.startswith("error: a TIFF of an unusual kind")
    assert reader.read(f"{scan}#3").text == "6"
    with pytest.raises(ImageError, match="unusual kind"):
        reader.read(scan)


@needs_animations
@pytest.mark.parametrize("harm", ["no frame", "damaged chunk"])
def test_animations_on_which_opencv_crashes_are_refused(harm, reader):
    data = animation(".png", *THREE)
    place = data.index(b"fcTL")
    if harm == "no frame":  # the first image is then not one of the frames
        data = data[: place - 4] + data[place + 34 :]
        message = "first image is not one of its frames"
    else:
        place = data.index(b"fdAT") + 12
        data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        message = DAMAGED
    (reading,) = reader.read_many([data], frames=True)
    assert message in reading.status
    assert reader.read(data).text == "12"


@pytest.mark.parametrize(
    ("tags", "pages"),
    [({}, 1), ({254: 1}, 1), ({254: 4}, 1), ({255: 2}, 1), ({254: 2}, 2), ({255: 3}, 2)],
    ids=["alone", "thumbnail", "mask", "old thumbnail", "page", "old page"],
)
def test_thumbnails_and_masks_are_no_pages(tags, pages):
    data = tiff_pages(THREE[0])
    if tags:
        second = with_tags(tiff_pages(THREE[1]), tags)
        (start,) = struct.unpack_from("<I", second, 4)
        # The second file follows the first, and its places are moved.
        data = chained(data, second, start)
    document = open_document(data)
    assert len(document) == pages
    assert document.decode(0).shape == THREE[0].shape


def chained(first, second, start):
    """A TIFF whose first directory is followed by that of another file."""
    first = bytearray(first + bytes(len(first) % 2))
    (place,) = struct.unpack_from("<I", first, 4)
    end = place + 2 + 12 * struct.unpack_from("<H", first, place)[0]
    struct.pack_into("<I", first, end, len(first) + start)
    return bytes(first) + second


def test_a_tiff_whose_pages_form_a_circle_ends():
    data = bytearray(TIFF)
    pages = tiff.find_pages(TIFF)
    end = pages[2] + 2 + 12 * struct.unpack_from("<H", data, pages[2])[0]
    struct.pack_into("<I", data, end, pages[0])
    assert tiff.find_pages(bytes(data)) == pages
    assert tiff.find_pages(TIFF[: pages[2] + 1]) == pages[:2]


def test_pages_are_turned_each_by_its_own_tag():
    data = with_orientation(tiff_pages(THREE[1]), 6)
    document = open_document(data)
    assert document.decode(0).shape == document.decode(0, colour=True).shape[:2] == THREE[1].shape[::-1]


@needs_animations
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_frames_are_read_on_request(suffix, tmp_path, reader, monkeypatch):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(animation(suffix, *THREE))
    assert found(reader.read_many([path])) == [(str(path), "12", FIRST_ONLY)]
    expected = [(f"{path}#{number}", text, "ok") for number, text in ((1, "12"), (2, "345"), (3, "6"))]
    assert found(reader.read_many([path], frames=True)) == expected
    assert reader.read(f"{path}#2").text == "345"
    monkeypatch.setattr(frames, "_TOGETHER", 1)  # each is decoded by itself
    assert found(reader.read_many([path], frames=True)) == expected
    document = open_document(path.read_bytes(), frames=True)
    colour = document.decode(1, colour=True)
    assert np.abs(colour[..., 1].astype(int) - document.decode(1)).max() < 20  # GIF has a palette


@needs_animations
def test_animations_that_take_too_long_are_refused(monkeypatch):
    data = animation(".gif", *THREE)
    monkeypatch.setattr(frames, "MAX_SCANNED_PIXELS", THREE[0].size)
    with pytest.raises(ImageError, match="an animation of 3 frames, which would take too long"):
        open_document(data, frames=True)
    monkeypatch.setattr(frames, "_MAX_PIXELS", 100)
    with pytest.raises(ImageError, match="limit of 0 megapixels for the frames of an animation"):
        open_document(data, frames=True)


@needs_animations
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_damaged_animations_are_reported(suffix, reader):
    data = bytearray(animation(suffix, *THREE))
    data[len(data) // 2 : -20] = bytes(len(data) - len(data) // 2 - 20)
    statuses = [reading.status for reading in reader.read_many([bytes(data)], frames=True)]
    assert statuses
    for status in statuses:  # some versions of OpenCV return the frames before the damage
        assert status in ("ok", "no digit found", f"error: {DAMAGED}")


@needs_animations
def test_images_without_frames_are_read_with_that_option_too(image_file, reader):
    path = image_file("7.png")
    assert found(reader.read_many([path], frames=True)) == [(str(path), "7", "ok")]


def test_pages_are_opened_without_a_name():
    pages = Pages(TIFF)
    assert [page.source for page in pages] == ["#1", "#2", "#3"]
    assert (pages.first.source, pages.first.more) == ("", True)
