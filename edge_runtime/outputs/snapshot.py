"""TODO."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import OutputError


def named_by_time(folder: Path, suffix: str) -> Path:
    """A path in `folder` that nothing has yet: "edge-digits-20261120-130501.png", then with -2, -3, ..."""
    stem, count = time.strftime("edge-digits-%Y%m%d-%H%M%S"), 1
    path = folder / f"{stem}{suffix}"
    while os.path.lexists(path):
        count += 1
        path = folder / f"{stem}-{count}{suffix}"
    return path


def save_snapshot(folder: Path, image: NDArray[np.uint8]) -> Path:
    """Save an image, BGR uint8 `(H, W, 3)`, as a PNG file named by the time; returns its path.

    No file is ever overwritten. Raises `OutputError` where it cannot be written.
    """
    path = named_by_time(folder, ".png")
    partial = path.with_name(path.name + ".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(cv2.imencode(".png", image)[1].tobytes())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"cannot save the snapshot {path}: {error.strerror or error}") from error
    return path
