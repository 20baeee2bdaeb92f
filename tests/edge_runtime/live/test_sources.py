"""Sources of frames: every frame of a file, the newest of what is live, and live sources that fail."""

from __future__ import annotations

import os
import sys
import threading
import time
import types

import cv2
import numpy as np
import pytest

from edge_runtime import MissingDependencyError, SourceError
from edge_runtime.live import loop, sources
from edge_runtime.live.sources import devices, newest, open_frames
from edge_runtime.live.sources.base import CaptureRequest
from train.synthetic import http_camera


@pytest.fixture
def video(tmp_path):
    """Twelve frames at 10 a second, each a shade brighter than the one before."""
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for index in range(12):
        writer.write(np.full((48, 64, 3), 20 * index, np.uint8))
    writer.release()
    return path


def taken(frames, limit=10.0):
    """All frames of a source that ends, and what it complained of."""
    found, troubles, end = [], [], time.monotonic() + limit
    while not frames.ended and time.monotonic() < end:
        frame = frames.next(0.05)
        if frame:
            found.append(frame)
        elif frames.problem:
            troubles.append(frames.problem)
    return found, troubles


def first(frames, limit=10.0):
    """The next frame of a live source."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        frame = frames.next(0.05)
        if frame:
            return frame
    raise AssertionError(f"no frame within {limit} s: {frames.problem!r}")


def until_trouble(frames, limit=10.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        frames.next(0.02)
        if frames.problem:
            return frames.problem
    raise AssertionError("no problem")


class FakeCapture:
    """Stands in for cv2.VideoCapture: every frame holds its own number."""

    def __init__(self, frames=10**9, opens=True, hangs_after=None):
        self.count, self.frames, self.opens, self.hangs_after = 0, frames, opens, hangs_after
        self.asked = {}
        self.openings = 0
        self.released = threading.Event()
        self.unblock = threading.Event()

    def __call__(self, source, *_):
        self.openings += 1
        return self

    def isOpened(self):
        return self.opens

    def set(self, name, value):
        self.asked[name] = value
        return True

    def get(self, name):
        return {cv2.CAP_PROP_FPS: 30.0}.get(name, 0.0)

    def read(self):
        self.count += 1
        if self.count == self.hangs_after:
            self.unblock.wait(20)
        time.sleep(0.002)
        if self.count <= self.frames:
            return True, np.full((4, 6, 3), self.count % 256, np.uint8)
        return False, None

    def release(self):
        self.released.set()


@pytest.fixture
def fake(monkeypatch):
    made = []

    def put(**options):
        capture = FakeCapture(**options)
        monkeypatch.setattr(sources.cv2, "VideoCapture", capture)
        monkeypatch.setattr(sources.sys, "platform", "other")  # where no device file tells of it
        monkeypatch.setattr(sources, "FIRST_PAUSE", 0.05)
        made.append(capture)
        return capture

    yield put
    for capture in made:
        capture.unblock.set()


# files and folders
def test_a_video_gives_every_frame_in_order_and_its_own_time(video):
    with open_frames(str(video)) as frames:
        assert frames.capture_format == "64x48 at 10 fps"
        found, _ = taken(frames)
    assert [frame.number for frame in found] == list(range(12))
    assert [frame.seconds for frame in found] == pytest.approx([index / 10 for index in range(12)])
    levels = [int(frame.image[20, 20, 1]) for frame in found]
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] > 200


def test_frames_of_their_own_times_keep_them(tmp_path):
    """As phones and our own recordings have them."""
    pytest.importorskip("av", reason="recording needs the extra record")
    from edge_runtime.outputs.recording import Recording

    moments = [0.0, 0.1, 0.5, 2.5, 2.6]
    with Recording(tmp_path / "a.mp4") as kept:
        for moment in moments:
            kept.write(np.zeros((48, 64, 3), np.uint8), 7 + moment)
    with open_frames(str(tmp_path / "a.mp4")) as frames:
        assert [frame.seconds for frame in taken(frames)[0]] == pytest.approx(moments, abs=0.002)


def test_a_slow_video_is_slow(tmp_path):
    path = tmp_path / "slow.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 0.5, (64, 48))
    for _ in range(4):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    with open_frames(str(path)) as frames:
        assert [frame.seconds for frame in taken(frames)[0]] == pytest.approx([0, 2, 4, 6])


def test_a_paced_video_keeps_every_frame_and_takes_its_time(video):
    with open_frames(str(video), paced=True) as frames:
        start = time.monotonic()
        found, _ = taken(frames)
    assert len(found) == 12
    assert (
        time.monotonic() - start >= 1.0
    )  # twelve frames at ten a second: a lower bound, however slow we are


def test_a_file_url_is_a_file(video):
    with open_frames(f"file://{video}") as frames:
        assert len(taken(frames)[0]) == 12


def test_a_folder_is_played_in_the_order_of_names_and_a_broken_image_stops_nothing(tmp_path):
    for index in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((10, 10, 3), 100 * index, np.uint8))
    (tmp_path / "1b.png").write_bytes(b"no image")
    with open_frames(str(tmp_path), CaptureRequest(rate=20)) as frames:
        found, troubles = taken(frames)
        assert frames.problem == ""
    assert [int(frame.image[0, 0, 0]) for frame in found] == [0, 100, 200]
    assert [frame.seconds for frame in found] == pytest.approx([0, 0.05, 0.1])
    assert len(troubles) == 1
    assert "1b.png is passed over" in troubles[0]


@pytest.mark.parametrize(
    ("source", "asked", "message"),
    [
        ("nowhere.avi", CaptureRequest(), "no such video or folder"),
        ("video.avi", CaptureRequest(rate=10), "camera's to choose"),
        ("http://127.0.0.1:9/x", CaptureRequest(size=(640, 480)), "camera's to choose"),
        (".", CaptureRequest(size=(640, 480)), "leave out --size"),
        ("text.avi", CaptureRequest(), "cannot be opened as a video"),
        (
            "http://127.0.0.1:9/a.mp4?key=1",
            CaptureRequest(),
            "http://127.0.0.1:9/a.mp4 cannot be opened as a video",
        ),
        ("99999999999999999999", CaptureRequest(), "no camera has that number"),
    ],
)
def test_what_cannot_be_opened_is_said(source, asked, message, tmp_path, monkeypatch):
    (tmp_path / "text.avi").write_text("no video")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=message):
        open_frames(source, asked)


# live sources
def test_a_live_source_gives_the_newest_frame(fake):
    capture = fake()
    with open_frames("0") as frames:
        before = int(first(frames).image[0, 0, 0])
        time.sleep(0.2)
        after = int(first(frames).image[0, 0, 0])
    assert after - before > 10
    assert capture.released.wait(5)


def test_what_a_camera_was_asked_for_and_what_it_gives_are_both_said(fake):
    capture = fake()
    with open_frames("0", CaptureRequest((1280, 720), 60)) as frames:
        assert frames.capture_format == "6x4 at 30 fps (asked for 1280x720 at 60 fps)"
    assert capture.asked[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert capture.asked[cv2.CAP_PROP_FPS] == 60
    assert cv2.CAP_PROP_FOURCC in capture.asked
    with open_frames("0", CaptureRequest((6, 4), 30)) as frames:
        assert frames.capture_format == "6x4 at 30 fps"


def test_an_unplugged_camera_is_tried_again_and_comes_back(fake):
    capture = fake(frames=3)
    with open_frames("2") as frames:
        first(frames)
        assert "gives no more images; trying again" in until_trouble(frames)
        capture.frames = 10**9
        assert first(frames).image.shape == (4, 6, 3)
        assert frames.problem == ""
    assert capture.openings >= 2


def test_a_device_whose_file_is_gone_is_lost_though_its_driver_goes_on(fake, tmp_path, monkeypatch):
    fake(hangs_after=5)
    monkeypatch.setattr(sources.os.path, "exists", lambda path: False)
    with open_frames("/dev/video7") as frames:
        first(frames)
        assert "was unplugged" in until_trouble(frames)


def test_a_camera_that_hangs_is_given_up_and_opened_again_but_not_for_ever(fake, monkeypatch):
    monkeypatch.setattr(sources, "FRAME_TIMEOUT", 0.1)
    monkeypatch.setattr(sources, "OPEN_TIMEOUT", 0.1)
    monkeypatch.setattr(sources, "LONGEST_PAUSE", 0.05)
    capture = fake(hangs_after=3)
    before = threading.active_count()
    with open_frames("0") as frames:
        first(frames)
        assert "no image for" in until_trouble(frames)
        capture.read = lambda: (capture.unblock.wait(20), (False, None))[1]
        end = time.monotonic() + 10
        while "driver hangs" not in frames.problem and time.monotonic() < end:
            frames.next(0.02)
        assert "driver hangs" in frames.problem
        for _ in range(20):
            frames.next(0.02)
        assert threading.active_count() - before <= newest.MOST_HANGING
        assert capture.openings == newest.MOST_HANGING


def test_the_first_frame_may_take_longer_than_those_after_it(fake, monkeypatch):
    monkeypatch.setattr(sources, "FRAME_TIMEOUT", 0.1)
    capture = fake(hangs_after=1)
    threading.Timer(0.5, capture.unblock.set).start()
    with open_frames("0") as frames:
        assert first(frames).number == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opens": False}, "camera 7: cannot be opened; is it connected"),
        ({"frames": 0}, "camera 7: gives no more images"),
        ({"hangs_after": 1}, "camera 7: gave no image within"),
    ],
)
def test_a_camera_that_never_opens_is_one_error(fake, monkeypatch, options, message):
    monkeypatch.setattr(sources, "OPEN_TIMEOUT", 0.3)
    monkeypatch.setattr(sources, "FRAME_TIMEOUT", 0.1)
    fake(**options)
    with pytest.raises(SourceError, match=message):
        open_frames("7")


@pytest.mark.skipif(sys.platform != "linux", reason="device files are Linux's")
def test_a_device_that_is_not_there_or_not_ours_says_so(tmp_path, monkeypatch):
    with pytest.raises(SourceError, match="camera 97: is not there; edge-digits cameras"):
        open_frames("97")
    monkeypatch.setattr(sources.os, "access", lambda *_: False)
    with pytest.raises(SourceError, match="usermod -aG video"):
        open_frames("/dev/null")


# streams
def noisy(seconds):
    noise = np.random.default_rng(int(seconds * 1000)).integers(0, 255, (48, 64, 3), np.uint8)
    return http_camera.jpeg(noise)


def test_a_stream_that_stalls_and_drops_comes_back(monkeypatch):
    monkeypatch.setattr(sources, "FRAME_TIMEOUT", 0.5)
    monkeypatch.setattr(sources, "FIRST_PAUSE", 0.1)
    with http_camera.StreamServer(noisy) as server, open_frames(server.url) as frames:
        assert first(frames).image.shape == (48, 64, 3)
        for state in (http_camera.STALLED, http_camera.AWAY, http_camera.AWAY):
            server.state = state
            assert "trying again" in until_trouble(frames)
            server.state = http_camera.LIVE
            assert first(frames, 20).image.shape == (48, 64, 3)
            assert frames.problem == ""


def test_an_error_without_words_is_one_all_the_same(fake, monkeypatch):
    capture = fake()

    def fails():
        raise MemoryError

    with open_frames("0") as frames:
        first(frames)
        capture.read = fails
        assert until_trouble(frames).startswith("MemoryError; trying again")


def test_a_source_that_gives_one_image_a_time_is_tried_less_and_less(fake):
    capture = fake(frames=1)
    with open_frames("0") as frames:
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            frames.next(0.02)
            capture.count = 0
    assert capture.openings <= 6  # after 0.05, 0.1, 0.2, 0.4, 0.8 s


def test_a_stream_that_is_not_there_is_one_error():
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:1/x: cannot be opened"):
        open_frames("http://127.0.0.1:1/x")


# Raspberry Pi
def test_without_picamera2_the_set_up_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(MissingDependencyError, match=r"apt install python3-picamera2.*system-site-packages"):
        open_frames("picamera")


@pytest.fixture
def picamera(monkeypatch):
    """A stand-in for the package, as its manual describes it."""
    calls = []

    class Picamera2:
        attached = ({"Model": "imx708", "Num": 0},)

        @staticmethod
        def global_camera_info():
            return list(Picamera2.attached)

        def create_video_configuration(self, main, controls):
            calls.append(("configuration", main, controls))
            return "configuration"

        def configure(self, configuration):
            calls.append(("configure", configuration))

        def start(self):
            calls.append("start")

        def capture_array(self, name):
            time.sleep(0.005)
            return np.zeros((480, 640, 3), np.uint8)

        def stop(self):
            calls.append("stop")

        def close(self):
            calls.append("close")

    module = types.ModuleType("picamera2")
    module.Picamera2 = Picamera2
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return Picamera2, calls


def test_a_ribbon_cable_camera_is_read_through_picamera2(picamera):
    _, calls = picamera
    with open_frames("picamera", CaptureRequest(rate=25)) as frames:
        assert first(frames).image.shape == (480, 640, 3)
        assert frames.capture_format == "640x480 at 25 fps"
    assert calls[0] == ("configuration", {"format": "RGB888", "size": (640, 480)}, {"FrameRate": 25})
    assert calls[-2:] == ["stop", "close"]
    assert devices.Camera("picamera", "imx708") in devices.list_cameras()


def test_a_ribbon_cable_without_a_camera_is_one_error(picamera):
    picamera[0].attached = ()
    with pytest.raises(SourceError, match="picamera: no camera is attached"):
        open_frames("picamera")


# listing
@pytest.mark.skipif(sys.platform != "linux", reason="device files are Linux's")
def test_only_devices_that_capture_are_listed(monkeypatch, tmp_path):
    for name, label in (("video0", "Front\n"), ("video1", "Front metadata\n"), ("video10", "codec\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(label)
    monkeypatch.setattr(sources, "Path", lambda _: tmp_path)
    monkeypatch.setattr(sources, "_captures", lambda path: path in ("/dev/video0", "/dev/video10"))
    monkeypatch.setitem(sys.modules, "picamera2", None)
    assert devices.list_cameras() == [
        devices.Camera("0", "Front (/dev/video0)"),
        devices.Camera("10", "codec (/dev/video10)"),
    ]


def test_a_device_that_may_not_be_asked_is_listed_all_the_same():
    assert devices._captures("/dev/no-such-device")
    assert devices._captures(os.devnull)


def test_the_rate_counts_frames_a_second(monkeypatch):
    moments = iter(np.arange(0, 5, 0.1))
    monkeypatch.setattr(sources.time, "monotonic", lambda: float(next(moments)))
    rate = loop.FrameRate()
    values = [rate.tick() for _ in range(40)]
    assert values[0] == 0
    assert values[-1] == pytest.approx(10, rel=0.01)
