"""Digits followed from frame to frame, each with its probabilities combined over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import clip
from edge_runtime.contract import BACKGROUND
from edge_runtime.results import OK, Box, Digit

MEMORY = 0.4  # s in which an observation's weight falls to 1/e

SETTLE = 0.3  # s for which a label must have stood,

SETTLE_UNSURE = 1.0  # and where it is less than `_SURE`: an edge of a hand passes for a 1, but not for long
LEAST_SEEN = 4  # observations without which nothing is confirmed
_SHOWN = 2  # observations from which on a track is shown: what flashes up once is not
_GONE = 0.2  # s after which, and at least _MISSES frames, a digit that is no longer found is dropped
_MISSES = 3
_SURE, _LEAST = 0.9, 0.75  # probability with which a label is confirmed soon, and without which it never does
_LEAST_PRESENCE = 0.6  # share of the late frames in which a digit was found, to count as confirmed
_LEAST_PROBABILITY = 1e-3  # no single frame has more of a say than that
_PLAIN, _REPLACED = 0.9, 4  # probability, and times in a row, from which on another digit has taken the place
_SWITCH = 0.15  # by how much another digit must be more probable than the one that is shown
_JERK = 0.15  # sizes off its way from which on a digit is followed at once
_LEAST_PULL = 0.2  # share of the way for one that is hardly off it
_REACH = 0.7  # sizes that a digit may be from where it was expected
_OTHER = 0.05  # probability that it reads the same, below which it is another where it is not in its place
_ELSEWHERE = 0.25  # sizes from its place
_RESIZE = 0.35  # of its longer side, by which either side may change from frame to frame
_DISMISSED = 0.7  # probability of no digit from which on a track is not shown


@dataclass(frozen=True, slots=True)
class Track:
    """A digit that is followed: `id` stays while it does, `confirmed` is whether its label has been steady."""

    id: int
    digit: Digit
    confirmed: bool


class _TrackState:
    """What is known of one digit. Positions are centres in px, velocities px/s, times s."""

    __slots__ = (
        *("id", "centre", "size", "velocity", "evidence", "weight", "presence", "count", "misses"),
        *("seen", "ahead", "label", "label_since", "probabilities", "tile", "last", "dissent"),
    )

    def __init__(self, number: int, digit: Digit, seconds: float) -> None:
        self.id = number
        self.centre, self.size = _place(digit.box)
        self.velocity = np.zeros(2)
        self.evidence, self.weight = np.zeros(BACKGROUND + 1), 0.0
        self.presence, self.count, self.misses = 1.0, 0, 0
        self.seen, self.label_since = seconds, seconds
        self.ahead = 0.0  # s for which it has moved on since it was seen
        self.label: int | None = None
        self.last, self.dissent = -1, 0

    @property
    def expected(self) -> NDArray[np.float64]:
        return self.centre + self.velocity * min(self.ahead, _GONE)

    def observe(self, digit: Digit, seconds: float, rejection_threshold: float) -> None:
        passed = max(0.0, seconds - self.seen)
        centre, size = _place(digit.box)
        if self.ahead:
            expected = self.expected
            off = centre - expected
            # A digit that is held still does not tremble with its box; one that moves is followed at once.
            pull = float(np.clip(np.abs(off).max() / (_JERK * self.size.max()), _LEAST_PULL, 1))
            self.centre = expected + pull * off
            # An alpha-beta filter, near critical damping.
            self.velocity = self.velocity + 0.5 * pull * pull * off / self.ahead
            self.size = self.size + max(pull, 0.3) * (size - self.size)
        assert digit.probabilities is not None
        observed = np.log(np.maximum(digit.probabilities, _LEAST_PROBABILITY))
        weight = max(0.05, digit.confidence)
        fade = math.exp(-passed / MEMORY)
        if self._is_replaced(observed):
            self.evidence, self.weight = np.zeros(BACKGROUND + 1), 0.0
        self.evidence = fade * self.evidence + weight * observed
        self.weight = fade * self.weight + weight
        # A logarithmic opinion pool (Genest and Zidek, 1986): frames that follow each other are hardly
        # independent, so their evidence is averaged, not summed.
        pooled = np.exp(self.evidence / self.weight)
        self.probabilities = pooled / pooled.sum()
        self.presence = fade * self.presence + 1 - fade
        self.count, self.misses, self.seen, self.ahead = self.count + 1, 0, seconds, 0.0
        self.tile, self.last = digit.tile, int(observed[:BACKGROUND].argmax())
        self._choose_label(seconds, rejection_threshold)

    def _is_replaced(self, observed: NDArray[np.float64]) -> bool:
        """Whether another digit has plainly been seen often enough in a row: what was before is over."""
        best = int(observed[:BACKGROUND].argmax())
        dissents = self.label not in (None, best) and math.exp(observed[best]) >= _PLAIN
        self.dissent = self.dissent + 1 if dissents and best == self.last else int(dissents)
        return self.dissent == _REPLACED

    def _choose_label(self, seconds: float, rejection_threshold: float) -> None:
        best = int(self.probabilities[:BACKGROUND].argmax())
        probability = float(self.probabilities[best])
        # What is shown is given up later than it was taken: no flicker around the threshold.
        held = 0.0 if self.label is None else float(self.probabilities[self.label])
        chosen = self.label if held >= rejection_threshold - _SWITCH else None
        if best != chosen and probability >= max(rejection_threshold, held + _SWITCH * (chosen is not None)):
            chosen = best
        if chosen != self.label:
            self.label, self.label_since = chosen, seconds

    def miss(self, passed: float) -> None:
        self.misses += 1
        self.presence *= math.exp(-passed / MEMORY)

    def gone(self, seconds: float) -> bool:
        if self.count < LEAST_SEEN:
            return self.misses >= 2
        return self.misses >= _MISSES and seconds - self.seen > _GONE

    def confirmed(self, seconds: float, size: tuple[int, int]) -> bool:
        if self.label is None or self.label != self.last:
            return False
        box, probability = self.box(), float(self.probabilities[self.label])
        return (
            probability >= _LEAST
            and self.count >= LEAST_SEEN
            and self.misses <= 1
            and seconds - self.label_since >= (SETTLE if probability >= _SURE else SETTLE_UNSURE)
            and self.presence >= _LEAST_PRESENCE
            # A digit that is cut off by the image's edge may be another one.
            and min(box.x, box.y, size[0] - box.x - box.width, size[1] - box.y - box.height) > 1
        )

    def shown(self) -> bool:
        return self.count >= _SHOWN and self.probabilities[BACKGROUND] < _DISMISSED

    def box(self) -> Box:
        x, y = np.rint(self.expected - self.size / 2).astype(int).tolist()
        width, height = np.rint(self.size).astype(int).tolist()
        return Box(x, y, max(1, width), max(1, height))


class Tracker:
    """All digits that are followed in one source's frames.

    `rejection_threshold` is the classifier's: the probability, 0..1, below which no digit is named.
    """

    def __init__(self, rejection_threshold: float) -> None:
        self.rejection_threshold = rejection_threshold
        self._tracks: list[_TrackState] = []
        self._count = 0
        self._seconds: float | None = None
        self._interval = 0.0  # s between frames, on the average

    def clear(self) -> None:
        """Give up all tracks; their ids are not used again."""
        self._tracks = []

    def update(self, digits: Sequence[Digit], seconds: float, size: tuple[int, int]) -> tuple[Track, ...]:
        """Follow the tracks into the next frame.

        `digits` is what was read in it, with their probabilities; `seconds` a time that only grows; `size`
        the frame's width and height in px. Returns the digits to show, in no order.
        """
        passed = 0.0 if self._seconds is None else max(0.0, seconds - self._seconds)
        self._seconds = seconds
        step = self._step(passed)
        for track in self._tracks:
            track.ahead += step
        pairs = self._matched(digits)
        found = dict(pairs)
        for index, track in enumerate(self._tracks):
            if index in found:
                track.observe(digits[found[index]], seconds, self.rejection_threshold)
            else:
                track.miss(passed)
        taken = set(found.values())
        for index, digit in enumerate(digits):
            if index not in taken:
                self._count += 1
                track = _TrackState(self._count, digit, seconds)
                track.observe(digit, seconds, self.rejection_threshold)
                self._tracks.append(track)
        self._tracks = [track for track in self._tracks if not track.gone(seconds)]
        self._drop_covered()
        return tuple(
            Track(track.id, self._digit(track, size), track.confirmed(seconds, size))
            for track in self._tracks
            if track.shown()
        )

    def _step(self, passed: float) -> float:
        """For how long digits have moved on: a network brings frames in bursts, which were not taken so."""
        if passed:
            self._interval = self._interval or passed
            self._interval += 0.1 * (min(passed, 4 * self._interval) - self._interval)
        return float(np.clip(passed, self._interval / 2, 2 * self._interval))

    def _matched(self, digits: Sequence[Digit]) -> list[tuple[int, int]]:
        """Pairs of track and digit, best first: near where it was expected, of its size, and alike."""
        if not self._tracks or not digits:
            return []
        places = [_place(digit.box) for digit in digits]
        centres, sizes = (np.array(part) for part in zip(*places, strict=True))
        expected = np.array([track.expected for track in self._tracks])
        known = np.array([track.size for track in self._tracks])
        longest = np.maximum(known.max(axis=1)[:, None], sizes.max(axis=1)[None])
        apart = np.sqrt(((expected[:, None] - centres[None]) ** 2).sum(axis=2))
        distance = apart / longest
        growth = np.abs(known[:, None] - sizes[None]).max(axis=2) / longest
        alike = (
            np.array([track.probabilities for track in self._tracks])
            @ np.array([digit.probabilities for digit in digits]).T
        )
        cost = distance + growth + 0.3 * (1 - alike)
        # Another digit in another place is another digit.
        other = (alike < _OTHER) & (distance > _ELSEWHERE)
        cost[(distance > _REACH) | (growth > _RESIZE) | other] = np.inf
        pairs: list[tuple[int, int]] = []
        for _ in range(min(cost.shape)):
            track, digit = np.unravel_index(int(cost.argmin()), cost.shape)
            if not np.isfinite(cost[track, digit]):
                break
            pairs.append((int(track), int(digit)))
            cost[track, :] = cost[:, digit] = np.inf
        return pairs

    def _drop_covered(self) -> None:
        """Drop tracks that are not found any more where another one stays: it has taken their place."""
        present = [track for track in self._tracks if not track.misses and track.count > _MISSES]
        self._tracks = [
            track
            for track in self._tracks
            if not track.misses
            or all(np.abs(track.centre - other.centre).max() > 0.5 * other.size.max() for other in present)
        ]

    def _digit(self, track: _TrackState, size: tuple[int, int]) -> Digit:
        value = track.label
        best = int(track.probabilities[:BACKGROUND].argmax()) if value is None else value
        confidence = float(track.probabilities[best])
        status = OK if value is not None else "rejected: not sure yet"
        box = clip(track.box(), size)
        return Digit(
            value,
            confidence,
            box,
            status,
            tile=track.tile,
            probabilities=track.probabilities.astype(np.float32),
        )


def _place(box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = np.array([box.width, box.height], float)
    return np.array([box.x, box.y]) + size / 2, size
