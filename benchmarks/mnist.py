"""The MNIST test set, read without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError


def load_test_set(root: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read tiles uint8 `[10000, 28, 28]` and labels int64 `[10000]` from `root/MNIST/raw`.

    Raises `BenchmarkError` when a file is missing or damaged.
    """
    folder = root / "MNIST" / "raw"
    tiles = _read_idx(folder / "t10k-images-idx3-ubyte")
    labels = _read_idx(folder / "t10k-labels-idx1-ubyte")
    if tiles.ndim != 3 or tiles.shape[1:] != (28, 28) or labels.shape != tiles.shape[:1]:
        raise BenchmarkError(
            f"the MNIST test set in {folder} is damaged: images {tiles.shape}, labels {labels.shape}; "
            "delete it and download it again"
        )
    return tiles, labels.astype(np.int64)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file: two zero bytes, the type (8 is uint8), the number of axes, their sizes, the data."""
    try:
        data = path.read_bytes()
        if data[:3] != b"\0\0\x08":
            raise ValueError("not an IDX file of type uint8")
        sizes = np.frombuffer(data, ">u4", count=data[3], offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(sizes).copy()
    except OSError as error:
        raise BenchmarkError(
            f"no MNIST test set: {path} ({error.strerror or error}); give its folder with --data, "
            "or download it, with '.[train]': "
            f"python -c \"from torchvision.datasets import MNIST; MNIST('{path.parents[2]}', download=True)\""
        ) from error
    except (ValueError, IndexError) as error:
        raise BenchmarkError(f"{path} is damaged: {error}") from error
