"""Snapshots: single images of the live view, saved under a name made from the time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import OutputError
from edge_runtime.images.encode import encode
from edge_runtime.whole_file import whole_file

NAME = "edge-digits-%Y%m%d-%H%M%S"  # as `time.strftime` takes it


def named_by_time(folder: Path, suffix: str) -> Path:
    """An unused path in `folder`: "edge-digits-20261120-130501.png", then the same with -2, -3, ..."""
    stem, count = time.strftime(NAME), 1
    path = folder / f"{stem}{suffix}"
    while os.path.lexists(path):
        count += 1
        path = folder / f"{stem}-{count}{suffix}"
    return path


def save_snapshot(folder: Path, image: NDArray[np.uint8]) -> Path:
    """Save a BGR image, uint8 `(H, W, 3)`, as a PNG file named after the time, and return its path.

    Existing files are never overwritten. Raises `OutputError` when the file cannot be written.
    """
    path = named_by_time(folder, ".png")
    try:
        with whole_file(path) as partial:
            partial.write_bytes(encode(image, path.suffix))
    except OSError as error:
        raise OutputError(f"cannot save the snapshot {path}: {error.strerror or error}") from error
    return path
