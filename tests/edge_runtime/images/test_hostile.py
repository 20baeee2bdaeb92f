"""Images that no one sends on purpose, and those that someone does: one clear line, nothing else lost."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, ImageError
from edge_runtime.images import decode
from edge_runtime.reading import crop


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


def encode(suffix, image, *options):
    return cv2.imencode(suffix, image, list(options))[1].tobytes()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header_bomb(side=20000):
    """A few hundred bytes that claim to be side x side pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def with_orientation(jpeg, orientation):
    """Add an EXIF block that holds the orientation tag alone."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        pytest.param(b"", "empty", id="zero bytes"),
        pytest.param(b"\x89", "not an image", id="one byte"),
        pytest.param(b"just some text\n" * 20, "not an image", id="text named .png"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "not an image", id="signature alone"),
        pytest.param(encode(".png", NOISE)[:80], "not an image", id="truncated header"),
        pytest.param(png_header_bomb(), "200 megapixels", id="header bomb"),
        pytest.param(b"P5 20000 20000 255\n" + bytes(100), "200 megapixels", id="header bomb in PGM"),
        pytest.param(
            b"II+\0" + struct.pack("<L", 7) + bytes(40), "not an image", id="BigTIFF without a directory"
        ),
        pytest.param(b"II+\0\x08\0\0\0" + b"\xff" * 40, "not an image", id="BigTIFF with a huge offset"),
        pytest.param(b"RIFF\x20\0\0\0WEBPVP8L", "not an image", id="cut WebP"),
        pytest.param(b'<svg width="" height="">', "not an image", id="SVG named .png"),
    ],
)
def test_bytes_that_are_no_image_are_refused(data, word, tmp_path, reader):
    path = tmp_path / "image.png"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=word) as caught:
        reader.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "image",
    [
        np.full((1, 1), 255, np.uint8),
        np.full((1, 5000), 128, np.uint8),
        np.full((5000, 1), 128, np.uint8),
        np.full((300, 400), 255, np.uint8),
        np.zeros((300, 400), np.uint8),
        np.full((28, 28), 200, np.uint8),
        np.zeros((28, 28), np.uint8),
        np.tile(np.linspace(80, 230, 640).astype(np.uint8), (480, 1)),
    ],
    ids=["one pixel", "one row", "one column", "white", "black", "white tile", "black tile", "gradient"],
)
def test_nothing_to_read_is_no_digit(image, reader):
    reading = reader.read(image)
    assert reading.digits == ()
    assert reading.status == "no digit found"


def test_noise_and_checkers_do_not_break_anything(reader):
    checkers = np.kron(np.indices((20, 20)).sum(0) % 2, np.ones((16, 16))).astype(np.uint8) * 255
    for image in (
        NOISE,
        cv2.resize(NOISE, (900, 700)),
        checkers,
        255 - checkers,
        np.eye(400, dtype=np.uint8) * 255,
    ):
        reader.read(image)


def as_colour(grey):
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)


def transparent(grey):
    """Ink as opacity alone, on nothing."""
    return np.dstack([np.zeros_like(as_colour(grey)), np.where(grey < 110, 255, 0).astype(np.uint8)])


@pytest.mark.parametrize(
    ("suffix", "change"),
    [
        pytest.param(".png", lambda grey: grey, id="grey"),
        pytest.param(".png", as_colour, id="colour"),
        pytest.param(".png", transparent, id="transparent"),
        pytest.param(".webp", transparent, id="transparent webp"),
        pytest.param(".png", lambda grey: grey.astype(np.uint16) * 257, id="16 bits"),
        pytest.param(".tiff", lambda grey: grey.astype(np.uint16) * 16, id="12 bits in tiff"),
        pytest.param(".png", lambda grey: 255 - grey, id="bright on dark"),
        pytest.param(".jpg", as_colour, id="jpeg"),
        pytest.param(".bmp", as_colour, id="bmp"),
        pytest.param(".tiff", as_colour, id="tiff"),
        pytest.param(".webp", as_colour, id="webp"),
        pytest.param(".pgm", lambda grey: grey, id="pgm"),
        pytest.param(".png", lambda grey: cv2.resize(grey, None, fx=5, fy=5), id="large"),
        pytest.param(".png", lambda grey: cv2.resize(grey, None, fx=0.4, fy=0.4), id="small"),
    ],
)
def test_every_kind_of_file_is_read(suffix, change, draw_page, tmp_path, reader):
    path = tmp_path / f"page{suffix}"
    path.write_bytes(encode(suffix, change(draw_page("472 3058", seed=3))))
    assert reader.read(path).lines == ("472", "3058")


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(3, cv2.ROTATE_180), (6, cv2.ROTATE_90_COUNTERCLOCKWISE), (8, cv2.ROTATE_90_CLOCKWISE)],
)
def test_a_sideways_photograph_is_turned(orientation, turn, draw_page, tmp_path, reader):
    path = tmp_path / "photo.jpg"
    stored = cv2.rotate(draw_page("472"), turn)
    path.write_bytes(with_orientation(encode(".jpg", stored), orientation))
    reading = reader.read(path)
    assert reading.text == "472"
    # Boxes are in the image as it is looked at, the same that is drawn on.
    height, width = decode.decode_colour(path.read_bytes()).shape[:2]
    assert all(digit.box.x + digit.box.width <= width for digit in reading.digits)
    assert all(digit.box.y + digit.box.height <= height for digit in reading.digits)


# An 8x8 JPEG of four channels, as printers' software writes it: no encoder at hand makes one.
CMYK = Path(__file__).with_name("cmyk.jpg")


def test_a_cmyk_jpeg_is_decoded():
    assert decode.decode(CMYK.read_bytes()).shape == (120, 240)


def test_a_truncated_jpeg_gives_what_is_there_or_a_clear_error(draw_page, tmp_path, reader):
    data = encode(".jpg", draw_page("472"))
    for share in (0.02, 0.3, 0.7, 0.95):
        path = tmp_path / "cut.jpg"
        path.write_bytes(data[: int(len(data) * share)])
        (reading,) = reader.read_many([path])
        assert reading.status == "ok" or reading.status.startswith(("error: ", "no digit"))


def test_one_broken_file_stops_nothing(image_file, tmp_path, reader):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"text")
    paths = [
        image_file("a.png", "1"),
        broken,
        tmp_path / "missing.png",
        tmp_path,
        image_file("b.png", "2"),
    ]
    readings = list(reader.read_many(paths))
    assert [reading.source for reading in readings] == [str(path) for path in paths]
    assert [reading.text for reading in readings] == ["1", "", "", "", "2"]
    assert [reading.failed for reading in readings] == [False, True, True, True, False]
    assert "no such file" in readings[2].status


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a Unix thing")
def test_a_pipe_is_no_image_and_does_not_hang(tmp_path, reader):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(ImageError, match="not a regular file"):
        reader.read(pipe)


def test_odd_names_are_read(image_file, reader):
    for name in ("zwölf.png", "数字.png", "a b.png", "-x.png", "new\nline.png", "[1].png", "e\u0301.png"):
        assert reader.read(image_file(name, "3")).text == "3"


def test_a_null_byte_in_a_name_is_an_error_of_ours(reader):
    with pytest.raises(ImageError, match="file name"):
        reader.read("a\0b.png")


def test_a_transparent_drawing_is_drawn_on_as_it_was_read(draw_page):
    data = encode(".png", transparent(draw_page("42")))
    assert decode.decode_colour(data).mean() > 128


def test_many_large_transparent_pixels_need_little_more_than_themselves():
    import tracemalloc

    image = np.zeros((3000, 4000, 4), np.uint8)
    tracemalloc.start()
    decode.to_grey(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * image.nbytes


def test_a_size_at_a_files_end_is_known_before_it_is_decoded(monkeypatch):
    """TIFFs may hold it there."""
    monkeypatch.setattr(crop.cv2, "imdecode", None)
    pixels = bytes(100_000)
    tags = [(256, 4, 1, 100_000), (257, 4, 1, 100_000)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    with pytest.raises(ImageError, match="100000x100000 pixels, over the limit"):
        decode.decode(b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory)


@pytest.mark.parametrize("begin", [b"P5 ", b"\xff\xd8"], ids=["a PGM", "a JPEG"])
def test_a_damaged_header_is_not_looked_through_for_ever(begin, monkeypatch):
    """It took a quarter of a minute for a megabyte, and hours for sixteen."""
    looked = []
    monkeypatch.setattr(crop.imagesize, "get", lambda file: looked.append(len(file.getvalue())) or (-1, -1))
    with pytest.raises(ImageError):
        decode.decode(begin + b"1" * 2**25)
    assert max(looked) <= 2**24
