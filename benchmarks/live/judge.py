"""The judge: compares the tracks and events of live reading with the ground truth of a synthetic video."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import corners, intersection, iou
from edge_runtime.live.events import Event
from edge_runtime.live.track import Track
from edge_runtime.live.view import View
from edge_runtime.results import Box, Digit
from train.synthetic import videos

_LEGIBLE = 0.9  # a digit is legible if at least this share of its ink is visible
_HIDDEN = 0.05  # a digit is hidden if at most this share of its ink is visible
_BORDER = 2  # px; a digit closer than this to the border of the frame is not completely in view
_MIN_IOU = 0.2  # a track that overlaps a digit more than this belongs to it

_TRACK_GRACE = 10  # frames for which a track may show what was true before
_EVENT_GRACE = 45  # frames for which an event may report what was true before

_LEGIBLE_FRAMES = videos.FPS  # after which a digit must be found
_COMPLETE_FRAMES = 2 * videos.FPS  # in a row, after which a number must be reported


class Judge:
    """Judges the views of one video, frame by frame.

    `wrong_events` describes the events that were never true; `delays` holds, by `LabelledDigit.number`,
    the frames from when a number was complete to its event. A number is complete while all its digits are
    legible and inside the frame.
    """

    def __init__(self) -> None:
        self.wrong_events: list[str] = []
        self.delays: dict[int, int] = {}
        self.events = 0  # "appeared" and "changed"
        self._frames = 0
        self._label_changes = 0
        self._past: deque[Sequence[videos.LabelledDigit]] = deque(maxlen=_EVENT_GRACE)
        self._correct: dict[int, bool] = {}  # by confirmed track: whether it has always been correct
        self._ids: dict[int, int] = {}  # by digit: the confirmed track that it last had
        self._id_switches = 0
        self._labels: dict[int, int] = {}  # by digit: its label when it was last legible
        self._legible: Counter[int] = Counter()  # by digit: frames
        self._found: set[int] = set()  # digits with a correct confirmed track
        self._complete: Counter[int] = Counter()  # by number: frames in a row
        self._long_complete: set[int] = set()

    def update(self, view: View, shown: Sequence[videos.LabelledDigit]) -> None:
        """Judge one view; `shown` are the digits in its frame."""
        self._frames += 1
        self._past.append(shown)
        self._legible.update(digit.id for digit in shown if digit.visible >= _LEGIBLE)
        self._update_numbers(shown)
        for track in view.tracks:
            self._judge_track(track, shown)
        self._count_id_switches([track for track in view.tracks if track.confirmed], shown)
        for event in view.events:
            self._judge_event(event)

    def counts(self) -> dict[str, int]:
        """What was counted, to be added up over videos."""
        legible = {digit for digit, frames in self._legible.items() if frames >= _LEGIBLE_FRAMES}
        return {
            "frames": self._frames,
            "confirmed_tracks": len(self._correct),
            "correct_tracks": sum(self._correct.values()),
            "label_changes": self._label_changes,
            "id_switches": self._id_switches,
            "events": self.events,
            "wrong_events": len(self.wrong_events),
            "legible_digits": len(legible),
            "found_digits": len(legible & self._found),
            "complete_numbers": len(self._long_complete),
            "reported_numbers": len(self._long_complete & set(self.delays)),
        }

    def _update_numbers(self, shown: Sequence[videos.LabelledDigit]) -> None:
        complete = {number for number, digits in _by_number(shown).items() if _is_complete(digits)}
        for number in set(self._complete) - complete:
            del self._complete[number]
        self._complete.update(complete)
        self._long_complete |= {n for n, frames in self._complete.items() if frames >= _COMPLETE_FRAMES}

    def _judge_track(self, track: Track, shown: Sequence[videos.LabelledDigit]) -> None:
        value, box = track.digit.value, track.digit.box
        if value is None:
            return
        digit = _digit_at(box, shown)
        recent = [
            each for moment in list(self._past)[-_TRACK_GRACE:] for each in moment if each.value == value
        ]
        was_true = bool((_ious(box, recent) > _MIN_IOU).any())
        legible = digit is not None and digit.visible >= _LEGIBLE
        # A label that was true here a moment ago is late; it does not count as a change.
        if digit and legible and (value == digit.value or not was_true):
            self._label_changes += self._labels.get(digit.id, value) != value
            self._labels[digit.id] = value
        if track.confirmed and (digit is None or legible):
            self._correct[track.id] = self._correct.get(track.id, True) and was_true
            if digit and was_true:
                self._found.add(digit.id)

    def _count_id_switches(self, tracks: Sequence[Track], shown: Sequence[videos.LabelledDigit]) -> None:
        """Count legible digits that pass from one track to another; one that keeps its track has not."""
        for digit in shown if tracks else ():
            overlaps = _ious(digit.box, [track.digit for track in tracks])
            near = {track.id for track, iou in zip(tracks, overlaps, strict=True) if iou > _MIN_IOU}
            if digit.visible < _LEGIBLE or not near or self._ids.get(digit.id) in near:
                continue
            self._id_switches += digit.id in self._ids
            self._ids[digit.id] = tracks[int(overlaps.argmax())].id

    def _judge_event(self, event: Event) -> None:
        if event.number is None:
            return
        description = f"frame {event.frame}: {event.kind} {event.number.text}"
        if event.kind == "left":
            # Wrong if the number was complete in all of the last `_TRACK_GRACE` frames.
            recent = list(self._past)[-_TRACK_GRACE:]
            still_there = (_reported(event, shown, complete=True) is not None for shown in recent)
            if len(recent) == _TRACK_GRACE and all(still_there):
                self.wrong_events.append(description)
            return
        self.events += 1
        reported = [_reported(event, shown) for shown in self._past]
        if all(number is None for number in reported):
            self.wrong_events.append(description)
        now = reported[-1]
        if now is not None and now in self._complete:
            self.delays.setdefault(now, self._complete[now])


def _by_number(shown: Sequence[videos.LabelledDigit]) -> dict[int, list[videos.LabelledDigit]]:
    """The digits of each number in a frame, from left to right."""
    numbers: dict[int, list[videos.LabelledDigit]] = defaultdict(list)
    for digit in sorted(shown, key=lambda digit: digit.box.x):
        numbers[digit.number].append(digit)
    return numbers


def _is_complete(digits: Sequence[videos.LabelledDigit]) -> bool:
    edges = corners(digit.box for digit in digits)
    inside = (edges[:, :2] > _BORDER) & ((videos.WIDTH, videos.HEIGHT) - edges[:, 2:] > _BORDER)
    return bool(inside.all()) and all(digit.visible >= _LEGIBLE for digit in digits)


def _ious(box: Box, digits: Sequence[videos.LabelledDigit] | Sequence[Digit]) -> NDArray[np.floating]:
    """IoU `[N]` of a box with those of N digits."""
    return iou(corners([box]), corners(digit.box for digit in digits))[0]


def _digit_at(box: Box, shown: Sequence[videos.LabelledDigit]) -> videos.LabelledDigit | None:
    """The digit that overlaps a box most, if it overlaps it enough."""
    overlaps = _ious(box, shown)
    if not (overlaps > _MIN_IOU).any():
        return None
    return shown[int(overlaps.argmax())]


def _reported(event: Event, shown: Sequence[videos.LabelledDigit], *, complete: bool = False) -> int | None:
    """The number in a frame that an event reports correctly, None if there is none.

    Legible digits must be reported; partly hidden ones may be. With `complete`, only complete numbers count.
    """
    assert event.number
    for number, digits in _by_number(shown).items():
        if complete and not _is_complete(digits):
            continue
        pattern = "".join(
            f"{digit.value}" if digit.visible >= _LEGIBLE else f"{digit.value}?"
            for digit in digits
            if digit.visible > _HIDDEN
        )
        touches = intersection(corners([event.number.box]), corners(digit.box for digit in digits)).any()
        if touches and re.fullmatch(pattern, event.number.text):
            return number
    return None
