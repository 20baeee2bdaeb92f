"""The networks' sessions, the classifier's and the locator's: the only module that talks to onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from edge_runtime import manifest
from edge_runtime.errors import ModelError
from edge_runtime.locate import CHANNELS, SIZES, STRIDE
from edge_runtime.preprocess import CONTRACT, NO_DIGIT, TILE
from edge_runtime.vote import Vote

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTPUTS = NO_DIGIT + 1
BATCH = 64  # tiles a run: larger ones fall out of the cache and gain nothing


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a classifier's file says of itself: all that is needed to run it."""

    contract: int
    architecture: str
    precision: str
    temperature: float
    refuse_below: float
    vote: Vote
    run_id: str


class Classifier:
    """A model that tells digits in tiles, and what is none.

    `model` is a released name ("int8", "float") or the path of an .onnx file that `python -m export`
    made; `threads` is how many cores one run may use. Raises `ModelError` when it cannot be loaded.
    """

    def __init__(self, model: str | Path = manifest.DEFAULT, *, threads: int = 1) -> None:
        self.path = manifest.find(model)
        self._session = _open_session(self.path, threads)
        self._input = self._session.get_inputs()[0].name
        entries = _entries(self._session, self.path)
        _check_form(self._session, self.path, [TILE, TILE], [OUTPUTS])
        try:
            self.info = ModelInfo(
                contract=int(entries["contract"]),
                architecture=entries["architecture"],
                precision=entries["precision"],
                temperature=float(entries["temperature"]),
                refuse_below=float(entries["refuse_below"]),
                vote=Vote.parse(entries["vote"]),
                run_id=entries["run_id"],
            )
        except (KeyError, ValueError) as error:
            raise ModelError(f"{self.path} lacks metadata ({error}); export it again") from error
        if not (self.info.temperature > 0 and 0 <= self.info.refuse_below <= 1):
            raise ModelError(f"{self.path} has a senseless temperature or refusal threshold; export it again")

    def logits(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network: tiles uint8 `[N, 28, 28]` to logits float32 `[N, 11]`, N from 0 up.

        The last class is `NO_DIGIT`.
        """
        if tiles.dtype != np.uint8 or tiles.ndim != 3 or tiles.shape[1:] != (TILE, TILE):
            raise ValueError(f"tiles are uint8 [N, {TILE}, {TILE}], not {tiles.dtype} {list(tiles.shape)}")
        if len(tiles) == 0:
            return np.empty((0, OUTPUTS), np.float32)
        if len(tiles) <= BATCH:
            return self._run(tiles)
        return np.concatenate([self._run(tiles[i : i + BATCH]) for i in range(0, len(tiles), BATCH)])

    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities float32 `[N, 11]` of the digits 0..9 and of none, for each tile.

        They are the softmax of the logits over the temperature that export fitted on the validation split
        (Guo et al., 2017, "On Calibration of Modern Neural Networks").
        """
        scaled = self.logits(tiles) / np.float32(self.info.temperature)
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def classify(self, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Most likely digit int64 `[N]` of each tile and its calibrated probability float32 `[N]`."""
        probabilities = self.probabilities(tiles)[:, :NO_DIGIT]
        values = probabilities.argmax(axis=1)
        return values, probabilities[np.arange(len(values)), values]

    def _run(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._session.run(None, {self._input: tiles})[0]
        return logits


class Locator:
    """A model that scores every place of a grey picture; `edge_runtime.locate` makes boxes of the scores.

    `model`, `threads` and errors are as the classifier's; a released name is that of a locator here.
    """

    def __init__(self, model: str | Path = manifest.DEFAULT, *, threads: int = 1) -> None:
        self.path = manifest.find(model, manifest.LOCATOR)
        self._session = _open_session(self.path, threads)
        self._input = self._session.get_inputs()[0].name
        entries = _entries(self._session, self.path)
        own = {"stride": str(STRIDE), "sizes": " ".join(f"{size:g}" for size in SIZES)}
        for name, value in own.items():
            if entries.get(name) != value:
                raise ModelError(
                    f"{self.path} is a locator of {name} {entries.get(name)}, this version's have {value}; "
                    "export it again with the same version"
                )
        _check_form(self._session, self.path, [None, None], [CHANNELS, None, None])
        self.run_id = entries.get("run_id", "")

    def scores(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network: grey uint8 `[N, H, W]`, sides multiples of 4, to float32 `[N, 16, H/4, W/4]`."""
        scores: NDArray[np.float32] = self._session.run(None, {self._input: pictures})[0]
        return scores


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


def _entries(session: onnxruntime.InferenceSession, path: Path) -> dict[str, str]:
    """A model's own metadata, once it is known to keep this version's contract."""
    entries: dict[str, str] = session.get_modelmeta().custom_metadata_map
    contract = entries.get("contract")
    if contract is None:
        raise ModelError(f"{path} was not made by this project's export: it names no tile contract")
    if contract != str(CONTRACT):
        raise ModelError(
            f"{path} takes tiles of contract {contract}, this version makes those of contract {CONTRACT}; "
            "export the model again with the same version"
        )
    return entries


def _check_form(
    session: onnxruntime.InferenceSession, path: Path, taken: list[int | None], given: list[int | None]
) -> None:
    """Refuse a network whose input or output, after the first axis, has another form; None is any length."""

    def agrees(actual: list[object], wanted: list[int | None]) -> bool:
        return len(actual) == len(wanted) and all(
            want is None or have == want for have, want in zip(actual, wanted, strict=True)
        )

    inputs, outputs = session.get_inputs(), session.get_outputs()
    if not (
        len(inputs) == len(outputs) == 1
        and (inputs[0].type, outputs[0].type) == ("tensor(uint8)", "tensor(float)")
        and agrees(inputs[0].shape[1:], taken)
        and agrees(outputs[0].shape[1:], given)
    ):

        def named(shape: list[int | None]) -> str:
            return ", ".join("*" if side is None else str(side) for side in shape)

        raise ModelError(f"{path} does not take uint8 [N, {named(taken)}] to float32 [N, {named(given)}]")
