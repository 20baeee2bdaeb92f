"""TODO."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import MissingDependencyError, SourceError
from edge_runtime.live.sources.base import (
    _ANYTHING,
    FRAME_TIMEOUT,
    OPEN_TIMEOUT,
    CaptureRequest,
    Frame,
    Frames,
    _described,
    _reason,
)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 3.0  # s before a lost source is tried again, doubled every time
MOST_HANGING = 3  # threads that a driver may hold for ever before no more are risked
_STEADY = 5.0  # s that a connection must have given images for the pauses to begin anew


class Capture(Protocol):
    """A device or stream that is open: what a connection needs of it."""

    rate: float  # frames/s as it says itself, 0 where it does not

    def read(self) -> NDArray[np.uint8] | None:
        """Wait for the next image, BGR uint8 `(H, W, 3)`; None when there are no more."""

    def release(self) -> None:
        """Let go of it."""


class LiveFrames(Frames):
    """The newest frame of a live source, each at most once.

    A thread of its own empties the camera's buffer, so that a slow reader skips frames instead of falling
    behind. Raises `SourceError` when the source gives no first frame; one that is lost later, because it
    ends, fails or gives nothing for `FRAME_TIMEOUT`, says so in `problem` and is tried again and again.
    """

    live = True

    def __init__(
        self,
        name: str,
        connect: Callable[[], Capture],
        request: CaptureRequest = _ANYTHING,
        *,
        device: str = "",
    ) -> None:
        self.name, self._connect, self._wish, self._device = name, connect, request, device
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
            raise SourceError(f"{name}: {_reason(failure) or f'gave no image within {OPEN_TIMEOUT:.0f} s'}")
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
        image, arrived = connection.take()
        if self.problem:
            self.problem = ""
            self._describe(image, connection.rate)
        if self._first_arrival is None:
            self._first_arrival = arrived
        frame = Frame(image, self._number, arrived - self._first_arrival, arrived)
        self._number += 1
        return frame

    def _stalled(self, connection: _Connection) -> str:
        """Why a connection that reports nothing has to be given up; "" where it need not."""
        waited = time.perf_counter() - connection.heard
        patience = FRAME_TIMEOUT if connection.opened else OPEN_TIMEOUT
        # Some drivers go on handing out the last image of a camera that is gone.
        if self._device.startswith("/dev/") and not os.path.exists(self._device):
            return "was unplugged"
        return f"no image for {waited:.0f} s" if waited > patience else ""

    def _lose(self, connection: _Connection, failure: str) -> None:
        connection.given_up = True
        if connection.opened and connection.heard - connection.began > _STEADY:
            self._pause = FIRST_PAUSE
        self._hanging = [each for each in (*self._hanging, connection) if each.is_alive()]
        self._connection = None
        self._retry_at = time.monotonic() + self._pause
        self.problem = f"{failure}; trying again"
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _reconnect(self) -> None:
        self._hanging = [each for each in self._hanging if each.is_alive()]
        if len(self._hanging) >= MOST_HANGING:
            self.problem = "its driver hangs; unplug it and plug it in again"
            self._retry_at = time.monotonic() + LONGEST_PAUSE
            return
        self._connection = _Connection(self._connect, self._changed)
        self._connection.start()

    def _describe(self, image: NDArray[np.uint8], rate: float) -> None:
        size = (image.shape[1], image.shape[0])
        granted = self._wish.size in (None, size) and (not self._wish.rate or abs(rate - self._wish.rate) < 1)
        self.capture_format = _described(*size, rate) + ("" if granted else f" (asked for {self._wish})")

    def close(self) -> None:
        """Let go of the device; does not wait long for a driver that hangs."""
        connection, self._connection = self._connection, None
        if connection:
            connection.given_up = True
            # The interpreter should not end while the thread is inside OpenCV.
            connection.join(timeout=FRAME_TIMEOUT)


class _Connection(threading.Thread):
    """One attempt at a live source: opens it and takes its images until it fails or is given up.

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
        """Take images; any error ends up in `failure`: in this thread it would reach nobody."""
        try:
            capture = self._connect()
        except Exception as error:
            self._report(error)
            return
        try:
            while not self.given_up:
                image = capture.read()
                if image is None:
                    self._report(SourceError("gives no more images"))
                    return
                with self._changed:
                    self.heard = time.perf_counter()
                    self.fresh, self.rate, self.opened = (image, self.heard), capture.rate, True
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
        """The newest image and when it came, once."""
        assert self.fresh is not None
        taken, self.fresh = self.fresh, None
        return taken
