"""Recordings that play whatever ended them, and snapshots that overwrite nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import MissingDependencyError, OutputError
from edge_runtime.outputs import recording
from edge_runtime.outputs.recording import Recording
from edge_runtime.outputs.snapshot import save_snapshot

pytest.importorskip("av", reason="the extra record is not installed")

ROOT = Path(__file__).resolve().parents[3]


def image(number, shape=(48, 64)):
    """An image whose grey says its number, 0..24, through any compression."""
    return np.full((*shape, 3), 10 * number, np.uint8)


def play(path):
    """The frames of a video as numbers, their times in seconds, and their size."""
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
    with Recording(path) as kept:
        for number, seconds in enumerate(moments):
            kept.write(image(number), seconds)
            while kept._queue.unfinished_tasks and not kept._queue.empty():
                time.sleep(0.001)
    return kept


@pytest.mark.parametrize(
    ("moments", "kept"),
    [
        pytest.param([5.0, 5.1, 5.2, 5.3], [0, 1, 2, 3], id="as they come"),
        pytest.param([0.0, 0.1, 2.5, 2.6], [0, 1, 2, 3], id="after a pause"),
        pytest.param([0.0, 0.0, 0.0003, 0.1], [0, 3], id="at the same time"),
        pytest.param([0.0, 0.13, 0.19, 0.31], [0, 1, 2, 3], id="unsteadily"),
        pytest.param([3.0, 3.1, 2.0, 3.1, 3.2], [0, 1, 4], id="never back"),
        pytest.param([7.0], [0], id="a single one"),
    ],
)
def test_images_play_at_the_times_at_which_they_came(tmp_path, moments, kept):
    done = record(tmp_path / "a.mp4", moments)
    numbers, times, sizes = play(tmp_path / "a.mp4")
    assert done.failure == ""
    assert numbers == kept
    assert times == pytest.approx([moments[index] - moments[0] for index in kept], abs=0.002)
    assert sizes == {(48, 64)}


@pytest.mark.parametrize(
    ("first", "frame"), [((48, 64), (48, 64)), ((47, 63), (48, 64)), ((1, 1), (2, 2)), ((200, 31), (200, 32))]
)
def test_frames_have_even_sides(tmp_path, first, frame):
    with Recording(tmp_path / "a.mp4") as kept:
        kept.write(image(20, first), 0)
    assert play(tmp_path / "a.mp4")[2] == {frame}


@pytest.mark.parametrize("second", [(96, 128), (24, 32), (30, 300), (300, 30), (1, 1)])
def test_images_of_another_size_are_made_to_fit(tmp_path, second):
    with Recording(tmp_path / "a.mp4") as kept:
        kept.write(image(20), 0)
        kept.write(image(20, second), 1)
    video = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    frames = [video.read()[1] for _ in range(2)]
    assert frames[1].shape == frames[0].shape == (48, 64, 3)
    scale = min(48 / second[0], 64 / second[1])
    lit = (frames[1] > 100).all(axis=2).mean()
    assert lit == pytest.approx(scale * scale * second[0] * second[1] / (48 * 64), abs=0.05)


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from edge_runtime.recording import Recording
noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
with Recording(Path(sys.argv[1])) as kept:
    for number in range(100_000):
        kept.write(noise, number / 30)
        time.sleep(0.01)
        print(number - kept._queue.qsize(), flush=True)
"""


def test_what_a_killed_process_has_recorded_plays(tmp_path):
    path = tmp_path / "a.mp4"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        told = []
        for line in process.stdout:
            told += [int(line)] if line.endswith("\n") else []
            if len(told) == 60:
                process.kill()
    assert process.returncode == -signal.SIGKILL
    # The one that was being encoded may be missing.
    assert len(play(path)[0]) >= told[-1] - 1 >= 20


def test_a_disk_that_gets_full_ends_the_recording_and_nothing_else(tmp_path, monkeypatch):
    Usage = namedtuple("Usage", "total used free")
    free = [recording.ROOM * 2] * 3 + [recording.ROOM - 1] * 99
    monkeypatch.setattr(recording.shutil, "disk_usage", lambda path: Usage(1, 1, free.pop(0)))
    kept = record(tmp_path / "a.mp4", np.arange(8) / 10)
    assert "a.mp4" in kept.failure
    assert "MB are free" in kept.failure
    assert len(kept.failure.splitlines()) == 1
    assert play(tmp_path / "a.mp4")[0] == [0, 1, 2]


LIMITED = """
import resource, signal, sys, time
from pathlib import Path
import numpy as np
from edge_runtime.recording import Recording
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))  # a write beyond is cut short, then fails
noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8)
with Recording(Path(sys.argv[1])) as kept:
    for number in range(1000):
        kept.write(noise, number / 30)
        time.sleep(0.01)
        if kept.failure:
            break
    kept.write(noise, 99)
print(kept.failure)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limits there")
def test_a_write_that_fails_half_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.mp4"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "too large" in done.stdout
    assert "recorded so far plays" in done.stdout
    assert path.stat().st_size == 1_000_000
    assert len(play(path)[0]) >= 3


def test_writing_never_waits_for_the_disk(tmp_path, monkeypatch):
    held, begun = threading.Event(), threading.Event()
    encode = Recording._encode

    def slow(self):
        begun.set()
        held.wait(30)
        encode(self)

    monkeypatch.setattr(Recording, "_encode", slow)
    with Recording(tmp_path / "a.mp4") as kept:
        assert begun.wait(30)
        for number in range(25):
            kept.write(image(number), number / 10)
        held.set()
    numbers, times, _ = play(tmp_path / "a.mp4")
    assert numbers == list(range(recording._WAITING))
    assert times == pytest.approx(np.arange(8) / 10, abs=0.002)


def test_without_pyav_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'edge-digits\[record\]'"):
        Recording(tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_an_existing_file_stays_as_it_is(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"a\.mp4 exists; name another file, or delete it"):
        Recording(path)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a", "a.MP4X"])
def test_other_kinds_of_files_are_refused(tmp_path, name):
    with pytest.raises(OutputError, match=r"\.mp4"):
        Recording(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_said_in_a_line(tmp_path):
    (tmp_path / "file").touch()
    for write in (
        lambda: Recording(tmp_path / "file" / "a.mp4"),
        lambda: save_snapshot(tmp_path / "file", image(1)),
    ):
        with pytest.raises(OutputError, match="cannot") as caught:
            write()
        assert len(str(caught.value).splitlines()) == 1


def test_folders_are_made(tmp_path):
    record(tmp_path / "new" / "a.MP4", [0.0, 1.0])
    assert play(tmp_path / "new" / "a.MP4")[0] == [0, 1]


def test_a_recording_of_nothing_leaves_no_file(tmp_path):
    with Recording(tmp_path / "a.mp4"):
        pass
    assert not list(tmp_path.iterdir())


def test_snapshots_are_named_by_the_time_and_overwrite_none(tmp_path, monkeypatch):
    monkeypatch.setattr(recording.time, "strftime", lambda form: "edge-digits-20261120-130501")
    paths = [save_snapshot(tmp_path / "new", image(number)) for number in range(3)]
    assert [path.name for path in paths] == [
        "edge-digits-20261120-130501.png",
        "edge-digits-20261120-130501-2.png",
        "edge-digits-20261120-130501-3.png",
    ]
    for number, path in enumerate(paths):
        assert (cv2.imread(str(path)) == image(number)).all()
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_a_snapshot_is_there_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        save_snapshot(tmp_path, image(1))
    assert not list(tmp_path.iterdir())
