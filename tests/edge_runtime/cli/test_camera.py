"""`edge-digits camera`: what it prints, writes and shows of videos, and how it reports errors.

Network streams are in `tests/integration`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

from edge_runtime import ModelError
from edge_runtime.live.sources import open_frames
from tests import drawing
from tests.processes import COMMAND, started


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Thirty frames with 42, then thirty with 77, at 30 frames/s."""
    path = tmp_path_factory.mktemp("video") / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (320, 240))
    assert writer.isOpened()
    for text in ("42", "77"):
        page = cv2.resize(cv2.cvtColor(drawing.page(text), cv2.COLOR_GRAY2BGR), (320, 240))
        for _ in range(30):
            writer.write(page)
    writer.release()
    return path


def run_process(*arguments, prefix=(), **options):
    """Run the command in a process of its own, and return its exit code, output and errors."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(*prefix, *COMMAND, "camera", *arguments, **pipes, **options) as process:
        output, errors = process.communicate()
    assert "Traceback" not in errors
    return process.returncode, output, errors


# Output


def test_numbers_that_appear_and_change_are_printed(run, video):
    code, output, errors = run("camera", video, "--no-window")
    assert code == 0
    (first, second) = (line.split() for line in output.splitlines())
    assert first[1:4] == ["s", "42", "appeared"]
    assert second[1:6] == ["s", "77", "changed", "from", "42"]
    assert 0 < float(first[0]) < 1 < float(second[0]) < 2
    assert 0 < float(first[4]) <= 1
    start, end = errors.splitlines()
    assert start == f"edge-digits: {video}: 320x240 at 30 fps"
    assert end.startswith("edge-digits: 60 frames in ")


def test_events_are_json_lines_on_standard_output_and_in_a_file(video, tmp_path):
    path = tmp_path / "sub" / "events.jsonl"
    code, output, _ = run_process(video, "--no-window", "--json", "--out", path)
    assert code == 0
    rows = [json.loads(line) for line in output.splitlines()]
    assert [(row["event"], row["number"]) for row in rows] == [("appeared", "42"), ("changed", "77")]
    assert path.read_text() == output


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_closed_standard_error_does_not_matter(video):
    prefix = ("sh", "-c", '"$@" 2>&-', "sh")
    code, output, errors = run_process(video, "--no-window", "--json", prefix=prefix)
    assert (code, errors) == (0, "")
    assert [json.loads(line)["event"] for line in output.splitlines()] == ["appeared", "changed"]


def test_a_recording_contains_every_frame_of_a_video(run, video, tmp_path):
    pytest.importorskip("av", reason="recording needs the extra record")
    path = tmp_path / "out.mp4"
    code, _, errors = run("camera", video, "--no-window", "--record", path)
    assert code == 0
    assert f"edge-digits: recorded {path}" in errors.splitlines()
    assert len(read_frames(path)) == 60


def test_a_raw_recording_has_no_boxes(run, video, tmp_path):
    pytest.importorskip("av", reason="recording needs the extra record")
    for name, options in (("boxes.mp4", []), ("raw.mp4", ["--raw"])):
        assert run("camera", video, "--no-window", "--record", tmp_path / name, *options)[0] == 0
    source, boxes, raw = (
        read_frames(path)[25] for path in (video, tmp_path / "boxes.mp4", tmp_path / "raw.mp4")
    )
    assert cv2.absdiff(source, raw).mean() < 5
    assert cv2.absdiff(source, boxes).max() > 100
    assert cv2.absdiff(source, raw).max() < cv2.absdiff(source, boxes).max()


def read_frames(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    capture.release()
    return frames


# Looping, and the page at the end


def test_a_folder_starts_again_at_its_end(image_file):
    folder = image_file("pages/1.png", "42").parent
    with open_frames(str(folder), loop=True) as frames:
        read = [frame for frame in (frames.next(1) for _ in range(10)) if frame]
    assert [frame.number for frame in read] == list(range(len(read)))
    assert len(read) >= 3


def test_time_goes_on_if_a_single_image_is_looped(image_file):
    folder = image_file("pages/1.png", "42").parent
    with open_frames(str(folder), loop=True) as frames:
        read = [frame for frame in (frames.next(1) for _ in range(10)) if frame]
    assert np.diff([frame.seconds for frame in read]) == pytest.approx(0.1)


def test_every_image_of_a_folder_that_is_looped_is_shown_for_its_time(image_file, monkeypatch):
    for name in ("1.png", "2.png"):
        folder = image_file(f"pages/{name}", "42").parent
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr("time.sleep", sleep)
    with open_frames(str(folder), paced=True, loop=True) as frames:
        shown = [(frame.number, now[0]) for frame in (frames.next(1) for _ in range(12)) if frame]
    assert [number for number, _ in shown[:6]] == list(range(6))
    assert np.diff([moment for _, moment in shown]) == pytest.approx(0.1)


def test_problems_of_a_folder_that_is_looped_are_told_once(image_file):
    folder = image_file("pages/1.png", "42").parent
    (folder / "2.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    with open_frames(str(folder), loop=True) as frames:
        told = [frames.problem for _ in range(30) if frames.next(1) is None and frames.problem]
    assert len(told) == 2
    assert "2.png is skipped" in told[0] and "1 file skipped (txt 1)" in told[1]


def test_a_video_whose_name_looks_like_a_protocol_is_opened(video, tmp_path, monkeypatch):
    shutil.copy(video, tmp_path / "concat:a.avi")
    monkeypatch.chdir(tmp_path)
    with open_frames("concat:a.avi") as frames:
        assert frames.next(1)


def test_a_source_after_serve_is_named(run, video):
    code, _, errors = run("camera", "--serve", video)
    assert code == 2
    assert errors == f"edge-digits: --serve takes an address; put the source {video} before it\n"


def test_a_video_that_is_looped_goes_on_in_number_and_time(video):
    with open_frames(str(video), loop=True) as frames:
        read = [frame for frame in (frames.next(1) for _ in range(130)) if frame]
    assert [frame.number for frame in read] == list(range(len(read)))
    assert len(read) > 125
    steps = np.diff([frame.seconds for frame in read])
    assert steps.min() > 0.02 and steps.max() < 0.05
    assert cv2.absdiff(read[0].image, read[60].image).max() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps open files from being removed")
def test_a_loop_ends_when_its_video_is_gone(video, tmp_path):
    path = tmp_path / "video.avi"
    shutil.copy(video, path)
    with open_frames(str(path), loop=True) as frames:
        assert frames.next(1)
        path.unlink()
        while not frames.ended:
            frames.next(1)
        assert "no such video" in frames.problem


@pytest.mark.parametrize("content", [None, b"x"], ids=["empty", "nothing readable"])
def test_a_folder_without_images_ends_although_it_is_looped(run, tmp_path, content):
    if content:
        (tmp_path / "1.png").write_bytes(content)
    code, _, errors = run("camera", tmp_path, "--no-window", "--loop")
    assert code == 2
    assert "contains no images" in errors


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_the_page_stays_up_when_a_video_ends(video):
    pytest.importorskip("fastapi", reason="serving needs the extra web")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(*COMMAND, "camera", video, "--serve", "127.0.0.1:0", **pipes) as process:
        url = process.stderr.readline().split("serving at ")[1].strip()
        while not (line := process.stderr.readline()).endswith("the page stays up until Ctrl-C\n"):
            assert line
        with urlopen(f"{url}health") as response:
            assert json.load(response)["source"]["state"] == "ended"
        with urlopen(f"{url}snapshot.jpg") as response:
            assert response.read(2) == b"\xff\xd8"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
    assert process.returncode == 0
    assert errors.splitlines()[-1].startswith("edge-digits: 60 frames in ")


# Errors


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit for the size of files")
def test_a_full_disk_ends_the_command_and_keeps_earlier_events(video, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "left"}\n')
    prefix = ("sh", "-c", 'ulimit -f 0; "$@"', "sh")
    code, _, errors = run_process(video, "--no-window", "--out", path, prefix=prefix)
    assert code == 1
    assert f"edge-digits: cannot write {path}" in errors
    assert " frames in " in errors.splitlines()[-1]
    assert path.read_text() == '{"event": "left"}\n'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--out", "events.csv"], "use a name that ends in .jsonl", id="format of events"),
        pytest.param(["--raw"], "--raw needs a recording; add --record FILE", id="raw without a recording"),
        pytest.param(["--record", "video.xyz"], "use a name that ends in .mp4", id="format of a recording"),
        pytest.param(["--fps", "15"], "leave out --size and --fps", id="rate of a video"),
        pytest.param(["--serve", "nonsense:port"], "nonsense", id="address"),
    ],
)
def test_invalid_options_are_reported_before_anything_is_read(
    run, video, arguments, message, tmp_path, monkeypatch
):
    if "--serve" in arguments:
        pytest.importorskip("fastapi", reason="serving needs the extra web")
    monkeypatch.chdir(tmp_path)
    code, output, errors = run("camera", video, "--no-window", *arguments)
    assert (code, output) == (2, "")
    assert message in errors
    assert len(errors.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", ["97", "99999999999999999999", "http://127.0.0.1:1/x", "/dev/null"])
def test_a_process_reports_unopenable_sources_in_one_line(source):
    """A process of its own would be aborted if it ended while OpenCV is still at work."""
    code, output, errors = run_process(source, "--no-window")
    assert (code, output) == (2, "")
    assert errors.startswith("edge-digits: ")
    assert f"{source}: " in errors
    assert len(errors.splitlines()) == 1


def test_a_folder_of_unrelated_images_is_told_about_read(run, image_file):
    folder = image_file("pages/1.png", "42").parent
    code, _, errors = run("camera", str(folder), "--no-window")
    assert code == 0
    assert errors.endswith(f"to read each image by itself: edge-digits read {folder}\n")


def test_a_folder_without_images_is_an_error(run, tmp_path):
    code, output, errors = run("camera", tmp_path, "--no-window")
    assert (code, output) == (2, "")
    assert errors.splitlines()[-1] == f"edge-digits: {tmp_path} contains no images"


def test_without_the_web_extra_the_error_names_it(run, video, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in [name for name in sys.modules if name.startswith("edge_runtime.web")]:
        monkeypatch.delitem(sys.modules, name)
    code, output, errors = run("camera", video, "--serve", "127.0.0.1:0")
    assert (code, output) == (2, "")
    assert "pip install 'edge-digits[web]'" in errors


def test_a_failed_recording_is_reported_and_does_not_end_the_command(run, video, tmp_path, monkeypatch):
    pytest.importorskip("av", reason="recording needs the extra record")
    monkeypatch.setattr("edge_runtime.outputs.recording.MIN_FREE_BYTES", 1 << 62)
    code, output, errors = run("camera", video, "--no-window", "--record", tmp_path / "a.mp4")
    assert code == 1
    assert errors.count("MB are free") == 1
    assert "recorded " not in errors
    assert "60 frames in" in errors
    assert "42  appeared" in output
    assert not (tmp_path / "a.mp4").exists()


def test_a_video_that_was_cut_off_is_read_to_its_end(run, video, tmp_path):
    path = tmp_path / "cut.avi"
    path.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    code, output, errors = run("camera", path, "--no-window")
    assert code == 1
    assert "42  appeared" in output
    assert "of 2.0 s; is it damaged?" in errors


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
@pytest.mark.parametrize("screen", [None, ":4077"], ids=["no screen", "screen that does not answer"])
def test_without_a_screen_the_error_suggests_an_option(video, screen):
    environment = {
        name: os.environ[name] for name in os.environ if name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    if screen:
        environment["DISPLAY"] = screen
    code, output, errors = run_process(video, env=environment)
    assert (code, output) == (2, "")
    assert "use --no-window" in errors
    assert len(errors.splitlines()) == 1


# The window


class FakeWindow:
    """Stands in for the window: keeps the images that it shows, and returns keys."""

    def __init__(self, keys):
        self.keys, self.shown = iter(keys), []

    def __call__(self, title):
        return self

    def show(self, image):
        self.shown.append(image)
        return next(self.keys, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def press(run, video, monkeypatch, tmp_path):
    """A function that runs the command with a window, presses keys, one a frame, and returns what it showed.

    Returns the images and the errors.
    """

    def call(*keys):
        from edge_runtime.window import window

        fake = FakeWindow(keys)
        monkeypatch.setattr(window, "Window", fake)
        monkeypatch.chdir(tmp_path)
        code, output, errors = run("camera", video)
        assert (code, output) == (0, "")
        return fake.shown, errors

    return call


@pytest.mark.parametrize("key", ["q", "closed"])
def test_closing_the_window_ends_the_command(press, key):
    shown, errors = press(None, None, key)
    assert len(shown) == 3
    assert "3 frames in" in errors


def test_keys_of_the_window(press, tmp_path):
    pytest.importorskip("av", reason="recording needs the extra record")
    shown, errors = press("r", None, None, "t", "h", "h", "m", "s", "r", "r", None, "r", " ", " ", "q")
    assert len(shown) == 15
    assert shown[4].shape != shown[3].shape  # without the classifier's input
    assert (shown[5] != shown[4]).mean() > 0.1  # the help covers much of the window
    (snapshot,) = tmp_path.glob("*.png")
    assert f"saved {snapshot.name}" in errors
    assert cv2.imread(str(snapshot)).shape == (240, 320, 3)
    recordings = sorted(tmp_path.glob("*.mp4"))
    assert len(recordings) == 2
    assert all(f"recorded {path.name}" in errors for path in recordings)


def test_a_key_that_fails_does_not_close_the_window(press, monkeypatch):
    from edge_runtime.reading.switch import SwitchableReader

    switch = SwitchableReader.switch

    def fail(self, model):
        if model == "float":
            raise ModelError("no such model")
        switch(self, model)

    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr(SwitchableReader, "switch", fail)
    shown, errors = press("r", "m", None, "q")
    assert len(shown) == 4
    assert "pip install 'edge-digits[record]'" in errors
    assert "no such model" in errors
