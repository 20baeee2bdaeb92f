"""MNIST's test set without torch: the reader that a Raspberry Pi needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError


def load_test_set(root: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read tiles uint8 `[10000, 28, 28]` and labels int64 `[10000]` from `root/MNIST/raw`.

    Raises `BenchmarkError` when the files are missing or damaged.
    """
    folder = root / "MNIST" / "raw"
    tiles = _read_idx(folder / "t10k-images-idx3-ubyte")
    labels = _read_idx(folder / "t10k-labels-idx1-ubyte")
    if tiles.ndim != 3 or tiles.shape[1:] != (28, 28) or labels.shape != tiles.shape[:1]:
        raise BenchmarkError(f"MNIST in {folder} is damaged: {tiles.shape} images, {labels.shape} labels")
    return tiles, labels.astype(np.int64)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file: two zero bytes, the type (8: uint8), the number of sizes, the sizes, the data."""
    try:
        data = path.read_bytes()
        if data[:3] != b"\0\0\x08":
            raise ValueError("not an IDX file of bytes")
        sizes = np.frombuffer(data, ">u4", count=data[3], offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(sizes).copy()
    except OSError as error:
        raise BenchmarkError(
            f"no MNIST test set: {path} ({error.strerror or error}); name its folder with --data, "
            "or fetch it with: python -m train --epochs 1"
        ) from error
    except (ValueError, IndexError, EOFError) as error:
        raise BenchmarkError(f"{path} is damaged: {error}") from error
