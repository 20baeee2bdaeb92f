"""Live sources: the newest frames of a camera or stream, which is reconnected when it is lost."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import MissingDependencyError, SourceError
from edge_runtime.live.sources import base
from edge_runtime.live.sources.base import CaptureRequest, Frame, Frames

FIRST_PAUSE = 0.5  # s before a lost source is reopened; doubles after each failure
LONGEST_PAUSE = 3.0  # s; the pause does not grow further
MAX_HANGING = 3  # while a driver blocks this many threads, no more are started
_STEADY = 5.0  # s; a connection that has delivered images for longer resets the pause


class Capture(Protocol):
    """An open device or stream."""

    rate: float  # frames/s as it reports them, 0 if unknown
    slow: bool  # whether every image may take as long as the first one

    def read(self) -> NDArray[np.uint8] | None:
        """Wait for the next image, BGR uint8 `(H, W, 3)`; None when there are no more."""

    def release(self) -> None:
        """Close it."""


class LiveFrames(Frames):
    """The newest frames of a camera or stream, each returned at most once.

    A thread of its own empties the camera's buffer, so a slow reader skips frames and does not fall behind.
    Raises `SourceError` when no first frame arrives. A source is lost when it ends, fails, or delivers no
    image for `base.FRAME_TIMEOUT`, or `base.OPEN_TIMEOUT` if it is slow. Then `problem` is the reason, and
    `next` reconnects after a pause.

    `connect` opens the capture and may block. `device` is the path that disappears when the camera is
    unplugged, "" if there is none.
    """

    live = True

    def __init__(
        self, name: str, connect: Callable[[], Capture], request: CaptureRequest, *, device: str = ""
    ) -> None:
        self.name, self._connect, self._request, self._device = name, connect, request, device
        self._changed = threading.Condition()
        self._hanging: list[_Connection] = []  # lost connections whose threads have not ended yet
        self._pause, self._retry_at = FIRST_PAUSE, 0.0
        self._number = 0
        self._first_arrival: float | None = None
        connection = _Connection(connect, self._changed)
        self._connection: _Connection | None = connection
        try:
            with self._changed:
                connection.start()
                self._changed.wait_for(lambda: connection.newest or connection.failure, base.OPEN_TIMEOUT)
                newest, failure = connection.newest, connection.failure
        except BaseException:  # such as Ctrl-C while the camera starts
            self.close()
            raise
        if newest is None:
            self.close()
            if isinstance(failure, MissingDependencyError):
                raise failure
            reason = _reason(failure) or f"no image within {base.OPEN_TIMEOUT:.0f} s; is it in use elsewhere?"
            raise SourceError(f"{name}: {reason}")
        self._describe(newest[0], connection.rate)

    def next(self, timeout: float) -> Frame | None:
        """As `Frames.next`; older frames are skipped."""
        with self._changed:
            connection = self._connection
            if connection:
                self._changed.wait_for(lambda: connection.newest or connection.failure, timeout)
                if connection.newest and not self._unplugged():
                    return self._take(connection)
                reason = _reason(connection.failure) or self._stalled(connection)
                if reason:
                    self._lose(connection, reason)
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
        """Why a connection that reports no failure counts as lost; "" if it does not."""
        if self._unplugged():
            return "unplugged"
        waited = time.perf_counter() - connection.last_active
        quick = connection.delivered and not connection.slow
        patience = base.FRAME_TIMEOUT if quick else base.OPEN_TIMEOUT
        return f"no image for {waited:.0f} s" if waited > patience else ""

    def _unplugged(self) -> bool:
        """Whether the device's file is gone. Some drivers repeat the last image of an unplugged camera."""
        return bool(self._device) and not os.path.exists(self._device)

    def _lose(self, connection: _Connection, reason: str) -> None:
        connection.abandoned = True
        if connection.delivered and connection.last_active - connection.began > _STEADY:
            self._pause = FIRST_PAUSE
        self._hanging = [each for each in (*self._hanging, connection) if each.is_alive()]
        self._connection = None
        self._retry_at = time.monotonic() + self._pause
        self.problem = f"{reason}; reconnecting"
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _reconnect(self) -> None:
        self._hanging = [each for each in self._hanging if each.is_alive()]
        if len(self._hanging) >= MAX_HANGING:
            self.problem = "the driver does not respond; unplug the camera and plug it in again"
            self._retry_at = time.monotonic() + LONGEST_PAUSE
            return
        self._connection = _Connection(self._connect, self._changed)
        self._connection.start()

    def _describe(self, image: NDArray[np.uint8], rate: float) -> None:
        size, wanted = (image.shape[1], image.shape[0]), self._request
        granted = wanted.size in (None, size) and (not wanted.rate or abs(rate - wanted.rate) < 1)
        self.capture_format = base.describe_format(*size, rate)
        if not granted:
            self.capture_format += f" (requested {wanted})"

    def close(self) -> None:
        """Release the device. Waits at most a second for a read in progress."""
        connection, self._connection = self._connection, None
        if connection:
            connection.abandoned = True
            if connection.is_alive():  # Ctrl-C may come before it is started
                connection.join(base.CLOSE_TIMEOUT)
            self._hanging.append(connection)
        for each in self._hanging:
            if each.is_alive():
                base.wait_at_exit(each)
        self._hanging = []


class _Connection(threading.Thread):
    """One attempt at a live source: opens it and keeps its newest image, until it fails or is abandoned.

    A daemon thread: a driver that blocks forever must not keep the process alive.
    """

    def __init__(self, connect: Callable[[], Capture], changed: threading.Condition) -> None:
        super().__init__(name="capture", daemon=True)
        self._connect, self._changed = connect, changed
        self.newest: tuple[NDArray[np.uint8], float] | None = None  # and its arrival; None once it is taken
        self.failure: Exception | None = None
        self.delivered, self.abandoned = False, False
        self.began = self.last_active = time.perf_counter()
        self.rate, self.slow = 0.0, False

    def run(self) -> None:
        """Capture images; errors end up in `failure`, since nothing would catch them in this thread."""
        try:
            capture = self._connect()
        except Exception as error:
            self._fail(error)
            return
        self.slow = capture.slow
        try:
            while not self.abandoned:
                image = capture.read()
                if image is None:
                    self._fail(SourceError("no more images"))
                    return
                with self._changed:
                    self.last_active = time.perf_counter()
                    self.newest, self.rate, self.delivered = (image, self.last_active), capture.rate, True
                    self._changed.notify_all()
        except Exception as error:
            self._fail(error)
        finally:
            capture.release()

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self.failure = error
            self._changed.notify_all()

    def take(self) -> tuple[NDArray[np.uint8], float]:
        """Return the newest image and its arrival, once."""
        assert self.newest is not None
        taken, self.newest = self.newest, None
        return taken


def _reason(error: Exception | None) -> str:
    """An error in one line: the first line of its message, or else its type; "" for None."""
    return "" if error is None else (str(error).splitlines() or [""])[0] or type(error).__name__
