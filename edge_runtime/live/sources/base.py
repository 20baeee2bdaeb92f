"""TODO."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

OPEN_TIMEOUT = 10.0  # s, to the first image
FRAME_TIMEOUT = 1.8  # s, from one image to the next
PICAMERA = "picamera"

_PICAMERA_SETUP = (
    "on Raspberry Pi OS: sudo apt install python3-picamera2, then make the virtual environment anew with "
    "python3 -m venv --system-site-packages .venv and install edge-digits in it; rpicam-hello shows whether "
    "the camera itself works"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of a source: BGR uint8 `(H, W, 3)`.

    `number` counts the frames that were handed over, from 0; `seconds` is the source's own time since its
    first frame (a file's by its frame rate); `arrived` is when it came, by `time.perf_counter`.
    """

    image: NDArray[np.uint8]
    number: int
    seconds: float
    arrived: float


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """What a camera is asked for; it may give something else. None leaves it the choice."""

    size: tuple[int, int] | None = None  # width, height in px
    rate: float | None = None  # frames/s

    def __str__(self) -> str:
        size = f"{self.size[0]}x{self.size[1]}" if self.size else ""
        return " at ".join(part for part in (size, f"{self.rate:g} fps" if self.rate else "") if part)


_ANYTHING = CaptureRequest()


class Frames(ABC):
    """A source of frames, to be asked for one after the other, inside `with`.

    `name` is what messages call it, `live` whether it goes on by itself; `capture_format` says what size and rate
    it gives; `problem` why nothing comes at present, "" while all is well; `ended` whether it is through.
    """

    name: str
    live = False
    capture_format = ""
    problem = ""
    ended = False

    @abstractmethod
    def next(self, timeout: float) -> Frame | None:
        """The next frame, or None when there is none within `timeout` s: see `problem` and `ended`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the device or file."""

    def __enter__(self) -> Frames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _reason(error: Exception | None) -> str:
    """An error in a line; of OpenCV's, which go on for long, the first."""
    return "" if error is None else (str(error).splitlines() or [""])[0] or type(error).__name__


def _described(width: int, height: int, rate: float) -> str:
    return f"{width}x{height}" + (f" at {rate:.0f} fps" if rate >= 1 else "")


def _limits() -> tuple[int, ...]:
    """For how long FFmpeg waits for a server; longer than we do: the word on a silent one is ours."""
    to_open, to_read = round(1000 * OPEN_TIMEOUT), round(1200 * FRAME_TIMEOUT)
    return cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, to_open, cv2.CAP_PROP_READ_TIMEOUT_MSEC, to_read
