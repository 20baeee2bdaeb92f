"""Classifiers in files of any origin, .onnx and .tflite, as functions from tiles to the scores of digits.

A network takes tiles in its own way: with any number of channels or none, in batches or one at a time, as
bytes, floats or quantised values. A network for floats gets the levels 0 to 1 or 0 to 255: those with which
it reads more of the drawn sample tiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from edge_runtime.contract import BACKGROUND, TILE
from edge_runtime.profiling import workloads

Logits = Callable[[NDArray[np.uint8]], NDArray[Any]]

_SAMPLES = 100  # drawn tiles that decide between the two ranges
_TYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
}


def load(path: Path, threads: int) -> Logits:
    """Load a classifier: tiles uint8 `[N, 28, 28]` to scores `[N, C]`, of which the first ten are digits'.

    Raises `BenchmarkError` if it cannot be loaded or does not classify tiles, and `ModuleNotFoundError`
    without ai-edge-litert for a .tflite file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BenchmarkError(f"{path}: {error.strerror or error}") from error
    if path.suffix == ".onnx":
        return onnx_file(path, threads)
    if path.suffix == ".tflite":
        return tflite_file(content, threads, str(path))
    raise BenchmarkError(f"{path}: give a classifier as .onnx or .tflite")


def open_session(path: Path, threads: int) -> Any:
    """A session of onnxruntime's own settings. Raises `BenchmarkError` if it cannot load the file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise BenchmarkError(f"{path}: onnxruntime cannot load this model: {error}") from error


def onnx_file(path: Path, threads: int) -> Logits:
    """A classifier as ONNX in a session of onnxruntime's own settings. Raises as `load` does."""
    session = open_session(path, threads)
    taken, *others = session.get_inputs()
    if others or taken.type not in _TYPES:
        names = ", ".join(f"{each.type} {each.shape}" for each in (taken, *others))
        raise BenchmarkError(f"{path}: takes {names}, not tiles of 28x28")
    return _Adapter(
        str(path),
        lambda images: session.run(None, {taken.name: images})[0],
        _Input.of(str(path), taken.shape, _TYPES[taken.type]),
    ).tuned()


def tflite_file(content: bytes, threads: int, name: str) -> Logits:
    """A LiteRT model, given the content of its file. Raises as `load` does."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=content, num_threads=threads)
        (taken,), (given, *_) = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError) as error:
        raise BenchmarkError(f"{name}: LiteRT cannot load this model: {error}") from error
    sizes: list[int] = []

    def run(images: NDArray[Any]) -> NDArray[Any]:
        if sizes != [len(images)]:
            interpreter.resize_tensor_input(taken["index"], images.shape)
            interpreter.allocate_tensors()
            sizes[:] = [len(images)]
        interpreter.set_tensor(taken["index"], images)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(given["index"]))

    shape = [None, *taken["shape"][1:].tolist()]  # its batch can be resized
    return _Adapter(name, run, _Input.of(name, shape, taken["dtype"], *taken["quantization"])).tuned()


@dataclass(frozen=True)
class _Input:
    """What a network takes: `batch` images at once, or any number if it is None, each of `sides`.

    Where `scale` is not 0, a level is given as `level / scale + zero`.
    """

    batch: int | None
    sides: tuple[int, ...]
    dtype: Any
    scale: float
    zero: int

    @classmethod
    def of(
        cls, name: str, shape: Sequence[int | str | None], dtype: Any, scale: float = 0.0, zero: int = 0
    ) -> _Input:
        """Raises `BenchmarkError` if these are not the sides of a tile."""
        sides = tuple(side if isinstance(side, int) else TILE for side in shape[1:])
        if math.prod(sides) != TILE * TILE:
            raise BenchmarkError(f"{name}: takes {list(shape)}, not tiles of 28x28")
        first = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None
        return cls(first, sides, dtype, scale, zero)

    def images(self, tiles: NDArray[np.uint8], factor: float) -> NDArray[Any]:
        """Tiles as this network takes them, with their levels multiplied by `factor`."""
        if self.dtype == np.uint8 and not self.scale:
            return tiles.reshape(-1, *self.sides)
        levels = tiles.astype(np.float32) * np.float32(factor)
        if self.scale:
            whole = np.iinfo(self.dtype)
            levels = np.clip(np.round(levels / self.scale + self.zero), whole.min, whole.max)
        return levels.astype(self.dtype).reshape(-1, *self.sides)


@dataclass(frozen=True)
class _Adapter:
    """A network with its input, as a function of tiles."""

    name: str
    run: Callable[[NDArray[Any]], NDArray[Any]]
    taken: _Input
    factor: float = 1.0

    def tuned(self) -> _Adapter:
        """The same with the range of levels in which it reads more. Raises `BenchmarkError` if it cannot."""
        tiles, values = workloads.sample_tiles(_SAMPLES), np.arange(_SAMPLES) % BACKGROUND
        ranges = [_Adapter(self.name, self.run, self.taken, factor) for factor in (1 / 255, 1.0)]
        try:
            right = [int((each(tiles)[:, :BACKGROUND].argmax(axis=1) == values).sum()) for each in ranges]
        except BenchmarkError:
            raise
        except Exception as error:  # those of any runtime
            raise BenchmarkError(
                f"{self.name}: cannot run with tiles of 28x28: {str(error).splitlines()[0]}"
            ) from error
        return ranges[int(np.argmax(right))]

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[Any]:
        images = self.taken.images(tiles, self.factor)
        size = self.taken.batch or len(images)
        parts = [self._padded(images[start : start + size], size) for start in range(0, len(images), size)]
        scores = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if scores.shape[1] < BACKGROUND:
            raise BenchmarkError(f"{self.name}: gives {scores.shape[1]} scores, not those of ten digits")
        return scores

    def _padded(self, images: NDArray[Any], size: int) -> NDArray[Any]:
        """The scores of up to `size` images, for a network that takes exactly so many."""
        count = len(images)
        if count < size:
            images = np.concatenate([images, np.zeros((size - count, *images.shape[1:]), images.dtype)])
        return np.asarray(self.run(images)).reshape(size, -1)[:count]
