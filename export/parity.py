"""The gates: an export that does not agree with its source fails, and says where."""

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
from train.detector_samples import UNJUDGED, Windows
from train.networks import TileNetwork

SCORE_TOLERANCE = 1e-3  # torch against float ONNX; scores are of the order of 10
ACCURACY_LOSS = 0.0005  # INT8 against float, share of the validation split
AGREEMENT = 0.999  # of digits, or of cells where a digit is found or not
DETECTION_LOSS = 0.005  # of the detector's F1 by cell


@dataclass(frozen=True)
class Parity:
    """How far torch, float and INT8 are from each other on `images` validation images.

    `accuracy` is that of the digits in tiles, or a detector's F1 over cells; `agreement` says on how many
    tiles, or cells, INT8 and float come to the same decision; `allowed_loss` is the gate for INT8.
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
    """Run all three over `digits`, the two ONNX models through the runtime's own code."""
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


def compare_detector(network: TileNetwork, float_path: Path, int8_path: Path, windows: Windows) -> Parity:
    """Run all three over `windows`, the two ONNX models through the runtime's own code."""
    digit = windows.digit.numpy()

    def f1(scores: NDArray[np.float32]) -> float:
        said = (scores[:, 0] > 0) & (digit != UNJUDGED)
        right = int((said & (digit >= 0)).sum())
        return 2 * right / max(1, int(said.sum()) + int((digit >= 0).sum()))

    return _compare(
        network,
        (Detector(float_path).scores, float_path),
        (Detector(int8_path).scores, int8_path),
        windows.grey,
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
    one, other = (
        np.concatenate([run(batch.numpy()) for batch in images.split(500)]) for run, _ in (floating, int8)
    )
    return Parity(
        images=len(images),
        score_difference=float(np.abs(reference - one).max()),
        torch_accuracy=accuracy(reference),
        float_accuracy=accuracy(one),
        int8_accuracy=accuracy(other),
        allowed_loss=allowed_loss,
        agreement=float((decide(one) == decide(other)).mean()),
        integer_operators=integer_operators(onnx.load(int8[1])),
        float_bytes=floating[1].stat().st_size,
        int8_bytes=int8[1].stat().st_size,
    )


def check(parity: Parity) -> None:
    """Raise `ExportError` that names every gate which `parity` does not pass."""
    failed = []
    if parity.score_difference > SCORE_TOLERANCE:
        failed.append(f"float scores are {parity.score_difference:.2g} off torch's, over {SCORE_TOLERANCE:g}")
    loss = parity.float_accuracy - parity.int8_accuracy
    if loss > parity.allowed_loss + 1e-9:
        failed.append(f"INT8 loses {loss:.2%} of accuracy, over {parity.allowed_loss:.2%}")
    if parity.agreement < AGREEMENT:
        failed.append(f"INT8 decides {parity.agreement:.2%} alike, under {AGREEMENT:.2%}")
    if parity.integer_operators == 0:
        failed.append("the INT8 model holds no integer convolution or matrix product")
    if parity.int8_bytes >= parity.float_bytes:
        failed.append(f"INT8 takes {parity.int8_bytes} bytes, float {parity.float_bytes}")
    if failed:
        raise ExportError(
            "the models do not agree: "
            + "; ".join(failed)
            + ". A network that is trained longer is surer of "
            "its answers; the models are in export.unproved of the run"
        )
