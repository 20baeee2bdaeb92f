"""Frames as they come: of cameras and streams the newest one, of videos and folders every one."""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import preprocess, sources
from edge_runtime.errors import MissingDependencyError, PictureError, SourceError

OPEN_TIMEOUT = 10.0  # s, to the first picture
FRAME_TIMEOUT = 1.8  # s, from one picture to the next
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 3.0  # s before a lost source is tried again, doubled every time
MOST_HANGING = 3  # threads that a driver may hold for ever before no more are risked
_STEADY = 5.0  # s that a connection must have given pictures for the pauses to begin anew
FOLDER_RATE = 10.0  # pictures/s of a folder that is played, unless told
PICAMERA = "picamera"

_PICAMERA_SETUP = (
    "on Raspberry Pi OS: sudo apt install python3-picamera2, then make the virtual environment anew with "
    "python3 -m venv --system-site-packages .venv and install edge-digits in it; rpicam-hello shows whether "
    "the camera itself works"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source: BGR uint8 `(H, W, 3)`.

    `number` counts the frames that were handed over, from 0; `seconds` is the source's own time since its
    first frame (a file's by its frame rate); `arrived` is when it came, by `time.perf_counter`.
    """

    picture: NDArray[np.uint8]
    number: int
    seconds: float
    arrived: float


@dataclass(frozen=True, slots=True)
class Wish:
    """What a camera is asked for; it may give something else. None leaves it the choice."""

    size: tuple[int, int] | None = None  # width, height in px
    rate: float | None = None  # frames/s

    def __str__(self) -> str:
        size = f"{self.size[0]}x{self.size[1]}" if self.size else ""
        return " at ".join(part for part in (size, f"{self.rate:g} fps" if self.rate else "") if part)


_ANYTHING = Wish()
_Result = TypeVar("_Result")
_FILMS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")  # on a web server too, they end as files do


def open_frames(source: str, wish: Wish = _ANYTHING, *, paced: bool = False) -> Frames:
    """Open a camera (its number, device path or `picamera`), a stream's URL, a video file or a folder.

    Files and folders give their frames as fast as they are asked for, or in their own time if `paced`.
    Raises `SourceError` when it cannot be opened, or is asked for what it cannot choose;
    `MissingDependencyError` when Picamera2 is not there.
    """
    if source == PICAMERA:
        return LiveFrames(source, lambda: _Picamera(wish), wish)
    device = f"/dev/video{source}" if source.isdecimal() and sys.platform == "linux" else source
    if source.isdecimal() and len(source) > 4:
        raise SourceError(f"camera {source}: no camera has that number; edge-digits cameras lists them")
    if source.isdecimal() or source.startswith("/dev/"):
        name = f"camera {source}" if source.isdecimal() else source
        target = int(source) if source.isdecimal() else source
        return LiveFrames(name, lambda: _Device(target, device, wish), wish, device=device)
    source = source.removeprefix("file://")
    if os.path.isdir(source):
        if wish.size:
            raise SourceError(f"{source}: a folder's pictures have the size they have; leave out --size")
        return FolderFrames(source, wish.rate or FOLDER_RATE, paced=paced)
    if wish.size or wish.rate:
        raise SourceError(f"{source}: size and rate are a camera's to choose; leave out --size and --fps")
    if "://" in source:
        address = urlsplit(source)
        # Neither passwords nor keys are for the screen, the log or the page.
        name = urlunsplit((address.scheme, address.netloc.rpartition("@")[2], address.path, "", ""))
        if address.scheme in ("http", "https") and address.path.lower().endswith(_FILMS):
            return VideoFrames(source, name, paced=paced)
        return LiveFrames(name, lambda: _Stream(source))
    if not os.path.isfile(source):
        raise SourceError(
            f"{source}: no such video or folder, nor a camera's number, device, URL or {PICAMERA}"
        )
    return VideoFrames(source, source, paced=paced)


class Frames(ABC):
    """A source of frames, to be asked for one after the other, inside `with`.

    `name` is what messages call it, `live` whether it goes on by itself; `obtained` says what size and rate
    it gives; `trouble` why nothing comes at present, "" while all is well; `ended` whether it is through.
    """

    name: str
    live = False
    obtained = ""
    trouble = ""
    ended = False

    @abstractmethod
    def next(self, timeout: float) -> Frame | None:
        """The next frame, or None when there is none within `timeout` s: see `trouble` and `ended`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the device or file."""

    def __enter__(self) -> Frames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Played(Frames):
    """What is not live: every frame, in order; if paced, in its own time."""

    def __init__(self, name: str, rate: float, *, paced: bool) -> None:
        self.name, self._rate, self._paced = name, rate, paced
        self._number = 0
        self._started: float | None = None  # when, by time.perf_counter, its first frame would have been due
        self._waiting: tuple[NDArray[np.uint8], float] | None = None

    def next(self, timeout: float) -> Frame | None:
        """As `Frames.next`; a paced frame comes when it is due, and late rather than not at all."""
        if self._waiting is None:
            self._waiting = self._read()
        if self._waiting is None:
            return None
        picture, seconds = self._waiting
        now = time.perf_counter()
        if self._started is None:
            self._started = now - seconds
        due = self._started + seconds
        if self._paced and due > now:
            time.sleep(min(due - now, timeout))
            if due > now + timeout:
                return None
        # Whoever was held up goes on from now: no burst of frames to make up for it.
        self._started = max(self._started, now - seconds - 1 / self._rate)
        self.trouble, self._waiting = "", None
        frame = Frame(picture, self._number, seconds, time.perf_counter())
        self._number += 1
        return frame

    @abstractmethod
    def _read(self) -> tuple[NDArray[np.uint8], float] | None:
        """The next picture and its time in s; None where there is none, with `trouble` or `ended` set."""


class VideoFrames(_Played):
    """Every frame of a video file, on this machine or a web server."""

    def __init__(self, source: str, name: str, *, paced: bool = False) -> None:
        capture = _in_time(lambda: _open_film(source))
        if capture is None:
            raise SourceError(f"{name} cannot be opened as a video")
        self._capture = capture
        rate = capture.get(cv2.CAP_PROP_FPS)
        super().__init__(name, rate if 0 < rate <= 1000 else 30.0, paced=paced)
        self._first: float | None = None  # s, as the file counts
        self._last = -1 / self._rate
        size = [round(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
        self.obtained = _described(size[0], size[1], self._rate)

    def _read(self) -> tuple[NDArray[np.uint8], float] | None:
        good, picture = self._capture.read()
        if not good:
            claimed = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
            # What a file claims is seldom exact, but a tenth is missing only where it was cut off.
            if self._number < 0.9 * claimed:
                self.trouble = f"ends after {self._number} of {claimed:.0f} frames; is it damaged?"
            self.ended = True
            return None
        # Phones and recordings have frames of their own times; not every kind of file tells them.
        moment = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._first is None:
            self._first = moment
        told = moment - self._first
        self._last = told if told > self._last else self._last + 1 / self._rate
        return np.asarray(picture, np.uint8), self._last

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()


def _open_film(source: str) -> cv2.VideoCapture | None:
    limits = _limits() if "://" in source else ()
    capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits) if limits else cv2.VideoCapture(source)
    if capture.isOpened():
        return capture
    capture.release()
    return None


def _in_time(work: Callable[[], _Result]) -> _Result | None:
    """What `work` returns, or None if that takes too long; in a thread, so that Ctrl-C need not wait."""
    done: list[_Result] = []
    thread = threading.Thread(target=lambda: done.append(work()), daemon=True)
    thread.start()
    thread.join(OPEN_TIMEOUT)
    return done[0] if done else None


class FolderFrames(_Played):
    """The pictures of a folder in the order of their names, as the frames of a film."""

    def __init__(self, folder: str, rate: float, *, paced: bool = False) -> None:
        super().__init__(folder, rate, paced=paced)
        self._paths = sources.expand([folder], recursive=False)
        self.obtained = f"pictures at {rate:g} fps"

    def _read(self) -> tuple[NDArray[np.uint8], float] | None:
        path = next(self._paths, None)
        if path is None:
            self.trouble, self.ended = "", True
            return None
        try:
            return preprocess.decode_colour(sources.read_file(path)), self._number / self._rate
        except PictureError as error:
            self.trouble = f"{path} is passed over: {error}"
            return None

    def close(self) -> None:
        """Nothing is held open."""


class Capture(Protocol):
    """A device or stream that is open: what a connection needs of it."""

    rate: float  # frames/s as it says itself, 0 where it does not

    def read(self) -> NDArray[np.uint8] | None:
        """Wait for the next picture, BGR uint8 `(H, W, 3)`; None when there are no more."""

    def release(self) -> None:
        """Let go of it."""


class LiveFrames(Frames):
    """The newest frame of a live source, each at most once.

    A thread of its own empties the camera's buffer, so that a slow reader skips frames instead of falling
    behind. Raises `SourceError` when the source gives no first frame; one that is lost later, because it
    ends, fails or gives nothing for `FRAME_TIMEOUT`, says so in `trouble` and is tried again and again.
    """

    live = True

    def __init__(
        self, name: str, connect: Callable[[], Capture], wish: Wish = _ANYTHING, *, device: str = ""
    ) -> None:
        self.name, self._connect, self._wish, self._device = name, connect, wish, device
        self._changed = threading.Condition()
        self._hanging: list[_Connection] = []
        self._pause, self._retry_at = FIRST_PAUSE, 0.0
        self._number = 0
        self._first_arrival: float | None = None
        connection = _Connection(connect, self._changed)
        self._connection: _Connection | None = connection
        try:
            with self._changed:
                connection.start()
                self._changed.wait_for(lambda: connection.fresh or connection.failure, OPEN_TIMEOUT)
                failure = connection.failure
        except BaseException:  # Ctrl-C while a camera takes its time
            self.close()
            raise
        if not connection.fresh:
            self.close()
            if isinstance(failure, MissingDependencyError):
                raise failure
            raise SourceError(f"{name}: {_reason(failure) or f'gave no picture within {OPEN_TIMEOUT:.0f} s'}")
        self._describe(connection.fresh[0], connection.rate)

    def next(self, timeout: float) -> Frame | None:
        """As `Frames.next`; what has become old meanwhile is skipped."""
        with self._changed:
            connection = self._connection
            if connection:
                self._changed.wait_for(lambda: connection.fresh or connection.failure, timeout)
                if connection.fresh:
                    return self._take(connection)
                failure = _reason(connection.failure) or self._stalled(connection)
                if failure:
                    self._lose(connection, failure)
                return None
        time.sleep(max(0.0, min(timeout, self._retry_at - time.monotonic())))
        if time.monotonic() >= self._retry_at:
            self._reconnect()
        return None

    def _take(self, connection: _Connection) -> Frame:
        picture, arrived = connection.take()
        if self.trouble:
            self.trouble = ""
            self._describe(picture, connection.rate)
        if self._first_arrival is None:
            self._first_arrival = arrived
        frame = Frame(picture, self._number, arrived - self._first_arrival, arrived)
        self._number += 1
        return frame

    def _stalled(self, connection: _Connection) -> str:
        """Why a connection that reports nothing has to be given up; "" where it need not."""
        waited = time.perf_counter() - connection.heard
        patience = FRAME_TIMEOUT if connection.opened else OPEN_TIMEOUT
        # Some drivers go on handing out the last picture of a camera that is gone.
        if self._device.startswith("/dev/") and not os.path.exists(self._device):
            return "was unplugged"
        return f"no picture for {waited:.0f} s" if waited > patience else ""

    def _lose(self, connection: _Connection, failure: str) -> None:
        connection.given_up = True
        if connection.opened and connection.heard - connection.began > _STEADY:
            self._pause = FIRST_PAUSE
        self._hanging = [each for each in (*self._hanging, connection) if each.is_alive()]
        self._connection = None
        self._retry_at = time.monotonic() + self._pause
        self.trouble = f"{failure}; trying again"
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _reconnect(self) -> None:
        self._hanging = [each for each in self._hanging if each.is_alive()]
        if len(self._hanging) >= MOST_HANGING:
            self.trouble = "its driver hangs; unplug it and plug it in again"
            self._retry_at = time.monotonic() + LONGEST_PAUSE
            return
        self._connection = _Connection(self._connect, self._changed)
        self._connection.start()

    def _describe(self, picture: NDArray[np.uint8], rate: float) -> None:
        size = (picture.shape[1], picture.shape[0])
        granted = self._wish.size in (None, size) and (not self._wish.rate or abs(rate - self._wish.rate) < 1)
        self.obtained = _described(*size, rate) + ("" if granted else f" (asked for {self._wish})")

    def close(self) -> None:
        """Let go of the device; does not wait long for a driver that hangs."""
        connection, self._connection = self._connection, None
        if connection:
            connection.given_up = True
            # The interpreter should not end while the thread is inside OpenCV.
            connection.join(timeout=FRAME_TIMEOUT)


def _reason(error: Exception | None) -> str:
    """An error in a line; of OpenCV's, which go on for long, the first."""
    return "" if error is None else (str(error).splitlines() or [""])[0] or type(error).__name__


def _described(width: int, height: int, rate: float) -> str:
    return f"{width}x{height}" + (f" at {rate:.0f} fps" if rate >= 1 else "")


class _Connection(threading.Thread):
    """One attempt at a live source: opens it and takes its pictures until it fails or is given up.

    A daemon: a driver that hangs inside a read must not keep the process alive.
    """

    def __init__(self, connect: Callable[[], Capture], changed: threading.Condition) -> None:
        super().__init__(name="capture", daemon=True)
        self._connect, self._changed = connect, changed
        self.fresh: tuple[NDArray[np.uint8], float] | None = None
        self.failure: Exception | None = None
        self.opened, self.given_up = False, False
        self.began = self.heard = time.perf_counter()
        self.rate = 0.0

    def run(self) -> None:
        """Take pictures; any error ends up in `failure`: in this thread it would reach nobody."""
        try:
            capture = self._connect()
        except Exception as error:
            self._report(error)
            return
        try:
            while not self.given_up:
                picture = capture.read()
                if picture is None:
                    self._report(SourceError("gives no more pictures"))
                    return
                with self._changed:
                    self.heard = time.perf_counter()
                    self.fresh, self.rate, self.opened = (picture, self.heard), capture.rate, True
                    self._changed.notify_all()
        except Exception as error:
            self._report(error)
        finally:
            capture.release()

    def _report(self, error: Exception) -> None:
        with self._changed:
            self.failure = error
            self._changed.notify_all()

    def take(self) -> tuple[NDArray[np.uint8], float]:
        """The newest picture and when it came, once."""
        assert self.fresh is not None
        taken, self.fresh = self.fresh, None
        return taken


class _OpenCVCapture:
    """What OpenCV opens."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self.rate = float(capture.get(cv2.CAP_PROP_FPS))

    def read(self) -> NDArray[np.uint8] | None:
        good, picture = self._capture.read()
        return np.asarray(picture, np.uint8) if good else None

    def release(self) -> None:
        self._capture.release()


class _Device(_OpenCVCapture):
    """A webcam by its number or device path."""

    def __init__(self, target: int | str, path: str, wish: Wish) -> None:
        capture = cv2.VideoCapture(target)
        if not capture.isOpened():
            capture.release()
            if path.startswith("/dev/") and not os.path.exists(path):
                raise SourceError("is not there; edge-digits cameras lists those that are")
            if path.startswith("/dev/") and not os.access(path, os.R_OK | os.W_OK):
                raise SourceError("may not be opened by you: sudo usermod -aG video $USER, and log in again")
            raise SourceError("cannot be opened; is it connected, and used by no other program?")
        if wish.size:
            if wish.size[0] * wish.size[1] > 640 * 480:
                # Over USB 2 only compressed pictures of this size come at more than a few a second.
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, wish.size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wish.size[1])
        if wish.rate:
            capture.set(cv2.CAP_PROP_FPS, wish.rate)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        super().__init__(capture)


class _Stream(_OpenCVCapture):
    """An HTTP or RTSP stream, through FFmpeg, which gives up by itself when the other side falls silent."""

    def __init__(self, url: str) -> None:
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, _limits())
        if not capture.isOpened():
            capture.release()
            raise SourceError("cannot be opened; is the address right, and does it serve a stream?")
        super().__init__(capture)


def _limits() -> tuple[int, ...]:
    """For how long FFmpeg waits for a server; longer than we do: the word on a silent one is ours."""
    to_open, to_read = round(1000 * OPEN_TIMEOUT), round(1200 * FRAME_TIMEOUT)
    return cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, to_open, cv2.CAP_PROP_READ_TIMEOUT_MSEC, to_read


class _Picamera:
    """A ribbon-cable (CSI) camera of a Raspberry Pi, through Picamera2 and libcamera."""

    def __init__(self, wish: Wish) -> None:
        try:
            from picamera2 import Picamera2
        # Not only ImportError: Debian's package beside a newer numpy fails with ValueError.
        except Exception as error:
            raise MissingDependencyError(
                f"{PICAMERA} needs Picamera2, which cannot be loaded ({error}); {_PICAMERA_SETUP}"
            ) from error
        if not Picamera2.global_camera_info():
            raise SourceError(f"no camera is attached, or not to this connector; {_PICAMERA_SETUP}")
        self._camera: Any = Picamera2()
        controls = {"FrameRate": wish.rate} if wish.rate else {}
        # "RGB888" is blue, green, red in memory: the order that OpenCV has (picamera2 issue 191).
        main = {"format": "RGB888", "size": wish.size or (640, 480)}
        try:
            self._camera.configure(self._camera.create_video_configuration(main=main, controls=controls))
            self._camera.start()
        except BaseException:
            self._camera.close()
            raise
        self.rate = float(wish.rate or 30)

    def read(self) -> NDArray[np.uint8] | None:
        return np.asarray(self._camera.capture_array("main"), np.uint8)[:, :, :3]

    def release(self) -> None:
        self._camera.stop()
        self._camera.close()


class FrameRate:
    """Frames a second over the last two seconds or so."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def tick(self) -> float:
        """Count a frame that is done now; return the present rate, 0 until there are two."""
        now = time.monotonic()
        self._times = [moment for moment in self._times if now - moment < 2] + [now]
        span = now - self._times[0]
        return (len(self._times) - 1) / span if span else 0.0


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that this machine shows: what to name as the source, and what it calls itself."""

    source: str
    name: str


def list_cameras() -> list[Camera]:
    """The cameras that this machine shows, webcams first, without starting any.

    Systems other than Linux have no list to look at: the first few numbers are tried there.
    """
    if sys.platform != "linux":
        return [Camera(str(number), "?") for number in range(4) if _opens(number)]
    found = []
    devices = Path("/sys/class/video4linux").glob("video*")
    for device in sorted(devices, key=lambda path: (len(path.name), path.name)):
        path = f"/dev/{device.name}"
        if not _captures(path):
            continue
        try:
            name = (device / "name").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            name = "?"
        found.append(Camera(device.name.removeprefix("video"), f"{name} ({path})"))
    return found + _list_picameras()


def _opens(number: int) -> bool:
    capture = cv2.VideoCapture(number)
    opened = capture.isOpened()
    capture.release()
    return opened


_QUERY_CAPABILITIES = 0x80685600  # VIDIOC_QUERYCAP of linux/videodev2.h
_CAPTURES = 0x1 | 0x1000  # V4L2_CAP_VIDEO_CAPTURE, of one plane or several


def _captures(path: str) -> bool:
    """Whether a device gives pictures: webcams show a second one for metadata, boards show decoders."""
    import fcntl

    answer = bytearray(104)
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.ioctl(handle, _QUERY_CAPABILITIES, answer)
        finally:
            os.close(handle)
    except OSError:
        return True  # not ours to ask: listed all the same, opening it gives the reason
    return bool(int.from_bytes(answer[88:92], sys.byteorder) & _CAPTURES)


def _list_picameras() -> list[Camera]:
    try:
        from picamera2 import Picamera2

        return [Camera(PICAMERA, str(info.get("Model", "?"))) for info in Picamera2.global_camera_info()[:1]]
    except Exception:  # not installed, or not for this Python: opening it gives the reason
        return []
