"""Events of `edge-digits camera` on standard output, as text or as JSON lines."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.live.events import Event
    from edge_runtime.live.view import View


def print_json(view: View) -> None:
    """Print one line of JSON per event."""
    for event in view.events:
        sys.stdout.write(event.as_json() + "\n")
    if view.events:
        sys.stdout.flush()


class EventPrinter:
    """Prints one line of text per event, with the time of day, or the time in the video if it is not live."""

    def __init__(self, *, live: bool) -> None:
        self._live = live

    def print(self, view: View) -> None:
        """Print the events of a view; those of the source itself are in the log."""
        for event in view.events:
            if event.number:
                print(f"{self._time(event)}  {_describe(event)}", flush=True)

    def _time(self, event: Event) -> str:
        return f"{datetime.fromtimestamp(event.time):%H:%M:%S}" if self._live else f"{event.seconds:8.2f} s"


def _describe(event: Event) -> str:
    """An event in words, such as "42  appeared  0.981" or "77  changed from 42  0.975"."""
    assert event.number
    if event.kind == "left":
        return f"{event.number.text}  left"
    previous = "" if event.previous is None else f" from {event.previous}"
    return f"{event.number.text}  {event.kind}{previous}  {event.number.confidence:.3f}"
