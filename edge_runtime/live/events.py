"""TODO."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from edge_runtime.results import Box, Digit

_SIDES = ("x", "y", "width", "height")


@dataclass(frozen=True, slots=True)
class Number:
    """Digits that stand together on a line, read as one: "4285".

    `id` stays while the number stays; `text` has a "?" for every digit that is not sure yet; `confidence`,
    0..1, is that of the least sure digit; `confirmed` is whether all of it has been steady for a moment.
    """

    id: int
    text: str
    confidence: float
    box: Box
    digits: tuple[Digit, ...] = ()
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `kind` is "appeared", "changed", "left", "lost" or "back".

    `seconds` is the source's time since its start, `time` seconds since the epoch, `frame` the frame's
    number. "lost" and "back" are the source's: `number` is None then, and `reason` says why it was lost.
    """

    kind: str
    seconds: float
    time: float
    frame: int
    number: Number | None = None
    previous: str | None = None  # the text before a change
    reason: str = ""

    def as_json(self) -> str:
        """One line of JSON, as `docs/live.md` describes it."""
        moment = datetime.fromtimestamp(self.time, timezone.utc).isoformat(timespec="milliseconds")
        row: dict[str, Any] = {
            "event": self.kind,
            "time": moment.replace("+00:00", "Z"),
            "seconds": round(self.seconds, 3),
            "frame": self.frame,
        }
        if self.number:
            box = self.number.box
            row |= {"id": self.number.id, "number": self.number.text}
            if self.previous is not None:
                row["previous"] = self.previous
            row |= {"confidence": round(self.number.confidence, 4)}
            row |= {side: getattr(box, side) for side in _SIDES}
            row["digits"] = [_digit_row(digit) for digit in self.number.digits]
        if self.reason:
            row["reason"] = self.reason
        return json.dumps(row)


def _digit_row(digit: Digit) -> dict[str, Any]:
    box = digit.box
    return {
        "digit": digit.value,
        "confidence": round(digit.confidence, 4),
        **{side: getattr(box, side) for side in _SIDES},
    }
