"""Comparison of two records: which figures differ, and whether accuracy regressed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.record import Record

ALLOWED_LOSS = 0.0005  # of accuracy, as a share of the test set
_MIN_CHANGE = 0.05  # relative; smaller changes of times and rates are noise


def figures(record: Record) -> dict[str, float]:
    """The comparable figures of a record by name. Times are relative, as absolute ones depend on the machine.

    Raises `BenchmarkError` if there are none.
    """
    found: dict[str, float] = {}
    for result in record.results:
        found.update(_figures_of(result))
    if not found:
        raise BenchmarkError(
            f"nothing to compare in {record.path}; give records of: python -m benchmarks run"
        )
    return found


def _figures_of(result: dict[str, Any]) -> Iterator[tuple[str, float]]:
    kind, contender = result["kind"], result.get("contender")
    if kind == "accuracy":
        yield f"accuracy, {contender}", result["accuracy"]
        if "bytes" in result:
            yield f"bytes, {contender}", result["bytes"]
    elif kind == "latency":
        for name, ratio in result["ratio_to_float"].items():
            yield f"latency / float, {name}, batch {result['batch']}, {result['threads']} threads", ratio
    elif kind == "process":
        yield f"cold start / imports, {contender}", result["ratio_to_imports"]
        if result["peak_mb"] is not None:
            yield f"peak MB, {contender}", result["peak_mb"]
    elif kind == "page" and "ratio_to_reference" in result:
        yield f"reading a page / reference, {result['size']}", result["ratio_to_reference"]
    elif kind == "drawn page":
        yield f"CPU time of reading / reference, {result['page']}", result["ratio_to_reference"]
    elif kind == "rejection":
        yield f"AUROC, {result['negatives']}", result["auroc"]
    elif kind == "robustness":
        yield f"mean accuracy, {result['disturbance']}", sum(result["accuracy"]) / len(result["accuracy"])
    elif kind == "folder":
        yield f"folder rate / imdecode, {result['images']} images", result["ratio_to_imdecode"]


def differences(before: Record, after: Record) -> list[str]:
    """One line per figure that differs: accuracy and size by any amount, all others by more than 5 %.

    Raises `BenchmarkError` if a record has no figures to compare.
    """
    old, new = figures(before), figures(after)
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            lines.append(f"{name}: only in {(after if name in new else before).name}")
            continue
        exact = name.startswith(("accuracy", "bytes"))
        change = abs(new[name] - old[name]) / max(abs(old[name]), 1e-12)
        if change > (0 if exact else _MIN_CHANGE):
            lines.append(f"{name}: {old[name]:g} -> {new[name]:g}")
    return lines


def regressions(before: Record, after: Record) -> list[str]:
    """One line per accuracy regression.

    A regression is a contender that is missing or lost more than `ALLOWED_LOSS`, or an emulated CPU on which
    more than that share of the decisions differ.
    """
    old, new = ({r["contender"]: r["accuracy"] for r in x.of_kind("accuracy")} for x in (before, after))
    # torch is not installed everywhere; the released models are.
    expected = {name: accuracy for name, accuracy in old.items() if name != "torch" or name in new}
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
