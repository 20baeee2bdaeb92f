"""The tracker: finds out which digit of a frame is which digit of the frames before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.live.track import LOST_FRAMES, Track, TrackState, centre_and_size
from edge_runtime.results import Digit

# Which digit continues which track. Lengths are relative to the longer side of the digit's box.
_MAX_DISTANCE = 0.7  # between the position and the expected one
_MAX_RESIZE = 0.35  # change of either side from frame to frame
_MIN_SIMILARITY = 0.05  # a less probable match is a different digit,
_SAME_PLACE = 0.25  # unless it is within this distance, as when a card is swapped


class Tracker:
    """Tracks the digits in the frames of one source.

    `rejection_threshold` is the classifier's: the probability, 0..1, below which a track gets no label. It
    may be changed between frames.
    """

    def __init__(self, rejection_threshold: float) -> None:
        self.rejection_threshold = rejection_threshold
        self._tracks: list[TrackState] = []
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
        passed = self._pass_time(seconds)
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
            track = TrackState(self._last_id, digits[index], seconds)
            track.observe(digits[index], seconds, self.rejection_threshold)
            self._tracks.append(track)
        self._tracks = [track for track in self._tracks if not track.is_lost(seconds)]
        self._drop_replaced()
        return self._shown(seconds, size)

    def hold(self, seconds: float, size: tuple[int, int]) -> tuple[Track, ...]:
        """Continue the tracks into a frame that looks like the one before and was not read; as for `update`.

        Time goes on, and what was found is still there. It is no new evidence of what it is.
        """
        self._motion_step(self._pass_time(seconds))
        for track in self._tracks:
            track.hold(seconds)
        return self._shown(seconds, size)

    def agrees(self) -> bool:
        """Whether the frame that was read last shows the digits of those before, where they have a label."""
        shown = (track for track in self._tracks if track.is_shown())
        return all(not track.misses and track.label in (None, track.last) for track in shown)

    def _shown(self, seconds: float, size: tuple[int, int]) -> tuple[Track, ...]:
        return tuple(
            Track(track.id, track.digit(size), track.is_confirmed(seconds, size))
            for track in self._tracks
            if track.is_shown()
        )

    def _pass_time(self, seconds: float) -> float:
        """Set the clock; return the time since the last frame."""
        passed = 0.0 if self._seconds is None else max(0.0, seconds - self._seconds)
        self._seconds = seconds
        return passed

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
        centres, sizes = map(np.array, zip(*(centre_and_size(digit.box) for digit in digits), strict=True))
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
        present = [track for track in self._tracks if not track.misses and track.observations > LOST_FRAMES]
        missed = [track for track in self._tracks if track.misses]
        if not present or not missed:
            return
        centres, taken = (np.array([track.centre for track in tracks]) for tracks in (missed, present))
        reach = 0.5 * np.array([track.size for track in present]).max(axis=1)
        replaced = (np.abs(centres[:, None] - taken[None]).max(axis=2) <= reach).any(axis=1)
        gone = {track.id for track, is_gone in zip(missed, replaced.tolist(), strict=True) if is_gone}
        self._tracks = [track for track in self._tracks if track.id not in gone]
