"""Sources that are not live: every frame of a video, and every image of a folder."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ImageError, SourceError
from edge_runtime.images import paths
from edge_runtime.images.pages import Pages
from edge_runtime.live.sources import base, container, servers
from edge_runtime.live.sources.base import Frame, Frames
from edge_runtime.live.sources.servers import WebAddress

_FOLDER_RATE = 10.0  # images/s, by default
_VIDEO_RATE = 30.0  # frames/s, where the file gives no plausible one
_MAX_VIDEO_RATE = 500.0  # frames/s; a higher rate is that of the timestamps, where frames have no fixed rate
_COMPLETE = 0.9  # a video with at least this share of its claimed frames or seconds is whole

_Result = TypeVar("_Result")


class _Played(Frames):
    """Returns every frame in order; if paced, at the source's frame rate."""

    def __init__(self, name: str, rate: float, *, paced: bool) -> None:
        self.name, self._rate, self._paced = name, rate, paced
        self.period = 1 / rate
        self._number = 0
        self._started: float | None = None  # by time.perf_counter, when a frame at 0 s was due
        self._waiting: tuple[NDArray[np.uint8], float] | None = None

    def next(self, timeout: float) -> Frame | None:
        """As `Frames.next`. A paced frame is returned when it is due; a late one is not dropped."""
        if self._waiting is None:
            self._waiting = self._read(timeout)
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
        # After a delay, continue at the normal rate instead of catching up.
        self._started = max(self._started, now - seconds - 1 / self._rate)
        self.problem, self._waiting = "", None
        frame = Frame(image, self._number, seconds, time.perf_counter())
        self._number += 1
        return frame

    def begin_after(self, frame: Frame) -> None:
        """As `Frames.begin_after`."""
        self._started = frame.arrived + self.period

    @abstractmethod
    def _read(self, timeout: float) -> tuple[NDArray[np.uint8], float] | None:
        """Read the next image and its time in seconds.

        Returns None if it takes longer than `timeout`, or with `problem` or `ended` set.
        """


class VideoFrames(_Played):
    """Every frame of a video, in a file or on a web server. Raises `SourceError` when it cannot be opened.

    `source` is its path or URL; `name` is how messages refer to it.
    """

    def __init__(self, source: str, name: str, *, paced: bool = False) -> None:
        self._source, self._remote = source, "://" in source
        self._reading: _Task[tuple[bool, NDArray[np.uint8] | None]] | None = None
        opening = _Task(lambda: _open_video(source, remote=self._remote))
        try:
            opening.join(base.OPEN_TIMEOUT)
        finally:  # also after Ctrl-C
            if opening.is_alive():
                base.wait_at_exit(opening)
        if opening.result is None:
            if servers.is_http(source) and (reason := WebAddress(source).refusal()):
                raise SourceError(f"{name}: {reason}")
            raise SourceError(f"{name} cannot be opened as a video")
        self._capture = opening.result
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        super().__init__(name, rate if 0 < rate <= _MAX_VIDEO_RATE else _VIDEO_RATE, paced=paced)
        self._first: float | None = None  # s, timestamp of the first frame
        self._last = -1 / self._rate
        width, height = (
            round(self._capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        self.capture_format = base.describe_format(width, height, rate if rate <= _MAX_VIDEO_RATE else 0)

    def _describe_end(self) -> str:
        """What is wrong with a video that has ended, "" if nothing is."""
        # The number of frames is often an estimate from the length of the sound and the highest rate, and
        # an edit list may leave out frames that are there. So the file must look incomplete as well.
        claimed = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        seconds = claimed / (self._capture.get(cv2.CAP_PROP_FPS) or self._rate)
        played = self._last + 1 / self._rate
        short = self._number < _COMPLETE * claimed and played < _COMPLETE * seconds
        if short and (self._remote or container.is_cut_off(self._source)):
            return f"ends after {played:.1f} of {seconds:.1f} s; is it damaged?"
        if self._number == 1:
            return "a single image, and numbers are confirmed over several; use edge-digits read instead"
        return ""

    def _read(self, timeout: float) -> tuple[NDArray[np.uint8], float] | None:
        read = self._read_remote(timeout) if self._remote else self._capture.read()
        if read is None:
            return None
        good, image = read
        if not good:
            self.problem, self.ended = self._describe_end(), True
            return None
        # Videos from phones and our own recordings have timestamps; some formats have only a frame rate.
        timestamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._first is None:
            self._first = timestamp
        seconds = timestamp - self._first
        self._last = seconds if seconds > self._last else self._last + 1 / self._rate
        return np.asarray(image, np.uint8), self._last

    def _read_remote(self, timeout: float) -> tuple[bool, NDArray[np.uint8] | None] | None:
        """Read in a thread, so that a server that stalls does not hold up Ctrl-C; None after `timeout`."""
        self._reading = self._reading or _Task(self._capture.read)
        self._reading.join(timeout)
        if self._reading.is_alive():
            return None
        read, self._reading = self._reading.result, None
        return read or (False, None)

    def close(self) -> None:
        """Close the file. Waits at most a second for a server that does not respond."""
        if self._reading:
            self._reading.join(base.CLOSE_TIMEOUT)
            if self._reading.is_alive():
                base.wait_at_exit(self._reading)
                return  # the capture is released with its last reference, which the thread holds
        self._capture.release()


def _open_video(source: str, *, remote: bool) -> cv2.VideoCapture | None:
    if remote:
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, base.stream_timeouts())
    else:
        # FFmpeg would take a relative name with a colon for an address: "concat:a.mp4".
        capture = cv2.VideoCapture(str(Path(source).absolute()))
    if capture.isOpened():
        return capture
    capture.release()
    return None


class _Task(threading.Thread, Generic[_Result]):
    """Runs a call in a thread, so that the caller need not wait for it. `result` is None until it returns."""

    def __init__(self, call: Callable[[], _Result]) -> None:
        super().__init__(name="video", daemon=True)
        self._call = call
        self.result: _Result | None = None
        self.start()

    def run(self) -> None:
        """Run the call."""
        self.result = self._call()


class FolderFrames(_Played):
    """The images of a folder in the order of their names, as frames of a video. Unreadable ones are skipped.

    `rate` is in images/s, 10 by default.
    """

    def __init__(self, folder: str, rate: float | None = None, *, paced: bool = False) -> None:
        rate = rate or _FOLDER_RATE
        super().__init__(folder, rate, paced=paced)
        self._skipped: Counter[str] = Counter()
        self._paths = paths.expand([folder], recursive=False, skipped=self._skipped)
        self.capture_format = f"images at {rate:g} fps"

    def _read(self, timeout: float) -> tuple[NDArray[np.uint8], float] | None:
        path = next(self._paths, None)
        if path is None:
            # What was skipped is reported before the end: at the end, a problem would be an error.
            self.problem = paths.describe_skipped(self._skipped)
            self.ended = not self.problem
            self._skipped.clear()
            return None
        try:
            return Pages(path).first.decode(colour=True), self._number / self._rate
        except ImageError as error:
            self.problem = f"{path} is skipped: {error}"
            return None

    def close(self) -> None:
        """Do nothing: no file stays open."""
