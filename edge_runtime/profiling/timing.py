"""The timing core: warm-up, alternation and percentiles."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

WARM_UP_CALLS = 20
SLICE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Timing:
    """Percentiles of the durations of all calls of one contender, in microseconds. No outlier is dropped."""

    count: int
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, nanoseconds: list[int]) -> Timing:
        """Summarise the durations of one or more calls."""
        p50, p90, p99 = (float(v) / 1000 for v in np.percentile(nanoseconds, (50, 90, 99)))
        return cls(len(nanoseconds), round(p50, 2), round(p90, 2), round(p99, 2))


def alternate(contenders: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, Timing]:
    """Time contenders in turn within one run, so that other load on the machine slows all of them alike.

    Each is called `WARM_UP_CALLS` times first. Then slices of `SLICE_SECONDS` alternate until every contender
    has had `seconds`, and at least one slice. Every call counts.
    """
    for call in contenders.values():
        for _ in range(WARM_UP_CALLS):
            call()
    taken: dict[str, list[int]] = {name: [] for name in contenders}
    clock = time.perf_counter_ns
    for _ in range(max(1, round(seconds / SLICE_SECONDS))):
        for name, call in contenders.items():
            end = clock() + int(SLICE_SECONDS * 1e9)
            record = taken[name].append
            while True:
                start = clock()
                call()
                now = clock()
                record(now - start)
                if now >= end:
                    break
    return {name: Timing.of(durations) for name, durations in taken.items()}
