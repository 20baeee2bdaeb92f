"""The live loop: frames in, views out, each with what is tracked in it; and the few controls it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.live.events import Event
from edge_runtime.live.numbers import Numbers
from edge_runtime.live.sources.base import Frame, Frames
from edge_runtime.live.tracker import Tracker
from edge_runtime.live.view import View
from edge_runtime.reading.reader import DigitReader
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.results import Reading


class FrameRate:
    """Frames a second over the last two seconds or so."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def tick(self) -> float:
        """Count a frame that is done now; return the present rate, 0 until there are two."""
        now = time.monotonic()
        self._times = [moment for moment in self._times if now - moment < 2] + [now]
        span = now - self._times[0]
        return (len(self._times) - 1) / span if span else 0.0


_PATIENCE = 0.1  # s without a frame after which there is a view all the same: windows want to be kept alive
_CELL = 8  # px, at most, that are averaged to see whether a frame differs from the one before
_CHANGED = 6  # levels by which one of these averages must have moved: noise does not, a thin stroke does
_REREAD_UNSETTLED, _REREAD = 0.2, 1.0  # s after which an unchanged frame is read all the same


class Live:
    """Reads a source's frames one after the other, in the thread that iterates over `views`.

    `paused` may be set, another of the `readers` be switched on and `stop` be called from any thread. `tell`
    gets a line for the log whenever the source falls into problem or out of it.
    """

    def __init__(self, frames: Frames, readers: SwitchableReader, tell: Callable[[str], None]) -> None:
        self.paused = False
        self._frames, self._tell = frames, tell
        self.readers = readers
        self._stopping = threading.Event()
        self._tracks = Tracker(readers.reader.classifier.info.rejection_threshold)
        self._numbers = Numbers()
        self._rate = FrameRate()
        self._problem = ""
        self._last: Frame | None = None  # that came, whether it was looked at or not
        self._clock = 0.0  # s in which frames were looked at: nothing ages in the others
        self._reading, self._read_at = Reading(""), -_REREAD
        self._read_by: DigitReader | None = None
        self._glance: NDArray[np.uint8] | None = None
        self._unconfirmed = False

    def stop(self) -> None:
        """End `views` after the present one."""
        self._stopping.set()

    def views(self) -> Iterator[View]:
        """A view for every frame; without frames the last one, several times a second.

        Ends with the source, or after `stop`.
        """
        view: View | None = None
        drawing = 0.0
        while not self._stopping.is_set():
            halted = self.paused and view is not None  # there has to be something to hold
            if halted and not self._frames.live:
                time.sleep(_PATIENCE / 2)
                frame = None
            else:
                frame = self._frames.next(_PATIENCE)
            events = self._watch(frame)
            if frame is None and self._frames.ended:
                return
            if frame is not None:
                self._pass_time(frame, unseen=halted or any(event.kind == "back" for event in events))
            if frame is not None and not halted:
                view = self._look(frame, view, drawing, events)
            elif view is not None:
                # What is shown stays as it is; the source's state is news all the same.
                view = replace(view, paused=halted, problem=self._problem, events=events, fresh=False)
            if view is not None:
                start = time.perf_counter()
                yield view
                drawing = time.perf_counter() - start

    def _watch(self, frame: Frame | None) -> tuple[Event, ...]:
        """Say what has become of the source, in the log and, where it is live, as an event."""
        before, self._problem = self._problem, self._frames.problem
        if self._problem == before:
            return ()
        if self._problem:
            self._tell(f"{self._frames.name}: {self._problem}")
        elif self._frames.live:
            self._tell(f"{self._frames.name} is back")
        last = frame or self._last
        if not self._frames.live or last is None or (before and self._problem):
            return ()
        kind = "lost" if self._problem else "back"
        return (Event(kind, last.seconds, time.time(), last.number, reason=self._problem),)

    def _pass_time(self, frame: Frame, *, unseen: bool) -> None:
        if self._last is not None and not unseen:
            self._clock += max(0.0, frame.seconds - self._last.seconds)
        self._last = frame

    def _look(self, frame: Frame, before: View | None, drawing: float, events: tuple[Event, ...]) -> View:
        """Read a frame, unless it shows what the one before did, and follow the digits into it."""
        start = time.perf_counter()
        height, width = frame.image.shape[:2]
        if before is not None and before.image.shape != frame.image.shape:
            # Places in an image of another size mean nothing.
            self._tracks.clear()
            self._numbers.clear()
        fresh = self._is_news(frame)
        reader, model = self.readers.reader, self.readers.model
        if fresh or reader is not self._read_by:
            self._reading = reader.read(frame.image)
            self._read_by, fresh = reader, True
        spent = self._reading.seconds if fresh else {}
        followed = time.perf_counter()
        self._tracks.rejection_threshold = reader.classifier.info.rejection_threshold
        tracked = self._tracks.update(self._reading.digits, self._clock, (width, height))
        now = time.time()
        numbers, changes = self._numbers.update(tracked, self._clock)
        news = [Event(c.kind, frame.seconds, now, frame.number, c.number, c.previous) for c in changes]
        self._unconfirmed = not all(number.confirmed for number in numbers)
        done = time.perf_counter()
        stages = {
            "capture": start - frame.arrived,
            "detect": spent.get("preprocess", 0.0) + spent.get("detect", 0.0),
            "classify": spent.get("crop", 0.0) + spent.get("classify", 0.0) + done - followed,
            "draw": drawing,
        }
        return View(
            image=frame.image,
            frame=frame.number,
            seconds=frame.seconds,
            time=now,
            digits=tuple(digit for number in numbers for digit in number.digits),
            numbers=numbers,
            tracks=tracked,
            events=(*events, *news),
            stages=stages,
            rate=self._rate.tick(),
            fresh=fresh,
            problem=self._problem,
            model=model,
            source=self._frames.name,
            capture_format=self._frames.capture_format,
        )

    def _is_news(self, frame: Frame) -> bool:
        """Whether a frame differs from the one that was read last, or that was read too long ago."""
        image = frame.image
        factor = max(1, min(_CELL, min(image.shape[:2]) // 60))
        size = (max(1, image.shape[1] // factor), max(1, image.shape[0] // factor))
        glance = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        patience = _REREAD_UNSETTLED if self._unconfirmed else _REREAD
        if (
            self._glance is not None
            and self._glance.shape == glance.shape
            and frame.seconds - self._read_at < patience
            and cv2.norm(glance, self._glance, cv2.NORM_INF) < _CHANGED
        ):
            return False
        self._glance, self._read_at = glance, frame.seconds
        return True
