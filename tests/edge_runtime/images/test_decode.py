"""Decoding: files of every format and arrays of every kind to grey and BGR."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, ImageError, boxes
from edge_runtime.images import decode
from tests import drawing
from tests.image_files import encode, with_orientation


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param(np.full((4, 5), 7, np.uint8), 7, id="grey"),
        pytest.param(np.full((4, 5, 1), 7, np.uint8), 7, id="one channel"),
        pytest.param(np.full((4, 5, 3), 90, np.uint8), 90, id="colour"),
        pytest.param(np.full((4, 5), 65535, np.uint16), 255, id="16 bits"),
        pytest.param(np.full((4, 5), 4095, np.uint16), 255, id="12 of 16 bits"),
        pytest.param(np.full((4, 5), 200, np.uint16), 200, id="8 of 16 bits"),
        pytest.param(np.full((4, 5), True), 255, id="bool"),
        pytest.param(np.full((4, 5), 0.5), 128, id="float"),
        pytest.param(np.full((4, 5), 200, np.int64), 200, id="wide integers"),
    ],
)
def test_arrays_become_grey(image, expected):
    grey = decode.to_grey(image)
    assert grey.dtype == np.uint8
    assert grey.shape == (4, 5)
    assert np.abs(grey.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param(np.zeros((2, 3, 4, 5), np.uint8), r"must have shape .* not \(2, 3, 4, 5\)", id="4 axes"),
        pytest.param(np.zeros((4, 5, 2), np.uint8), r"must have shape .* not \(4, 5, 2\)", id="two channels"),
        pytest.param(np.zeros((0, 5), np.uint8), r"empty: its shape is \(0, 5\)", id="no pixels"),
        pytest.param(np.full((4, 5), 200.0), r"within 0\.\.1, not 200\.\.200", id="float beyond 1"),
        pytest.param(np.full((4, 5), np.nan), r"within 0\.\.1, not nan", id="not a number"),
        pytest.param(np.full((4, 5), 300, np.int32), r"within 0\.\.255, not 300", id="integers beyond 255"),
        pytest.param(np.full((4, 5), -1, np.int16), r"within 0\.\.255, not -1", id="negative integers"),
        pytest.param(np.full((4, 5), "x"), "must hold numbers, not <U1", id="text"),
    ],
)
def test_invalid_arrays_are_rejected(image, message):
    with pytest.raises(ImageError, match=message):
        decode.to_grey(image)


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)], ids=["dark ink", "bright ink"])
def test_transparent_ink_stays_visible(ink, paper):
    image = np.zeros((10, 10, 4), np.uint8)
    image[3:6, 3:6] = (ink, ink, ink, 255)
    expected = np.full((10, 10), paper, np.uint8)
    expected[3:6, 3:6] = ink
    assert (decode.to_grey(image) == expected).all()


def test_a_large_transparent_image_needs_little_more_memory_than_itself():
    image = np.zeros((3000, 4000, 4), np.uint8)
    tracemalloc.start()
    try:
        decode.to_grey(image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * image.nbytes


def as_colour(grey):
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)


def as_opacity(grey):
    """Ink as opacity alone, on nothing."""
    return np.dstack([np.zeros_like(as_colour(grey)), np.where(grey < 110, 255, 0).astype(np.uint8)])


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


def corners(reading):
    return boxes.corners(digit.box for digit in reading.digits)


@pytest.mark.parametrize(
    ("suffix", "change", "scale"),
    [
        pytest.param(".png", lambda grey: grey, 1, id="grey PNG"),
        pytest.param(".png", as_colour, 1, id="colour PNG"),
        pytest.param(".png", as_opacity, 1, id="transparent PNG"),
        pytest.param(".webp", as_opacity, 1, id="transparent WebP"),
        pytest.param(".png", lambda grey: grey.astype(np.uint16) * 257, 1, id="PNG of 16 bits"),
        pytest.param(".tiff", lambda grey: grey.astype(np.uint16) * 16, 1, id="TIFF of 12 bits"),
        pytest.param(".png", lambda grey: 255 - grey, 1, id="bright ink on dark paper"),
        pytest.param(".jpg", as_colour, 1, id="JPEG"),
        pytest.param(".bmp", as_colour, 1, id="BMP"),
        pytest.param(".tiff", as_colour, 1, id="TIFF"),
        pytest.param(".webp", as_colour, 1, id="WebP"),
        pytest.param(".pgm", lambda grey: grey, 1, id="PGM"),
        pytest.param(".png", lambda grey: cv2.resize(grey, None, fx=5, fy=5), 5, id="large"),
        pytest.param(".png", lambda grey: cv2.resize(grey, None, fx=0.4, fy=0.4), 0.4, id="small"),
    ],
)
def test_files_of_every_format_are_read(suffix, change, scale, tmp_path, reader):
    page = drawing.page("472 3058", seed=3)
    path = tmp_path / f"page{suffix}"
    path.write_bytes(encode(suffix, change(page)))
    reading = reader.read(path)
    assert reading.lines == ("472", "3058")
    # Boxes lie where they do in the array that the file was made of.
    assert np.abs(corners(reading) / scale - corners(reader.read(page))).max() <= max(4, 3 / scale)


@pytest.mark.parametrize(
    ("orientation", "rotation"),
    [(3, cv2.ROTATE_180), (6, cv2.ROTATE_90_COUNTERCLOCKWISE), (8, cv2.ROTATE_90_CLOCKWISE)],
)
def test_a_rotated_photograph_is_turned_upright(orientation, rotation, tmp_path, reader):
    page = drawing.page("472")
    path = tmp_path / "photo.jpg"
    path.write_bytes(with_orientation(encode(".jpg", cv2.rotate(page, rotation)), orientation))
    reading = reader.read(path)
    assert reading.text == "472"
    # Boxes are in pixels of the upright image, the same that results are drawn on.
    assert decode.decode_colour(path.read_bytes()).shape[:2] == page.shape
    assert np.abs(corners(reading) - corners(reader.read(page))).max() <= 3


# A JPEG of 240x120 px with four channels, as printing software writes it. OpenCV cannot encode one.
CMYK = Path(__file__).with_name("cmyk.jpg")


def test_a_cmyk_jpeg_is_decoded():
    grey = decode.decode(CMYK.read_bytes())
    assert grey.shape == (120, 240)
    assert decode.decode_colour(CMYK.read_bytes()).shape == (120, 240, 3)


def test_a_transparent_image_is_drawn_on_as_it_was_read():
    data = encode(".png", as_opacity(drawing.page("42")))
    colour = decode.decode_colour(data)
    assert (colour == decode.decode(data)[:, :, None]).all()
    assert colour.mean() > 128  # dark ink lies over white


@pytest.mark.parametrize("decoder", [decode.decode, decode.decode_colour])
def test_a_decoder_that_runs_out_of_memory_is_reported(decoder, monkeypatch):
    def fail(*_):
        error = cv2.error("Failed to allocate")
        error.code = -4
        raise error

    monkeypatch.setattr(decode.cv2, "imdecode", fail)
    with pytest.raises(ImageError, match="too large for this machine's memory; scale it down first"):
        decoder(encode(".png", np.zeros((8, 8), np.uint8)))
