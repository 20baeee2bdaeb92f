"""Drawn tiles and pages for tests; nothing here comes from a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime import preprocess
from train import strokes


def drawn_tiles(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Tiles of stroke-drawn digits, uint8 `[count, 28, 28]`, and their labels, classes in turn."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    tiles = [
        preprocess.make_tile(
            strokes.draw_digit(int(label), generator, height=60, pen=generator.uniform(4, 9))
        )
        for label in labels
    ]
    return np.stack(tiles), labels.astype(np.uint8)


def page(text: str, *, height: int = 80, seed: int = 0, level: float = 205, shade: float = 0.3):
    """Digits, lines apart by blanks, on simulated paper: uint8 (H, W)."""
    generator = np.random.default_rng(seed)
    lines = text.split()
    columns = max(map(len, lines), default=1)
    size = (round(height * (1.1 * columns + 1)), round(height * (1.7 * max(1, len(lines)) + 0.8)))
    sheet = strokes.paper(*size, generator, level=level)
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            ink = strokes.draw_digit(int(character), generator, height=height, pen=height / 12, unrest=0.5)
            x, y = round(height * (0.6 + 1.1 * column)), round(height * (0.6 + 1.7 * row))
            strokes.place(sheet, ink, x, y, shade=shade)
    return strokes.photograph(sheet, generator)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an array in MNIST's file format."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(head + array.tobytes())
