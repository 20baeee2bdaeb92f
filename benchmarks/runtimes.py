"""Other runtimes on the released classifier: PyTorch, OpenCV DNN, OpenVINO, LiteRT and ncnn.

Each loads the same weights from the released ONNX file, in the precisions that it can run. What is not
installed, or does not run here, is left out with its reason.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import litert_file, torch_network
from benchmarks.contenders import Contender, file_hash, released
from benchmarks.errors import BenchmarkError
from benchmarks.model_files import Logits, tflite_file
from edge_runtime.contract import TILE


def load_all(threads: int) -> tuple[list[Contender], dict[str, str]]:
    """The runtimes that run here, and the reason why each other one does not."""
    found, left_out = [], {}
    for name, precision, load in RUNTIMES:
        path = released(precision)
        try:
            run = load(path, threads)
            run(np.zeros((1, TILE, TILE), np.uint8))  # some compile only now
        except ModuleNotFoundError as error:
            left_out[name] = f"{error.name} is not installed"
        except Exception as error:  # each runtime has errors of its own
            left_out[name] = (
                f"does not run here: {(str(error).strip() or type(error).__name__).splitlines()[0]}"
            )
        else:
            found.append(Contender(name, run, (file_hash(path),)))
    return found, left_out


def _torch_eager(path: Path, threads: int) -> Logits:
    return torch_network.load(threads)


def _torch_compiled(path: Path, threads: int) -> Logits:
    return torch_network.load(threads, compiled=True)


def _opencv(path: Path, threads: int) -> Logits:
    cv2.setNumThreads(threads)
    network: Any = cv2.dnn.readNetFromONNX(str(path))

    def logits(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        network.setInput(tiles)
        return np.asarray(network.forward(), np.float32)

    return logits


def _openvino(path: Path, threads: int) -> Logits:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()
    return lambda tiles: np.array(request.infer({0: tiles})[0])


def _litert(path: Path, threads: int) -> Logits:
    return tflite_file(litert_file.convert(path), threads, f"{path.name} in LiteRT")


def _ncnn(path: Path, threads: int) -> Logits:
    """ncnn takes one image at a time, as floats, and is fed by the files that pnnx makes of the ONNX file."""
    import ncnn

    network = ncnn.Net()
    network.opt.num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        param, weights = _convert_with_pnnx(path, Path(folder))
        if network.load_param(str(param)) or network.load_model(str(weights)):
            raise BenchmarkError("ncnn cannot load what pnnx has made")

    def classify(tile: NDArray[np.float32]) -> NDArray[np.float32]:
        extractor = network.create_extractor()
        extractor.input("in0", ncnn.Mat(tile))
        _, scores = extractor.extract("out0")
        return np.array(scores)

    return lambda tiles: np.stack([classify(tile) for tile in tiles[:, None].astype(np.float32)])


def _convert_with_pnnx(path: Path, folder: Path) -> tuple[Path, Path]:
    """The two files of ncnn. Its layers have no bytes, so the input becomes float `[1, 1, 28, 28]`."""
    import onnx

    spec = find_spec("pnnx")  # importing it would load torch
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("no pnnx", name="pnnx")
    model = onnx.load(path)
    last = next(node for node in model.graph.node if node.op_type == "Cast")
    while model.graph.node[0] != last:
        del model.graph.node[0]
    del model.graph.node[0]
    (name,) = last.output
    image = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 1, TILE, TILE))
    del model.graph.input[:]
    model.graph.input.append(image)
    onnx.save(model, folder / "model.onnx")
    program = next(Path(spec.origin).parent.glob("pnnx*"), None)
    command = [str(program), "model.onnx", f"inputshape=[1,1,{TILE},{TILE}]"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "model.ncnn.param", folder / "model.ncnn.bin"


# Name, precision, and how the released classifier of this precision is loaded.
RUNTIMES: tuple[tuple[str, str, Callable[[Path, int], Logits]], ...] = (
    ("PyTorch eager", "float", _torch_eager),
    ("PyTorch compiled", "float", _torch_compiled),
    ("OpenCV DNN float", "float", _opencv),
    ("OpenCV DNN INT8", "int8", _opencv),
    ("OpenVINO float", "float", _openvino),
    ("OpenVINO INT8", "int8", _openvino),
    ("LiteRT INT8", "int8", _litert),
    ("ncnn float", "float", _ncnn),
)
