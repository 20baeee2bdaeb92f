"""Stability: whether the text that is read in an image survives changes that nobody would notice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import DigitReader
from edge_runtime.results import Reading

_TWINS = {"int8": "float", "float": "int8"}


def shift_right(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image, uint8 `(H, W)` or `(H, W, C)`, one pixel to the right; its left column is repeated."""
    return np.asarray(cv2.copyMakeBorder(image, 0, 0, 1, 0, cv2.BORDER_REPLICATE)[:, :-1], np.uint8)


def shift_down(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image, uint8 `(H, W)` or `(H, W, C)`, one pixel down; its top row is repeated."""
    return np.asarray(cv2.copyMakeBorder(image, 1, 0, 0, 0, cv2.BORDER_REPLICATE)[:-1], np.uint8)


def brighten(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image, uint8 of any shape, one grey level brighter; 255 stays."""
    return np.minimum(image, 254) + np.uint8(1)


CHANGES: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "right": shift_right,
    "down": shift_down,
    "brighter": brighten,
}


class Variations:
    """Reads images again: with changed pixels, from the file, and with the twin of the model.

    `reader` reads with `model`: "int8" or "float", each the other's twin, or the path of an .onnx file, whose
    twin is the file of the other name beside it. Without a twin, precisions are not compared.
    """

    def __init__(self, reader: DigitReader, model: str) -> None:
        self._reader = reader
        twin = find_twin(model)
        self._twin = DigitReader(twin) if twin else None

    def read(self, path: Path, image: NDArray[np.uint8]) -> dict[str, Reading]:
        """Read an image, uint8 `(H, W, 3)` as decoded from `path`, in every variation.

        The keys are those of `CHANGES`, "path", and "precision" if the model has a twin. Raises `ImageError`
        when the file cannot be read.
        """
        readings = {name: self._reader.read(change(image)) for name, change in CHANGES.items()}
        readings["path"] = self._reader.read(path)
        if self._twin:
            readings["precision"] = self._twin.read(image)
        return readings


def is_same_text(one: Reading, other: Reading) -> bool:
    """Whether two readings have the same text, rejected digits and line breaks included."""
    return one.text == other.text


def has_same_digits(one: Reading, other: Reading) -> bool:
    """Whether two readings have the same accepted digits in the same order."""
    return _accepted(one) == _accepted(other)


def _accepted(reading: Reading) -> list[int]:
    return [digit.value for digit in reading.digits if digit.value is not None]


def find_twin(model: str) -> str | None:
    """The same network in the other precision, or None."""
    path = Path(model)
    twin = _TWINS.get(path.stem)
    if twin is None or path.suffix != ".onnx":
        return twin
    beside = path.with_name(f"{twin}.onnx")
    return str(beside) if beside.exists() else None
