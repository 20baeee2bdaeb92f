"""What all sources of frames share: the interface, a camera's requested format, and time limits."""

from __future__ import annotations

import atexit
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

OPEN_TIMEOUT = 10.0  # s until the first image; network cameras take several
FRAME_TIMEOUT = 1.8  # s, at most, between two images: a lost source is reported within two seconds
CLOSE_TIMEOUT = 1.0  # s to wait for a read when closing, so that the command ends within two seconds
_EXIT_TIMEOUT = 3.0  # s, longer than FFmpeg waits for the next image


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of a source: BGR uint8 `(H, W, 3)`.

    `number` counts the frames that were returned, from 0. `seconds` is the time since the first frame, for
    files by their timestamps or frame rate. `arrived` is when it was received, by `time.perf_counter`.
    """

    image: NDArray[np.uint8]
    number: int
    seconds: float
    arrived: float


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """The format requested from a camera, which may choose another. None leaves the choice to the camera."""

    size: tuple[int, int] | None = None  # width, height in px
    rate: float | None = None  # frames/s

    def __str__(self) -> str:
        size = f"{self.size[0]}x{self.size[1]}" if self.size else ""
        return " at ".join(part for part in (size, f"{self.rate:g} fps" if self.rate else "") if part)


class Frames(ABC):
    """A source of frames; a context manager that closes it.

    `name` identifies the source in messages. `live` is True for cameras and streams, which do not wait for
    the reader. `capture_format` describes the size and frame rate; `period` is the time of one frame of a
    file in seconds. `problem` is the reason why no frames arrive, "" if they do. `ended` is True after the
    last frame.
    """

    name: str
    live = False
    capture_format = ""
    period = 0.0
    problem = ""
    ended = False

    @abstractmethod
    def next(self, timeout: float) -> Frame | None:
        """Return the next frame, or None if none arrives within `timeout` seconds.

        After None, `problem` and `ended` give the reason.
        """

    def begin_after(self, frame: Frame) -> None:  # noqa: B027 - live sources have nothing to do
        """Show the first frame of a file one period after another frame, if it plays at its own rate."""

    @abstractmethod
    def close(self) -> None:
        """Release the device or file."""

    def __enter__(self) -> Frames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def describe_format(width: int, height: int, rate: float) -> str:
    """Describe a format, such as "640x480 at 30 fps"; a rate below 1, or unknown (0), is left out."""
    return f"{width}x{height}" + (f" at {rate:.0f} fps" if rate >= 1 else "")


def stream_timeouts() -> tuple[int, ...]:
    """FFmpeg's time limits, as parameters of `cv2.VideoCapture`.

    The one for reading is longer than `FRAME_TIMEOUT`, so a stall is noticed and reported here first.
    """
    to_open, to_read = round(1000 * OPEN_TIMEOUT), round(1200 * FRAME_TIMEOUT)
    return cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, to_open, cv2.CAP_PROP_READ_TIMEOUT_MSEC, to_read


def wait_at_exit(thread: threading.Thread) -> None:
    """Make the interpreter wait for a thread inside OpenCV, a few seconds at most, before it exits.

    An interpreter that exits first may abort the process. The command `edge-digits` does not wait: see
    `edge_runtime.cli.process`.
    """
    atexit.register(thread.join, _EXIT_TIMEOUT)
