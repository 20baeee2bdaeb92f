"""Numbers, and what happens to them: digits that stand together appear and settle, change and leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import corners, covered, hull
from edge_runtime.live.events import _SIDES, Number
from edge_runtime.live.tracker import Track
from edge_runtime.reading.layout import reading_order
from edge_runtime.results import Box

STEADY = 0.3  # s for which a number must have stood before it is told
LINGER = 0.4  # s for which it must have been away
_GAP = 0.9  # heights; digits that are farther apart are two numbers
_OVERLAP = -0.4  # heights by which neighbours may run into each other
_RISE = 0.5  # heights by which a neighbour may stand higher or lower
_SAME = 0.3  # share of its place in which a number of other tracks is still the same
_ALIKE = 2.0  # how many times a neighbour may be as high


class Change(NamedTuple):
    """What has become of a number: `kind` is "appeared", "changed" from `previous`, or "left"."""

    kind: str
    number: Number
    previous: str | None = None


@dataclass(slots=True, eq=False)
class _Known:
    """A number as it was last seen, and what was last told of it."""

    number: Number
    members: frozenset[int]  # ids of its tracks
    seen: float
    candidate: str = ""
    since: float = 0.0
    told: Number | None = None  # as it was when it was steady last


class Numbers:
    """Groups tracked digits into numbers and says what becomes of them."""

    def __init__(self) -> None:
        self._known: list[_Known] = []
        self._leaving: list[_Known] = []
        self._count = 0

    def clear(self) -> None:
        """Forget all numbers: those that were told leave with the next frame, and none comes back."""
        self._leaving = [known for known in (*self._leaving, *self._known) if known.told]
        self._known = []

    def update(
        self, tracked: Sequence[Track], seconds: float
    ) -> tuple[tuple[Number, ...], tuple[Change, ...]]:
        """The numbers of a frame in reading order, and what has happened by it; `seconds` only grow."""
        groups = [(frozenset(each.id for each in group), group) for group in neighbours(tracked)]
        kept = self._recognised(groups)
        gone = [
            known for known in self._known if seconds - known.seen > LINGER and known not in kept.values()
        ]
        leaving, self._leaving = [*self._leaving, *(known for known in gone if known.told)], []
        changes = [Change("left", known.told) for known in leaving if known.told]
        numbers = []
        for index, (members, group) in enumerate(groups):
            known = kept.get(index)
            number = _number(known.number.id if known else self._next_id(), group)
            if known is None:
                known = _Known(number, members, seconds)
                self._known.append(known)
            known.number, known.members, known.seen = number, members, seconds
            steady = number.confirmed and number.text == known.candidate and seconds - known.since >= STEADY
            if not number.confirmed or number.text != known.candidate:
                known.candidate, known.since = number.text if number.confirmed else "", seconds
            number = replace(number, confirmed=steady)
            known.number = number
            if steady and known.told is None:
                changes.append(Change("appeared", number))
            elif steady and known.told and known.told.text != number.text:
                changes.append(Change("changed", number, known.told.text))
            if steady:
                known.told = number
            numbers.append(number)
        self._known = [known for known in self._known if known not in gone]
        order = reading_order([number.box for number in numbers])
        lined = tuple(
            replace(numbers[i], digits=tuple(replace(digit, line=line) for digit in numbers[i].digits))
            for line, row in enumerate(order)
            for i in row
        )
        return lined, tuple(changes)

    def _next_id(self) -> int:
        self._count += 1
        return self._count

    def _recognised(self, groups: list[tuple[frozenset[int], list[Track]]]) -> dict[int, _Known]:
        """Which number that is known each group is: the one that it shares most digits with, or stands on."""
        ranked = sorted(
            (
                # Of the parts of a number that is whole again, the one that was told goes on.
                (_sameness(members, group, known), known.told is not None, index, position)
                for index, (members, group) in enumerate(groups)
                for position, known in enumerate(self._known)
            ),
            reverse=True,
        )
        kept: dict[int, _Known] = {}
        used: set[int] = set()
        for sameness, _, index, position in ranked:
            if sameness >= _SAME and index not in kept and position not in used:
                kept[index] = self._known[position]
                used.add(position)
        return kept


def _sameness(members: frozenset[int], group: list[Track], known: _Known) -> float:
    """How many digits a group shares with a number; where none, the share 0..1 of its place."""
    shared = len(members & known.members)
    return shared or float(
        covered(corners([hull([each.digit.box for each in group]), known.number.box]))[0, 1]
    )


def neighbours(tracked: Sequence[Track]) -> list[list[Track]]:
    """Digits that stand side by side, each group from the left: every digit follows its nearest left one."""
    follower: dict[int, int] = {}
    if len(tracked) > 1:
        gaps = _gaps([each.digit.box for each in tracked])
        nearest = gaps.argmin(axis=0)
        # Two that claim the same left neighbour: the nearer one follows it.
        for right in gaps.min(axis=0).argsort(kind="stable").tolist():
            if np.isfinite(gaps[nearest[right], right]):
                follower.setdefault(int(nearest[right]), right)
    followed = set(follower.values())
    return [
        [tracked[i] for i in _chain(first, follower)]
        for first in range(len(tracked))
        if first not in followed
    ]


def _chain(first: int, follower: dict[int, int]) -> Iterator[int]:
    current: int | None = first
    while current is not None:
        yield current
        current = follower.get(current)


def _gaps(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Heights between every two boxes `[left, right]`, infinite where they do not stand side by side."""
    x, y, width, height = (np.array([getattr(box, side) for box in boxes], float) for side in _SIDES)
    higher = np.maximum(height[:, None], height[None])
    lower = np.minimum(height[:, None], height[None])
    middle, centre = y + height / 2, x + width / 2
    gaps = (x[None] - (x + width)[:, None]) / higher
    beside = (
        (higher <= _ALIKE * lower)
        & (np.abs(middle[:, None] - middle[None]) <= _RISE * higher)
        & (centre[None] > centre[:, None])
        & (gaps >= _OVERLAP)
        & (gaps <= _GAP)
    )
    return np.where(beside, gaps, np.inf)


def _number(number: int, group: Sequence[Track]) -> Number:
    digits = tuple(each.digit for each in group)
    return Number(
        number,
        "".join("?" if digit.value is None else str(digit.value) for digit in digits),
        min(digit.confidence for digit in digits),
        hull([digit.box for digit in digits]),
        digits,
        all(each.confirmed for each in group),
    )
