"""The check of CI: a quick measurement whose ratios and accuracies are held against the committed bounds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from benchmarks import accuracy, scenarios, speed
from edge_runtime.models import manifest

_SECONDS = 2.0  # per contender
_REPEATS = 5  # of each process


def quick(progress: scenarios.Progress) -> Iterator[dict[str, Any]]:
    """Yield what the bounds are about, within a minute. Raises `ModelError` for a model with another hash."""
    for entry in manifest.entries():
        entry.check()
    yield sizes()
    yield from chain(
        accuracy.drawn_tiles(),
        accuracy.disturbed_tiles(),
        accuracy.drawn_pages(),
        scenarios.sessions(_SECONDS, progress),
        scenarios.page(_SECONDS, progress),
        speed.processes(_REPEATS, ("int8",)),
    )


def sizes() -> dict[str, Any]:
    """The size of both models of a precision, relative to float's."""
    names = {entry.name for entry in manifest.entries()}
    total = {name: sum(entry.bytes for entry in manifest.entries() if entry.name == name) for name in names}
    ratios = {name: round(size / total["float"], 4) for name, size in total.items()}
    return {"kind": "sizes", "ratio_to_float": ratios}
