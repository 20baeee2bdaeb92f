"""Videos frame by frame, live sources by their newest frame, and sources that fail."""

import os
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from edge_runtime import SourceError, camera, cli, display


@pytest.fixture
def video(tmp_path, draw_page):
    """Twelve frames: a page with 42 on it, then one with 7."""
    path = tmp_path / "video.avi"
    pages = [cv2.resize(draw_page(text), (320, 240)) for text in ("42", "77")]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    assert writer.isOpened()
    for index in range(12):
        writer.write(cv2.cvtColor(pages[index // 6], cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


class FakeCapture:
    """Stands in for cv2.VideoCapture: every frame holds its own number."""

    def __init__(self, frames=10**9, opens=True, hangs_after=None):
        self.count, self.frames, self.opens, self.hangs_after = 0, frames, opens, hangs_after
        self.released = threading.Event()
        self.unblock = threading.Event()

    def __call__(self, source):
        return self

    def isOpened(self):
        return self.opens

    def set(self, *_):
        return True

    def read(self):
        self.count += 1
        if self.count == self.hangs_after:
            self.unblock.wait(20)
        time.sleep(0.002)
        return (
            (True, np.full((4, 4, 3), self.count % 256, np.uint8))
            if self.count <= self.frames
            else (False, None)
        )

    def release(self):
        self.released.set()


@pytest.fixture
def fake(monkeypatch):
    def put(**options):
        capture = FakeCapture(**options)
        monkeypatch.setattr(camera.cv2, "VideoCapture", capture)
        return capture

    return put


def test_a_video_gives_every_frame_in_order(video):
    with camera.open_frames(str(video)) as frames:
        shapes = [frame.shape for frame in frames]
    assert shapes == [(240, 320, 3)] * 12


def test_a_live_source_gives_the_newest_frame(fake):
    capture = fake()
    with camera.open_frames("0") as frames:
        stream = iter(frames)
        first = int(next(stream)[0, 0, 0])
        time.sleep(0.2)
        later = int(next(stream)[0, 0, 0])
    assert later - first > 10
    assert capture.released.wait(5)


def test_an_unplugged_camera_ends_with_its_name(fake):
    fake(frames=3)
    with camera.open_frames("2") as frames, pytest.raises(SourceError, match=r"camera 2.*unplugged"):
        for _ in frames:
            pass


def test_a_camera_that_hangs_is_noticed(fake, monkeypatch):
    monkeypatch.setattr(camera, "FRAME_TIMEOUT", 0.2)
    capture = fake(hangs_after=3)
    with camera.open_frames("0") as frames, pytest.raises(SourceError, match="gave no picture"):
        for _ in frames:
            pass
    capture.unblock.set()


def test_a_camera_that_does_not_open_is_named(fake):
    fake(opens=False)
    with pytest.raises(SourceError, match="camera 7: cannot be opened"):
        camera.open_frames("7")


def test_a_camera_that_hangs_while_opening_is_noticed(monkeypatch):
    blocked = threading.Event()

    def hang(source):
        blocked.wait(20)
        return FakeCapture(opens=False)

    monkeypatch.setattr(camera.cv2, "VideoCapture", hang)
    monkeypatch.setattr(camera, "OPEN_TIMEOUT", 0.2)
    with pytest.raises(SourceError, match="did not open"):
        camera.open_frames("0")
    blocked.set()


def test_the_command_prints_what_changes(video, capsys):
    assert cli.main(["camera", str(video), "--no-window"]) == 0
    output, errors = capsys.readouterr()
    assert [line.split()[2] for line in output.splitlines()] == ["42", "77"]
    assert "12 frames" in errors


def test_the_command_shows_a_window_until_it_is_closed(video, monkeypatch, capsys):
    shown = []

    class Screen(display.Window):
        def __init__(self, title):
            self.title = title

        def show(self, picture):
            shown.append(picture)
            return len(shown) < 5

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(display, "Window", Screen)
    assert cli.main(["camera", str(video)]) == 0
    assert len(shown) == 5
    assert all(picture.shape == (240, 320, 3) for picture in shown)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
@pytest.mark.parametrize("screen", [None, ":77"], ids=["none", "dead"])
def test_without_a_screen_the_command_says_what_to_do(video, screen):
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if screen:
        environment["DISPLAY"] = screen
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "camera", str(video)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--no-window" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("source", ["97", "99999999999999999999", "http://127.0.0.1:1/x", "/dev/null"])
def test_a_source_that_is_not_there_is_said_in_a_line_by_a_whole_process(source):
    """In a process of its own: ending while OpenCV is still at work would abort it."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "camera", source, "--no-window"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert source in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_frame_may_take_longer(fake, monkeypatch):
    monkeypatch.setattr(camera, "FRAME_TIMEOUT", 0.1)
    capture = fake(hangs_after=1)
    threading.Timer(0.5, capture.unblock.set).start()
    with camera.open_frames("0") as frames:
        assert next(iter(frames)).shape == (4, 4, 3)


def test_a_file_url_is_a_file(video):
    with camera.open_frames(f"file://{video}") as frames:
        assert len(list(frames)) == 12


def test_the_rate_counts_frames_a_second(monkeypatch):
    moments = iter(np.arange(0, 5, 0.1))
    monkeypatch.setattr(camera.time, "monotonic", lambda: float(next(moments)))
    rate = camera.FrameRate()
    values = [rate.tick() for _ in range(40)]
    assert values[0] == 0
    assert values[-1] == pytest.approx(10, rel=0.01)
