"""What the live view showed, kept: recordings, and snapshots.

A recording is an MP4 file of H.264, through PyAV (the extra `record`). OpenCV's writer would do without, but
its MP4 files are unreadable until they are finished, and a full disk goes unnoticed. Here every frame is a
fragment of its own, on disk at once and with the moment at which it came: whatever ends the process, the
frames written before play.
"""

from __future__ import annotations

import io
import queue
import shutil
import threading
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import MissingDependencyError, OutputError

SUFFIX = ".mp4"
ROOM = 64 * 2**20  # bytes that a recording leaves free on the disk: results are to be written there too
_WAITING = 8  # frames in the queue; more would only mean that the disk is too slow
_PATIENCE = 2.0  # seconds, twice, that closing waits for a disk which does not answer
_KEY_SECONDS = 2.0  # from one image that stands for itself to the next: where players can jump to
_RATE = 30  # frames/s that the file claims; every frame has its own time

_MILLISECOND = Fraction(1, 1000)


class Recording:
    """A file of images that grows, `NAME.mp4`: a context manager.

    `write` takes no time: a thread of its own encodes and writes, and images that it cannot keep up with
    are left out, which leaves the others' times as they are. `failure` says in a line why nothing is written
    any more, "" while all is well.

    Raises `OutputError` where the file exists, cannot be written, or is of another kind, and
    `MissingDependencyError` without PyAV.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != SUFFIX:
            raise OutputError(f"{path}: recordings are written as {SUFFIX}; name a file that ends so")
        try:
            import av
        except ImportError as error:
            raise MissingDependencyError("recording needs PyAV: pip install 'edge-digits[record]'") from error
        self.path, self.failure = path, ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise OutputError(f"{path} exists; name another file, or delete it") from None
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
        self._av = av
        self._first: float | None = None
        self._last = -1  # ms of the last image that was taken
        self._shape: tuple[int, int] | None = None  # (height, width) of the first image
        self._queue: queue.Queue[tuple[NDArray[np.uint8], int] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name=f"recording {path}", daemon=True)
        self._thread.start()

    def write(self, image: NDArray[np.uint8], seconds: float, *, wait: bool = False) -> None:
        """Hand over an image, BGR uint8 `(H, W, 3)`, not to be changed any more, and its time.

        With `wait`, none is left out for want of time, as long as the disk answers at all.

        Times only grow, and count from that of the first image. Images of another size than the first
        are made to fit into it.
        """
        if self._first is None:
            self._first = seconds
        milliseconds = round(1000 * (seconds - self._first))
        if self.failure or milliseconds <= self._last:
            return
        try:
            self._queue.put((image, milliseconds), block=wait, timeout=_PATIENCE)
        except queue.Full:
            return
        self._last = milliseconds

    def close(self) -> None:
        """Wait for what was handed over to be written; a file without an image is removed."""
        with suppress(queue.Full):
            self._queue.put(None, timeout=_PATIENCE)
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            self.failure = self.failure or f"cannot record {self.path}: the disk does not answer"

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        """Encode and write what is handed over, until the None that ends it."""
        with self._file:
            try:
                self._encode()
            # In this thread an error would reach nobody.
            except Exception as error:
                reason = getattr(error, "strerror", "") or str(error) or type(error).__name__
                kept = "; what was recorded so far plays" if self._shape else ""
                self.failure = f"cannot record {self.path}: {reason}{kept}"
                while self._queue.get() is not None:
                    pass
        if self._shape is None:
            self.path.unlink(missing_ok=True)

    def _encode(self) -> None:
        item = self._queue.get()
        if item is None:
            return
        height, width = _even(item[0].shape[:2])
        # Each frame a fragment, and each fragment written at once.
        options = {"movflags": "frag_every_frame+empty_moov+default_base_moof", "flush_packets": "1"}
        with self._av.open(_Whole(self._file), "w", format="mp4", options=options) as container:
            stream = container.add_stream(
                "libx264" if "libx264" in self._av.codecs_available else "mpeg4", rate=_RATE
            )
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            coder = stream.codec_context
            coder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "23"}
            coder.time_base, coder.gop_size = _MILLISECOND, round(_RATE * _KEY_SECONDS)
            coder.thread_count = 1
            while item is not None:
                if shutil.disk_usage(self.path.parent).free < ROOM:
                    raise OSError(f"less than {ROOM >> 20} MB are free on the disk")
                image, milliseconds = item
                frame = self._av.VideoFrame.from_ndarray(
                    _fit(image, self._shape or image.shape[:2]), format="bgr24"
                )
                frame.pts, frame.time_base = milliseconds, _MILLISECOND
                container.mux(stream.encode(frame))
                self._shape = self._shape or image.shape[:2]
                item = self._queue.get()
            container.mux(stream.encode(None))


class _Whole:
    """A file whose writes are whole: FFmpeg would take a half one for a whole one."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def write(self, content: bytes) -> int:
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]
        return len(content)


def _even(shape: tuple[int, int]) -> tuple[int, int]:
    """The size of the frames of a video: players want even sides."""
    return shape[0] + shape[0] % 2, shape[1] + shape[1] % 2


def _fit(image: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The image as a frame of a video of images of `shape`: what is missing at its sides is black."""
    if image.shape[:2] != shape:
        scale = min(shape[0] / image.shape[0], shape[1] / image.shape[1])
        size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
    if image.shape[:2] == _even(shape):
        return image
    height, width = _even(shape)
    frame = np.zeros((height, width, 3), np.uint8)
    top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
    frame[top : top + image.shape[0], left : left + image.shape[1]] = image
    return frame
