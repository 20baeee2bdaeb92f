"""A track: one digit, followed from frame to frame, and what was read of it over time."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import clip
from edge_runtime.contract import BACKGROUND, CLASSES
from edge_runtime.reading.rejection import is_background
from edge_runtime.results import OK, Box, Digit

# All lengths are relative to the longer side of the digit's box, all times are in seconds.

MEMORY_SECONDS = 0.4  # time in which the weight of an observation falls to 1/e
_MAX_GAP_SECONDS = (
    0.2  # longer gaps between observations count as this long, or one would outweigh all before
)

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
LOST_FRAMES = 3  # and in this many frames
_MARKS = 9  # observations; a mark counts if most of them show it

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


class TrackState:
    """What the tracker knows about one digit. Centres and sizes are (x, y) in px, velocities in px/s."""

    __slots__ = (
        *("id", "centre", "size", "velocity", "evidence", "weight", "presence", "observations", "misses"),
        *("seen", "observed", "unseen", "label", "label_since", "probabilities", "tile", "marks", "last"),
        "contradictions",
    )

    def __init__(self, number: int, digit: Digit, seconds: float) -> None:
        self.id = number
        self.centre, self.size = centre_and_size(digit.box)
        self.velocity = np.zeros(2)
        self.evidence, self.weight = np.zeros(CLASSES), 0.0
        self.presence, self.observations, self.misses = 1.0, 0, 0
        self.seen = self.observed = self.label_since = seconds
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
        fade = math.exp(-min(max(0.0, seconds - self.observed), _MAX_GAP_SECONDS) / MEMORY_SECONDS)
        weight = max(_WEIGHT_FLOOR, digit.confidence)
        self.evidence = fade * self.evidence + weight * observed
        self.weight = fade * self.weight + weight
        pooled = np.exp(self.evidence / self.weight)
        self.probabilities = pooled / pooled.sum()
        self.misses, self.observed, self.unseen = 0, seconds, 0.0
        self._note_presence(seconds)
        self.tile, self.last = digit.tile, best
        self.marks.append(digit.before)
        self._choose_label(seconds, rejection_threshold)

    def _correct_position(self, box: Box) -> None:
        if not self.unseen:
            return
        centre, size = centre_and_size(box)
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

    def _note_presence(self, seconds: float) -> None:
        fade = math.exp(-max(0.0, seconds - self.seen) / MEMORY_SECONDS)
        self.presence = fade * self.presence + 1 - fade
        self.observations += 1
        self.seen = seconds

    def hold(self, seconds: float) -> None:
        """Stay as it is in a frame that looks like the one before."""
        self.velocity, self.unseen = np.zeros(2), 0.0
        if not self.misses:
            self._note_presence(seconds)

    def miss(self, passed: float) -> None:
        """Note that the digit was not found in a frame, `passed` seconds after the one before."""
        self.misses += 1
        self.presence *= math.exp(-passed / MEMORY_SECONDS)

    def is_lost(self, seconds: float) -> bool:
        """Whether the track ends."""
        if self.observations < MIN_OBSERVATIONS:
            return self.misses >= 2
        return self.misses >= LOST_FRAMES and seconds - self.seen > _LOST_SECONDS

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


def centre_and_size(box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre and size of a box, `(x, y)` each, in px."""
    size = np.array([box.width, box.height], float)
    return np.array([box.x, box.y]) + size / 2, size
