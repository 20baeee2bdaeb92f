"""Contenders: networks and readers that are timed against each other, each with the hash of its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import torch_network
from edge_runtime import DigitReader
from edge_runtime.models import manifest
from edge_runtime.reading.networks import Classifier, Detector

PRECISIONS = ("float", "int8")


@dataclass(frozen=True)
class Contender:
    """Something that is timed: `run` takes one input. `hashes` are those of the files with its weights."""

    name: str
    run: Callable[[Any], Any]
    hashes: tuple[str, ...] = ()


def hashes(name: str, *tasks: str) -> tuple[str, ...]:
    """The hashes of released models, by their name and tasks."""
    entries = {(entry.task, entry.name): entry for entry in manifest.entries()}
    return tuple(entries[task, name].sha256 for task in tasks)


def classifiers(threads: int) -> list[Contender]:
    """The classifiers: functions from tiles uint8 `[N, 28, 28]` to logits `[N, 11]`."""
    found = [
        Contender(name, Classifier(name, threads=threads).logits, hashes(name, manifest.CLASSIFIER))
        for name in PRECISIONS
    ]
    if torch_network.available():
        # Rebuilt from the float model's file.
        found.append(Contender("torch", torch_network.load(threads), found[0].hashes))
    return found


def detectors(threads: int) -> list[Contender]:
    """The detectors: functions from grey images uint8 `[N, H, W]` to scores."""
    return [
        Contender(name, Detector(name, threads=threads).scores, hashes(name, manifest.DETECTOR))
        for name in PRECISIONS
    ]


def readers() -> list[Contender]:
    """The whole reading, on one thread: from an image to a `Reading`."""
    tasks = (manifest.CLASSIFIER, manifest.DETECTOR)
    return [Contender(name, DigitReader(name).read, hashes(name, *tasks)) for name in PRECISIONS]
