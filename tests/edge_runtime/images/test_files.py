"""Whole files: their bytes, pipes, and what is no file."""

from __future__ import annotations

import errno
import os
import threading
import time

import numpy as np
import pytest

from edge_runtime import ImageError
from edge_runtime.images import files, header
from tests import fuzz

SAMPLES = fuzz.samples()


def test_an_unreadable_file_is_reported(tmp_path, monkeypatch):
    def deny(path, flags):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(ImageError, match=r"^permission denied$"):
        files.read_file(tmp_path / "b.png")


@pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 300_000])
def test_a_file_is_read_whole(size, tmp_path):
    data = np.random.default_rng(size).bytes(size)
    (tmp_path / "a").write_bytes(data)
    assert files.read_file(tmp_path / "a") == data


def test_a_huge_file_is_rejected_unread(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(30_000_000_000)
    with pytest.raises(ImageError, match="30000 MB, over the limit of 690 MB"):
        files.read_file(tmp_path / "huge.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("sizes", [[5], [5, 2**16, 1], [2**16, 5], [300_000]], ids=str)
def test_a_pipe_is_read_whole_at_the_pace_of_its_writer(sizes, tmp_path):
    parts = [np.random.default_rng(size).bytes(size) for size in sizes]
    os.mkfifo(tmp_path / "pipe")

    def write():
        time.sleep(0.05)  # the pipe has no writer at first
        with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
            for part in parts:
                time.sleep(0.05)
                pipe.write(part)

    writer = threading.Thread(target=write)
    writer.start()
    assert files.read_file(tmp_path / "pipe") == b"".join(parts)
    writer.join()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_have_limits(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(files, "_WRITER_TIMEOUT", 0.05)
    with pytest.raises(ImageError, match="a pipe through which nothing came"):
        files.read_file(tmp_path / "pipe")
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    with (tmp_path / "pipe").open("r+b", buffering=0) as pipe:
        pipe.write(b"x" * 11)
        with pytest.raises(ImageError, match="over the limit"):
            files.read_file(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("in", "a folder, not an image", id="folder"),
        pytest.param("empty", "a folder that contains no images", id="empty folder"),
        pytest.param("above", "a folder whose images are all in subfolders", id="folder of folders"),
        pytest.param("", "an empty file name", id="empty name"),
        pytest.param("a\0b", "not a file name", id="null byte"),
        pytest.param(os.devnull, "not a regular file", id="device"),
    ],
)
def test_what_is_no_file_is_rejected_with_the_reason(path, message, tmp_path, monkeypatch):
    for folder in ("in", "empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / "in" / "a.png").touch()
    (tmp_path / "above" / "in").mkdir(parents=True)
    (tmp_path / "above" / "in" / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match=message):
        files.read_file(path)


@pytest.mark.parametrize("kind", SAMPLES)
def test_large_files_are_checked_before_they_are_read(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SPARE_MEMORY", 16)
    monkeypatch.setattr(files, "CHUNK", 16)  # files that are read at once are not checked
    path = tmp_path / "image"
    path.write_bytes(SAMPLES[kind])
    if kind == "jpeg 2000":
        with pytest.raises(ImageError, match="JPEG 2000 is not supported"):
            files.read_file(path)
        return
    assert files.read_file(path) == SAMPLES[kind]
    # What follows the image is not worth its memory, and would be read in vain.
    monkeypatch.setattr(header, "SPARE_MEMORY", 200_000)
    path.write_bytes(SAMPLES[kind] + bytes(400_000))
    with pytest.raises(ImageError, match="far more memory than 160x96 pixels need"):
        files.read_file(path)


def test_a_large_file_that_is_no_image_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SPARE_MEMORY", 16)
    monkeypatch.setattr(files, "CHUNK", 16)
    path = tmp_path / "video.jpg"
    path.write_bytes(bytes(1000))
    with pytest.raises(ImageError, match="not an image of a known format, or damaged"):
        files.read_file(path)
