"""Numbers: tracked digits side by side are grouped into numbers that appear, change and leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import corners, covered
from edge_runtime.live.events import TrackedNumber
from edge_runtime.live.track import Track
from edge_runtime.reading.layout import arrange
from edge_runtime.results import Box

STEADY_SECONDS = 0.3  # a number is reported when its text has not changed for this long
LEAVE_SECONDS = 0.4  # a number has left when it has been absent for longer than this

_MIN_COVERED = 0.3  # digits with new ids that cover this share of a number's place continue that number


class Change(NamedTuple):
    """What happened to a number: `kind` is "appeared", "changed" or "left"."""

    kind: str
    number: TrackedNumber
    previous: str | None = None  # its text before it changed


@dataclass(slots=True, eq=False)
class _NumberState:
    """What is known about one number."""

    number: TrackedNumber
    seen: float
    track_ids: frozenset[int] = frozenset()
    candidate: str = ""  # confirmed text, not necessarily reported yet
    candidate_since: float = 0.0
    reported: TrackedNumber | None = None  # the number when it was last steady


class NumberTracker:
    """Groups tracks into numbers and reports what happens to them."""

    def __init__(self) -> None:
        self._states: list[_NumberState] = []
        self._leaving: list[TrackedNumber] = []
        self._last_id = 0

    def clear(self) -> None:
        """Forget all numbers. Those that were reported leave with the next update."""
        self._leaving += [state.reported for state in self._states if state.reported]
        self._states = []

    def update(
        self, tracks: Sequence[Track], seconds: float, width: int
    ) -> tuple[tuple[TrackedNumber, ...], tuple[Change, ...]]:
        """The numbers in a frame, in reading order, and what has happened to them.

        `tracks` is what the tracker shows for the frame, which is `width` px wide; `seconds` is its time and
        does not decrease.
        """
        groups = _group(tracks)
        recognised = self._recognise(groups)
        changes = [Change("left", number) for number in self._remove_absent(recognised, seconds)]
        numbers = []
        for index, group in enumerate(groups):
            state = recognised.get(index)
            if state is None:
                self._last_id += 1
                state = _NumberState(_make_number(self._last_id, group), seen=seconds)
                self._states.append(state)
            change = _update_state(state, group, seconds, width)
            if change:
                changes.append(change)
            numbers.append(state.number)
        return tuple(numbers), tuple(changes)

    def _remove_absent(self, recognised: dict[int, _NumberState], seconds: float) -> list[TrackedNumber]:
        """Forget numbers that were absent for too long; return those to report as having left."""
        present = list(recognised.values())
        absent = [
            state for state in self._states if state not in present and seconds - state.seen > LEAVE_SECONDS
        ]
        self._states = [state for state in self._states if state not in absent]
        leaving, self._leaving = self._leaving, []
        return leaving + [state.reported for state in absent if state.reported]

    def _recognise(self, groups: Sequence[Sequence[Track]]) -> dict[int, _NumberState]:
        """Known numbers by the index of the group that continues them.

        A group continues the number with which it shares most tracks, or else the one whose place it covers.
        Of two numbers that match equally well, the one that has been reported continues.
        """
        similarities = _similarities(groups, self._states)
        ranked = sorted(
            (
                (similarities[index, position], self._states[position].reported is not None, index, position)
                for index, position in np.argwhere(similarities >= _MIN_COVERED).tolist()
            ),
            reverse=True,
        )
        recognised: dict[int, _NumberState] = {}
        used: set[int] = set()
        for _, _, index, position in ranked:
            if index not in recognised and position not in used:
                recognised[index] = self._states[position]
                used.add(position)
        return recognised


def _update_state(state: _NumberState, group: Sequence[Track], seconds: float, width: int) -> Change | None:
    """Update a number with the group that continues it; return what there is to report."""
    number = _make_number(state.number.id, group)
    if state.reported and _is_cut_off(number, state.reported, width):
        number = replace(number, confirmed=False)
    unchanged = number.confirmed and number.text == state.candidate
    steady = unchanged and seconds - state.candidate_since >= STEADY_SECONDS
    if not unchanged:
        state.candidate, state.candidate_since = number.text if number.confirmed else "", seconds
    number = replace(number, confirmed=steady)
    state.number, state.track_ids, state.seen = number, _track_ids(group), seconds
    if not steady:
        return None
    before, state.reported = state.reported, number
    if before is None:
        return Change("appeared", number)
    return Change("changed", number, before.text) if before.text != number.text else None


def _is_cut_off(number: TrackedNumber, whole: TrackedNumber, width: int) -> bool:
    """Whether what a number lacks of the `whole` lies beyond the edge of a frame `width` px wide."""
    if number.text == whole.text:
        return False
    starts = number.box.x + number.box.width - whole.box.width  # where it would start in the frame
    ends = number.box.x + whole.box.width
    return (whole.text.endswith(number.text) and starts < 1) or (
        whole.text.startswith(number.text) and ends > width - 1
    )


def _similarities(groups: Sequence[Sequence[Track]], states: Sequence[_NumberState]) -> NDArray[np.float64]:
    """How many tracks each group shares with each number, or if none, the overlap 0..1 of their boxes."""
    places = [Box.around(track.digit.box for track in group) for group in groups]
    known = [state.number.box for state in states]
    overlaps = covered(corners(places), corners(known))
    ids = [_track_ids(group) for group in groups]
    shared = [[len(each & state.track_ids) for state in states] for each in ids]
    return np.asarray(np.maximum(np.array(shared, float).reshape(overlaps.shape), overlaps))


def _track_ids(group: Sequence[Track]) -> frozenset[int]:
    return frozenset(track.id for track in group)


def _make_number(number_id: int, group: Sequence[Track]) -> TrackedNumber:
    return TrackedNumber(
        tuple(track.digit for track in group), number_id, all(track.confirmed for track in group)
    )


def _group(tracks: Sequence[Track]) -> list[list[Track]]:
    """The tracks of each number from left to right, in reading order; their digits know line and number."""
    return [
        [
            replace(track, digit=replace(track.digit, line=line, number=number))
            for track in (tracks[index] for index in indices)
        ]
        for number, (line, indices) in enumerate(arrange([track.digit for track in tracks]))
    ]
