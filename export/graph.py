"""The float graph: a trained network as a single ONNX model that takes raw pixels, and its metadata."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import ModelProto, helper
from torch import nn

from edge_runtime.contract import STRIDE, TILE
from train.networks import DetectorNetwork, TileNetwork

# onnxruntime 1.14 and later read these versions; torch's exporter writes nothing older.
OPSET = 18
IR_VERSION = 8
INPUT, OUTPUT = "pixels", "scores"


def fold(network: TileNetwork) -> TileNetwork:
    """The network as it is deployed: batch normalisation and pixel scale folded into the weights."""
    layers: list[nn.Module] = []
    for layer in copy.deepcopy(network).eval().layers:
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = torch.nn.utils.fusion.fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    first = next(layer for layer in layers if isinstance(layer, (nn.Conv2d, nn.Linear)))
    with torch.no_grad():
        first.weight *= network.pixel_scale
    folded = type(network)(*layers)
    folded.pixel_scale = 1
    return folded.eval()


def to_onnx(network: TileNetwork) -> ModelProto:
    """Fold a network and export it to a checked ONNX model that takes pixels, uint8 `[N, H, W]`.

    A classifier takes tiles; a detector takes any H and W that are multiples of its stride.
    """
    folded = fold(network)
    if isinstance(network, DetectorNetwork):
        sides = {1: STRIDE * torch.export.Dim("rows"), 2: STRIDE * torch.export.Dim("columns")}
        example = torch.zeros(2, 24 * STRIDE, 28 * STRIDE, dtype=torch.uint8)
    else:
        sides = {}
        example = torch.zeros(2, TILE, TILE, dtype=torch.uint8)
    with warnings.catch_warnings():
        # The exporter itself calls deprecated functions of torch.
        warnings.simplefilter("ignore")
        logging.getLogger("onnxscript").setLevel(logging.ERROR)
        program = torch.onnx.export(
            folded,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("N"), **sides},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = program.model_proto
    _strip(model)
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


def run_inside(
    model: ModelProto, names: Sequence[str], batches: Iterable[NDArray[np.uint8]]
) -> Iterator[list[NDArray[np.float32]]]:
    """The values inside a model, by name, for each batch of images uint8 `[N, H, W]`."""
    tapped = copy.deepcopy(model)
    tapped.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in dict.fromkeys(names))
    session = onnxruntime.InferenceSession(tapped.SerializeToString(), providers=["CPUExecutionProvider"])
    for batch in batches:
        yield session.run(names, {INPUT: batch})


def set_metadata(model: ModelProto, entries: Mapping[str, object]) -> None:
    """Replace the metadata of a model."""
    helper.set_model_props(model, {name: str(value) for name, value in entries.items()})


def metadata(path: Path) -> dict[str, str]:
    """The metadata of a model file."""
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def weights(model: ModelProto) -> dict[str, torch.Tensor]:
    """The weights of a float model, by the names of the folded network's `state_dict`."""
    return {
        tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        for tensor in model.graph.initializer
        if tensor.name.startswith("layers.")
    }


def _strip(model: ModelProto) -> None:
    """Remove what the exporter adds for debugging, which can be larger than a small network itself."""
    model.doc_string = ""
    model.producer_name, model.producer_version = "edge-digits", ""
    del model.metadata_props[:]
    del model.functions[:]
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
