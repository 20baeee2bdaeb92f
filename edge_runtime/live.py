"""The live loop: frames in, views out, each with what is tracked in it; and the few controls it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.camera import Frame, FrameRate, Frames
from edge_runtime.events import Event, Number, Numbers
from edge_runtime.reader import DigitReader, Readers
from edge_runtime.results import Digit, Reading
from edge_runtime.tracks import Tracked, Tracks

STAGES = ("capture", "locate", "classify", "draw")

_PATIENCE = 0.1  # s without a frame after which there is a view all the same: windows want to be kept alive
_CELL = 8  # px, at most, that are averaged to see whether a frame differs from the one before
_CHANGED = 6  # levels by which one of these averages must have moved: noise does not, a thin stroke does
_REREAD_UNSETTLED, _REREAD = 0.2, 1.0  # s after which an unchanged frame is read all the same


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show after a frame: the frame itself and all that is known of it.

    `picture` is the frame, BGR uint8 `(H, W, 3)`, not drawn on and not to be written to; `frame` counts from
    0; `seconds` is the source's time since its start, `time` the moment as seconds since the epoch;
    `digits` and `numbers` are what the `tracks` say in reading order, `events` what has just settled, changed
    or left. `stages` are seconds by the names of `STAGES` ("draw" is that of the view before), `rate` is
    frames a second. `fresh` is whether the frame was read, rather than found to be as the one before.
    `trouble` is why no new frames come ("" while they do): the picture is then the last one that came.
    """

    picture: NDArray[np.uint8]
    frame: int
    seconds: float
    time: float
    digits: tuple[Digit, ...] = ()
    numbers: tuple[Number, ...] = ()
    tracks: tuple[Tracked, ...] = ()
    events: tuple[Event, ...] = ()
    stages: dict[str, float] = field(default_factory=dict)
    rate: float = 0.0
    fresh: bool = True
    trouble: str = ""
    paused: bool = False
    model: str = "int8"
    source: str = ""  # as it is called in messages: "camera 0"
    obtained: str = ""  # what the source gives: "640x480 at 30 fps (asked for 1280x720)"


class Live:
    """Reads a source's frames one after the other, in the thread that iterates over `views`.

    `paused` may be set, another of the `readers` be switched on and `stop` be called from any thread. `tell`
    gets a line for the log whenever the source falls into trouble or out of it.
    """

    def __init__(self, frames: Frames, readers: Readers, tell: Callable[[str], None]) -> None:
        self.paused = False
        self._frames, self._tell = frames, tell
        self.readers = readers
        self._stopping = threading.Event()
        self._tracks = Tracks(readers.reader.classifier.info.refuse_below)
        self._numbers = Numbers()
        self._rate = FrameRate()
        self._trouble = ""
        self._last: Frame | None = None  # that came, whether it was looked at or not
        self._clock = 0.0  # s in which frames were looked at: nothing ages in the others
        self._reading, self._read_at = Reading(""), -_REREAD
        self._read_by: DigitReader | None = None
        self._glance: NDArray[np.uint8] | None = None
        self._unsettled = False

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
                view = replace(view, paused=halted, trouble=self._trouble, events=events, fresh=False)
            if view is not None:
                start = time.perf_counter()
                yield view
                drawing = time.perf_counter() - start

    def _watch(self, frame: Frame | None) -> tuple[Event, ...]:
        """Say what has become of the source, in the log and, where it is live, as an event."""
        before, self._trouble = self._trouble, self._frames.trouble
        if self._trouble == before:
            return ()
        if self._trouble:
            self._tell(f"{self._frames.name}: {self._trouble}")
        elif self._frames.live:
            self._tell(f"{self._frames.name} is back")
        last = frame or self._last
        if not self._frames.live or last is None or (before and self._trouble):
            return ()
        kind = "lost" if self._trouble else "back"
        return (Event(kind, last.seconds, time.time(), last.number, reason=self._trouble),)

    def _pass_time(self, frame: Frame, *, unseen: bool) -> None:
        if self._last is not None and not unseen:
            self._clock += max(0.0, frame.seconds - self._last.seconds)
        self._last = frame

    def _look(self, frame: Frame, before: View | None, drawing: float, events: tuple[Event, ...]) -> View:
        """Read a frame, unless it shows what the one before did, and follow the digits into it."""
        start = time.perf_counter()
        height, width = frame.picture.shape[:2]
        if before is not None and before.picture.shape != frame.picture.shape:
            # Places in a picture of another size mean nothing.
            self._tracks.clear()
            self._numbers.clear()
        fresh = self._is_news(frame)
        split: dict[str, float] = {}
        reader, model = self.readers.reader, self.readers.model
        if fresh or reader is not self._read_by:
            self._reading, split = reader.read_timed(frame.picture)
            self._read_by, fresh = reader, True
        followed = time.perf_counter()
        self._tracks.refuse_below = reader.classifier.info.refuse_below
        tracked = self._tracks.update(self._reading.digits, self._clock, (width, height))
        now = time.time()
        numbers, changes = self._numbers.update(tracked, self._clock)
        news = [Event(c.kind, frame.seconds, now, frame.number, c.number, c.previous) for c in changes]
        self._unsettled = not all(number.settled for number in numbers)
        done = time.perf_counter()
        stages = {
            "capture": start - frame.arrived,
            "locate": split.get("grey", 0.0) + split.get("locate", 0.0),
            "classify": split.get("tile", 0.0) + split.get("classify", 0.0) + done - followed,
            "draw": drawing,
        }
        return View(
            picture=frame.picture,
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
            trouble=self._trouble,
            model=model,
            source=self._frames.name,
            obtained=self._frames.obtained,
        )

    def _is_news(self, frame: Frame) -> bool:
        """Whether a frame differs from the one that was read last, or that was read too long ago."""
        picture = frame.picture
        factor = max(1, min(_CELL, min(picture.shape[:2]) // 60))
        size = (max(1, picture.shape[1] // factor), max(1, picture.shape[0] // factor))
        glance = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        patience = _REREAD_UNSETTLED if self._unsettled else _REREAD
        if (
            self._glance is not None
            and self._glance.shape == glance.shape
            and frame.seconds - self._read_at < patience
            and cv2.norm(glance, self._glance, cv2.NORM_INF) < _CHANGED
        ):
            return False
        self._glance, self._read_at = glance, frame.seconds
        return True
