"""The gates: an export that does not agree with its source fails, and says where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from edge_runtime.model import Classifier
from export.errors import ExportError
from export.quantize import integer_operators
from train.data import Digits
from train.loop import predict
from train.networks import TileNetwork

LOGIT_TOLERANCE = 1e-3  # torch against float ONNX; logits are of the order of 10
ACCURACY_LOSS = 0.0005  # INT8 against float, share of the validation split
LABEL_AGREEMENT = 0.999


@dataclass(frozen=True)
class Parity:
    """How far torch, float and INT8 are from each other on `pictures` validation pictures."""

    pictures: int
    logit_difference: float
    torch_accuracy: float
    float_accuracy: float
    int8_accuracy: float
    label_agreement: float
    integer_operators: int
    float_bytes: int
    int8_bytes: int


def compare(network: TileNetwork, float_path: Path, int8_path: Path, digits: Digits) -> Parity:
    """Run all three over `digits`, the two ONNX models through the runtime's own code."""
    tiles, labels = digits.tiles.numpy(), digits.labels.numpy()
    with torch.inference_mode():
        reference = predict(network, digits.tiles).numpy()
    floating, int8 = Classifier(float_path).logits(tiles), Classifier(int8_path).logits(tiles)

    def accuracy(logits: NDArray[np.float32]) -> float:
        return float((logits.argmax(1) == labels).mean())

    return Parity(
        pictures=len(labels),
        logit_difference=float(np.abs(reference - floating).max()),
        torch_accuracy=accuracy(reference),
        float_accuracy=accuracy(floating),
        int8_accuracy=accuracy(int8),
        label_agreement=float((floating.argmax(1) == int8.argmax(1)).mean()),
        integer_operators=integer_operators(onnx.load(int8_path)),
        float_bytes=float_path.stat().st_size,
        int8_bytes=int8_path.stat().st_size,
    )


def check(parity: Parity) -> None:
    """Raise `ExportError` that names every gate which `parity` does not pass."""
    failed = []
    if parity.logit_difference > LOGIT_TOLERANCE:
        failed.append(f"float logits are {parity.logit_difference:.2g} off torch's, over {LOGIT_TOLERANCE:g}")
    loss = parity.float_accuracy - parity.int8_accuracy
    if loss > ACCURACY_LOSS + 1e-9:
        failed.append(f"INT8 loses {loss:.2%} of accuracy, over {ACCURACY_LOSS:.2%}")
    if parity.label_agreement < LABEL_AGREEMENT:
        failed.append(f"INT8 agrees on {parity.label_agreement:.2%} of labels, under {LABEL_AGREEMENT:.2%}")
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
