"""Classifiers as ONNX files, written byte by byte: the runtime's tests do without the package onnx."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_runtime.contract import CLASSES, CONTRACT, TILE
from edge_runtime.reading.fusion import FusionWeights

_FLOAT, _UINT8, _INT64 = 1, 2, 7  # TensorProto.DataType
METADATA = {
    "contract": str(CONTRACT),
    "architecture": "linear",
    "precision": "float",
    "temperature": "1.0",
    "rejection_threshold": "0.5",
    "fusion": FusionWeights().to_json(),
    "run_id": "test",
}


def classifier(path: Path, *, weight: float = 0.0, width: int = TILE * TILE, **metadata: str) -> Path:
    """Write a classifier that multiplies the pixels by `weight`; `metadata` replaces entries of `METADATA`.

    It takes every `width` pixels for a tile: with another width than 784 it fails, or gives too many rows.
    """
    weights = np.full((width, CLASSES), weight, np.float32)
    graph = [
        (1, _node("Cast", ["tiles"], "pixels", _field(1, b"to") + _field(3, _FLOAT) + _field(20, 2))),
        (1, _node("Reshape", ["pixels", "shape"], "rows")),
        (1, _node("MatMul", ["rows", "weights"], "logits")),
        (2, b"graph"),
        (5, _tensor("shape", _INT64, np.array([-1, width]))),
        (5, _tensor("weights", _FLOAT, weights)),
        (11, _value("tiles", _UINT8, (TILE, TILE))),
        (12, _value("logits", _FLOAT, (CLASSES,))),
    ]
    entries = [
        (14, _field(1, key.encode()) + _field(2, value.encode()))
        for key, value in {**METADATA, **metadata}.items()
    ]
    path.write_bytes(_message((1, 8), (7, _message(*graph)), (8, _field(2, 13)), *entries))
    return path


def _node(operator: str, inputs: list[str], output: str, attribute: bytes = b"") -> bytes:
    taken = [(1, name.encode()) for name in inputs]
    attributes = [(5, attribute)] if attribute else []
    return _message(*taken, (2, output.encode()), (4, operator.encode()), *attributes)


def _tensor(name: str, kind: int, array: np.ndarray) -> bytes:
    sides = [(1, side) for side in array.shape]
    return _message(*sides, (2, kind), (8, name.encode()), (9, array.tobytes()))


def _value(name: str, kind: int, sides: tuple[int, ...]) -> bytes:
    shape = _message((1, _field(2, b"N")), *[(1, _field(1, side)) for side in sides])
    return _message((1, name.encode()), (2, _field(1, _field(1, kind) + _field(2, shape))))


def _message(*fields: tuple[int, int | bytes]) -> bytes:
    return b"".join(_field(number, value) for number, value in fields)


def _field(number: int, value: int | bytes) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    if value < 128:
        return bytes([value])
    return bytes([value & 127 | 128]) + _varint(value >> 7)
