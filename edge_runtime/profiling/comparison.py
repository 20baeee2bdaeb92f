"""Comparison of contenders: ratios with intervals, beside the noise of a contender against itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.profiling.timing import Input, Trial, alternate

AGAIN = " again"  # ends the name of the baseline's second entry in a trial

# Where code and data happen to lie in memory changes times by about a percent, from one process to the next.
_SMALLEST = 0.01
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Ratio:
    """The time of a contender relative to the baseline's.

    `value` is the median over the rounds of the ratio of both contenders' median calls; `low` and `high` are
    its 95% interval by bootstrap over the rounds.
    """

    value: float
    low: float
    high: float

    def differs(self, noise: float) -> bool:
        """Whether it is certainly not 1: its interval excludes 1, and it exceeds the `noise`."""
        return not self.low <= 1 <= self.high and abs(math.log(self.value)) > math.log1p(noise)


def ratio(trial: Trial, name: str, baseline: str) -> Ratio:
    """The time of a contender relative to the baseline's, in the rounds of one trial."""
    ratios = trial.medians(name) / np.maximum(trial.medians(baseline), 1)
    drawn = np.random.default_rng(0).integers(0, len(ratios), (_RESAMPLES, len(ratios)))
    low, high = np.percentile(np.median(ratios[drawn], axis=1), (2.5, 97.5))
    return Ratio(*(round(float(value), 4) for value in (np.median(ratios), low, high)))


def noise_of(twin: Ratio) -> float:
    """The noise, as a share, given the ratio of a contender to itself: what its interval includes."""
    largest = max(abs(math.log(twin.low)), abs(math.log(twin.high)))
    return round(max(_SMALLEST, math.expm1(largest)), 4)


def single_stream(
    contenders: Mapping[str, Callable[[Input], object]],
    seconds: float,
    inputs: Sequence[Input],
    *,
    baseline: str = "float",
    progress: Callable[[float], object] = lambda share: None,
) -> dict[str, Any]:
    """Time single calls of contenders that take turns, and of the baseline against itself.

    Returns what a record holds: `seconds` per contender, the `baseline`, the `Timing` of every contender in
    microseconds (`us`), a `histogram`, its `Ratio` to the baseline, and the `noise`, as a share.
    """
    entries = {**contenders, baseline + AGAIN: contenders[baseline]}
    trial = alternate(entries, seconds, inputs, progress=progress)
    ratios = {name: ratio(trial, name, baseline) for name in entries if name != baseline}
    noise = noise_of(ratios.pop(baseline + AGAIN))
    return {
        "seconds": seconds,
        "rounds": len(trial.rounds[baseline]),
        "baseline": baseline,
        "noise": noise,
        "us": {name: asdict(trial.timing(name)) for name in contenders},
        "ratio": {name: asdict(each) for name, each in ratios.items()},
        "histogram": {name: trial.histogram(name) for name in contenders},
    }


def describe(result: Mapping[str, Any], name: str) -> str:
    """The ratio of a contender in a result of `single_stream` as text, such as "0.72x (0.71 to 0.74)"."""
    if name == result["baseline"]:
        return "1.00x"
    each = Ratio(**result["ratio"][name])
    text = f"{each.value:.2f}x ({each.low:.2f} to {each.high:.2f})"
    return text if each.differs(result["noise"]) else f"{text}, no difference beyond noise"
