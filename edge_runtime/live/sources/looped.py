"""A video or folder that starts again at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_runtime.errors import SourceError
from edge_runtime.live.sources.base import Frame, Frames


class LoopedFrames(Frames):
    """The frames of what `opened` returns, again and again; numbers and times go on.

    It ends only if a pass has no frames at all, or ends with a problem. Any other problem is told once.
    """

    def __init__(self, opened: Callable[[], Frames]) -> None:
        self._open = opened
        self._frames = opened()
        self.name, self.live = self._frames.name, self._frames.live
        self.capture_format = self._frames.capture_format
        self._first = 0  # number and time of the first frame of this pass
        self._first_seconds = 0.0
        self._last: Frame | None = None  # of this pass
        self._told: set[str] = set()  # problems

    def next(self, timeout: float) -> Frame | None:
        """As `Frames.next`. At the end of a pass, the next one is opened."""
        frame = self._frames.next(timeout)
        self.problem, self.ended = self._frames.problem, self._frames.ended
        if self.problem in self._told and not self.ended:
            self.problem = ""
        self._told.add(self.problem)
        if frame is None:
            if self.ended and not self.problem and self._last is not None:
                self._restart(self._last)
            return None
        self._last = replace(
            frame, number=frame.number + self._first, seconds=frame.seconds + self._first_seconds
        )
        return self._last

    def _restart(self, last: Frame) -> None:
        self._frames.close()
        self._first, self._first_seconds = last.number + 1, last.seconds + self._frames.period
        self._last = None
        try:
            self._frames = self._open()
            self._frames.begin_after(last)
            self.ended = False
        except SourceError as error:  # it has been removed
            self.problem = str(error)

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
