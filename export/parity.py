"""Parity gates: torch, float ONNX and INT8 ONNX must agree on the validation split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from edge_runtime.contract import BACKGROUND
from edge_runtime.reading.networks import Classifier, Detector
from export.errors import ExportError
from export.quantize import integer_operators
from train.data import Digits
from train.detector_samples import UNJUDGED, DetectorSamples
from train.networks import TileNetwork

SCORE_TOLERANCE = 1e-3  # largest difference between torch and float ONNX; scores are around 10
ACCURACY_LOSS = 0.0005  # INT8 against float, share of the validation digits
AGREEMENT = 0.999  # share of tiles, or of the detector's cells, with the same decision
DETECTION_LOSS = 0.005  # INT8 against float, in F1 over the detector's cells


@dataclass(frozen=True)
class Parity:
    """Differences between torch, float ONNX and INT8 ONNX on a number of validation `images`.

    The accuracies, 0..1, are those of a classifier on tiles, or a detector's F1 over cells.
    `score_difference` is the largest between torch and float, `agreement` the share 0..1 of tiles, or cells,
    on which INT8 and float make the same decision, `allowed_loss` the accuracy that INT8 may lose. Sizes are
    in bytes.
    """

    images: int
    score_difference: float
    torch_accuracy: float
    float_accuracy: float
    int8_accuracy: float
    allowed_loss: float
    agreement: float
    integer_operators: int
    float_bytes: int
    int8_bytes: int


def compare_classifier(network: TileNetwork, float_path: Path, int8_path: Path, digits: Digits) -> Parity:
    """Run all three on `digits`, the ONNX models with the runtime's own code."""
    labels = digits.labels.numpy()
    return _compare(
        network,
        (Classifier(float_path).logits, float_path),
        (Classifier(int8_path).logits, int8_path),
        digits.tiles,
        lambda logits: float((_values(logits) == labels).mean()),
        _values,
        ACCURACY_LOSS,
    )


def _values(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.asarray(logits[:, :BACKGROUND].argmax(1), np.int64)


def compare_detector(
    network: TileNetwork, float_path: Path, int8_path: Path, samples: DetectorSamples
) -> Parity:
    """Run all three on `samples`, the ONNX models with the runtime's own code."""
    digit = samples.digit.numpy()

    def f1(scores: NDArray[np.float32]) -> float:
        detected = (scores[:, 0] > 0) & (digit != UNJUDGED)
        correct = int((detected & (digit >= 0)).sum())
        return 2 * correct / max(1, int(detected.sum()) + int((digit >= 0).sum()))

    return _compare(
        network,
        (Detector(float_path).scores, float_path),
        (Detector(int8_path).scores, int8_path),
        samples.grey,
        f1,
        lambda scores: scores[:, 0] > 0,
        DETECTION_LOSS,
    )


_Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def _compare(
    network: TileNetwork,
    floating: tuple[_Run, Path],
    int8: tuple[_Run, Path],
    images: torch.Tensor,
    accuracy: Callable[[NDArray[np.float32]], float],
    decide: Callable[[NDArray[np.float32]], NDArray[np.generic]],
    allowed_loss: float,
) -> Parity:
    network.eval()
    with torch.inference_mode():
        reference = torch.cat([network(batch) for batch in images.split(500)]).numpy()
    float_scores, int8_scores = (
        np.concatenate([run(batch.numpy()) for batch in images.split(500)]) for run, _ in (floating, int8)
    )
    return Parity(
        images=len(images),
        score_difference=float(np.abs(reference - float_scores).max()),
        torch_accuracy=accuracy(reference),
        float_accuracy=accuracy(float_scores),
        int8_accuracy=accuracy(int8_scores),
        allowed_loss=allowed_loss,
        agreement=float((decide(float_scores) == decide(int8_scores)).mean()),
        integer_operators=integer_operators(onnx.load(int8[1])),
        float_bytes=floating[1].stat().st_size,
        int8_bytes=int8[1].stat().st_size,
    )


def check(parity: Parity) -> None:
    """Raise an `ExportError` that names every gate that `parity` fails."""
    failed = []
    if parity.score_difference > SCORE_TOLERANCE:
        failed.append(
            f"float scores differ from torch by {parity.score_difference:.2g} (limit {SCORE_TOLERANCE:g})"
        )
    loss = parity.float_accuracy - parity.int8_accuracy
    if loss > parity.allowed_loss + 1e-9:
        failed.append(f"INT8 loses {loss:.2%} accuracy (limit {parity.allowed_loss:.2%})")
    if parity.agreement < AGREEMENT:
        failed.append(f"INT8 and float agree on {parity.agreement:.2%} (minimum {AGREEMENT:.2%})")
    if parity.integer_operators == 0:
        failed.append("the INT8 model has no integer convolution or matrix product")
    if parity.int8_bytes >= parity.float_bytes:
        failed.append(f"the INT8 model has {parity.int8_bytes} bytes, the float model {parity.float_bytes}")
    if failed:
        raise ExportError(
            f"the models do not agree: {'; '.join(failed)}. Train longer; the rejected models are in the "
            "folder export.rejected of the run"
        )
