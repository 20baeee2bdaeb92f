"""The tracker: follows digits from frame to frame and combines what was read of each one over time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import clip
from edge_runtime.contract import BACKGROUND, CLASSES
from edge_runtime.reading.rejection import is_background
from edge_runtime.results import OK, Box, Digit

# All lengths are relative to the longer side of the digit's box, all times are in seconds.

MEMORY_SECONDS = 0.4  # time in which the weight of an observation falls to 1/e

# When the label of a track is confirmed.
CONFIRM_SECONDS = 0.3  # a likely label must not have changed for this long,
CONFIRM_UNSURE_SECONDS = 1.0  # any other label for this long: a hand may look like a 1 for a moment
MIN_OBSERVATIONS = 4  # the digit must have been found in this many frames, however slow the source is
_LIKELY = 0.9  # a label with at least this probability is likely
_MIN_PROBABILITY = 0.75  # less probable labels are never confirmed
_MIN_PRESENCE = 0.6  # share of recent time in which the digit was found; later moments weigh more

# How observations are combined.
_PROBABILITY_FLOOR = 1e-3  # a single frame cannot rule a class out
_WEIGHT_FLOOR = 0.05  # observations count by their confidence, but never less than this
_HYSTERESIS = 0.15  # a label stays unless it is this much below the rejection threshold, or behind another
_REPLACE_PROBABILITY = 0.9  # if another digit has this probability
_REPLACE_FRAMES = 4  # in this many frames in a row, the evidence for the old one is dropped

# When a track is shown and when it ends.
_SHOW_OBSERVATIONS = 2  # false detections often last for a single frame
_LOST_SECONDS = 0.2  # a track ends when its digit has not been found for this long
_LOST_FRAMES = 3  # and in this many frames
_MARKS = 9  # observations; a mark counts if most of them show it

# Which digit continues which track.
_MAX_DISTANCE = 0.7  # between the position and the expected one
_MAX_RESIZE = 0.35  # change of either side from frame to frame
_MIN_SIMILARITY = 0.05  # a less probable match is a different digit,
_SAME_PLACE = 0.25  # unless it is within this distance, as when a card is swapped

# How positions are smoothed: an alpha-beta filter, close to critical damping.
_JUMP = 0.15  # a box this far from its expected position has moved, and is followed at once,
_MIN_GAIN = 0.2  # while a closer one may only jitter, and is followed at least this share of the way
_MIN_SIZE_GAIN = 0.3


@dataclass(frozen=True, slots=True)
class Track:
    """A tracked digit: its `id` stays the same while it is followed, and is never reused.

    `digit` combines the observations so far; its `value` is None while no label is likely enough.
    `confirmed` is whether the label has been likely and unchanged for long enough to be reported.
    """

    id: int
    digit: Digit
    confirmed: bool


class _TrackState:
    """What the tracker knows about one digit. Centres and sizes are (x, y) in px, velocities in px/s."""

    __slots__ = (
        *("id", "centre", "size", "velocity", "evidence", "weight", "presence", "observations", "misses"),
        *("seen", "unseen", "label", "label_since", "probabilities", "tile", "marks", "last"),
        "contradictions",
    )

    def __init__(self, number: int, digit: Digit, seconds: float) -> None:
        self.id = number
        self.centre, self.size = _centre_and_size(digit.box)
        self.velocity = np.zeros(2)
        self.evidence, self.weight = np.zeros(CLASSES), 0.0
        self.presence, self.observations, self.misses = 1.0, 0, 0
        self.seen, self.label_since = seconds, seconds
        self.unseen = 0.0  # time for which the position has been extrapolated
        self.label: int | None = None
        self.last, self.contradictions = -1, 0  # the digit observed last
        self.marks: deque[str] = deque(maxlen=_MARKS)  # before the digit, as observed lately

    @property
    def expected(self) -> NDArray[np.float64]:
        """The centre to expect in the current frame."""
        return self.centre + self.velocity * min(self.unseen, _LOST_SECONDS)

    def observe(self, digit: Digit, seconds: float, rejection_threshold: float) -> None:
        """Add an observation."""
        self._correct_position(digit.box)
        assert digit.probabilities is not None
        observed = np.log(np.maximum(digit.probabilities, _PROBABILITY_FLOOR))
        best = int(observed[:BACKGROUND].argmax())
        if self._is_replaced(best, math.exp(observed[best])):
            self.evidence, self.weight = np.zeros(CLASSES), 0.0
        # A logarithmic opinion pool (Genest and Zidek, 1986): consecutive frames are hardly independent, so
        # their evidence is averaged, not summed.
        fade = math.exp(-max(0.0, seconds - self.seen) / MEMORY_SECONDS)
        weight = max(_WEIGHT_FLOOR, digit.confidence)
        self.evidence = fade * self.evidence + weight * observed
        self.weight = fade * self.weight + weight
        pooled = np.exp(self.evidence / self.weight)
        self.probabilities = pooled / pooled.sum()
        self.presence = fade * self.presence + 1 - fade
        self.observations, self.misses = self.observations + 1, 0
        self.seen, self.unseen = seconds, 0.0
        self.tile, self.last = digit.tile, best
        self.marks.append(digit.before)
        self._choose_label(seconds, rejection_threshold)

    def _correct_position(self, box: Box) -> None:
        if not self.unseen:
            return
        centre, size = _centre_and_size(box)
        expected = self.expected
        residual = centre - expected
        gain = float(np.clip(np.abs(residual).max() / (_JUMP * self.size.max()), _MIN_GAIN, 1))
        self.centre = expected + gain * residual
        self.velocity = self.velocity + 0.5 * gain * gain * residual / self.unseen
        self.size = self.size + max(gain, _MIN_SIZE_GAIN) * (size - self.size)

    def _is_replaced(self, best: int, probability: float) -> bool:
        """Whether the digit has contradicted the label in enough frames in a row."""
        contradicts = self.label not in (None, best) and probability >= _REPLACE_PROBABILITY
        repeats = contradicts and best == self.last
        self.contradictions = self.contradictions + 1 if repeats else int(contradicts)
        return self.contradictions == _REPLACE_FRAMES

    def _choose_label(self, seconds: float, rejection_threshold: float) -> None:
        best = int(self.probabilities[:BACKGROUND].argmax())
        probability = float(self.probabilities[best])
        current = 0.0 if self.label is None else float(self.probabilities[self.label])
        chosen = self.label if current >= rejection_threshold - _HYSTERESIS else None
        lead = 0.0 if chosen is None else _HYSTERESIS
        if best != chosen and probability >= max(rejection_threshold, current + lead):
            chosen = best
        if chosen != self.label:
            self.label, self.label_since = chosen, seconds

    def miss(self, passed: float) -> None:
        """Note that the digit was not found in a frame, `passed` seconds after the one before."""
        self.misses += 1
        self.presence *= math.exp(-passed / MEMORY_SECONDS)

    def is_lost(self, seconds: float) -> bool:
        """Whether the track ends."""
        if self.observations < MIN_OBSERVATIONS:
            return self.misses >= 2
        return self.misses >= _LOST_FRAMES and seconds - self.seen > _LOST_SECONDS

    def is_shown(self) -> bool:
        """Whether the track is more than a passing false detection."""
        probable = self.label is not None or not is_background(self.probabilities[None])[0]
        return self.observations >= _SHOW_OBSERVATIONS and bool(probable)

    def is_confirmed(self, seconds: float, frame_size: tuple[int, int]) -> bool:
        """Whether the label may be reported."""
        if self.label is None or self.label != self.last:
            return False
        box, probability = self.box(), float(self.probabilities[self.label])
        right, bottom = box.x + box.width, box.y + box.height
        return (
            probability >= _MIN_PROBABILITY
            and self.observations >= MIN_OBSERVATIONS
            and self.misses <= 1
            and seconds - self.label_since
            >= (CONFIRM_SECONDS if probability >= _LIKELY else CONFIRM_UNSURE_SECONDS)
            and self.presence >= _MIN_PRESENCE
            # A part of a digit at the edge of the frame may look like another digit.
            and min(box.x, box.y, frame_size[0] - right, frame_size[1] - bottom) > 1
        )

    def box(self) -> Box:
        """The box to expect in the current frame; parts of it may be outside."""
        x, y = np.rint(self.expected - self.size / 2).astype(int).tolist()
        width, height = np.rint(self.size).astype(int).tolist()
        return Box(x, y, max(1, width), max(1, height))

    def digit(self, frame_size: tuple[int, int]) -> Digit:
        """The digit as all observations together show it, with its box inside the frame."""
        best = int(self.probabilities[:BACKGROUND].argmax()) if self.label is None else self.label
        return Digit(
            self.label,
            float(self.probabilities[best]),
            clip(self.box(), frame_size),
            OK if self.label is not None else "rejected: not sure yet",
            before=max(self.marks, key=self.marks.count),
            tile=self.tile,
            probabilities=self.probabilities.astype(np.float32),
        )


class Tracker:
    """Tracks the digits in the frames of one source.

    `rejection_threshold` is the classifier's: the probability, 0..1, below which a track gets no label. It
    may be changed between frames.
    """

    def __init__(self, rejection_threshold: float) -> None:
        self.rejection_threshold = rejection_threshold
        self._tracks: list[_TrackState] = []
        self._last_id = 0
        self._seconds: float | None = None
        self._interval = 0.0  # mean time between frames

    def clear(self) -> None:
        """End all tracks."""
        self._tracks = []

    def update(self, digits: Sequence[Digit], seconds: float, size: tuple[int, int]) -> tuple[Track, ...]:
        """Continue the tracks into the next frame; return those to show, in no particular order.

        `digits` were read in the frame and have `probabilities`. `seconds` is the time of the frame and does
        not decrease. `size` is the width and height of the frame in px.
        """
        passed = 0.0 if self._seconds is None else max(0.0, seconds - self._seconds)
        self._seconds = seconds
        step = self._motion_step(passed)
        for track in self._tracks:
            track.unseen += step
        matches = self._match(digits)
        for index, track in enumerate(self._tracks):
            if index in matches:
                track.observe(digits[matches[index]], seconds, self.rejection_threshold)
            else:
                track.miss(passed)
        for index in sorted(set(range(len(digits))) - set(matches.values())):
            self._last_id += 1
            track = _TrackState(self._last_id, digits[index], seconds)
            track.observe(digits[index], seconds, self.rejection_threshold)
            self._tracks.append(track)
        self._tracks = [track for track in self._tracks if not track.is_lost(seconds)]
        self._drop_replaced()
        return tuple(
            Track(track.id, track.digit(size), track.is_confirmed(seconds, size))
            for track in self._tracks
            if track.is_shown()
        )

    def _motion_step(self, passed: float) -> float:
        """Time over which to extrapolate motion. Streams deliver evenly spaced frames in bursts."""
        if passed:
            self._interval = self._interval or passed
            self._interval += 0.1 * (min(passed, 4 * self._interval) - self._interval)
        return float(np.clip(passed, self._interval / 2, 2 * self._interval))

    def _match(self, digits: Sequence[Digit]) -> dict[int, int]:
        """Match tracks to digits by index, greedily: close, of similar size and with a similar reading."""
        if not self._tracks or not digits:
            return {}
        centres, sizes = map(np.array, zip(*(_centre_and_size(digit.box) for digit in digits), strict=True))
        expected = np.array([track.expected for track in self._tracks])
        known = np.array([track.size for track in self._tracks])
        longest = np.maximum(known.max(axis=1)[:, None], sizes.max(axis=1)[None])
        distance = np.sqrt(((expected[:, None] - centres[None]) ** 2).sum(axis=2)) / longest
        resize = np.abs(known[:, None] - sizes[None]).max(axis=2) / longest
        similarity = (
            np.array([track.probabilities for track in self._tracks])
            @ np.array([digit.probabilities for digit in digits]).T
        )
        cost = distance + resize + 0.3 * (1 - similarity)
        different = (similarity < _MIN_SIMILARITY) & (distance > _SAME_PLACE)
        cost[(distance > _MAX_DISTANCE) | (resize > _MAX_RESIZE) | different] = np.inf
        matches: dict[int, int] = {}
        for _ in range(min(cost.shape)):
            track, digit = np.unravel_index(int(cost.argmin()), cost.shape)
            if not np.isfinite(cost[track, digit]):
                break
            matches[int(track)] = int(digit)
            cost[track, :] = cost[:, digit] = np.inf
        return matches

    def _drop_replaced(self) -> None:
        """Drop missed tracks whose place has been taken by another one."""
        present = [track for track in self._tracks if not track.misses and track.observations > _LOST_FRAMES]
        missed = [track for track in self._tracks if track.misses]
        if not present or not missed:
            return
        centres, taken = (np.array([track.centre for track in tracks]) for tracks in (missed, present))
        reach = 0.5 * np.array([track.size for track in present]).max(axis=1)
        replaced = (np.abs(centres[:, None] - taken[None]).max(axis=2) <= reach).any(axis=1)
        gone = {track.id for track, is_gone in zip(missed, replaced.tolist(), strict=True) if is_gone}
        self._tracks = [track for track in self._tracks if track.id not in gone]


def _centre_and_size(box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    size = np.array([box.width, box.height], float)
    return np.array([box.x, box.y]) + size / 2, size
