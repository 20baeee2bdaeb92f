"""Standard input: lists of paths in several encodings, images, and anything else."""

from __future__ import annotations

import os
import threading

import cv2
import numpy as np
import pytest

from edge_runtime import ImageError
from edge_runtime.images import files, lists


@pytest.fixture
def received():
    """A function that returns what a list yields when parts are written to it, without its None."""
    ends = []

    def read(*parts):
        reading, writing = os.pipe()
        ends.append(reading)

        def write():
            for part in parts:
                os.write(writing, part)
                started.wait(0.02)
            os.close(writing)

        started = threading.Event()
        writer = threading.Thread(target=write)
        writer.start()
        found = [name for name in lists.read_list(reading) if name is not None]
        writer.join()
        return found

    yield read
    for end in ends:
        os.close(end)


def test_a_list_is_read_while_it_is_written():
    reading, writing = os.pipe()
    names = lists.read_list(reading)
    os.write(writing, b"a.png\nb")
    assert next(names) == "a.png"
    assert next(names) is None
    os.write(writing, b".png\r\n\nlast.png")
    assert next(names) == "b.png"
    os.close(writing)
    assert [name for name in names if name] == ["last.png"]
    os.close(reading)


NAMES = ["a b.png", "ü/1.png", "./写真.jpg", "last.png"]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32-le", b"\xff\xfe\0\0"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
def test_encodings_of_lists_are_recognised(received, encoding, mark, end):
    data = mark + "".join(name + end for name in NAMES).encode(encoding)
    assert received(data) == NAMES
    assert received(data[:1], data[1:3], data[3:15], data[15:]) == NAMES
    assert received(data.removesuffix(end.encode(encoding))) == NAMES


def test_names_may_be_separated_by_null_bytes(received):
    assert received(b"a b.png\0with\nbreak.png\0") == ["a b.png", "with\nbreak.png"]
    assert received(b"a\0", b"./bc.png\0d") == ["a", "./bc.png", "d"]
    assert received(b"a\r\0b\r\0") == ["a\r", "b\r"]


@pytest.mark.skipif(os.name == "nt", reason="needs file names that are bytes")
def test_names_that_are_not_text_are_kept(received):
    odd = b"\xff\x1b[31m.jpg"
    assert received(b"a/long/enough/list.png\n" * 20 + odd + b"\n")[-1] == os.fsdecode(odd)
    assert received(b"a.png\n" * 200 + b"\x01.png\n")[-1] == "\x01.png"


def image_bytes(suffix):
    image = np.full((40, 30, 3), 255, np.uint8)
    return cv2.imencode(suffix, image[..., 0] if suffix == ".pgm" else image)[1].tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".pgm", ".ppm", ".gif", ".hdr"])
def test_an_image_is_taken_whole(received, suffix):
    if not cv2.haveImageWriter(f"a{suffix}"):
        pytest.skip("not in this build of OpenCV")
    data = image_bytes(suffix)
    for parts in ([data], [data[:20], data[20:50], data[50:]]):
        (found,) = received(*parts)
        assert (found, found.data) == ("-", data)
        assert files.read_file(found) == data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"P5 9 9 65535\n" + b"\0a" * 81, id="image that looks like UTF-16"),
        pytest.param(np.random.default_rng(1).bytes(300), id="noise"),
        pytest.param(b"\x1f\x8b\x08\0\0\0\0\0\0\3./\0.\0/\0\n.\n", id="gzip"),
        pytest.param("a.png\n.\n/\n".encode("utf-32-le"), id="UTF-32 without a mark"),
        pytest.param(b"\0\0.\0/\0", id="null bytes first"),
        pytest.param(b"." * 70_000 + b"\n", id="endless line"),
    ],
)
def test_what_is_no_text_is_never_a_list(received, data):
    (found,) = received(data)
    assert found == "-"
    assert found.data == data


@pytest.mark.parametrize("data", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\0\0"])
def test_a_list_may_be_empty(received, data):
    assert received(data) == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n" * 20, id="PDF"),
        pytest.param(b"\0\0\0\x1cftypheic" + b"mif1miaf" * 80, id="HEIC"),
    ],
)
def test_the_files_of_extras_are_taken_whole(received, data):
    (found,) = received(data)
    assert (found, found.data) == ("-", data)


def test_an_image_that_is_too_large_is_rejected(received, monkeypatch):
    data = image_bytes(".png")
    monkeypatch.setattr(lists, "MAX_BYTES", 30)
    monkeypatch.setattr(files, "MAX_BYTES", 30)
    (found,) = received(data[:25], data[25:40], data[40:])
    assert len(found.data) <= 40
    with pytest.raises(ImageError, match="over the limit"):
        files.read_file(found)


@pytest.mark.skipif(os.name == "nt", reason="needs folders that can be opened")
def test_standard_input_that_cannot_be_read_is_reported(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(ImageError, match="standard input cannot be read: is a directory"):
        list(lists.read_list(folder))
    os.close(folder)
