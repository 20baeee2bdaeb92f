"""Damaged, hostile and odd files: each is reported in one line, and the others are still read."""

from __future__ import annotations

import os
import struct

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, ImageError
from edge_runtime.images import files
from edge_runtime.images.header import DAMAGED
from edge_runtime.images.kinds import TEXT, UNKNOWN
from tests import drawing
from tests.image_files import bmp, encode, jpeg, png, tiff, webp

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "the file is empty", id="empty file"),
        pytest.param(b"\x89", UNKNOWN, id="one byte"),
        pytest.param(b"just some text\n" * 20, TEXT, id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n", DAMAGED, id="signature of a PNG"),
        pytest.param(encode(".png", NOISE)[:80], DAMAGED, id="PNG cut off"),
        pytest.param(png(64, 64), DAMAGED, id="PNG with too few pixels"),
        pytest.param(
            png(20000, 20000), "20000x20000 pixels, over the limit of 200 megapixels", id="PNG bomb"
        ),
        pytest.param(
            b"P5 20000 20000 255\n" + bytes(100), "20000x20000 pixels, over the limit of 200", id="PGM bomb"
        ),
        pytest.param(
            tiff(10**5, 10**5, pixels=10**5), "100000x100000 pixels, over the limit", id="TIFF bomb"
        ),
        pytest.param(jpeg(0xC2, 65535, 65535), "65535x65535 pixels, over the limit", id="JPEG bomb"),
        pytest.param(bmp(30000, -30000), "30000x30000 pixels, over the limit", id="BMP bomb"),
        pytest.param(webp(b"VP8L", b"\x2f\xff\xff\xff\x0f"), "16384x16384 pixels, over the", id="WebP bomb"),
        pytest.param(b"GIF89a\x80>\xff\xff" + bytes(25), "16000x65535 pixels, over the limit", id="GIF bomb"),
        pytest.param(b"II+\0" + struct.pack("<L", 7) + bytes(40), DAMAGED, id="BigTIFF, no directory"),
        pytest.param(b"II+\0\x08\0\0\0" + b"\xff" * 40, DAMAGED, id="BigTIFF with a huge offset"),
        pytest.param(b"RIFF\x20\0\0\0WEBPVP8L", DAMAGED, id="WebP cut off"),
        pytest.param(b"\xff\xd8" + b"1" * 2**20, UNKNOWN, id="JPEG without a marker"),
        pytest.param(b"P5 " + b"1" * 2**20, DAMAGED, id="PGM of one long number"),
        pytest.param(b'<svg width="" height="">', "an SVG drawing: export it as PNG", id="SVG"),
    ],
)
def test_damaged_and_hostile_files_are_reported(data, message, tmp_path, reader):
    path = tmp_path / "image.png"
    path.write_bytes(data)
    with pytest.raises(ImageError) as caught:
        reader.read(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)
    (reading,) = reader.read_many([path])
    assert reading.status == "error: " + str(caught.value).removeprefix(f"{path}: ")
    assert (reading.digits, reading.failed) == ((), True)


@pytest.mark.parametrize("share", [0.5, 0.99])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".ppm", ".ras"])
def test_files_that_were_cut_off_are_errors(suffix, share, reader):
    image = cv2.cvtColor(drawing.page("472 305"), cv2.COLOR_GRAY2BGR)
    data = encode(suffix, image)
    with pytest.raises(ImageError, match=DAMAGED):
        reader.read(data[: int(len(data) * share)])


CHECKERS = np.kron(np.indices((20, 20)).sum(0) % 2, np.ones((16, 16))).astype(np.uint8) * 255


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.full((1, 1), 255, np.uint8), id="one pixel"),
        pytest.param(np.full((1, 5000), 128, np.uint8), id="one row"),
        pytest.param(np.full((5000, 1), 128, np.uint8), id="one column"),
        pytest.param(np.full((300, 400), 255, np.uint8), id="white"),
        pytest.param(np.zeros((300, 400), np.uint8), id="black"),
        pytest.param(np.full((28, 28), 200, np.uint8), id="white tile"),
        pytest.param(np.zeros((28, 28), np.uint8), id="black tile"),
        pytest.param(np.tile(np.linspace(80, 230, 640).astype(np.uint8), (480, 1)), id="gradient"),
    ],
)
def test_blank_images_contain_no_digit(image, reader):
    reading = reader.read(image)
    assert reading.digits == ()
    assert reading.status == "no digit found"


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(NOISE, id="noise"),
        pytest.param(cv2.resize(NOISE, (900, 700)), id="blurred noise"),
        pytest.param(CHECKERS, id="checkers"),
        pytest.param(255 - CHECKERS, id="inverted checkers"),
        pytest.param(np.eye(400, dtype=np.uint8) * 255, id="diagonal"),
    ],
)
def test_textures_contain_no_digit(image, reader):
    reading = reader.read(image)
    assert [digit for digit in reading.digits if digit.value is not None] == []


def test_broken_files_do_not_stop_the_others(image_file, tmp_path, reader):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"text")
    empty = tmp_path / "empty"
    empty.mkdir()
    images = [image_file("a.png", "1"), broken, tmp_path / "missing.png", empty, image_file("b.png", "2")]
    readings = list(reader.read_many(images))
    assert [reading.source for reading in readings] == [str(path) for path in images]
    assert [reading.text for reading in readings] == ["1", "", "", "", "2"]
    assert [reading.status for reading in readings] == [
        "ok",
        f"error: {TEXT}",
        "error: no such file or directory",
        "error: a folder that contains no images",
        "ok",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not limit open files in this way")
def test_a_process_that_may_open_no_more_files_reports_it(image_file, reader):
    import resource

    path, (soft, hard) = image_file("a.png"), resource.getrlimit(resource.RLIMIT_NOFILE)
    handle = os.open(path, os.O_RDONLY)
    os.close(handle)
    resource.setrlimit(resource.RLIMIT_NOFILE, (handle, hard))  # all below are in use
    try:
        (reading,) = reader.read_many([path])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert reading.status == "error: too many open files"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes exist on Unix only")
def test_a_named_pipe_to_which_nobody_writes_is_reported(tmp_path, reader, monkeypatch):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    monkeypatch.setattr(files, "_WRITER_TIMEOUT", 0.05)
    with pytest.raises(ImageError, match="a pipe through which nothing came"):
        reader.read(pipe)


@pytest.mark.parametrize(
    "name",
    ["zwölf.png", "数字.png", "a b.png", "-x.png", "new\nline.png", "[1].png", "e\u0301.png"],
    ids=["umlaut", "Chinese", "space", "dash", "line break", "glob", "combining accent"],
)
def test_files_with_unusual_names_are_read(name, image_file, reader):
    reading = reader.read(image_file(name, "3"))
    assert (reading.text, reading.status) == ("3", "ok")


def test_a_null_byte_in_a_name_is_reported(reader):
    with pytest.raises(ImageError, match=r"not a file name: .*embedded null"):
        reader.read("a\0b.png")
