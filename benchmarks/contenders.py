"""Contenders: networks and readers that are timed against each other, each with the hash of its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import torch_network
from benchmarks.errors import BenchmarkError
from edge_runtime import DigitReader
from edge_runtime.contract import TILE
from edge_runtime.models import manifest
from edge_runtime.reading.networks import Classifier, Detector

PRECISIONS = ("float", "int8")


@dataclass(frozen=True)
class Contender:
    """Something that is timed: `run` takes one input. `hashes` are those of the files with its weights."""

    name: str
    run: Callable[[Any], Any]
    hashes: tuple[str, ...] = ()


def _hashes(*networks: Classifier | Detector) -> tuple[str, ...]:
    """The hashes of the files that networks have loaded, whatever they are called."""
    return tuple(hashlib.sha256(network.path.read_bytes()).hexdigest() for network in networks)


def classifiers(threads: int) -> list[Contender]:
    """The classifiers: functions from tiles uint8 `[N, 28, 28]` to logits `[N, 11]`."""
    networks = {name: Classifier(name, threads=threads) for name in PRECISIONS}
    found = [Contender(name, network.logits, _hashes(network)) for name, network in networks.items()]
    if torch_network.available():
        # Rebuilt from the float model's file.
        found.append(Contender("torch", torch_network.load(threads), found[0].hashes))
    return found


def bare_session(name: str) -> Contender:
    """A released classifier in a session of onnxruntime's own settings, which the benchmark opens itself."""
    (path,) = (e.path for e in manifest.entries() if (e.task, e.name) == (manifest.CLASSIFIER, name))
    return Contender("bare onnxruntime", onnx_file(path, threads=1))


def onnx_file(path: Path, threads: int) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Any classifier in an ONNX file, with its own input: uint8 `[N, 28, 28]` or float `[1, 1, 28, 28]`.

    A network that takes floats gets the levels 0 to 255. Raises `BenchmarkError` if it cannot be loaded, or
    takes something else.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise BenchmarkError(f"{path}: onnxruntime cannot load this model: {error}") from error
    (taken, *_others) = session.get_inputs()
    shape = tuple(taken.shape[1:])

    def run(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        if taken.type == "tensor(uint8)":
            return np.asarray(session.run(None, {taken.name: tiles})[0])
        images = tiles.astype(np.float32).reshape(-1, 1, *shape)
        return np.concatenate([session.run(None, {taken.name: image})[0] for image in images])

    try:
        run(np.zeros((1, TILE, TILE), np.uint8))
    except Exception as error:
        raise BenchmarkError(f"{path}: takes {taken.type} {taken.shape}, not tiles of 28x28") from error
    return run


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
