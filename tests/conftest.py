"""Fixtures that many tests share: drawn pages, and a small data set laid out as MNIST."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from tests import drawing


@pytest.fixture
def draw_page():
    """A function that draws lines of digits, separated by spaces, on paper: uint8 (H, W)."""
    return drawing.page


@pytest.fixture
def image_file(tmp_path: Path) -> Callable[..., Path]:
    """A function that saves a drawn page under a name and returns its path."""

    def save(name: str, text: str = "7", **options) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(path.suffix, drawing.page(text, **options))[1].tobytes())
        return path

    return save


@pytest.fixture(scope="session")
def mnist_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as MNIST, with 1,200 training and 300 test tiles of drawn digits."""
    root = tmp_path_factory.mktemp("data")
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count, seed in (("train", 1200, 1), ("t10k", 300, 2)):
        tiles, labels = drawing.drawn_tiles(count, seed)
        drawing.write_idx(raw / f"{part}-images-idx3-ubyte", tiles)
        drawing.write_idx(raw / f"{part}-labels-idx1-ubyte", labels)
    return root
