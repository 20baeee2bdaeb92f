"""The timing core: contenders take turns in random order, every call counts, percentiles need many calls."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Input = TypeVar("Input")

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
WARM_UP_CALLS, WARM_UP_SECONDS = 20, 1.0  # before the first slice, whichever comes first
SLICE_SECONDS = 0.02
LEAST_ROUNDS = 10  # with fewer, an interval of a ratio says nothing

_BIN = 1.05  # width of a histogram's bins, as a factor


@dataclass(frozen=True, slots=True)
class Timing:
    """The durations of all calls of one contender, in microseconds. No outlier is dropped."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float

    @classmethod
    def of(cls, nanoseconds: Sequence[int]) -> Timing:
        """Summarise the durations of one or more calls."""
        quantiles = np.percentile(nanoseconds, [100 * share for share in QUANTILES.values()])
        values = (np.mean(nanoseconds), *quantiles)
        return cls(len(nanoseconds), *(round(float(value) / 1000, 2) for value in values))


def calls_for(quantile: str) -> int:
    """How many calls a percentile of `QUANTILES` needs: at least one is slower with a probability of 95%.

    With fewer, it may be no more than the slowest call so far, and is not to be shown.
    """
    return math.ceil(math.log(0.05) / math.log(QUANTILES[quantile]))


def shown(timing: Mapping[str, Any], quantile: str, unit: float = 1.0) -> str:
    """A percentile of a `Timing` as a dictionary, in `unit` microseconds; "-" if it has too few calls."""
    enough = timing["count"] >= calls_for(quantile) and quantile in timing
    return f"{timing[quantile] / unit:.2f}" if enough else "-"


@dataclass(frozen=True, slots=True)
class Trial:
    """The durations of all calls of contenders that took turns, in nanoseconds: one list per round."""

    rounds: Mapping[str, Sequence[Sequence[int]]]

    def calls(self, name: str) -> list[int]:
        """The durations of all calls of a contender."""
        return [duration for calls in self.rounds[name] for duration in calls]

    def timing(self, name: str) -> Timing:
        """The percentiles of a contender."""
        return Timing.of(self.calls(name))

    def medians(self, name: str) -> NDArray[np.float64]:
        """The median duration of every round of a contender, float `[rounds]`."""
        return np.array([np.median(calls) for calls in self.rounds[name]])

    def histogram(self, name: str) -> dict[str, Any]:
        """How long the calls of a contender took: bin i of `counts` begins at `start_us * factor ** i`."""
        bins = np.floor(np.log(np.maximum(self.calls(name), 1) / 1000) / math.log(_BIN)).astype(int)
        first = int(bins.min())
        counts = np.bincount(bins - first).tolist()
        return {"start_us": round(_BIN**first, 3), "factor": _BIN, "counts": counts}


def alternate(
    contenders: Mapping[str, Callable[[Input], object]],
    seconds: float,
    inputs: Sequence[Input],
    *,
    clock: Callable[[], int] = time.perf_counter_ns,
    progress: Callable[[float], object] = lambda share: None,
) -> Trial:
    """Time contenders in turn within one run, so that other load on the machine slows all of them alike.

    Each is warmed up first. Then every round gives each a slice of time, in random order, until each has had
    `seconds`, and at least `LEAST_ROUNDS` rounds. A slice ends with the first call that completes
    `SLICE_SECONDS`; if the calls of a contender take longer, the slices of all do. With several inputs, a
    slice is one call, all contenders of a round get the same input, and each input comes equally often.
    `clock` counts nanoseconds; `progress` is called with the share done, 0..1.
    """
    slowest = max(_warm_up(call, inputs[0], clock) for call in contenders.values())
    length = max(slowest, round(min(SLICE_SECONDS, seconds / LEAST_ROUNDS) * 1e9)) if len(inputs) == 1 else 0
    taken: dict[str, list[list[int]]] = {name: [] for name in contenders}
    order, shuffled = list(contenders), random.Random(0)
    begin, total, done = clock(), seconds * 1e9 * len(contenders), 0
    while done < LEAST_ROUNDS or done % len(inputs) or clock() - begin < total:
        shuffled.shuffle(order)
        for name in order:
            taken[name].append(_time_slice(contenders[name], inputs[done % len(inputs)], length, clock))
        done += 1
        share = min(done / max(LEAST_ROUNDS, len(inputs)), (clock() - begin) / max(total, 1))
        progress(min(share, 1.0))
    return Trial(taken)


def _warm_up(call: Callable[[Input], object], value: Input, clock: Callable[[], int]) -> int:
    """Call a contender until it is warm; return the nanoseconds of its fastest call."""
    fastest, start = 0, clock()
    for _ in range(WARM_UP_CALLS):
        before = clock()
        call(value)
        now = clock()
        fastest = min(fastest or now - before, now - before)
        if now - start > WARM_UP_SECONDS * 1e9:
            break
    return fastest


def _time_slice(
    call: Callable[[Input], object], value: Input, length: int, clock: Callable[[], int]
) -> list[int]:
    durations: list[int] = []
    record = durations.append
    start = clock()
    while True:
        before = clock()
        call(value)
        now = clock()
        record(now - before)
        if now - start >= length:
            return durations
