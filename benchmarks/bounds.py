"""The committed bounds, `bounds.json`: ratios and accuracies that records must keep, never absolute times.

`floors` are the accuracies, 0..1, that a contender must reach on each data set: below, its speed does not
count. `ratios` and `sizes` are the largest allowed figures, by the names of `benchmarks.compare.figures`.
They hold for the `default` model: a reader must open it when no other is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import compare
from benchmarks.contenders import released
from benchmarks.record import Record
from edge_runtime import DigitReader
from edge_runtime.models import manifest

_BOUNDS: dict[str, Any] = json.loads(Path(__file__).with_name("bounds.json").read_text(encoding="utf-8"))

_SPEED = ("single stream", "offline", "multi stream", "sustained")


def invalid(record: Record) -> list[str]:
    """One line per contender whose speed does not count: its weights have no accuracy, or one below a floor.

    Only accuracies of the same record prove anything: they were measured through the function that is timed.
    """
    proven, failed = set(), {}
    for result in record.accuracies():
        if result["accuracy"] < _floor(result):
            failed[result["contender"]] = _too_low(result)
        proven |= {(result["contender"], each) for each in result.get("hashes", ())}
    lines = {}
    for result in record.results:
        for name, hashes in result.get("models", {}).items() if result["kind"] in _SPEED else ():
            if name in failed:
                lines[name] = f"{name}: invalid speed, its accuracy is {failed[name]}"
            elif any((name, each) not in proven for each in hashes):
                lines[name] = f"{name}: invalid speed, the record has no accuracy of the same weights"
    return list(lines.values())


def broken(record: Record) -> list[str]:
    """One line per bound that a record breaks. A ratio breaks its bound if all of its interval lies above."""
    return [
        *_broken_floors(record),
        *_broken_ratios(record),
        *_stale(record),
        *_released_too_low(),
        *_other_defaults(),
    ]


def _broken_floors(record: Record) -> Iterator[str]:
    for result in record.accuracies():
        if result["accuracy"] < _floor(result):
            yield f"accuracy of {result['contender']}: {_too_low(result)}"
    yield from invalid(record)


def _floor(accuracy: dict[str, Any]) -> float:
    """The accuracy that the released networks must reach; others have no floor."""
    if not accuracy.get("own", True):
        return 0.0
    return float(_BOUNDS["floors"].get(accuracy.get("data", "MNIST"), 0.0))


def _too_low(accuracy: dict[str, Any]) -> str:
    data = accuracy.get("data", "MNIST")
    return f"{accuracy['accuracy']:.2%} on {data}, below {_floor(accuracy):.2%}"


def _broken_ratios(record: Record) -> Iterator[str]:
    figures, lows = compare.figures(record), compare.lower_ends(record)
    for name, bound in {**_BOUNDS["ratios"], **_BOUNDS["sizes"]}.items():
        if name not in figures:
            yield f"{name}: not measured"
        elif lows[name] > bound:
            yield f"{name}: {figures[name]:.2f}, above {bound:.2f}"


def _stale(record: Record) -> Iterator[str]:
    """Models of the record that are not the released ones: its figures are those of other weights."""
    current = {entry.file: entry.sha256 for entry in manifest.entries()}
    for file, sha256 in record.conditions["models"].items():
        if current.get(file) != sha256:
            yield f"{file}: the record is of another model; measure again"
    hashes = {(entry.name, entry.sha256) for entry in manifest.entries()}
    names = {name for name, _ in hashes}
    wrong = {
        name
        for result in record.results
        for name, used in result.get("models", {}).items()
        if name in names and any((name, each) not in hashes for each in used)
    }
    yield from (f"{name}: the files that ran are not those of the manifest" for name in sorted(wrong))


def _released_too_low() -> Iterator[str]:
    """Released classifiers whose accuracy on MNIST, which export has measured, is below the floor."""
    floor = _BOUNDS["floors"]["MNIST"]
    for entry in manifest.entries():
        if entry.task == manifest.CLASSIFIER and entry.accuracy < floor:
            yield f"accuracy of {entry.file}: {entry.accuracy:.2%} in the manifest, below {floor:.2%}"


def _other_defaults() -> Iterator[str]:
    """Networks that a reader opens when no model is named, but that are not those with bounds."""
    reader, bounded = DigitReader(), _BOUNDS["default"]
    for task, network in ((manifest.CLASSIFIER, reader.classifier), (manifest.DETECTOR, reader.detector)):
        if network.path != released(bounded, task):
            yield f"default {task}: {network.path.name}, but the bounds are those of {bounded}"
