"""Accuracy of the released classifiers on the MNIST test set, through the public reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import torch_network
from benchmarks.mnist import load_test_set
from edge_runtime import DigitReader
from edge_runtime.contract import BACKGROUND
from edge_runtime.models import manifest

_BINS = 15


def measure(data: Path) -> Iterator[dict[str, Any]]:
    """Yield one result per contender: accuracy, mistakes by digit, calibration, rejections, agreement."""
    tiles, labels = load_test_set(data)
    entries = {entry.name: entry for entry in manifest.entries() if entry.task == manifest.CLASSIFIER}
    float_values: NDArray[np.int64] | None = None
    for name in ("float", "int8"):
        batch = DigitReader(name).read_tiles(tiles)
        if float_values is None:
            float_values = batch.values
        yield {
            "kind": "accuracy",
            "contender": name,
            **_score(batch.values, labels),
            "rejected": int(batch.rejected.sum()),
            "wrong_and_accepted": int(((batch.values != labels) & ~batch.rejected).sum()),
            "calibration_error": round(_calibration_error(batch.confidences, batch.values == labels), 5),
            "agreement_with_float": round(float((batch.values == float_values).mean()), 5),
            "bytes": entries[name].bytes,
            "sha256": entries[name].sha256,
        }
    if torch_network.available():
        run = torch_network.load(threads=1)
        logits = np.concatenate([run(batch) for batch in np.array_split(tiles, 20)])
        values = logits[:, :BACKGROUND].argmax(axis=1)
        yield {
            "kind": "accuracy",
            "contender": "torch",
            **_score(values, labels),
            "agreement_with_float": round(float((values == float_values).mean()), 5),
        }


def _score(values: NDArray[np.int64], labels: NDArray[np.int64]) -> dict[str, Any]:
    wrong = values != labels
    return {
        "images": len(labels),
        "accuracy": round(1 - float(wrong.mean()), 5),
        "mistakes": int(wrong.sum()),
        "mistakes_by_digit": np.bincount(labels[wrong], minlength=10).tolist(),
    }


def _calibration_error(confidences: NDArray[np.float32], correct: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al., 2017)."""
    bins = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(float(confidences[bins == index].mean()) - float(correct[bins == index].mean()))
        * float((bins == index).mean())
        for index in range(_BINS)
        if (bins == index).any()
    ]
    return sum(gaps)
