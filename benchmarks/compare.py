"""Comparison of two records: ratios that moved beyond noise, images that changed, accuracy that was lost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.contenders import PRECISIONS
from benchmarks.errors import BenchmarkError
from benchmarks.record import ACCURACIES, Record

ALLOWED_LOSS = 0.0005  # of accuracy, as a share of the test set
_MIN_CHANGE = 0.05  # relative; where a figure has no interval, smaller changes of times and rates are noise
_EXACT = ("accuracy", "bytes")


@dataclass(frozen=True)
class Figure:
    """A comparable figure; `low` and `high` are its interval, and `noise`, a share, that of its trial."""

    value: float
    low: float
    high: float
    noise: float

    def moved_to(self, other: Figure) -> bool:
        """Whether another record's figure differs by more than the intervals and the noise of both."""
        apart = self.high < other.low or other.high < self.low
        change = abs(math.log(max(other.value, 1e-9) / max(self.value, 1e-9)))
        return apart and change > math.log1p(max(self.noise, other.noise))


def figures(record: Record) -> dict[str, float]:
    """The comparable figures of a record by name. Times are relative, as absolute ones depend on the machine.

    Raises `BenchmarkError` if there are none.
    """
    return {name: figure.value for name, figure in _figures(record).items()}


def lower_ends(record: Record) -> dict[str, float]:
    """The lower ends of the intervals of the same figures."""
    return {name: figure.low for name, figure in _figures(record).items()}


def _figures(record: Record) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for result in record.results:
        found.update(_figures_of(result))
    if not found:
        raise BenchmarkError(
            f"nothing to compare in {record.path}; give records of: python -m benchmarks run"
        )
    return found


def _figures_of(result: dict[str, Any]) -> Iterator[tuple[str, Figure]]:
    """The figures of one result. Those of old records have no intervals: changes below 5% are noise."""
    if result["kind"] in ("single stream", "offline"):
        noise = result.get("noise", _MIN_CHANGE)
        for name, each in result["ratio"].items():
            yield _name_of_ratio(result, name), Figure(each["value"], each["low"], each["high"], noise)
        if "reference" in result.get("us", ()):
            value = result["us"]["int8"]["p50"] / result["us"]["reference"]["p50"]
            name = f"reading a page / reference, {result['size']}"
            yield name, Figure(value, value, value, max(noise, _MIN_CHANGE))
        return
    for name, value in _plain_figures_of(result):
        noise = 0 if name.startswith(_EXACT) else _MIN_CHANGE
        yield name, Figure(value, value, value, noise)


def _name_of_ratio(result: dict[str, Any], contender: str) -> str:
    threads = result["threads"]
    if result["subject"] == "classifier":
        about = f"{contender}, batch {result['batch']}, {threads} thread{'s' * (threads != 1)}"
        what = "latency" if result["kind"] == "offline" else "single stream"
        return f"{what} / {result.get('baseline', 'float')}, {about}"
    what = "reading a page" if result["subject"] == "reading" else result["subject"]
    return f"{what} / {result['baseline']}, {contender}, {result['size']}"


def _plain_figures_of(result: dict[str, Any]) -> Iterator[tuple[str, float]]:
    kind, contender = result["kind"], result.get("contender")
    if kind in ACCURACIES:
        yield _name_of_accuracy(result), result["accuracy"]
        if "bytes" in result:
            yield f"bytes, {contender}", result["bytes"]
    elif kind == "sizes":
        for name, ratio in result["ratio_to_float"].items():
            yield f"bytes / float, {name}", ratio
    elif kind == "process":
        yield f"cold start / imports, {contender}", result["ratio_to_imports"]
        if result["peak_mb"] is not None:
            yield f"peak MB, {contender}", result["peak_mb"]
    elif kind == "page" and "ratio_to_reference" in result:
        yield f"reading a page / reference, {result['size']}", result["ratio_to_reference"]
    elif kind == "drawn page":
        yield f"CPU time of reading / reference, {result['page']}", result["ratio_to_reference"]
    elif kind == "pad":
        yield f"accuracy of digits, pad {result['pad']}", result["digits_right"]
        yield f"accuracy of numbers, pad {result['pad']}", result["numbers_right"]
    elif kind == "rejection":
        yield f"AUROC, {result['negatives']}", result["auroc"]
    elif kind == "robustness":
        yield f"mean accuracy, {result['disturbance']}", sum(result["accuracy"]) / len(result["accuracy"])
    elif kind == "folder":
        yield f"folder rate / imdecode, {result['images']} images", result["ratio_to_imdecode"]


def _name_of_accuracy(result: dict[str, Any]) -> str:
    data = result.get("data", "MNIST")
    return f"accuracy, {result['contender']}" + (f", {data}" if data != "MNIST" else "")


def differences(before: Record, after: Record) -> list[str]:
    """One line per figure that differs: accuracy and size by any amount, all others beyond noise.

    Raises `BenchmarkError` if a record has no figures to compare.
    """
    old, new = _figures(before), _figures(after)
    images = _changed_images(before, after)
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            lines.append(f"{name}: only in {(after if name in new else before).name}")
        elif old[name].moved_to(new[name]):
            lines.append(f"{name}: {old[name].value:g} -> {new[name].value:g}{images.pop(name, '')}")
    return lines + [f"{name}: unchanged{text}" for name, text in sorted(images.items())]


def _changed_images(before: Record, after: Record) -> dict[str, str]:
    """For each accuracy in both records: by how many images it changed, and whether that may be chance.

    The p of McNemar's exact test is that of a change at least as uneven, if right and wrong were equally
    likely to turn into each other.
    """
    old, new = (
        {_name_of_accuracy(result): result for result in each.accuracies()} for each in (before, after)
    )
    texts = {}
    for name, result in new.items():
        first = old.get(name, {})
        if first.get("images") != result["images"]:
            continue
        text = f", {result['mistakes'] - first['mistakes']:+d} mistakes of {result['images']}"
        if "wrong" in first and "wrong" in result:
            gained = len(set(first["wrong"]) - set(result["wrong"]))
            lost = len(set(result["wrong"]) - set(first["wrong"]))
            if not gained + lost:
                continue
            text += f" ({gained} now right, {lost} now wrong; McNemar p = {mcnemar(gained, lost):.2g})"
        elif result["mistakes"] == first["mistakes"]:
            continue
        texts[name] = text
    return texts


def mcnemar(gained: int, lost: int) -> float:
    """The p of McNemar's exact two-sided test, 0..1, given the images that changed in each direction."""
    count = gained + lost
    tail = sum(math.comb(count, k) for k in range(min(gained, lost) + 1)) / 2**count
    return min(1.0, 2 * tail)


def regressions(before: Record, after: Record) -> list[str]:
    """One line per accuracy regression.

    A regression is a contender that is missing or lost more than `ALLOWED_LOSS`, or an emulated CPU on which
    more than that share of the decisions differ.
    """
    old, new = ({r["contender"]: r["accuracy"] for r in x.of_kind("accuracy")} for x in (before, after))
    # Other contenders are not installed everywhere; the released models are.
    expected = {name: accuracy for name, accuracy in old.items() if name in PRECISIONS or name in new}
    lost = [
        f"{name}: accuracy {accuracy:.2%} -> {f'{new[name]:.2%}' if name in new else 'missing'}"
        for name, accuracy in expected.items()
        if new.get(name, 0.0) < accuracy - ALLOWED_LOSS - 1e-9
    ]
    differing = [
        f"{r['cpu']}: INT8 decides differently on {1 - r['same_decision']:.2%} of {r['input']}"
        for r in after.of_kind("cpu")
        if r["same_decision"] < 1 - ALLOWED_LOSS
    ]
    return lost + differing
