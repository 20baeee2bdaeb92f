"""The manifest of the released models: size, hash, accuracy and date of each. Export writes it.

It holds what is needed to choose a model. What is needed to run one is in the metadata of its file.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import ModelError

FOLDER = Path(__file__).parent

DEFAULT = "int8"
CLASSIFIER, DETECTOR = "classifier", "detector"  # the two tasks; reading needs a model for each


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One released model.

    `accuracy`, 0..1, was measured on the data that `measured` describes; `bytes` is the size of the file and
    `sha256` its hash; `parameters` counts the weights; `released` is the date, YYYY-MM-DD.
    """

    task: str
    name: str
    file: str
    architecture: str
    precision: str
    bytes: int
    sha256: str
    accuracy: float
    measured: str
    parameters: int
    run_id: str
    released: str

    @property
    def path(self) -> Path:
        """Path of the model's file."""
        return FOLDER / self.file

    def intact(self) -> bool:
        """Whether the file exists and is unchanged since its release."""
        import hashlib  # takes 3 ms, and only this check needs it

        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256
        except OSError:
            return False


def entries() -> tuple[ModelEntry, ...]:
    """The released models. Raises `ModelError` if the manifest is missing or damaged."""
    try:
        listed = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["models"]
        return tuple(ModelEntry(**entry) for entry in listed)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{FOLDER / 'manifest.json'} is missing or damaged ({error}); install edge-digits again"
        ) from error


def find(name: str | Path, task: str = CLASSIFIER) -> Path:
    """Path of a model, given the name of one released for the task, or the path of an .onnx file.

    Raises `ModelError` if there is no such model.
    """
    path = Path(name)
    if path.suffix == ".onnx":
        if os.path.isfile(path):
            return path
        raise ModelError(f"no model file {path}; check the path")
    released = {entry.name: entry.path for entry in entries() if entry.task == task}
    if str(name) not in released:
        raise ModelError(
            f"no model {str(name)!r}; choose {' or '.join(released)}, or give the path of an .onnx file"
        )
    return released[str(name)]
