"""The live loop: takes frames from a source, reads and tracks them, and yields views."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.live.events import Event
from edge_runtime.live.numbers import NumberTracker
from edge_runtime.live.sources.base import Frame, Frames
from edge_runtime.live.tracker import Tracker
from edge_runtime.live.view import View
from edge_runtime.reading.reader import DigitReader
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.results import Reading

_FRAME_WAIT_SECONDS = 0.1  # without a frame for this long, the last view is repeated for the window
_RATE_SECONDS = 2.0  # time over which the frame rate is averaged

# A frame that looks like the one that was read last is not read again, except now and then, because the
# thumbnails may miss a small change. Numbers that are not confirmed yet need more observations, so they are
# read sooner, and sooner still if the last reading contradicts those before.
_REREAD_SECONDS = 1.0
_REREAD_UNCONFIRMED_SECONDS = 0.2
_REREAD_CONTRADICTED_SECONDS = 0.1
_THUMBNAIL_SCALE = 8  # px, at most: side of the square whose mean is one pixel of a thumbnail
_THUMBNAIL_SIDE = 60  # px; small frames are scaled less, so that the shorter side does not fall below this
_CHANGED_LEVELS = 6  # grey levels by which one pixel must change: more than noise, less than a thin stroke


class FrameRate:
    """Frames per second over the last two seconds."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def tick(self) -> float:
        """Count a frame now and return the current rate; 0 until there are two frames."""
        now = time.monotonic()
        self._times = [moment for moment in self._times if now - moment < _RATE_SECONDS] + [now]
        span = now - self._times[0]
        return (len(self._times) - 1) / span if span else 0.0


class Live:
    """Reads a source frame by frame, in the thread that iterates over `views`.

    Any thread may set `paused`, switch the model of `reader`, or call `stop`. `log` is called with one line
    of text whenever the source reports a problem or is back. `stopping` is set by `stop`.
    """

    def __init__(self, frames: Frames, reader: SwitchableReader, log: Callable[[str], None]) -> None:
        self.paused = False
        self.reader = reader
        self._frames, self._log = frames, log
        self.stopping = threading.Event()
        self._tracker = Tracker(reader.reader.classifier.info.rejection_threshold)
        self._number_tracker = NumberTracker()
        self._reread_seconds = _REREAD_SECONDS  # a frame that looks like the last one is read after this time
        self._rate = FrameRate()
        self._problem = ""
        self._last_frame: Frame | None = None  # the newest one, even if it came during a pause
        self._tracked_seconds = 0.0  # the trackers' clock: it stands still during pauses and losses
        self._reading = Reading("")
        self._read_by: DigitReader | None = None
        self._read_at = 0.0  # the source's time of the frame that was read last
        self._thumbnail: NDArray[np.uint8] | None = None  # of that frame

    def stop(self) -> None:
        """End `views` after the current view."""
        self.stopping.set()

    def views(self) -> Iterator[View]:
        """Yield a view for every frame, and the last view again every 0.1 s while no frame comes.

        Ends when the source has ended, or after `stop`.
        """
        view: View | None = None
        draw_seconds = 0.0
        while not self.stopping.is_set():
            paused = self.paused and view is not None  # a pause needs a view to show
            frame = self._next_frame(paused)
            events = self._watch_source(frame)
            if frame is None and self._frames.ended:
                return
            if frame is not None:
                is_back = any(event.kind == "back" for event in events)
                self._advance_clock(frame, standing=paused or is_back)
            if frame is not None and not paused:
                view = self._process(frame, view, events, draw_seconds)
            elif view is not None:
                rate = 0.0 if self._problem else view.rate
                view = replace(
                    view, paused=paused, problem=self._problem, events=events, fresh=False, rate=rate
                )
            if view is not None:
                start = time.perf_counter()
                yield view
                draw_seconds = time.perf_counter() - start

    def _next_frame(self, paused: bool) -> Frame | None:
        """The next frame, or None if none comes in time. A pause stops files, but live sources go on."""
        if paused and not self._frames.live:
            time.sleep(_FRAME_WAIT_SECONDS / 2)
            return None
        return self._frames.next(_FRAME_WAIT_SECONDS)

    def _watch_source(self, frame: Frame | None) -> tuple[Event, ...]:
        """Log a change in the state of the source; return it as an event if the source is live."""
        before, self._problem = self._problem, self._frames.problem
        if self._problem == before:
            return ()
        if self._problem:
            self._log(f"{self._frames.name}: {self._problem}")
        elif self._frames.live:
            self._log(f"{self._frames.name} is back")
        last = frame or self._last_frame
        still_lost = before and self._problem
        if not self._frames.live or last is None or still_lost:
            return ()
        kind = "lost" if self._problem else "back"
        return (Event(kind, last.seconds, time.time(), last.number, reason=self._problem),)

    def _advance_clock(self, frame: Frame, *, standing: bool) -> None:
        """Advance the trackers' clock to a frame; if `standing`, let it stand, so that no number leaves."""
        if self._last_frame is not None and not standing:
            self._tracked_seconds += max(0.0, frame.seconds - self._last_frame.seconds)
        self._last_frame = frame

    def _process(
        self, frame: Frame, previous: View | None, source_events: tuple[Event, ...], draw_seconds: float
    ) -> View:
        """Read a frame, update the trackers and build the view."""
        start = time.perf_counter()
        height, width = frame.image.shape[:2]
        if previous is not None and previous.image.shape != frame.image.shape:
            # Positions cannot be compared between frames of different sizes.
            self._tracker.clear()
            self._number_tracker.clear()
            self._thumbnail = None  # those of frames of two sizes may be equal
        reader, model = self.reader.reader, self.reader.model
        fresh = self._read_if_needed(frame, reader)
        read = time.perf_counter()
        self._tracker.rejection_threshold = reader.classifier.info.rejection_threshold
        if fresh:
            tracks = self._tracker.update(self._reading.digits, self._tracked_seconds, (width, height))
        else:
            tracks = self._tracker.hold(self._tracked_seconds, (width, height))
        numbers, changes = self._number_tracker.update(tracks, self._tracked_seconds, width)
        if not self._tracker.agrees():
            self._reread_seconds = _REREAD_CONTRADICTED_SECONDS
        elif all(number.confirmed for number in numbers):
            self._reread_seconds = _REREAD_SECONDS
        else:
            self._reread_seconds = _REREAD_UNCONFIRMED_SECONDS
        track_seconds = time.perf_counter() - read
        now = time.time()
        number_events = (
            Event(change.kind, frame.seconds, now, frame.number, change.number, change.previous)
            for change in changes
        )
        spent = self._reading.seconds if fresh else {}
        return View(
            image=frame.image,
            frame=frame.number,
            seconds=frame.seconds,
            time=now,
            digits=tuple(digit for number in numbers for digit in number.digits),
            numbers=numbers,
            tracks=tracks,
            events=(*source_events, *number_events),
            stages={
                "capture": start - frame.arrived,
                "detect": spent.get("preprocess", 0.0) + spent.get("detect", 0.0),
                "classify": spent.get("crop", 0.0) + spent.get("classify", 0.0) + track_seconds,
                "draw": draw_seconds,
            },
            rate=self._rate.tick(),
            fresh=fresh,
            problem=self._problem,
            model=model,
            source=self._frames.name,
            capture_format=self._frames.capture_format,
        )

    def _read_if_needed(self, frame: Frame, reader: DigitReader) -> bool:
        """Update `_reading` and return True, or return False if the last reading still holds."""
        thumbnail = _make_thumbnail(frame.image)
        if (
            reader is self._read_by
            and frame.seconds - self._read_at < self._reread_seconds
            and self._thumbnail is not None
            and _look_alike(thumbnail, self._thumbnail)
        ):
            return False
        self._reading = reader.read(frame.image, rotate=0)
        self._read_by, self._read_at, self._thumbnail = reader, frame.seconds, thumbnail
        return True


def _make_thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small copy of a frame: uint8 `(H, W, 3)`, in which noise is averaged away."""
    height, width = image.shape[:2]
    scale = max(1, min(_THUMBNAIL_SCALE, min(height, width) // _THUMBNAIL_SIDE))
    size = (max(1, width // scale), max(1, height // scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _look_alike(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """Whether two thumbnails have the same shape and differ by no more than noise in every pixel."""
    return a.shape == b.shape and cv2.norm(a, b, cv2.NORM_INF) < _CHANGED_LEVELS
