"""The INT8 graph: static quantisation, QDQ, per channel, unsigned activations, 7-bit signed weights.

With 7-bit weights the results are the same on every CPU. Without VNNI, x86 adds pairs of 8-bit products in 16
bits, which saturates with full-range weights.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from export import rounding
from export.equalise import equalise
from export.graph import INPUT

CALIBRATION_PER_CLASS = 200  # MNIST images per digit

# With fewer input channels, integer kernels save little time, and none with 1 or 8. Rounding the inputs of
# these layers was the largest part of the difference between the detector's INT8 and float scores.
_LEAST_CHANNELS = 32


class _Images(CalibrationDataReader):
    """Feeds batches of images, uint8 `[N, H, W]`, to the calibration."""

    def __init__(self, batches: Iterable[NDArray[np.uint8]]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def quantize(model: ModelProto, images: NDArray[np.uint8]) -> ModelProto:
    """Quantise a float model.

    Equalisation, the ranges of activations, and rounding are fitted to `images`, uint8 `[N, H, W]`.
    """
    batches = np.array_split(images, max(1, len(images) // 100))
    model = equalise(model, batches)
    # quantize_static recommends, through the root logger, preprocessing that this graph has had already.
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
            onnx.save(model, source)
            quantize_static(
                source,
                target,
                _Images(batches),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=True,
                nodes_to_exclude=_float_convolutions(model),
            )
            quantized = onnx.load(target)
    finally:
        logging.root.setLevel(level)
    rounding.round_weights(model, quantized, batches)
    _feed_pixels_directly(quantized)
    _output_float(quantized)
    del quantized.graph.value_info[:]
    del quantized.metadata_props[:]
    quantized.producer_name, quantized.producer_version = model.producer_name, ""
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


def _float_convolutions(model: ModelProto) -> list[str]:
    """The names of the convolutions that stay in float, because they have few input channels."""
    shapes = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and shapes[node.input[1]][1] < _LEAST_CHANNELS
    ]


def integer_operators(model: ModelProto) -> int:
    """Number of convolutions and matrix products with quantised input and weights."""
    producers = {name: node.op_type for node in model.graph.node for name in node.output}
    return sum(
        node.op_type in ("Conv", "Gemm", "MatMul")
        and all(producers.get(name) == "DequantizeLinear" for name in node.input[:2])
        for node in model.graph.node
    )


def _feed_pixels_directly(model: ModelProto) -> None:
    """Remove Cast and QuantizeLinear before an integer first layer: raw pixels are its quantised input."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for cast in [node for node in graph.node if node.op_type == "Cast"]:
        consumers = _consumers(graph, cast)
        while len(consumers) == 1 and consumers[0].op_type in ("Reshape", "Flatten", "Unsqueeze"):
            consumers = _consumers(graph, consumers[0])
        if len(consumers) == 1 and _is_identity(consumers[0], constants):
            for node in (cast, consumers[0]):
                _bypass(graph, node)


def _output_float(model: ModelProto) -> None:
    """Do not quantise the output: with 8 bits, close scores tie and confidences suffer."""
    graph = model.graph
    producers = {name: node for node in graph.node for name in node.output}
    name = graph.output[0].name
    while producers[name].op_type == "DepthToSpace":  # which only moves values
        name = producers[name].input[0]
    decoded = producers[name]
    if decoded.op_type == "DequantizeLinear":
        encoded = producers[decoded.input[0]]
        last = producers[encoded.input[0]]
        graph.node.remove(decoded)
        graph.node.remove(encoded)
        last.output[0] = name


def _consumers(graph: GraphProto, node: NodeProto) -> list[NodeProto]:
    return [consumer for consumer in graph.node if node.output[0] in consumer.input]


def _bypass(graph: GraphProto, node: NodeProto) -> None:
    """Remove a node and connect its consumers to its input."""
    for consumer in _consumers(graph, node):
        for index, name in enumerate(consumer.input):
            if name == node.output[0]:
                consumer.input[index] = node.input[0]
    graph.node.remove(node)


def _is_identity(node: NodeProto, constants: dict[str, NDArray[np.generic]]) -> bool:
    """Whether a node quantises the integers 0..255 to themselves."""
    return (
        node.op_type == "QuantizeLinear"
        and float(constants[node.input[1]]) == 1.0
        and int(constants[node.input[2]]) == 0
    )
