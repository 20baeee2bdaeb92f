"""TODO."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ImageError, SourceError
from edge_runtime.images import decode, paths
from edge_runtime.live.sources.base import OPEN_TIMEOUT, Frame, Frames, _described, _limits

FOLDER_RATE = 10.0  # images/s of a folder that is played, unless told

_Result = TypeVar("_Result")


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
        image, seconds = self._waiting
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
        self.problem, self._waiting = "", None
        frame = Frame(image, self._number, seconds, time.perf_counter())
        self._number += 1
        return frame

    @abstractmethod
    def _read(self) -> tuple[NDArray[np.uint8], float] | None:
        """The next image and its time in s; None where there is none, with `problem` or `ended` set."""


class VideoFrames(_Played):
    """Every frame of a video file, on this machine or a web server."""

    def __init__(self, source: str, name: str, *, paced: bool = False) -> None:
        capture = _in_time(lambda: _open_video(source))
        if capture is None:
            raise SourceError(f"{name} cannot be opened as a video")
        self._capture = capture
        rate = capture.get(cv2.CAP_PROP_FPS)
        super().__init__(name, rate if 0 < rate <= 1000 else 30.0, paced=paced)
        self._first: float | None = None  # s, as the file counts
        self._last = -1 / self._rate
        size = [round(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
        self.capture_format = _described(size[0], size[1], self._rate)

    def _read(self) -> tuple[NDArray[np.uint8], float] | None:
        good, image = self._capture.read()
        if not good:
            claimed = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
            # What a file claims is seldom exact, but a tenth is missing only where it was cut off.
            if self._number < 0.9 * claimed:
                self.problem = f"ends after {self._number} of {claimed:.0f} frames; is it damaged?"
            self.ended = True
            return None
        # Phones and recordings have frames of their own times; not every kind of file tells them.
        moment = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._first is None:
            self._first = moment
        told = moment - self._first
        self._last = told if told > self._last else self._last + 1 / self._rate
        return np.asarray(image, np.uint8), self._last

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()


def _open_video(source: str) -> cv2.VideoCapture | None:
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
    """The images of a folder in the order of their names, as the frames of a video."""

    def __init__(self, folder: str, rate: float, *, paced: bool = False) -> None:
        super().__init__(folder, rate, paced=paced)
        self._paths = paths.expand([folder], recursive=False)
        self.capture_format = f"images at {rate:g} fps"

    def _read(self) -> tuple[NDArray[np.uint8], float] | None:
        path = next(self._paths, None)
        if path is None:
            self.problem, self.ended = "", True
            return None
        try:
            return decode.decode_colour(paths.read_file(path)), self._number / self._rate
        except ImageError as error:
            self.problem = f"{path} is passed over: {error}"
            return None

    def close(self) -> None:
        """Nothing is held open."""
