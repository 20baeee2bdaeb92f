"""Read handwritten digits on the device.

>>> from edge_runtime import DigitReader
>>> reader = DigitReader()
>>> reader.read("page.jpg").text
'408\\n136'

Names are imported on first use, so importing the package itself loads neither numpy nor onnxruntime.
"""

from __future__ import annotations

import os
from importlib import import_module

__version__ = "0.1.0"

# Nothing leaves the device. By default, onnxruntime (1.31) writes an identifier of the machine into the home
# folder and contacts a server of its vendor as soon as it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_MODULES = {
    "ArgumentError": "errors",
    "BatchReader": "scale.batches",
    "Box": "digits",
    "Classifier": "reading.networks",
    "Digit": "digits",
    "DigitReader": "reading.reader",
    "EdgeDigitsError": "errors",
    "ImageError": "errors",
    "MissingDependencyError": "errors",
    "ModelError": "errors",
    "Number": "digits",
    "OutputError": "errors",
    "Reading": "results",
    "SourceError": "errors",
    "TileReadings": "results",
    "annotate": "images.annotate",
    "crop_tile": "reading.crop",
    "read_frames": "scale.batches",
    "spark_schema": "scale.batches",
}

__all__ = [
    "ArgumentError",
    "BatchReader",
    "Box",
    "Classifier",
    "Digit",
    "DigitReader",
    "EdgeDigitsError",
    "ImageError",
    "MissingDependencyError",
    "ModelError",
    "Number",
    "OutputError",
    "Reading",
    "SourceError",
    "TileReadings",
    "__version__",
    "annotate",
    "crop_tile",
    "read_frames",
    "spark_schema",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        value: object = getattr(import_module(f"edge_runtime.{_MODULES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
