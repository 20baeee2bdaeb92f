"""The two networks, classifier and detector: the only module that uses onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from edge_runtime.contract import BACKGROUND, CLASSES, CONTRACT, DETECTOR_CHANNELS, DIGIT_SIZES, STRIDE, TILE
from edge_runtime.errors import ArgumentError, ModelError
from edge_runtime.models import manifest
from edge_runtime.reading import MAX_THREADS
from edge_runtime.reading.fusion import FusionWeights

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TEMPERATURES = (0.01, 100.0)  # export fits values from 0.25 to 4
_LARGEST_SCORE = 1e6  # a trained network's are below 100


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Metadata of a classifier's file: all that is needed to run it.

    `contract` is the version of the input specification; `precision` is "int8" or "float"; `temperature`
    calibrates the logits; digits below `rejection_threshold`, a probability 0..1, are rejected.
    """

    contract: int
    architecture: str
    precision: str
    temperature: float
    rejection_threshold: float
    fusion: FusionWeights
    run_id: str


class _Network:
    """A network. A pickle holds only its arguments: a process that unpickles it loads the model."""

    def __init__(self, model: str | Path, task: str, threads: int) -> None:
        _check_threads(threads)
        self.path = manifest.find(model, task)
        self._session = _open_session(self.path, threads)
        # A released model is found by its name wherever this package is installed.
        is_file = Path(model).suffix == ".onnx"
        self._arguments = str(self.path.absolute()) if is_file else str(model), threads

    def __reduce__(self) -> tuple[Callable[..., _Network], tuple[object, ...]]:
        return _restore, (type(self), *self._arguments)


def _restore(kind: Callable[..., _Network], model: str, threads: int) -> _Network:
    """The network that was pickled. A process pool unpickles one for every task, so they are kept."""
    path = Path(model)
    return _load(kind, model, threads, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=8)
def _load(kind: Callable[..., _Network], model: str, threads: int, changed: int) -> _Network:
    """Load a network, and again once its file has `changed`."""
    return kind(model, threads=threads)


class Classifier(_Network):
    """Classifies a tile as a digit 0 to 9 or background.

    `model` is the name of a released model ("int8" or "float") or the path of an .onnx file made by
    `python -m export`; `threads`, 1 to 1024, is the number of cores that one run may use. Raises
    `ArgumentError` for another number of threads, and `ModelError` when the model cannot be loaded.
    """

    BATCH = 64  # tiles per run: larger batches no longer fit into the cache and gain nothing

    def __init__(self, model: str | Path = manifest.DEFAULT, *, threads: int = 1) -> None:
        super().__init__(model, manifest.CLASSIFIER, threads)
        metadata = _metadata(self._session, self.path)
        _check_shapes(self._session, self.path, [TILE, TILE], [CLASSES])
        try:
            self.info = ModelInfo(
                contract=int(metadata["contract"]),
                architecture=metadata["architecture"],
                precision=metadata["precision"],
                temperature=float(metadata["temperature"]),
                rejection_threshold=float(metadata["rejection_threshold"]),
                fusion=FusionWeights.from_json(metadata["fusion"]),
                run_id=metadata["run_id"],
            )
        except (KeyError, ValueError, RecursionError) as error:
            raise ModelError(
                f"{self.path}: missing or damaged metadata ({error}); export it again"
            ) from error
        if not _TEMPERATURES[0] <= self.info.temperature <= _TEMPERATURES[1]:
            raise ModelError(f"{self.path}: invalid temperature {self.info.temperature}; export it again")
        if not 0 <= self.info.rejection_threshold <= 1:
            threshold = self.info.rejection_threshold
            raise ModelError(f"{self.path}: invalid rejection threshold {threshold}; export it again")

    def logits(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network: tiles uint8 `[N, 28, 28]` to logits float32 `[N, 11]`, for any N.

        The last class is `BACKGROUND`. Raises `ArgumentError` for another shape or dtype, and `ModelError`
        when the network fails or gives no valid scores.
        """
        if not isinstance(tiles, np.ndarray):
            raise ArgumentError(
                f"tiles must be an array, uint8 [N, {TILE}, {TILE}], not of type {type(tiles).__name__}"
            )
        if tiles.dtype != np.uint8 or tiles.ndim != 3 or tiles.shape[1:] != (TILE, TILE):
            raise ArgumentError(
                f"tiles must be uint8 [N, {TILE}, {TILE}], not {tiles.dtype} {list(tiles.shape)}"
            )
        if len(tiles) == 0:
            return np.empty((0, CLASSES), np.float32)
        if len(tiles) <= self.BATCH:
            return self._run(tiles)
        batches = [self._run(tiles[start : start + self.BATCH]) for start in range(0, len(tiles), self.BATCH)]
        return np.concatenate(batches)

    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities float32 `[N, 11]` of the ten digits and the background, for each tile.

        They are the softmax of the logits divided by a temperature, which export fits on validation data
        (Guo et al., 2017, "On Calibration of Modern Neural Networks").
        """
        scaled = self.logits(tiles) / np.float32(self.info.temperature)
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def classify(self, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The most likely digit int64 `[N]` of each tile and its calibrated probability float32 `[N]`."""
        probabilities = self.probabilities(tiles)[:, :BACKGROUND]
        values = probabilities.argmax(axis=1)
        return values, probabilities[np.arange(len(values)), values]

    def _run(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _run(self._session, self.path, tiles, (len(tiles), CLASSES))


class Detector(_Network):
    """Scores every cell of a grey image; `reading.detector` turns the scores into boxes.

    `model`, `threads` and errors are those of `Classifier`.
    """

    def __init__(self, model: str | Path = manifest.DEFAULT, *, threads: int = 1) -> None:
        super().__init__(model, manifest.DETECTOR, threads)
        metadata = _metadata(self._session, self.path)
        expected = {"stride": str(STRIDE), "sizes": " ".join(f"{size:g}" for size in DIGIT_SIZES)}
        for name, value in expected.items():
            if metadata.get(name) != value:
                raise ModelError(
                    f"{self.path}: a detector with {name} {metadata.get(name)}, but this version needs "
                    f"{value}; export it again with this version"
                )
        _check_shapes(self._session, self.path, [None, None], [DETECTOR_CHANNELS, None, None])
        self.run_id = metadata.get("run_id", "")

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network: grey uint8 `[N, H, W]`, sides multiples of 8, to float32 `[N, 15, H/4, W/4]`.

        Raises `ModelError` as `Classifier.logits` does.
        """
        count, height, width = images.shape
        cells = (count, DETECTOR_CHANNELS, height // STRIDE, width // STRIDE)
        return _run(self._session, self.path, images, cells)


def _check_threads(threads: Any) -> None:
    """Raise `ArgumentError` if this is no number of threads."""
    whole = isinstance(threads, (int, np.integer)) and not isinstance(threads, bool)
    if not (whole and 1 <= threads <= MAX_THREADS):
        raise ArgumentError(f"threads must be a whole number from 1 to {MAX_THREADS}, not {threads!r}")


def _open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.inter_op_num_threads = 1
    # Idle threads sleep. Spinning would save microseconds and take whole cores from the camera.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # It would keep a plan of the memory for every size of image.
    options.enable_mem_pattern = False
    options.log_severity_level = 4
    try:
        # Its fallback would print to standard output and try the same once more.
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    # onnxruntime's errors have no base class of their own.
    except Exception as error:
        raise ModelError(f"{path}: onnxruntime cannot load this model: {_reason(error)}") from error


def _run(
    session: onnxruntime.InferenceSession, path: Path, images: NDArray[np.uint8], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Run a network whose output must have this shape. Raises `ModelError` unless its scores are valid."""
    try:
        scores: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: images})[0]
    except Exception as error:
        raise ModelError(f"{path}: onnxruntime cannot run this model: {_reason(error)}") from error
    if scores.shape != shape:
        raise ModelError(
            f"{path}: gives scores {list(scores.shape)} instead of {list(shape)}; export it again"
        )
    # Both comparisons are false for NaN.
    if scores.size and not (scores.max() <= _LARGEST_SCORE and scores.min() >= -_LARGEST_SCORE):
        raise ModelError(f"{path}: gives invalid scores (NaN, infinite or huge); export it again")
    return scores


def _reason(error: Exception) -> str:
    """The first line of an error of onnxruntime."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _metadata(session: onnxruntime.InferenceSession, path: Path) -> dict[str, str]:
    """A model's metadata. Raises `ModelError` unless the model has this version's input specification."""
    try:
        metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: damaged metadata ({error}); export it again") from error
    contract = metadata.get("contract")
    if contract is None:
        raise ModelError(f"{path}: not exported by edge-digits (no contract version in its metadata)")
    if contract != str(CONTRACT):
        raise ModelError(
            f"{path}: incompatible model version (contract {contract}, this version needs {CONTRACT}); "
            "export it again with this version"
        )
    return metadata


def _check_shapes(
    session: onnxruntime.InferenceSession, path: Path, taken: list[int | None], given: list[int | None]
) -> None:
    """Raise `ModelError` unless input and output have these sides after the batch; None means any."""

    def agrees(actual: list[object], wanted: list[int | None]) -> bool:
        return len(actual) == len(wanted) and all(
            want is None or have == want for have, want in zip(actual, wanted, strict=True)
        )

    def text(shape: list[int | None]) -> str:
        return ", ".join("*" if side is None else str(side) for side in shape)

    inputs, outputs = session.get_inputs(), session.get_outputs()
    if not (
        len(inputs) == len(outputs) == 1
        and (inputs[0].type, outputs[0].type) == ("tensor(uint8)", "tensor(float)")
        and agrees(inputs[0].shape[1:], taken)
        and agrees(outputs[0].shape[1:], given)
    ):
        raise ModelError(f"{path}: does not map uint8 [N, {text(taken)}] to float32 [N, {text(given)}]")
