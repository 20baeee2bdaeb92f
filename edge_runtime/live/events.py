"""Events: a number appears, changes or leaves, or a source is lost or back. Written as JSON lines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from edge_runtime.results import Digit, Number


@dataclass(frozen=True, slots=True)
class TrackedNumber(Number):
    """A number that is followed from frame to frame.

    `id` stays the same as long as the number is tracked, whatever it reads. `confirmed` is whether all its
    digits are confirmed and the text has not changed for a moment.
    """

    id: int = 0
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a number or to the source.

    `kind` is "appeared", "changed" or "left" with the `number`, or "lost" or "back" for the source, without a
    number. `seconds` is the source's time since its first frame, `time` is in seconds since the epoch, and
    `frame` is the number of the frame, from 0.
    """

    kind: str
    seconds: float
    time: float
    frame: int
    number: TrackedNumber | None = None
    previous: str | None = None  # text of a number before it changed
    reason: str = ""  # why the source was lost

    def as_json(self) -> str:
        """One line of JSON, without the line break; docs/live.md describes its keys."""
        moment = datetime.fromtimestamp(self.time, timezone.utc).isoformat(timespec="milliseconds")
        row: dict[str, Any] = {
            "event": self.kind,
            "time": moment.replace("+00:00", "Z"),
            "seconds": round(self.seconds, 3),
            "frame": self.frame,
        }
        if self.number:
            row |= {"id": self.number.id, "number": self.number.text}
            if self.previous is not None:
                row["previous"] = self.previous
            row["confidence"] = round(self.number.confidence, 4)
            row |= asdict(self.number.box)
            row["digits"] = [_digit_row(digit) for digit in self.number.digits]
        if self.reason:
            row["reason"] = self.reason
        return json.dumps(row)


def _digit_row(digit: Digit) -> dict[str, Any]:
    return {"digit": digit.value, "confidence": round(digit.confidence, 4), **asdict(digit.box)}
