"""Recordings: playable whatever ended them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import namedtuple

import cv2
import numpy as np
import pytest

from edge_runtime import MissingDependencyError, OutputError
from edge_runtime.outputs import recording
from edge_runtime.outputs.recording import Recording
from tests.processes import started

pytest.importorskip("av", reason="the extra record is not installed")


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine is not a disk that does not respond."""
    monkeypatch.setattr(recording, "_DISK_TIMEOUT", 60)


def image(number, shape=(48, 64)):
    """An image whose grey level encodes its number, 0..24, and survives compression."""
    return np.full((*shape, 3), 10 * number, np.uint8)


def play(path):
    """The numbers of the frames of a video, their times in seconds, and the set of their sizes."""
    video = cv2.VideoCapture(str(path))
    numbers, times, sizes = [], [], set()
    while True:
        good, frame = video.read()
        if not good:
            break
        numbers.append(round(float(np.median(frame)) / 10))
        times.append(video.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        sizes.add(frame.shape[:2])
    video.release()
    return numbers, times, sizes


def record(path, moments):
    """Record one frame at each of the moments, in seconds; returns the closed recording."""
    with Recording(path) as file:
        for number, seconds in enumerate(moments):
            file.write(image(number), seconds, wait=True)
    return file


@pytest.mark.parametrize(
    ("moments", "kept"),
    [
        pytest.param([5.0, 5.1, 5.2, 5.3], [0, 1, 2, 3], id="steady"),
        pytest.param([0.0, 0.1, 2.5, 2.6], [0, 1, 2, 3], id="pause"),
        pytest.param([0.0, 0.0, 0.0003, 0.1], [0, 3], id="same time"),
        pytest.param([0.0, 0.13, 0.19, 0.31], [0, 1, 2, 3], id="unsteady"),
        pytest.param([3.0, 3.1, 2.0, 3.1, 3.2], [0, 1, 4], id="backwards"),
        pytest.param([7.0], [0], id="single frame"),
    ],
)
def test_frames_play_at_their_times(tmp_path, moments, kept):
    file = record(tmp_path / "a.mp4", moments)
    numbers, times, sizes = play(tmp_path / "a.mp4")
    assert file.failure == ""
    assert numbers == kept
    assert times == pytest.approx([moments[index] - moments[0] for index in kept], abs=0.002)
    assert sizes == {(48, 64)}


@pytest.mark.parametrize(
    ("first", "frame"), [((48, 64), (48, 64)), ((47, 63), (48, 64)), ((1, 1), (2, 2)), ((200, 31), (200, 32))]
)
def test_frames_have_even_sides(tmp_path, first, frame):
    with Recording(tmp_path / "a.mp4") as file:
        file.write(image(20, first), 0)
    assert play(tmp_path / "a.mp4")[2] == {frame}


@pytest.mark.parametrize("second", [(96, 128), (24, 32), (30, 300), (300, 30), (1, 1)])
def test_frames_of_another_size_are_scaled_to_fit(tmp_path, second):
    with Recording(tmp_path / "a.mp4") as file:
        file.write(image(20), 0, wait=True)
        file.write(image(20, second), 1, wait=True)
    video = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    frames = [video.read()[1] for _ in range(2)]
    assert frames[1].shape == frames[0].shape == (48, 64, 3)
    scale = min(48 / second[0], 64 / second[1])
    lit = (frames[1] > 100).all(axis=2).mean()
    assert lit == pytest.approx(scale * scale * second[0] * second[1] / (48 * 64), abs=0.05)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not remove or rename open files")
def test_a_recording_that_is_removed_is_reported(tmp_path):
    with Recording(tmp_path / "a.mp4") as file:
        file.write(image(1), 0, wait=True)
        (tmp_path / "a.mp4").unlink()
        file.write(image(2), 1, wait=True)
    assert "a.mp4 was removed, renamed or replaced" in file.failure


@pytest.mark.skipif(os.name == "nt", reason="Windows does not remove or rename open files")
def test_a_file_in_the_place_of_a_recording_without_frames_is_kept(tmp_path):
    with Recording(tmp_path / "a.mp4"):
        (tmp_path / "a.mp4").rename(tmp_path / "b.mp4")
        (tmp_path / "a.mp4").write_text("mine")
    assert (tmp_path / "a.mp4").read_text() == "mine"


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from edge_runtime.outputs.recording import Recording
noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
with Recording(Path(sys.argv[1])) as file:
    for number in range(100_000):
        file.write(noise, number / 30, wait=True)
        time.sleep(0.01)
        print(number - file._queue.qsize(), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_process_leaves_a_playable_file(tmp_path):
    path = tmp_path / "a.mp4"
    with started(sys.executable, "-c", WRITER, path, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            written = int(line)
            if written >= 25:
                break
        process.kill()
        assert process.wait() == -signal.SIGKILL
    # The frame that was being encoded may be missing.
    assert len(play(path)[0]) >= written - 1 >= 24


def test_recording_stops_before_the_disk_is_full(tmp_path, monkeypatch):
    Usage = namedtuple("Usage", "total used free")
    free = [recording.MIN_FREE_BYTES * 2] * 3 + [recording.MIN_FREE_BYTES - 1] * 99
    monkeypatch.setattr(recording.shutil, "disk_usage", lambda path: Usage(1, 1, free.pop(0)))
    stopped = record(tmp_path / "a.mp4", np.arange(8) / 10)
    assert "a.mp4" in stopped.failure
    assert "less than 64 MB are free" in stopped.failure
    assert len(stopped.failure.splitlines()) == 1
    assert play(tmp_path / "a.mp4")[0] == [0, 1, 2]


LIMITED = """
import resource, signal, sys, time
from pathlib import Path
import numpy as np
from edge_runtime.outputs.recording import Recording
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))  # cuts a write, then fails
noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8)
with Recording(Path(sys.argv[1])) as file:
    for number in range(1000):
        file.write(noise, number / 30)
        time.sleep(0.01)
        if file.failure:
            break
    file.write(noise, 99)
print(file.failure)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_failed_write_leaves_a_playable_file(tmp_path):
    path = tmp_path / "a.mp4"
    with started(
        sys.executable, "-c", LIMITED, path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        output, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert "too large" in output
    assert "recorded before can be played" in output
    assert path.stat().st_size == 1_000_000
    assert len(play(path)[0]) >= 3


@pytest.fixture
def slow_disk(monkeypatch):
    """Holds back the writing of recordings until the event that it returns is set."""
    released = threading.Event()
    encode = Recording._encode

    def encode_later(self):
        released.wait(60)
        encode(self)

    monkeypatch.setattr(Recording, "_encode", encode_later)
    yield released
    released.set()


def test_frames_are_dropped_while_the_disk_is_slow(tmp_path, slow_disk):
    with Recording(tmp_path / "a.mp4") as file:
        for number in range(25):
            file.write(image(number), number / 10)
        slow_disk.set()
    assert file.failure == ""
    numbers, times, _ = play(tmp_path / "a.mp4")
    assert numbers == list(range(recording._QUEUE_LENGTH))
    assert times == pytest.approx(np.arange(8) / 10, abs=0.002)


def test_a_disk_that_does_not_respond_is_reported(tmp_path, slow_disk, monkeypatch):
    monkeypatch.setattr(recording, "_DISK_TIMEOUT", 0.01)
    with Recording(tmp_path / "a.mp4") as file:
        file.write(image(1), 0)
    assert file.failure == f"cannot record {tmp_path / 'a.mp4'}: the disk does not respond"
    slow_disk.set()
    file._thread.join(60)
    assert not file._thread.is_alive()


def test_a_slow_encoder_that_makes_progress_is_waited_for(tmp_path, monkeypatch):
    """It takes one frame from the queue each time that closing has waited as long as a disk may take."""
    turns, taken = threading.Semaphore(0), threading.Semaphore(0)

    def encode_in_turn(self):
        item = 0
        while item is not None:
            turns.acquire()
            item = self._queue.get()
            taken.release()

    monkeypatch.setattr(Recording, "_encode", encode_in_turn)
    with Recording(tmp_path / "a.mp4") as file:
        join = file._thread.join

        def wait_for_a_frame(timeout):
            if file._queue.empty():
                join(60)
            else:
                turns.release()
                taken.acquire(timeout=60)

        monkeypatch.setattr(file._thread, "join", wait_for_a_frame)
        for number in range(5):
            file.write(image(number), number / 10)
    assert file._queue.empty()


def test_without_pyav_the_error_names_the_extra_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'edge-digits\[record\]'"):
        Recording(tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_existing_files_are_not_overwritten(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"a\.mp4 exists; choose another name or delete it"):
        Recording(path)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a", "a.MP4X"])
def test_other_formats_are_rejected(tmp_path, name):
    with pytest.raises(OutputError, match=r"\.mp4"):
        Recording(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_unwritable_folders_are_reported_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write") as caught:
        Recording(tmp_path / "file" / "a.mp4")
    assert len(str(caught.value).splitlines()) == 1


def test_folders_are_created(tmp_path):
    record(tmp_path / "new" / "a.MP4", [0.0, 1.0])
    assert play(tmp_path / "new" / "a.MP4")[0] == [0, 1]


def test_a_recording_without_frames_leaves_no_file(tmp_path):
    with Recording(tmp_path / "a.mp4"):
        pass
    assert not list(tmp_path.iterdir())
