"""The manifest of the released models: size, hash, accuracy and date of each. Export writes it.

It holds what is needed to choose a model. What is needed to run one is in the metadata of its file.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from importlib import import_module
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

    def check(self) -> None:
        """Raise `ModelError` unless the file exists and is unchanged since its release."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ModelError(f"{self.path}: cannot be read ({reason}); install edge-digits again") from error
        if _sha256(content) != self.sha256:
            raise ModelError(
                f"{self.path}: damaged (its SHA-256 is not that of the manifest); install edge-digits again"
            )


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

    Raises `ModelError` if there is no such model, or if a released one is damaged.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise ModelError(f"no model {name!r}; give the name of a released one, or the path of an .onnx file")
    path = Path(name)
    if path.suffix == ".onnx":
        if os.path.isfile(path):
            return path
        raise ModelError(f"no model file {path}; check the path")
    released = {entry.name: entry for entry in entries() if entry.task == task}
    if str(name) not in released:
        raise ModelError(
            f"no model {str(name)!r}; choose {' or '.join(released)}, or give the path of an .onnx file"
        )
    released[str(name)].check()
    return released[str(name)].path


def _sha256(content: bytes) -> str:
    """The hash without OpenSSL: loading that takes 5 ms, hashing the two default models about one."""
    try:
        module = import_module("_sha2" if sys.version_info >= (3, 12) else "_sha256")
    except ImportError:  # some builds of Python have OpenSSL's only
        module = import_module("hashlib")
    return str(module.sha256(content).hexdigest())
