"""Sources of frames: every frame of videos and folders, the newest of cameras, and cameras that fail."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
import types
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import MissingDependencyError, SourceError
from edge_runtime.live import sources
from edge_runtime.live.sources import base, devices, files, open_frames, reconnecting
from edge_runtime.live.sources.base import CaptureRequest

DEADLINE = 60.0  # s, for a busy machine


def wait_for(condition, message="the condition"):
    """Poll until `condition()` is true, and return its value."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.002)
    raise AssertionError(f"{message} did not come about within {DEADLINE:.0f} s")


def next_frame(frames):
    return wait_for(lambda: frames.next(0.05), "a frame")


def next_problem(frames):
    return wait_for(lambda: frames.next(0.02) is None and frames.problem, "a problem")


def read_all(frames):
    """All frames of a source that ends, and the problems on the way."""
    found, problems = [], []

    def step():
        frame = frames.next(0.05)
        if frame:
            found.append(frame)
        elif frames.problem:
            problems.append(frames.problem)
        return frames.ended

    wait_for(step, "the end of the source")
    return found, problems


def save_video(path, rate, images):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
    assert writer.isOpened()
    for image in images:
        writer.write(image)
    writer.release()
    return path


@pytest.fixture
def video(tmp_path):
    """Twelve frames at 10 frames/s, each a little brighter than the one before."""
    images = [np.full((48, 64, 3), 20 * index, np.uint8) for index in range(12)]
    return save_video(tmp_path / "video.avi", 10, images)


class Clock:
    """Stands in for the module `time`: sleeping takes no time, but is remembered."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def monotonic(self):
        return self.now

    perf_counter = monotonic

    def sleep(self, seconds):
        if seconds > 0:
            self.slept.append(seconds)
            self.now += seconds


class FakeCapture:
    """Stands in for `cv2.VideoCapture`. The pixels of each image contain its number since the start.

    Each opening delivers `frames` images. The image number `hangs_at` takes until `unblock` is set.
    """

    def __init__(self, frames=10**9, opens=True, hangs_at=None):
        self.frames, self.opens, self.hangs_at = frames, opens, hangs_at
        self.openings = self.count = self.left = 0
        self.settings = {}
        self.released, self.unblock = threading.Event(), threading.Event()

    def __call__(self, source, *_):
        self.openings += 1
        self.left = self.frames
        return self

    def isOpened(self):
        return self.opens

    def set(self, name, value):
        self.settings[name] = value
        return True

    def get(self, name):
        return {cv2.CAP_PROP_FPS: 30.0}.get(name, 0.0)

    def grab(self):
        time.sleep(0.002)
        if self.left <= 0:
            return False
        if self.count + 1 == self.hangs_at:
            self.unblock.wait(DEADLINE)
        self.left -= 1
        self.count += 1
        return True

    def read(self):
        return self.retrieve() if self.grab() else (False, None)

    def retrieve(self):
        image = np.zeros((4, 6, 3), np.uint8)
        image[..., 0], image[..., 1] = divmod(self.count, 256)
        return True, image

    def release(self):
        self.released.set()


def number_of(frame):
    """The number that `FakeCapture` wrote in a frame."""
    return int(frame.image[0, 0, 0]) * 256 + int(frame.image[0, 0, 1])


@pytest.fixture
def fake(monkeypatch):
    """A function that replaces all captures of OpenCV by a `FakeCapture`."""
    made = []

    def replace(**options):
        capture = FakeCapture(**options)
        monkeypatch.setattr(cv2, "VideoCapture", capture)
        made.append(capture)
        return capture

    # Cameras have no device files on this platform, so none can be missing.
    monkeypatch.setattr(sources, "sys", types.SimpleNamespace(platform="other"))
    monkeypatch.setattr(reconnecting, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(base, "CLOSE_TIMEOUT", 0.1)
    yield replace
    for capture in made:
        capture.unblock.set()


# Videos and folders


def test_a_video_returns_every_frame_in_order_with_its_time(video):
    with open_frames(str(video)) as frames:
        assert frames.name == str(video)
        assert not frames.live
        assert frames.capture_format == "64x48 at 10 fps"
        found, problems = read_all(frames)
    assert problems == []
    assert [frame.number for frame in found] == list(range(12))
    assert [frame.seconds for frame in found] == pytest.approx([index / 10 for index in range(12)])
    levels = [int(frame.image[20, 20, 1]) for frame in found]
    assert levels == pytest.approx([20 * index for index in range(12)], abs=5)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs /dev/shm")
def test_files_in_shared_memory_are_no_devices(image_file):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        images = [np.full((48, 64, 3), 100, np.uint8)] * 2
        path = save_video(Path(folder) / "video.avi", 10, images)
        image_file(f"{folder}/images/a.png")
        for source, count in ((str(path), 2), (f"{folder}/images", 1)):
            with open_frames(source) as frames:
                assert not frames.live
                assert len(read_all(frames)[0]) == count


def test_timestamps_of_frames_are_kept(tmp_path):
    """Phones and our own recordings write frames at uneven times."""
    pytest.importorskip("av", reason="recording needs the extra record")
    from edge_runtime.outputs.recording import Recording

    times = [0.0, 0.1, 0.5, 2.5, 2.6]
    with Recording(tmp_path / "a.mp4") as recording:
        for seconds in times:
            recording.write(np.zeros((48, 64, 3), np.uint8), 7 + seconds, wait=True)
    with open_frames(str(tmp_path / "a.mp4")) as frames:
        assert [frame.seconds for frame in read_all(frames)[0]] == pytest.approx(times, abs=0.002)


def test_frame_rates_below_one_are_kept(tmp_path):
    path = save_video(tmp_path / "slow.avi", 0.5, 4 * [np.zeros((48, 64, 3), np.uint8)])
    with open_frames(str(path)) as frames:
        assert [frame.seconds for frame in read_all(frames)[0]] == pytest.approx([0, 2, 4, 6])


def test_a_paced_video_plays_at_its_frame_rate(video, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(files, "time", clock)
    with open_frames(str(video), paced=True) as frames:
        found, _ = read_all(frames)
    assert len(found) == 12
    assert clock.now == pytest.approx(1.1)  # eleven intervals of 0.1 s


def test_a_paced_video_does_not_catch_up_after_a_delay(video, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(files, "time", clock)
    with open_frames(str(video), paced=True) as frames:
        found = [next_frame(frames) for _ in range(4)]
        clock.now += 5
        found += read_all(frames)[0]
    assert [frame.number for frame in found] == list(range(12))
    steps = np.diff([frame.arrived for frame in found])
    # The frame after the delay is late, the next one is due at once, and the others keep their distance.
    assert steps == pytest.approx([0.1, 0.1, 0.1, 5, 0, *[0.1] * 6], abs=1e-6)


def test_a_file_url_opens_a_file(video):
    with open_frames(f"file://{video}") as frames:
        assert len(read_all(frames)[0]) == 12


def test_a_video_that_was_cut_off_is_reported(tmp_path):
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(60)]
    video = save_video(tmp_path / "video.avi", 10, images)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with open_frames(str(video)) as frames:
        found, problems = read_all(frames)
    assert 20 < len(found) < 40
    assert problems == [f"ends after {len(found) / 10:.1f} of 6.0 s; is it damaged?"]


def test_a_video_ends_normally_if_its_number_of_frames_was_a_wrong_guess(video, monkeypatch):
    """As of sound that is longer than the images, or where an edit list leaves frames out."""
    genuine = cv2.VideoCapture

    class Capture:
        def __init__(self, source):
            self.capture = genuine(source)

        def __getattr__(self, name):
            return getattr(self.capture, name)

        def get(self, name):
            return 3600 if name == cv2.CAP_PROP_FRAME_COUNT else self.capture.get(name)

    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    with open_frames(str(video)) as frames:
        found, problems = read_all(frames)
    assert (len(found), problems) == (12, [])


@pytest.fixture
def browser_video(tmp_path):
    """A WebM as browsers record it: 20 frames at uneven times, in all 1.7 s, with a clock of 1000 Hz."""
    av = pytest.importorskip("av", reason="needs the extra record")
    path, times, generator = tmp_path / "browser.webm", [0], np.random.default_rng(0)
    for index in range(19):
        times.append(times[-1] + (16, 33, 66, 285)[index % 4])
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libvpx", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for moment in times:
            frame = av.VideoFrame.from_ndarray(generator.integers(0, 256, (48, 64, 3), np.uint8), "bgr24")
            frame.pts, frame.time_base = moment, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path, times


def test_a_video_of_variable_rate_ends_normally(browser_video):
    path, times = browser_video
    with open_frames(str(path)) as frames:
        # Not "at 1000 fps", the rate of its clock. OpenCV 4 guesses another rate.
        assert frames.capture_format in ("64x48", "64x48 at 60 fps")
        found, problems = read_all(frames)
    assert problems == []
    assert [frame.seconds for frame in found] == pytest.approx([moment / 1000 for moment in times], abs=0.002)


@pytest.mark.parametrize("rest", ["missing", "zeros"])
def test_a_video_of_variable_rate_that_was_cut_off_is_reported(browser_video, rest):
    path, _ = browser_video
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(len(data) - half if rest == "zeros" else 0))
    with open_frames(str(path)) as frames:
        found, problems = read_all(frames)
    assert 0 < len(found) < 15
    assert len(problems) == 1
    assert problems[0].endswith(" of 1.7 s; is it damaged?")


def test_a_single_image_is_no_video(tmp_path):
    """It would be played in an instant, and no number would be confirmed."""
    for name in ("a.jpg", "a.png"):
        cv2.imwrite(str(tmp_path / name), np.full((48, 64, 3), 9, np.uint8))
    with pytest.raises(SourceError, match=r"a\.jpg is an image, not a video; use edge-digits read"):
        open_frames(str(tmp_path / "a.jpg"))
    with open_frames(str(tmp_path / "a.png")) as frames:  # a PNG may be animated
        found, problems = read_all(frames)
    assert len(found) == 1
    assert "a single image" in problems[0]


def test_a_folder_plays_in_the_order_of_names_without_its_unreadable_images(tmp_path):
    for index in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((10, 10, 3), 100 * index, np.uint8))
    (tmp_path / "1b.png").write_bytes(b"no image")
    (tmp_path / "2.jp2").touch()
    with open_frames(str(tmp_path), CaptureRequest(rate=20)) as frames:
        assert frames.capture_format == "images at 20 fps"
        found, problems = read_all(frames)
        assert frames.problem == ""
    assert [int(frame.image[0, 0, 0]) for frame in found] == [0, 100, 200]
    assert [frame.seconds for frame in found] == pytest.approx([0, 0.05, 0.1])
    assert problems[0].startswith(f"{tmp_path / '1b.png'} is skipped: ")
    assert problems[1:] == ["1 file skipped (jp2 1)"]


def test_a_remote_video_that_stalls_does_not_block_the_reader(fake):
    """Otherwise Ctrl-C would have to wait for the server."""
    capture = fake(hangs_at=3)
    with open_frames("http://127.0.0.1:9/a.mp4") as frames:
        assert [next_frame(frames).number for _ in range(2)] == [0, 1]
        for _ in range(3):
            assert frames.next(0.01) is None
            assert (frames.problem, frames.ended) == ("", False)
        capture.unblock.set()
        assert next_frame(frames).number == 2


def test_closing_a_remote_video_does_not_wait_for_a_stalled_server(fake):
    fake(hangs_at=1)
    with open_frames("http://127.0.0.1:9/a.mp4") as frames:
        assert frames.next(0.01) is None
    assert "video" in [thread.name for thread in threading.enumerate()]  # the read still goes on


@pytest.mark.parametrize(
    ("source", "request_", "message"),
    [
        pytest.param("nowhere.avi", CaptureRequest(), "nowhere.avi: no such video or folder", id="missing"),
        pytest.param(
            "video.avi",
            CaptureRequest(rate=10),
            "video.avi: only cameras have a choice of formats; leave out --size and --fps",
            id="rate of a video",
        ),
        pytest.param(
            "http://user:secret@127.0.0.1:9/x?key=1",
            CaptureRequest(size=(640, 480)),
            "^http://127.0.0.1:9/x: only cameras have a choice of formats",
            id="size of a stream",
        ),
        pytest.param(".", CaptureRequest(size=(640, 480)), "keep their own size", id="size of a folder"),
        pytest.param("text.avi", CaptureRequest(), "text.avi cannot be opened as a video", id="not a video"),
        pytest.param(
            "http://user:secret@127.0.0.1:9/a.mp4?key=1",
            CaptureRequest(),
            r"^http://127\.0\.0\.1:9/a\.mp4: cannot be opened.*; is the address correct",
            id="remote video",
        ),
        pytest.param(
            "99999999999999999999", CaptureRequest(), "no camera has that number", id="very large number"
        ),
        pytest.param(
            "http://user:secret@127.0.0.1:1/x?key=1",
            CaptureRequest(),
            r"^http://127\.0\.0\.1:1/x: cannot be opened.*; is the address correct",
            id="stream",
        ),
        *[
            pytest.param(url, CaptureRequest(), "^the address after rtsp:// is invalid; .* %2F for /", id=url)
            for url in ("rtsp://user:pass/word@camera/x", "rtsp://user:pass#word@camera/x", "rtsp://[camera")
        ],
    ],
)
def test_unopenable_sources_are_reported(source, request_, message, tmp_path, monkeypatch):
    (tmp_path / "text.avi").write_text("no video")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=message):
        open_frames(source, request_)


# Cameras


def test_a_camera_returns_its_newest_frame(fake):
    capture = fake()
    with open_frames("0") as frames:
        assert frames.live
        assert number_of(next_frame(frames)) < capture.count + 1
        seen = capture.count
        wait_for(lambda: capture.count >= seen + 20, "20 more images")
        frame = next_frame(frames)
    assert number_of(frame) >= seen + 19  # the last one may not have been handed over yet
    assert frame.number == 1
    assert capture.released.wait(DEADLINE)


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="libjpeg prints there")
def test_damaged_images_of_a_webcam_print_nothing(fake, monkeypatch, capfd):
    capture = fake()
    data = bytearray(cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))[1])
    data[700:1500:7] = b"\x5a" * len(data[700:1500:7])

    def decompress():
        return True, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)

    decompress()
    if not capfd.readouterr().err:
        pytest.skip("this OpenCV prints nothing about this image")
    monkeypatch.setattr(capture, "retrieve", decompress)
    with open_frames("0") as frames:
        wait_for(lambda: capture.count > 3, "some images")
        assert next_frame(frames)
    assert capfd.readouterr().err == ""


def test_each_frame_is_returned_once(fake):
    capture = fake(hangs_at=6)
    with open_frames("0") as frames:
        wait_for(lambda: capture.count == 5, "five images")
        assert wait_for(lambda: (frame := frames.next(0.02)) and number_of(frame) == 5, "the fifth image")
        assert frames.next(0.02) is None


def test_the_requested_format_and_the_actual_one_are_described(fake):
    capture = fake()
    with open_frames("0", CaptureRequest((1280, 720), 60)) as frames:
        assert frames.capture_format == "6x4 at 30 fps (requested 1280x720 at 60 fps)"
    assert capture.settings[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert capture.settings[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert capture.settings[cv2.CAP_PROP_FPS] == 60
    assert capture.settings[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    with open_frames("0", CaptureRequest((6, 4), 30)) as frames:
        assert frames.capture_format == "6x4 at 30 fps"


def test_a_camera_that_was_lost_comes_back(fake):
    capture = fake(frames=3)
    with open_frames("2") as frames:
        next_frame(frames)
        assert next_problem(frames) == "no more images; reconnecting"
        capture.frames = 10**9
        assert next_frame(frames).image.shape == (4, 6, 3)
        assert frames.problem == ""
    assert capture.openings >= 2


def test_a_camera_whose_device_file_is_gone_is_lost(fake, monkeypatch):
    """Even if its driver goes on to deliver images."""
    capture = fake()
    with open_frames("/dev/video7") as frames:
        exists = os.path.exists
        monkeypatch.setattr(
            reconnecting.os.path, "exists", lambda path: path != "/dev/video7" and exists(path)
        )
        assert next_problem(frames) == "unplugged; reconnecting"
        seen = capture.openings
        wait_for(lambda: frames.next(0.02) is None and capture.openings > seen, "reconnection")
        monkeypatch.setattr(
            reconnecting.os.path, "exists", lambda path: path == "/dev/video7" or exists(path)
        )
        assert next_frame(frames)
        assert frames.problem == ""


def test_a_camera_that_hangs_is_reopened_a_few_times_only(fake, monkeypatch):
    capture = fake()
    before = threading.active_count()
    with open_frames("0") as frames:
        next_frame(frames)
        monkeypatch.setattr(capture, "grab", lambda: capture.unblock.wait(DEADLINE) and False)
        for name in ("FRAME_TIMEOUT", "OPEN_TIMEOUT"):
            monkeypatch.setattr(base, name, 0.1)
        monkeypatch.setattr(reconnecting, "LONGEST_PAUSE", 0.05)
        assert re.fullmatch(r"no image for \d+ s; reconnecting", next_problem(frames))
        wait_for(lambda: frames.next(0.02) is None and "driver does not respond" in frames.problem)
        for _ in range(20):
            assert frames.next(0.02) is None
        assert threading.active_count() - before <= reconnecting.MAX_HANGING
        assert capture.openings == reconnecting.MAX_HANGING


def test_the_first_frame_may_take_longer_than_the_others(fake, monkeypatch):
    capture = fake(frames=3, hangs_at=4)
    with open_frames("0") as frames:
        next_frame(frames)
        next_problem(frames)
        capture.frames = 10**9
        wait_for(lambda: frames.next(0.02) is None and capture.openings == 2, "reconnection")
        monkeypatch.setattr(base, "FRAME_TIMEOUT", 0.02)
        for _ in range(10):
            assert frames.next(0.02) is None
        assert capture.openings == 2
        monkeypatch.setattr(base, "FRAME_TIMEOUT", DEADLINE)
        capture.unblock.set()
        assert number_of(next_frame(frames)) >= 4
    assert capture.openings == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"opens": False}, "^camera 7: cannot be opened; is it connected", id="cannot be opened"),
        pytest.param({"frames": 0}, "^camera 7: no more images$", id="no images"),
        pytest.param({"hangs_at": 1}, "^camera 7: no image within 0 s", id="hangs"),
    ],
)
def test_a_camera_without_a_first_frame_is_reported(fake, monkeypatch, options, message):
    if "hangs_at" in options:
        monkeypatch.setattr(base, "OPEN_TIMEOUT", 0.3)
    fake(**options)
    with pytest.raises(SourceError, match=message):
        open_frames("7")


@pytest.mark.skipif(sys.platform != "linux", reason="needs the device files of Linux")
def test_missing_cameras_and_permissions_are_reported(monkeypatch):
    with pytest.raises(SourceError, match=r"^camera 97: no such camera; edge-digits cameras lists"):
        open_frames("97")
    monkeypatch.setattr(devices.os, "access", lambda *_: False)
    with pytest.raises(SourceError, match=r"^/dev/null: permission denied; run sudo usermod -aG video"):
        open_frames("/dev/null")


def test_errors_without_a_message_are_reported_by_their_type(fake, monkeypatch):
    capture = fake()

    def fail():
        raise MemoryError

    with open_frames("0") as frames:
        next_frame(frames)
        monkeypatch.setattr(capture, "grab", fail)
        assert next_problem(frames) == "MemoryError; reconnecting"


@pytest.mark.parametrize(
    ("steady", "pauses"),
    [
        pytest.param(5.0, [0.5, 1, 2, 3, 3], id="lost at once"),
        pytest.param(-1.0, [0.5, 0.5, 0.5, 0.5, 0.5], id="lost after a while"),
    ],
)
def test_pauses_grow_while_connections_are_short(fake, monkeypatch, steady, pauses):
    monkeypatch.setattr(reconnecting, "FIRST_PAUSE", 0.5)
    monkeypatch.setattr(reconnecting, "_STEADY", steady)
    fake(frames=1)
    with open_frames("0") as frames:
        clock = Clock()
        clock.perf_counter = time.perf_counter
        monkeypatch.setattr(reconnecting, "time", clock)
        wait_for(lambda: frames.next(5) is None and len(clock.slept) == 5, "five pauses")
    assert clock.slept == pauses


# Raspberry Pi


def test_without_picamera2_the_error_explains_the_set_up(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(MissingDependencyError, match=r"apt install python3-picamera2.*system-site-packages"):
        open_frames("picamera")


@pytest.fixture
def picamera(monkeypatch):
    """A stand-in for the package picamera2, after its manual: its class, and the calls that it received."""
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


def test_ribbon_cable_cameras_are_read_through_picamera2(picamera, monkeypatch):
    _, calls = picamera
    monkeypatch.setattr(base, "CLOSE_TIMEOUT", DEADLINE)
    with open_frames("picamera", CaptureRequest(rate=25)) as frames:
        assert next_frame(frames).image.shape == (480, 640, 3)
        assert frames.capture_format == "640x480 at 25 fps"
    assert calls == [
        ("configuration", {"format": "RGB888", "size": (640, 480)}, {"FrameRate": 25}),
        ("configure", "configuration"),
        "start",
        "stop",
        "close",
    ]


def test_a_missing_ribbon_cable_camera_is_reported(picamera):
    picamera[0].attached = ()
    with pytest.raises(SourceError, match=r"^picamera: no camera is attached.*rpicam-hello"):
        open_frames("picamera")


# The list of cameras


@pytest.mark.skipif(sys.platform != "linux", reason="needs the device files of Linux")
def test_only_devices_that_capture_are_listed(picamera, monkeypatch, tmp_path):
    for name, label in (("video10", "codec\n"), ("video0", "Front\n"), ("video1", "Front metadata\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(label)
    monkeypatch.setattr(devices, "Path", lambda _: tmp_path)
    monkeypatch.setattr(devices, "_captures", lambda path: path in ("/dev/video0", "/dev/video10"))
    webcams = [devices.Camera("0", "Front (/dev/video0)"), devices.Camera("10", "codec (/dev/video10)")]
    assert devices.list_cameras() == [*webcams, devices.Camera("picamera", "imx708")]
    monkeypatch.setitem(sys.modules, "picamera2", None)
    assert devices.list_cameras() == webcams


@pytest.mark.skipif(sys.platform != "linux", reason="needs the device files of Linux")
def test_devices_that_cannot_be_queried_count_as_cameras():
    """Opening them reports the reason."""
    assert devices._captures("/dev/no-such-device")
    assert devices._captures(os.devnull)


def test_other_systems_list_the_first_numbers_that_open(fake, monkeypatch):
    capture = fake()
    monkeypatch.setattr(devices, "sys", types.SimpleNamespace(platform="other"))
    assert devices.list_cameras() == [devices.Camera(str(number), "?") for number in range(4)]
    assert capture.released.is_set()
    capture.opens = False
    assert devices.list_cameras() == []
