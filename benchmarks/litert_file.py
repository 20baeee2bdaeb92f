"""The released INT8 classifier as a LiteRT file: the same integer weights, scales and zero points.

Converters bring a training framework along; a chain of convolutions needs none. Weights turn from
`[O, I, H, W]` to `[O, H, W, I]`, and activations from uint8 to int8. As in the released file, the first
convolution and the scores stay in float. Needs onnx and ai-edge-litert.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from edge_runtime.contract import CLASSES, TILE

Array = NDArray[Any]

# Nodes of the ONNX file that have no counterpart, or are written as a part of another layer.
_IMPLIED = {"Cast", "DequantizeLinear", "Flatten", "Relu", "Reshape", "Unsqueeze"}


def convert(path: Path) -> bytes:
    """Convert a quantised classifier: uint8 `[N, 28, 28]` to float32 `[N, 11]`, for any N.

    Raises `BenchmarkError` if it has other layers than the released one.
    """
    import onnx

    graph = onnx.load(path).graph
    constants: dict[str, Array] = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    scales: dict[str, Array] = {}
    network = _Writer()
    for node in graph.node:
        fields = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            constants[node.output[0]], scales[node.output[0]], _ = (constants[name] for name in node.input)
        elif node.op_type == "Conv":
            weights, bias = node.input[1:]
            network.convolve(constants[weights], constants[bias], scales.get(weights), fields)
        elif node.op_type == "QuantizeLinear":
            network.quantize(*(constants[name] for name in node.input[1:]))
        elif node.op_type == "Gemm" and fields.get("transB"):
            rows, bias = ((constants[name].T * scales.get(name, 1)).T for name in node.input[1:])
            network.connect(rows, bias)
        elif node.op_type not in _IMPLIED:
            raise BenchmarkError(f"{path}: {node.op_type} has no counterpart in a LiteRT file of this kind")
    return network.finish()


class _Writer:
    """A chain of layers, written one after the other; `_sides` are height, width and channels so far."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model = schema.ModelT()
        self._model.version, self._model.subgraphs = 3, [self._graph]
        self._model.buffers, self._model.operatorCodes = [schema.BufferT()], []
        self._sides: tuple[int, ...] = (TILE, TILE)
        self._last = self._tensor("tiles", "UINT8", (1, TILE, TILE))
        self._add("RESHAPE", "UINT8", (TILE, TILE, 1), self._constant(np.int32([-1, TILE, TILE, 1])))
        self._add("CAST", "FLOAT32", self._sides)

    def convolve(self, weights: Array, bias: Array, scale: Array | None, fields: dict[str, Any]) -> None:
        """A convolution and its ReLU, in float, or in integers if the weights have a `scale` per channel."""
        kernel, stride, padding = fields["kernel_shape"][0], fields["strides"][0], fields["pads"][0]
        same = stride == 1 and 2 * padding == kernel - 1
        if padding and not same:
            self._pad(padding)
        options = self._schema.Conv2DOptionsT()
        options.strideH = options.strideW = stride
        options.padding = self._schema.Padding.SAME if same else self._schema.Padding.VALID
        options.fusedActivationFunction = self._schema.ActivationFunctionType.RELU
        moved = self._constant(np.ascontiguousarray(weights.transpose(0, 2, 3, 1)))
        added = self._constant(bias)
        if scale is not None:
            (incoming,) = self._graph.tensors[self._last].quantization.scale
            self._set_scale(moved, scale, np.zeros(len(scale)))
            self._set_scale(added, scale * incoming, np.zeros(len(scale)))
        height, width = (side if same else (side - kernel) // stride + 1 for side in self._sides[:2])
        kind = "FLOAT32" if scale is None else "INT8"
        self._add("CONV_2D", kind, (height, width, len(weights)), moved, added, options=options)

    def quantize(self, scale: Array, zero: Array) -> None:
        """Give what a convolution in integers puts out its scale, or turn floats into integers."""
        if self._graph.tensors[self._last].type != self._schema.TensorType.INT8:
            self._add("QUANTIZE", "INT8", self._sides)
        # The zero point of uint8 as one of int8.
        self._set_scale(self._last, scale.reshape(1), zero.reshape(1).astype(np.int64) - 128)

    def connect(self, weights: Array, bias: Array) -> None:
        """The scores, in float: a fully connected layer over rows of `[channels, height, width]`."""
        height, width, channels = self._sides
        rows = weights.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
        taken = [self._constant(each.astype(np.float32)) for each in (rows.reshape(len(rows), -1), bias)]
        self._add("DEQUANTIZE", "FLOAT32", self._sides)
        options = self._schema.FullyConnectedOptionsT()
        self._add("FULLY_CONNECTED", "FLOAT32", (CLASSES,), *taken, options=options)

    def finish(self) -> bytes:
        """The file."""
        import flatbuffers

        self._graph.inputs, self._graph.outputs = [0], [self._last]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _pad(self, count: int) -> None:
        height, width, channels = self._sides
        pads = self._constant(np.int32([[0, 0], [count, count], [count, count], [0, 0]]))
        before = self._graph.tensors[self._last]
        kind = "INT8" if before.quantization else "FLOAT32"
        self._add("PAD", kind, (height + 2 * count, width + 2 * count, channels), pads)
        self._graph.tensors[self._last].quantization = before.quantization

    def _add(
        self, name: str, kind: str, sides: tuple[int, ...], *constants: int, options: Any = None
    ) -> None:
        """Add an operator that takes what the last one put out, and these constants."""
        code, operator = self._schema.OperatorCodeT(), self._schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(self._schema.BuiltinOperator, name)
        operator.opcodeIndex, operator.inputs = len(self._model.operatorCodes), [self._last, *constants]
        if options is not None:
            operator.builtinOptionsType = getattr(
                self._schema.BuiltinOptions, type(options).__name__.removesuffix("T")
            )
            operator.builtinOptions = options
        self._last, self._sides = self._tensor(name.lower(), kind, (1, *sides)), sides
        operator.outputs = [self._last]
        self._model.operatorCodes.append(code)
        self._graph.operators.append(operator)

    def _constant(self, values: Array) -> int:
        buffer = self._schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        index = self._tensor("constant", values.dtype.name.upper(), values.shape)
        self._graph.tensors[index].buffer = len(self._model.buffers) - 1
        return index

    def _tensor(self, name: str, kind: str, shape: tuple[int, ...]) -> int:
        tensor = self._schema.TensorT()
        tensor.name, tensor.type = name, getattr(self._schema.TensorType, kind)
        tensor.shape = np.array(shape, np.int32)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _set_scale(self, index: int, scale: Array, zero: Array) -> None:
        values = self._schema.QuantizationParametersT()
        values.scale, values.zeroPoint = scale.astype(np.float32), zero.astype(np.int64)
        self._graph.tensors[index].quantization = values
