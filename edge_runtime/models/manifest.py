"""The models that ship with the package, as export recorded them in `models/manifest.json`.

The manifest holds what is needed to choose a model; what is needed to run one travels inside its file.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import ModelError

FOLDER = Path(__file__).parent

DEFAULT = "int8"
CLASSIFIER, DETECTOR = "classifier", "detector"  # the tasks that models ship for


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One released model. `accuracy` 0..1 is of what `measured` names, `bytes` the file's size."""

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
        """Where the model's file is."""
        return FOLDER / self.file

    def intact(self) -> bool:
        """Whether the file is there and its content is the one that was released."""
        import hashlib  # 3 ms that only this check pays

        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256
        except OSError:
            return False


def entries() -> tuple[ModelEntry, ...]:
    """The released models. Raises `ModelError` when the installation lacks its manifest."""
    try:
        listed = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["models"]
        return tuple(ModelEntry(**entry) for entry in listed)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"no usable manifest in {FOLDER} ({error}); install edge-digits again") from error


def find(name: str | Path, task: str = CLASSIFIER) -> Path:
    """The file of a model: one of the names released for a task, or a path to an .onnx file.

    Raises `ModelError` when there is no such thing.
    """
    path = Path(name)
    if path.suffix == ".onnx":
        if os.path.isfile(path):
            return path
        raise ModelError(f"no model file {path}")
    known = {entry.name: entry.path for entry in entries() if entry.task == task}
    if str(name) not in known:
        raise ModelError(f"no model {str(name)!r}: name {' or '.join(known)}, or the path of an .onnx file")
    return known[str(name)]
