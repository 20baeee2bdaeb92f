"""Frames as they come: cameras and network streams (the newest frame), video files (every frame)."""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import SourceError

OPEN_TIMEOUT = 10.0  # s
FRAME_TIMEOUT = 2.0  # s

Frame = NDArray[np.uint8]


def open_frames(source: str) -> Frames:
    """Open a webcam index, a device path, a stream's URL or a video file.

    Raises `SourceError` when it cannot be opened.
    """
    if source.isdecimal():
        return LiveFrames(int(source), f"camera {source}")
    source = source.removeprefix("file://")
    if "://" in source or source.startswith("/dev/"):
        return LiveFrames(source, source)
    if not os.path.isfile(source):
        raise SourceError(f"{source}: no such video file, nor a camera's number, device or URL")
    return VideoFrames(source)


class Frames(ABC):
    """A source of frames, BGR `uint8 (H, W, 3)`, to iterate over once, inside `with`."""

    name: str

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    @abstractmethod
    def close(self) -> None:
        """Let go of the device or file."""

    def __enter__(self) -> Frames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class VideoFrames(Frames):
    """Every frame of a video file, in order."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._capture = cv2.VideoCapture(path)
        if not self._capture.isOpened():
            raise SourceError(f"{path} cannot be opened as a video")

    def __iter__(self) -> Iterator[Frame]:
        while True:
            good, frame = self._capture.read()
            if not good:
                return
            yield np.asarray(frame, np.uint8)

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()


class LiveFrames(Frames):
    """The newest frame of a live source, each at most once.

    A thread of its own empties the camera's buffer, so that a slow reader skips frames instead of falling
    behind. A source that stops giving frames raises `SourceError` within `FRAME_TIMEOUT`,
    one that never begins within `OPEN_TIMEOUT`.
    """

    def __init__(self, source: int | str, name: str) -> None:
        self.name = name
        self._source = source
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._failure: str | None = None
        self._opened = False
        self._closing = False
        # A daemon: a driver that hangs inside a read must not keep the process alive.
        self._thread = threading.Thread(target=self._capture_frames, name=f"capture {name}", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._opened or self._failure, OPEN_TIMEOUT)
            failure = self._failure or (None if self._opened else f"did not open within {OPEN_TIMEOUT:.0f} s")
        if failure:
            # The interpreter must not end while the thread is inside OpenCV.
            self.close()
            raise SourceError(f"{name}: {failure}")

    def _capture_frames(self) -> None:
        try:
            self._capture_until_closed(cv2.VideoCapture(self._source))
        # An error in this thread would reach nobody; a number too large for OpenCV is one.
        except Exception as error:
            self._report(f"cannot be opened: {error}")

    def _capture_until_closed(self, capture: cv2.VideoCapture) -> None:
        try:
            if not capture.isOpened():
                self._report("cannot be opened; is it connected, and used by no other program?")
                return
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            with self._changed:
                self._opened = True
                self._changed.notify_all()
            while not self._closing:
                good, frame = capture.read()
                if not good:
                    self._report("gives no more pictures; was it unplugged?")
                    return
                with self._changed:
                    self._frame = frame
                    self._changed.notify_all()
        finally:
            capture.release()

    def _report(self, failure: str) -> None:
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Frame]:
        patience = OPEN_TIMEOUT  # a stream may have to wait for its first whole picture
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._frame is not None or self._failure, timeout=patience)
                frame, self._frame = self._frame, None
                failure = self._failure or f"gave no picture for {patience:.0f} s"
            if frame is None:
                raise SourceError(f"{self.name}: {failure}")
            patience = FRAME_TIMEOUT
            yield frame

    def close(self) -> None:
        """Let go of the device; does not wait for a driver that hangs."""
        self._closing = True
        self._thread.join(timeout=FRAME_TIMEOUT)


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


def list_cameras() -> list[str]:
    """Cameras that this machine shows, by number and name, without opening any (Linux)."""
    found = []
    for device in sorted(
        Path("/sys/class/video4linux").glob("video*"), key=lambda path: (len(path.name), path.name)
    ):
        try:
            name = (device / "name").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            name = "?"
        found.append(f"/dev/{device.name}: {name}")
    return found
