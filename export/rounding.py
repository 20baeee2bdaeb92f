"""Rounding: weights are rounded so that a layer's outputs change least, not the weights themselves.

Each weight of a row is rounded in turn, and its error is made up for by the weights that are still to be
rounded, as the inputs of the layer on real images allow (Frantar et al., 2022, "GPTQ: Accurate Post-Training
Quantization for Generative Pre-trained Transformers").
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, numpy_helper

from export.graph import run_inside

LIMIT = 64  # 7-bit weights, as onnxruntime limits them with `reduce_range`

_ROWS = 20_000  # positions in a layer's output whose inputs are sampled, over all images
_DAMPING = 0.01  # as a share of the mean square of the inputs: those that hardly vary keep their weights


def round_weights(floating: ModelProto, quantized: ModelProto, batches: Iterable[NDArray[np.uint8]]) -> None:
    """Replace the integer weights of a QDQ model by better rounded ones, in place; the scales stay.

    `floating` is the model that was quantised: its nodes have the same names. `batches` are images uint8
    `[N, H, W]`, as the network takes them.
    """
    exact = {each.name: numpy_helper.to_array(each) for each in floating.graph.initializer}
    integers = {each.name: each for each in quantized.graph.initializer}
    producers = {name: node for node in quantized.graph.node for name in node.output}
    layers = {node.name: node for node in floating.graph.node if node.op_type in ("Conv", "Gemm")}
    chosen = {}
    for node in quantized.graph.node:
        source = producers.get(node.input[1]) if node.name in layers else None
        if source is not None and source.op_type == "DequantizeLinear":
            chosen[node.name] = source
    inputs = _inputs(floating, [layers[name] for name in chosen], batches)
    for name, source in chosen.items():
        weights = exact[layers[name].input[1]]
        scales = numpy_helper.to_array(integers[source.input[1]]).astype(np.float64)
        rounded = _round(
            weights.reshape(len(weights), -1), inputs[name], np.broadcast_to(scales, len(weights))
        )
        integers[source.input[0]].CopyFrom(
            numpy_helper.from_array(rounded.reshape(weights.shape), source.input[0])
        )


def _round(
    weights: NDArray[np.float32], inputs: NDArray[np.float32], scales: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Weights `[O, K]` in units of `scales` `[O]`, for `inputs` `[P, K]`."""
    left = weights.astype(np.float64)
    moments = (inputs.T @ inputs).astype(np.float64)
    moments[np.diag_indices_from(moments)] += _DAMPING * moments.trace() / len(moments) + 1e-9
    # Row k tells how the weights after k make up for an error of weight k.
    shares = np.linalg.cholesky(np.linalg.inv(moments)).T
    rounded = np.empty(left.shape, np.int8)
    for index in range(left.shape[1]):
        rounded[:, index] = np.clip(np.rint(left[:, index] / scales), -LIMIT, LIMIT)
        error = (left[:, index] - rounded[:, index] * scales) / shares[index, index]
        left[:, index + 1 :] -= np.outer(error, shares[index, index + 1 :])
    return rounded


def _inputs(
    model: ModelProto, layers: list[NodeProto], batches: Iterable[NDArray[np.uint8]]
) -> dict[str, NDArray[np.float32]]:
    """The inputs that each layer multiplies by its weights, float32 `[P, K]`, at sampled positions."""
    found: dict[str, list[NDArray[np.float32]]] = {node.name: [] for node in layers}
    batches = list(batches)
    generator = np.random.default_rng(0)
    for inside in run_inside(model, [node.input[0] for node in layers], batches):
        for node, values in zip(layers, inside, strict=True):
            rows = _rows(node, values)
            some = generator.choice(len(rows), min(len(rows), -(-_ROWS // len(batches))), replace=False)
            found[node.name].append(rows[some])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _rows(node: NodeProto, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inputs of a layer, one row for each position in its output."""
    if node.op_type == "Gemm":
        return values
    fields = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    kernel, stride, padding = fields["kernel_shape"], fields["strides"], fields["pads"]
    padded = np.pad(values, ((0, 0), (0, 0), (padding[0], padding[2]), (padding[1], padding[3])))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1]].transpose(0, 2, 3, 1, 4, 5)
    return windows.reshape(-1, values.shape[1] * kernel[0] * kernel[1])
