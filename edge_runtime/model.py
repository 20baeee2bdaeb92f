"""The classifier's session: the only module that talks to onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from edge_runtime import manifest
from edge_runtime.errors import ModelError
from edge_runtime.preprocess import CLASSES, CONTRACT, TILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 64  # tiles a run: larger ones fall out of the cache and gain nothing


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model file says of itself: all that is needed to run it."""

    contract: int
    architecture: str
    precision: str
    temperature: float
    refuse_below: float
    run_id: str


class Classifier:
    """A model that tells digits in tiles.

    `model` is a released name ("int8", "float") or the path of an .onnx file that `python -m export`
    made; `threads` is how many cores one run may use. Raises `ModelError` when it cannot be loaded.
    """

    def __init__(self, model: str | Path = manifest.DEFAULT, *, threads: int = 1) -> None:
        self.path = manifest.find(model)
        self._session = _open_session(self.path, threads)
        self._input = self._session.get_inputs()[0].name
        self.info = _read_info(self._session, self.path)

    def logits(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network: tiles uint8 `[N, 28, 28]` to logits float32 `[N, 10]`, N from 0 up."""
        if tiles.dtype != np.uint8 or tiles.ndim != 3 or tiles.shape[1:] != (TILE, TILE):
            raise ValueError(f"tiles are uint8 [N, {TILE}, {TILE}], not {tiles.dtype} {list(tiles.shape)}")
        if len(tiles) == 0:
            return np.empty((0, CLASSES), np.float32)
        if len(tiles) <= BATCH:
            return self._run(tiles)
        return np.concatenate([self._run(tiles[i : i + BATCH]) for i in range(0, len(tiles), BATCH)])

    def classify(self, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Most likely digit int64 `[N]` of each tile and its calibrated probability float32 `[N]`.

        The probability is the softmax of the logits over the temperature that export fitted on the
        validation split (Guo et al., 2017, "On Calibration of Modern Neural Networks").
        """
        scaled = self.logits(tiles) / np.float32(self.info.temperature)
        values = scaled.argmax(axis=1)
        peak = scaled.max(axis=1, keepdims=True)
        confidences = 1 / np.exp(scaled - peak).sum(axis=1)
        return values, confidences.astype(np.float32)

    def _run(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._session.run(None, {self._input: tiles})[0]
        return logits


def _open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads sleep: spinning takes whole cores from the camera for microseconds of latency.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # onnxruntime's errors share no base class of their own.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path} is not a model that onnxruntime can load: {reason}") from error


def _read_info(session: onnxruntime.InferenceSession, path: Path) -> ModelInfo:
    entries = session.get_modelmeta().custom_metadata_map
    contract = entries.get("contract")
    if contract is None:
        raise ModelError(f"{path} was not made by this project's export: it names no tile contract")
    if contract != str(CONTRACT):
        raise ModelError(
            f"{path} takes tiles of contract {contract}, this version makes those of contract {CONTRACT}; "
            "export the model again with the same version"
        )
    tiles, logits = session.get_inputs(), session.get_outputs()
    if [(i.type, i.shape[1:]) for i in tiles] != [("tensor(uint8)", [TILE, TILE])] or [
        (o.type, o.shape[1:]) for o in logits
    ] != [("tensor(float)", [CLASSES])]:
        raise ModelError(f"{path} does not take uint8 [N, {TILE}, {TILE}] to float32 [N, {CLASSES}]")
    try:
        info = ModelInfo(
            contract=int(contract),
            architecture=entries["architecture"],
            precision=entries["precision"],
            temperature=float(entries["temperature"]),
            refuse_below=float(entries["refuse_below"]),
            run_id=entries["run_id"],
        )
    except (KeyError, ValueError) as error:
        raise ModelError(f"{path} lacks metadata ({error}); export it again") from error
    if not (info.temperature > 0 and 0 <= info.refuse_below <= 1):
        raise ModelError(f"{path} has a senseless temperature or refusal threshold; export it again")
    return info
