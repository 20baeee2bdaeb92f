"""Numbers: tracked digits side by side are grouped into numbers that appear, change and leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import corners, covered, hull
from edge_runtime.live.events import Number
from edge_runtime.live.tracker import Track
from edge_runtime.reading.layout import reading_order
from edge_runtime.results import Box

STEADY_SECONDS = 0.3  # a number is reported when its text has not changed for this long
LEAVE_SECONDS = 0.4  # a number has left when it has been absent for longer than this

# Two digits are neighbours in a number within these limits, as shares of the height of the taller one.
_MAX_GAP = 0.9  # horizontal distance between the boxes
_MAX_OVERLAP = 0.4  # of the boxes; slanted digits run into each other
_MAX_OFFSET = 0.5  # vertical distance between the centres
_MAX_HEIGHT_RATIO = 2.0

_MIN_COVERED = 0.3  # digits with new ids that cover this share of a number's place continue that number


class Change(NamedTuple):
    """What happened to a number: `kind` is "appeared", "changed" or "left"."""

    kind: str
    number: Number
    previous: str | None = None  # its text before it changed


@dataclass(slots=True, eq=False)
class _NumberState:
    """What is known about one number."""

    number: Number
    seen: float
    track_ids: frozenset[int] = frozenset()
    candidate: str = ""  # confirmed text, not necessarily reported yet
    candidate_since: float = 0.0
    reported: Number | None = None  # the number when it was last steady


class NumberTracker:
    """Groups tracks into numbers and reports what happens to them."""

    def __init__(self) -> None:
        self._states: list[_NumberState] = []
        self._leaving: list[Number] = []
        self._last_id = 0

    def clear(self) -> None:
        """Forget all numbers. Those that were reported leave with the next update."""
        self._leaving += [state.reported for state in self._states if state.reported]
        self._states = []

    def update(
        self, tracks: Sequence[Track], seconds: float
    ) -> tuple[tuple[Number, ...], tuple[Change, ...]]:
        """The numbers in a frame, in reading order, and what has happened to them.

        `tracks` is what the tracker shows for the frame; `seconds` is its time and does not decrease.
        """
        groups = group_neighbours(tracks)
        recognised = self._recognise(groups)
        changes = [Change("left", number) for number in self._remove_absent(recognised, seconds)]
        numbers = []
        for index, group in enumerate(groups):
            state = recognised.get(index)
            if state is None:
                self._last_id += 1
                state = _NumberState(_make_number(self._last_id, group), seen=seconds)
                self._states.append(state)
            change = _update_state(state, group, seconds)
            if change:
                changes.append(change)
            numbers.append(state.number)
        return _in_reading_order(numbers), tuple(changes)

    def _remove_absent(self, recognised: dict[int, _NumberState], seconds: float) -> list[Number]:
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
        ranked = sorted(
            (
                (_similarity(group, state), state.reported is not None, index, position)
                for index, group in enumerate(groups)
                for position, state in enumerate(self._states)
            ),
            reverse=True,
        )
        recognised: dict[int, _NumberState] = {}
        used: set[int] = set()
        for similarity, _, index, position in ranked:
            if similarity >= _MIN_COVERED and index not in recognised and position not in used:
                recognised[index] = self._states[position]
                used.add(position)
        return recognised


def _update_state(state: _NumberState, group: Sequence[Track], seconds: float) -> Change | None:
    """Update a number with the group that continues it; return what there is to report."""
    number = _make_number(state.number.id, group)
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


def _similarity(group: Sequence[Track], state: _NumberState) -> float:
    """Number of tracks that a group shares with a number, or if none, the overlap 0..1 of their boxes."""
    shared = len(_track_ids(group) & state.track_ids)
    if shared:
        return float(shared)
    place = hull(track.digit.box for track in group)
    return float(covered(corners([place, state.number.box]))[0, 1])


def _track_ids(group: Sequence[Track]) -> frozenset[int]:
    return frozenset(track.id for track in group)


def _make_number(number_id: int, group: Sequence[Track]) -> Number:
    digits = tuple(track.digit for track in group)
    return Number(
        number_id,
        "".join("?" if digit.value is None else str(digit.value) for digit in digits),
        min(digit.confidence for digit in digits),
        hull(digit.box for digit in digits),
        digits,
        all(track.confirmed for track in group),
    )


def _in_reading_order(numbers: Sequence[Number]) -> tuple[Number, ...]:
    """Sort numbers line by line, from left to right, and set the line of their digits."""
    lines = reading_order([number.box for number in numbers])
    return tuple(
        replace(numbers[i], digits=tuple(replace(digit, line=line) for digit in numbers[i].digits))
        for line, row in enumerate(lines)
        for i in row
    )


def group_neighbours(tracks: Sequence[Track]) -> list[list[Track]]:
    """Group digits that stand side by side; each group is sorted from left to right."""
    follower: dict[int, int] = {}
    if len(tracks) > 1:
        gaps = _gaps([track.digit.box for track in tracks])
        nearest = gaps.argmin(axis=0)
        # If two digits have the same nearest left neighbour, the closer one follows it.
        for right in gaps.min(axis=0).argsort(kind="stable").tolist():
            if np.isfinite(gaps[nearest[right], right]):
                follower.setdefault(int(nearest[right]), right)
    followers = set(follower.values())
    return [
        [tracks[i] for i in _chain(first, follower)] for first in range(len(tracks)) if first not in followers
    ]


def _chain(first: int, follower: dict[int, int]) -> Iterator[int]:
    current: int | None = first
    while current is not None:
        yield current
        current = follower.get(current)


def _gaps(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Gaps `[left, right]` between boxes, as shares of the greater height; infinite unless side by side."""
    left, top, right, bottom = corners(boxes).T
    height = bottom - top
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
    higher = np.maximum(height[:, None], height[None])
    lower = np.minimum(height[:, None], height[None])
    gaps = (left[None] - right[:, None]) / higher
    side_by_side = (
        (higher <= _MAX_HEIGHT_RATIO * lower)
        & (np.abs(centre_y[:, None] - centre_y[None]) <= _MAX_OFFSET * higher)
        & (centre_x[None] > centre_x[:, None])
        & (gaps >= -_MAX_OVERLAP)
        & (gaps <= _MAX_GAP)
    )
    return np.where(side_by_side, gaps, np.inf)
