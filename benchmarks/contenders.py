"""Contenders: networks and readers that are timed against each other, each with the hash of its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import torch_network
from benchmarks.model_files import open_session
from edge_runtime import DigitReader
from edge_runtime.models import manifest
from edge_runtime.reading.networks import Classifier, Detector

PRECISIONS = ("float", "int8")
BARE = "bare onnxruntime"  # with its own settings, in a session that the benchmark itself opens


@dataclass(frozen=True)
class Contender:
    """Something that is timed: `run` takes one input. `hashes` are those of the files with its weights.

    `own` says whether these are the released ones, which must reach the floors of accuracy.
    """

    name: str
    run: Callable[[Any], Any]
    hashes: tuple[str, ...] = ()
    own: bool = True


def _hashes(*networks: Classifier | Detector) -> tuple[str, ...]:
    """The hashes of the files that networks have loaded, whatever they are called."""
    return tuple(file_hash(network.path) for network in networks)


def file_hash(path: Path) -> str:
    """The SHA-256 hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def released(name: str, task: str = manifest.CLASSIFIER) -> Path:
    """The file of the released network of a precision."""
    (path,) = (each.path for each in manifest.entries() if (each.task, each.name) == (task, name))
    return path


def classifiers(threads: int) -> list[Contender]:
    """The classifiers: functions from tiles uint8 `[N, 28, 28]` to logits `[N, 11]`."""
    networks = {name: Classifier(name, threads=threads) for name in PRECISIONS}
    found = [Contender(name, network.logits, _hashes(network)) for name, network in networks.items()]
    if torch_network.available():
        # Rebuilt from the float model's file.
        found.append(Contender("torch", torch_network.load(threads), found[0].hashes))
    return found


def bare_session(name: str, task: str) -> Contender:
    """A released network in a session of onnxruntime's own settings, which the benchmark opens itself."""
    session = open_session(released(name, task), threads=1)
    (taken,) = session.get_inputs()
    return Contender(BARE, lambda images: session.run(None, {taken.name: images})[0])


def detectors(threads: int) -> list[Contender]:
    """The detectors: functions from grey images uint8 `[N, H, W]` to scores."""
    networks = {name: Detector(name, threads=threads) for name in PRECISIONS}
    return [Contender(name, network.scores, _hashes(network)) for name, network in networks.items()]


def readers() -> list[Contender]:
    """The whole reading, on one thread: from an image to a `Reading`."""
    opened = {name: DigitReader(name) for name in PRECISIONS}
    return [
        Contender(name, reader.read, _hashes(reader.classifier, reader.detector))
        for name, reader in opened.items()
    ]
