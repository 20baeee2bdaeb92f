"""The INT8 graph: static quantisation, QDQ, per channel, unsigned activations, 7-bit signed weights.

Seven bits are what makes the answers the same on every CPU: without VNNI, x86 adds pairs of 8-bit
products in 16 bits, which saturate with full-range weights and not with half-range ones.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from export.graph import INPUT

CALIBRATION_PER_CLASS = 200


class _Images(CalibrationDataReader):
    """Feeds images `uint8 [N, H, W]` to the calibration, in batches."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._batches: Iterator[NDArray[np.uint8]] = iter(np.array_split(images, max(1, len(images) // 100)))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def quantize(model: ModelProto, images: NDArray[np.uint8]) -> ModelProto:
    """Quantise a float model; activation ranges come from `images`, uint8 `[N, H, W]` as it takes them.

    The first convolution stays in float: with one input channel its integer kernel is the slowest part of
    a small network, the float one the fastest.
    """
    first = next(node for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul"))
    # quantize_static advises through the root logger a preparation that this graph has had already.
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
            onnx.save(model, source)
            quantize_static(
                source,
                target,
                _Images(images),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=True,
                nodes_to_exclude=[first.name] if first.op_type == "Conv" else [],
            )
            quantized = onnx.load(target)
    finally:
        logging.root.setLevel(level)
    _take_pixels_as_quantised(quantized)
    _answer_in_float(quantized)
    del quantized.graph.value_info[:]
    del quantized.metadata_props[:]
    quantized.producer_name, quantized.producer_version = model.producer_name, ""
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


def integer_operators(model: ModelProto) -> int:
    """How many convolutions and matrix products have quantised input and weights."""
    made_by = {name: node.op_type for node in model.graph.node for name in node.output}
    return sum(
        node.op_type in ("Conv", "Gemm", "MatMul")
        and all(made_by.get(name) == "DequantizeLinear" for name in node.input[:2])
        for node in model.graph.node
    )


def _take_pixels_as_quantised(model: ModelProto) -> None:
    """Remove Cast and QuantizeLinear in front of an integer first layer: the pixels *are* its input."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for cast in [node for node in graph.node if node.op_type == "Cast"]:
        readers = _readers(graph, cast)
        while len(readers) == 1 and readers[0].op_type in ("Reshape", "Flatten", "Unsqueeze"):
            readers = _readers(graph, readers[0])
        if len(readers) == 1 and _is_identity(readers[0], constants):
            for node in (cast, readers[0]):
                _bypass(graph, node)


def _answer_in_float(model: ModelProto) -> None:
    """Let the last layer's answers out as they are: eight bits would tie close ones and spoil confidence."""
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    result = graph.output[0].name
    decoded = made_by[result]
    if decoded.op_type == "DequantizeLinear":
        encoded = made_by[decoded.input[0]]
        last = made_by[encoded.input[0]]
        graph.node.remove(decoded)
        graph.node.remove(encoded)
        last.output[0] = result


def _readers(graph: GraphProto, node: NodeProto) -> list[NodeProto]:
    return [reader for reader in graph.node if node.output[0] in reader.input]


def _bypass(graph: GraphProto, node: NodeProto) -> None:
    """Remove a node; what read its output reads its input."""
    for reader in _readers(graph, node):
        for index, name in enumerate(reader.input):
            if name == node.output[0]:
                reader.input[index] = node.input[0]
    graph.node.remove(node)


def _is_identity(node: NodeProto, constants: dict[str, NDArray[np.generic]]) -> bool:
    """Whether a node quantises whole numbers 0..255 to themselves."""
    return (
        node.op_type == "QuantizeLinear"
        and float(constants[node.input[1]]) == 1.0
        and int(constants[node.input[2]]) == 0
    )
