"""Recordings of the live view: H.264 in MP4 files, through PyAV (extra `record`).

OpenCV's own writer is not used: its MP4 files are unreadable until they are finished, and it does not report
a full disk. Here every frame is a fragment of its own, which is on disk at once and carries its own time.
Whatever ends the process, the frames written before can be played.
"""

from __future__ import annotations

import os
import queue
import shutil
import threading
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import MissingDependencyError, OutputError
from edge_runtime.images.scaling import scale_to
from edge_runtime.outputs.locked_file import LockedFile, open_locked

SUFFIX = ".mp4"
MIN_FREE_BYTES = 64 * 2**20  # a recording stops before the disk is full, so that results can still be written
_QUEUE_LENGTH = 8  # frames; a longer queue would not help a disk that is too slow
_DISK_TIMEOUT = 2.0  # s to wait for a disk that does not respond, when a frame is added and when closing
_KEYFRAME_INTERVAL = 2.0  # s at the nominal rate; players can seek to keyframes only
_RATE = 30  # frames/s, nominal: every frame has its own time

_MILLISECOND = Fraction(1, 1000)


class Recording:
    """A video file that grows frame by frame; a context manager.

    A thread of its own encodes and writes the frames. A frame is dropped when the queue is full; the other
    frames keep their times. `failure` is the reason why recording has stopped, in one line, or "".

    Raises `OutputError` when the file exists, cannot be written or is not named .mp4, and
    `MissingDependencyError` without PyAV.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != SUFFIX:
            raise OutputError(f"{path}: recordings are MP4 files; use a name that ends in {SUFFIX}")
        try:
            import av
        except ImportError as error:
            raise MissingDependencyError("recording needs PyAV: pip install 'edge-digits[record]'") from error
        self.path, self.failure = path, ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open_locked(path, new=True)
        except OSError as error:
            if os.path.lexists(path):
                raise OutputError(f"{path} exists; choose another name or delete it") from None
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
        self._av = av
        self._start: float | None = None  # time of the first frame
        self._last_time = -1  # ms since the start, of the last frame accepted
        self._shape: tuple[int, int] | None = None  # (height, width) of the first frame, once it is written
        self._queue: queue.Queue[tuple[NDArray[np.uint8], int] | None] = queue.Queue(_QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._run, name=f"recording {path}", daemon=True)
        self._thread.start()

    def write(self, image: NDArray[np.uint8], seconds: float, *, wait: bool = False) -> None:
        """Add a frame: BGR uint8 `(H, W, 3)`, which must not be changed afterwards, and its time in seconds.

        A frame is dropped when the queue is full; with `wait`, only when it is still full after two seconds.
        Playback starts at the time of the first frame; a frame that is no later than the last is dropped.
        Frames that differ in size from the first are scaled to fit, with black borders.
        """
        if self._start is None:
            self._start = seconds
        milliseconds = round(1000 * (seconds - self._start))
        if self.failure or milliseconds <= self._last_time:
            return
        try:
            self._queue.put((image, milliseconds), block=wait, timeout=_DISK_TIMEOUT)
        except queue.Full:
            return
        self._last_time = milliseconds

    def close(self) -> None:
        """Finish the file; without any frame, delete it.

        Gives up on a disk, or an encoder, that has not taken a frame for two seconds.
        """
        left, asked = -1, False
        while self._thread.is_alive() and self._queue.qsize() != left:
            left = self._queue.qsize()
            if asked:
                self._thread.join(_DISK_TIMEOUT)
                continue
            with suppress(queue.Full):
                self._queue.put(None, timeout=_DISK_TIMEOUT)
                left, asked = -1, True
        if self._thread.is_alive():
            self.failure = self.failure or f"cannot record {self.path}: the disk does not respond"

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        """Write frames from the queue until None ends it; after an error, set `failure` and drop the rest."""
        with self._file:
            try:
                self._encode()
            # An exception in this thread would be lost.
            except Exception as error:
                self.failure = self._describe(error)
                while self._queue.get() is not None:
                    pass
            unused = self._shape is None and self._file.in_place()
        if unused:
            self.path.unlink(missing_ok=True)

    def _describe(self, error: Exception) -> str:
        if isinstance(error, OutputError):
            return str(error)
        reason = getattr(error, "strerror", "") or str(error) or type(error).__name__
        kept = "; what was recorded before can be played" if self._shape else ""
        return f"cannot record {self.path}: {reason}{kept}"

    def _encode(self) -> None:
        item = self._queue.get()
        if item is None:
            return
        height, width = _even(item[0].shape[:2])
        # One fragment per frame, written as soon as it is encoded.
        options = {"movflags": "frag_every_frame+empty_moov+default_base_moof", "flush_packets": "1"}
        with self._av.open(_CompleteWrites(self._file), "w", format="mp4", options=options) as container:
            stream = container.add_stream(
                "libx264" if "libx264" in self._av.codecs_available else "mpeg4", rate=_RATE
            )
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            encoder = stream.codec_context
            encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "23"}
            encoder.time_base, encoder.gop_size = _MILLISECOND, round(_RATE * _KEYFRAME_INTERVAL)
            encoder.thread_count = 1
            while item is not None:
                if shutil.disk_usage(self.path.parent).free < MIN_FREE_BYTES:
                    raise OSError(f"less than {MIN_FREE_BYTES >> 20} MB are free on the disk")
                image, milliseconds = item
                frame = self._av.VideoFrame.from_ndarray(
                    _fit(image, self._shape or image.shape[:2]), format="bgr24"
                )
                frame.pts, frame.time_base = milliseconds, _MILLISECOND
                container.mux(stream.encode(frame))
                self._file.check()
                self._shape = self._shape or image.shape[:2]
                item = self._queue.get()
            container.mux(stream.encode(None))
        self._file.check()


class _CompleteWrites:
    """A file that never writes less than it is given: FFmpeg does not notice a short write."""

    def __init__(self, file: LockedFile) -> None:
        self.seek, self.tell, self.write = file.seek, file.tell, file.write_all


def _even(shape: tuple[int, int]) -> tuple[int, int]:
    """The next (height, width) with even sides, which the pixel format needs."""
    return shape[0] + shape[0] % 2, shape[1] + shape[1] % 2


def _fit(image: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale a BGR image to fit `shape` (height, width), and centre it on a black frame with even sides."""
    if image.shape[:2] != shape:
        scale = min(shape[0] / image.shape[0], shape[1] / image.shape[1])
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        image = scale_to(image, (width, height))
    if image.shape[:2] == _even(shape):
        return image
    height, width = _even(shape)
    frame = np.zeros((height, width, 3), np.uint8)
    top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
    frame[top : top + image.shape[0], left : left + image.shape[1]] = image
    return frame
