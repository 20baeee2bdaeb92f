"""Workers: the same readings in the same order, whatever happens to the processes that read."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, ModelError, Reading
from edge_runtime.images import child
from edge_runtime.images.files import Received
from edge_runtime.reading import messages, workers
from edge_runtime.reading import reader as reader_module
from tests.drawing import drawn_tiles, page
from tests.image_files import tiff_pages

TIMEOUT = 60  # s


@pytest.fixture
def started(monkeypatch):
    """The workers of a test, which begin to read after the first image."""
    processes = []
    start, begin = child.start, workers.Workers._start

    def remember(*arguments):
        processes.append(start(*arguments))
        return processes[-1]

    def wait(self):
        begin(self)
        self._ready.wait(TIMEOUT)

    monkeypatch.setattr(child, "start", remember)
    monkeypatch.setattr(workers.Workers, "_start", wait)
    monkeypatch.setattr(workers, "_PATIENCE", -1.0)
    monkeypatch.setattr(reader_module, "cores", lambda: 2)
    return processes


@pytest.fixture
def files(tmp_path):
    """Paths of tiles, pages, files of several pages, and of what cannot be read."""
    tiles, _ = drawn_tiles(40, seed=5)
    paths = [tmp_path / f"{index:02}.png" for index in range(40)]
    for path, tile in zip(paths, tiles, strict=True):
        cv2.imwrite(str(path), tile)
    for path, text in zip(paths[::7], ("12", "34 56", "7", "890", "1", "2"), strict=True):
        cv2.imwrite(str(path), page(text))
    scan = tmp_path / "scan.tif"
    scan.write_bytes(tiff_pages(*map(page, ("12", "345", "6"))))
    broken = tmp_path / "broken.png"
    broken.write_text("text")
    found = [str(path) for path in paths]
    return [*found[:9], str(scan), *found[9:20], str(broken), "gone.png", "", *found[20:], str(scan)]


def same(one: list[Reading], other: list[Reading]) -> bool:
    """Whether readings agree in all that they hold, except their times."""
    arrays = [
        [(digit.tile, digit.probabilities) for reading in each for digit in reading] for each in (one, other)
    ]
    return one == other and all(
        (a == b).all() and a.dtype == b.dtype and b.flags.writeable
        for pair in zip(*arrays, strict=True)
        for a, b in zip(*pair, strict=True)
    )


def test_readings_survive_being_packed(files):
    readings = list(DigitReader(threads=1).read_many(files))
    unpacked = messages.unpack(messages.pack(readings))
    assert same(readings, unpacked)
    assert [each.seconds for each in unpacked] == [each.seconds for each in readings]
    kinds = [type(value) for each in unpacked for digit in each for value in (digit.value, digit.confidence)]
    assert set(kinds) <= {int, float, type(None)}
    assert messages.unpack(messages.pack([])) == []


@pytest.mark.parametrize("task", [1, 128], ids=["small tasks", "large tasks"])
def test_workers_read_what_one_process_reads(files, started, task, monkeypatch):
    monkeypatch.setattr(workers, "_LARGEST_TASK", task)
    images = [*files[:12], page("4"), *files[12:], files[0], files[0], None, np.str_(files[1]), b"no image"]
    readings = list(DigitReader(threads=2).read_many(images))
    assert same(list(DigitReader(threads=1).read_many(images)), readings)
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def test_a_reader_uses_all_cores_unless_told_otherwise(files, started, monkeypatch):
    monkeypatch.setattr(reader_module, "cores_for_workers", lambda: 3)
    expected = list(DigitReader(threads=1).read_many(files))
    assert not started
    assert same(list(DigitReader().read_many(files)), expected)
    assert len(started) == 3
    # Neither a few files nor arrays are worth a process.
    monkeypatch.setattr(workers, "_PATIENCE", 1e6)
    assert same(list(DigitReader().read_many(files)), expected)
    monkeypatch.setattr(workers, "_PATIENCE", -1.0)
    assert [each.text for each in DigitReader().read_many([page("1")] * 3)] == ["1"] * 3
    assert len(started) == 3


def test_the_options_of_a_reader_are_those_of_its_workers(files, started):
    options = {"rotate": 180, "min_confidence": 0.97}
    expected = list(DigitReader("float", threads=1, **options).read_many(files))
    assert same(list(DigitReader("float", threads=2, **options).read_many(files)), expected)
    assert any(digit.status.startswith("rejected: confidence") for each in expected for digit in each)


def test_pages_are_chosen_in_this_process(files, started):
    asked = []

    def choose(names):
        asked.append(names)
        return [2, 0]

    batches = DigitReader(threads=2).read_batches(files, choose=choose)
    sources = [each.source for batch in batches for each in batch]
    scan = files[-1]
    assert sources == [
        each for path in files for each in ([f"{scan}#3", f"{scan}#1"] if path == scan else [path])
    ]
    assert asked == [[f"{scan}#{number}" for number in (1, 2, 3)]] * 2


def test_none_in_the_input_yields_all_finished_readings(files, started):
    taken = []

    def images():
        for image in (*files[:30], None, files[30]):
            taken.append(image)
            yield image

    found = []
    for batch in DigitReader(threads=2).read_batches(images()):
        found += batch
        if len(found) == 32:  # with three pages of one file
            assert taken[-1] is None
    assert len(found) == 33


def test_an_endless_stream_is_read_as_it_comes_and_can_be_left(files, started):
    taken = 0

    def endless():
        nonlocal taken
        for path in itertools.cycle(files[:5]):
            taken += 1
            yield path

    stream = DigitReader(threads=2).read_many(endless())
    assert len(list(itertools.islice(stream, 300))) == 300
    assert taken < 300 + (workers._AHEAD * 2 + 2) * workers._LARGEST_TASK
    stream.close()
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def test_killed_workers_cost_no_reading(files, started):
    images = files * 4
    expected = list(DigitReader(threads=1).read_many(images))
    readings = []
    for batch in DigitReader(threads=2).read_batches(images):
        readings += batch
        for process in started[:2]:
            process.kill()
    assert same(expected, readings)


def poison(monkeypatch, where):
    """Make workers end when they read a file with this name, or when they start."""
    program = (
        "import json, os, sys; sys.path[:] = json.loads(sys.argv[1]); from edge_runtime.images import files; "
        f"read = files.read_file; files.read_file = lambda path: os._exit(9) if {where!r} in str(path) else "
        "read(path); from {} import main; main()"
    )
    monkeypatch.setattr(child, "_PROGRAM", program)


def test_a_file_that_ends_every_worker_is_one_error(files, started, monkeypatch):
    expected = list(DigitReader(threads=1).read_many(files))
    poison(monkeypatch, "17.png")
    readings = list(DigitReader(threads=2).read_many(files))
    (index,) = (index for index, each in enumerate(readings) if "17.png" in each.source)
    assert readings[index].status.startswith("error: reading it ended two processes")
    assert same(expected[:index] + expected[index + 1 :], readings[:index] + readings[index + 1 :])


@pytest.mark.parametrize("after", [0, 2])
def test_without_processes_files_are_read_here(files, monkeypatch, after):
    """Also when they become impossible in the middle."""
    begun = []
    start = child.start

    def refuse(*arguments):
        if len(begun) == after:
            raise OSError(11, "Resource temporarily unavailable")
        begun.append(start(*arguments))
        return begun[-1]

    monkeypatch.setattr(child, "start", refuse)
    monkeypatch.setattr(workers, "_PATIENCE", -1.0)
    monkeypatch.setattr(reader_module, "cores", lambda: 2)
    expected = list(DigitReader(threads=1).read_many(files * 3))
    readings = []
    for batch in DigitReader(threads=2).read_batches(files * 3):
        readings += batch
        for process in begun:
            process.kill()
    assert same(expected, readings)


def test_workers_that_cannot_load_the_models_are_not_waited_for(files, monkeypatch):
    monkeypatch.setattr(child, "_PROGRAM", "raise SystemExit('{}')")
    monkeypatch.setattr(workers, "_PATIENCE", -1.0)
    monkeypatch.setattr(reader_module, "cores", lambda: 2)
    expected = list(DigitReader(threads=1).read_many(files))
    assert same(list(DigitReader(threads=2).read_many(files)), expected)


def test_what_a_worker_raises_is_raised_in_its_place(files, started, monkeypatch):
    program = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
        "from edge_runtime.errors import ModelError; from edge_runtime.reading import reader\n"
        "def fail(*_, **__): raise ModelError('no valid scores')\n"
        "reader.DigitReader.read_batches = fail\nfrom {} import main; main()"
    )
    monkeypatch.setattr(child, "_PROGRAM", program)
    stream = DigitReader(threads=2).read_many(files)
    assert next(stream).source == files[0]
    with pytest.raises(ModelError, match="no valid scores"):
        list(stream)
    assert all(process.poll() is not None for process in started)


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("a.png", "a.png"),
        (Path("x", "a.png"), str(Path("x", "a.png"))),
        ("s3://bucket/a.png", None),
        ("/dev/fd/63", None),
        (Received("-"), None),
        (b"bytes", None),
        (None, None),
    ],
)
def test_only_paths_of_files_go_to_workers(image, path):
    assert workers.path_for_workers(image) == path


@pytest.mark.parametrize(
    ("name", "value"), [("executable", ""), ("frozen", True), ("platform", "emscripten")]
)
def test_where_python_cannot_be_started_there_are_no_workers(monkeypatch, name, value):
    assert workers.are_possible()
    monkeypatch.setattr(sys, name, value, raising=False)
    assert not workers.are_possible()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_workers_end_when_nobody_reads_their_readings(files, started):
    """As when the process that started them is killed."""
    stream = DigitReader(threads=2).read_many(files * 50)
    next(stream)
    next(stream)
    deadline = time.monotonic() + TIMEOUT
    while len(started) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for process in started:
        process.stdin.close()
    while any(process.poll() is None for process in started[:2]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [process.returncode for process in started[:2]] != [-signal.SIGKILL] * 2
    stream.close()
