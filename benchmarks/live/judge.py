"""TODO."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_runtime.live.events import Event
from edge_runtime.live.view import View
from edge_runtime.results import Box
from train.synthetic.videos import stage

_PLAIN = 0.9  # share of its ink that must be seen for a digit to be judged
_GRACE = 10  # frames for which the truth of a moment ago still counts: tracks may last that long
_LATE = 45  # frames before an event in which what it tells must have been true

_ON = 0.2  # overlap (intersection over union) from which on a track stands on a digit


# Steadiness -----------------------------------------------------------------------------------------------
@dataclass
class Judge:
    """Compares what is told of a video with its truth, frame by frame."""

    past: deque[Sequence[stage.Shown]] = field(default_factory=lambda: deque(maxlen=_LATE))
    frames: int = 0
    changes: int = 0
    confirmed: dict[int, bool] = field(default_factory=dict)  # by track: whether it was always right
    told: int = 0
    wrong: list[str] = field(default_factory=list)
    plain: Counter[int] = field(default_factory=Counter)  # by digit: frames in which it could be read
    found: set[int] = field(default_factory=set)
    delays: dict[int, int] = field(
        default_factory=dict
    )  # by number: frames from when it was whole to its event
    _values: dict[int, int] = field(default_factory=dict)  # by digit: as it was shown last while it was plain
    _whole: Counter[int] = field(default_factory=Counter)  # by number: frames in a row, all of it plain
    _lasting: set[int] = field(default_factory=set)  # numbers that were whole for long enough

    def see(self, view: View, shown: Sequence[stage.Shown]) -> None:
        """Judge one view by the digits that are in its frame."""
        self.frames += 1
        self.past.append(shown)
        self.plain.update(each.id for each in shown if each.visible >= _PLAIN)
        self._see_numbers(shown)
        for track in view.tracks:
            under = _under(track.digit.box, shown)
            value = track.digit.value
            if value is None:
                continue
            late = [each for moment in list(self.past)[-_GRACE:] for each in moment]
            was_true = any(e.value == value and _overlap(e.box, track.digit.box) > _ON for e in late)
            # What was true there a moment ago is late, not flickering.
            if under and under.visible >= _PLAIN and (value == under.value or not was_true):
                self.changes += self._values.get(under.id, value) != value
                self._values[under.id] = value
            if track.confirmed and (under is None or under.visible >= _PLAIN):
                self.confirmed[track.id] = self.confirmed.get(track.id, True) and was_true
                if was_true and under:
                    self.found.add(under.id)
        for event in view.events:
            self._hear(event)

    def _see_numbers(self, shown: Sequence[stage.Shown]) -> None:
        whole = {number for number, digits in _by_number(shown).items() if _is_whole(digits)}
        for number in list(self._whole):
            if number not in whole:
                del self._whole[number]
        self._whole.update(whole)
        self._lasting |= {number for number, frames in self._whole.items() if frames >= 2 * stage.FPS}

    def _hear(self, event: Event) -> None:
        if event.number is None:
            return
        name = f"frame {event.frame}: {event.kind} {event.number.text}"
        if event.kind == "left":
            # Wrong where all of it has been there, plainly, for as long as tracks may last.
            late = list(self.past)[-_GRACE:]
            if len(late) == _GRACE and all(
                _teller(event, moment, plainly=True) is not None for moment in late
            ):
                self.wrong.append(name)
            return
        self.told += 1
        tellers = [_teller(event, moment) for moment in self.past]
        if all(teller is None for teller in tellers):
            self.wrong.append(name)
        now = tellers[-1]
        if now is not None and now in self._whole:
            self.delays.setdefault(now, self._whole[now])

    def figures(self) -> dict[str, Any]:
        """Counts, to be added up over videos."""
        lasting = {number for number, frames in self.plain.items() if frames >= stage.FPS}
        return {
            "frames": self.frames,
            "confirmed_tracks": len(self.confirmed),
            "right_tracks": sum(self.confirmed.values()),
            "label_changes": self.changes,
            "events": self.told,
            "wrong_events": len(self.wrong),
            "lasting_digits": len(lasting),
            "found_digits": len(lasting & self.found),
            "lasting_numbers": len(self._lasting),
            "told_numbers": len(self._lasting & set(self.delays)),
        }


def _by_number(shown: Sequence[stage.Shown]) -> dict[int, list[stage.Shown]]:
    """The digits of each number that is in a frame, from the left."""
    numbers: dict[int, list[stage.Shown]] = defaultdict(list)
    for each in sorted(shown, key=lambda each: each.box.x):
        numbers[each.number].append(each)
    return numbers


def _is_whole(digits: Sequence[stage.Shown]) -> bool:
    inside = all(
        min(box.x, box.y, stage.WIDTH - box.x - box.width, stage.HEIGHT - box.y - box.height) > 2
        for box in (each.box for each in digits)
    )
    return inside and all(each.visible >= _PLAIN for each in digits)


def _under(box: Box, shown: Sequence[stage.Shown]) -> stage.Shown | None:
    best = max(shown, key=lambda each: _overlap(box, each.box), default=None)
    return best if best and _overlap(box, best.box) > _ON else None


def _shared(one: Box, other: Box) -> int:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(0, across) * max(0, down)


def _overlap(one: Box, other: Box) -> float:
    shared = _shared(one, other)
    return shared / max(1, one.width * one.height + other.width * other.height - shared)


def _teller(event: Event, shown: Sequence[stage.Shown], *, plainly: bool = False) -> int | None:
    """The number of this moment that an event tells: all digits that are plainly seen, of others any.

    With `plainly`, only one of which all is plainly seen.
    """
    assert event.number
    for number, digits in _by_number(shown).items():
        if plainly and not _is_whole(digits):
            continue
        pattern = "".join(
            f"{each.value}" if each.visible >= _PLAIN else f"{each.value}?"
            for each in digits
            if each.visible > 0.05
        )
        touched = any(_shared(each.box, event.number.box) for each in digits)
        if touched and re.fullmatch(pattern, event.number.text):
            return number
    return None
