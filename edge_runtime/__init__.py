"""Handwritten digits, read on the device.

>>> from edge_runtime import DigitReader
>>> reader = DigitReader()
>>> reader.read("page.jpg").text

Names resolve on first use: importing the package costs nothing, and `from edge_runtime import
preprocess` does not load onnxruntime.
"""

from __future__ import annotations

import os
from importlib import import_module

__version__ = "0.1.0"

# What is read on a device stays there: left to itself, onnxruntime (1.31) writes an identifier of the machine
# into the home folder and looks for its maker's server as soon as it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOME = {
    "Box": "results",
    "Classifier": "reading.networks",
    "Digit": "results",
    "DigitReader": "reading.reader",
    "EdgeDigitsError": "errors",
    "MissingDependencyError": "errors",
    "ModelError": "errors",
    "OutputError": "errors",
    "ImageError": "errors",
    "Reading": "results",
    "SourceError": "errors",
    "TileReadings": "results",
}

__all__ = [
    "Box",
    "Classifier",
    "Digit",
    "DigitReader",
    "EdgeDigitsError",
    "MissingDependencyError",
    "ModelError",
    "OutputError",
    "ImageError",
    "Reading",
    "SourceError",
    "TileReadings",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        value: object = getattr(import_module(f"edge_runtime.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
