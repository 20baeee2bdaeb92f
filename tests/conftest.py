"""What many tests need: drawn pages, and a small data set laid out as MNIST is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from train import strokes

Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def draw_page() -> Draw:
    """A function that writes a text of digits, lines apart by blanks, on simulated paper: uint8 (H, W)."""

    def draw(text: str, *, height: int = 80, seed: int = 0, level: float = 205, shade: float = 0.3):
        generator = np.random.default_rng(seed)
        lines = text.split()
        columns = max(map(len, lines), default=1)
        size = (round(height * (1.1 * columns + 1)), round(height * (1.7 * max(1, len(lines)) + 0.8)))
        page = strokes.paper(*size, generator, level=level)
        for row, line in enumerate(lines):
            for column, character in enumerate(line):
                ink = strokes.draw_digit(
                    int(character), generator, height=height, pen=height / 12, unrest=0.5
                )
                x, y = round(height * (0.6 + 1.1 * column)), round(height * (0.6 + 1.7 * row))
                strokes.place(page, ink, x, y, shade=shade)
        return strokes.photograph(page, generator)

    return draw


@pytest.fixture
def picture_file(draw_page: Draw, tmp_path: Path) -> Callable[..., Path]:
    """A function that saves a drawn page under a name and returns its path."""

    def save(name: str, text: str = "7", **options) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        encoded = cv2.imencode(path.suffix or ".png", draw_page(text, **options))[1]
        path.write_bytes(encoded.tobytes())
        return path

    return save


def drawn_tiles(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Tiles of stroke-drawn digits, uint8 `[count, 28, 28]`, and their labels, classes in turn."""
    from edge_runtime import preprocess

    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    tiles = [
        preprocess.make_tile(
            strokes.draw_digit(int(label), generator, height=60, pen=generator.uniform(4, 9))
        )
        for label in labels
    ]
    return np.stack(tiles), labels.astype(np.uint8)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an array in MNIST's file format."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(head + array.tobytes())


@pytest.fixture(scope="session")
def mnist_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as MNIST's, with 1,200 training and 300 test tiles of drawn digits."""
    root = tmp_path_factory.mktemp("data")
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count, seed in (("train", 1200, 1), ("t10k", 300, 2)):
        tiles, labels = drawn_tiles(count, seed)
        write_idx(raw / f"{part}-images-idx3-ubyte", tiles)
        write_idx(raw / f"{part}-labels-idx1-ubyte", labels)
    return root
