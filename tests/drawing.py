"""Digits, letters and pages drawn for tests, with numpy and OpenCV. Nothing comes from a data set."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.reading.tile import make_tile

# Strokes as points in hundredths of the height: x to the right, y from 0 at the top to 100 at the base line.
_DIGITS = [
    [[(34, 2), (8, 25), (4, 55), (14, 90), (34, 98), (56, 82), (62, 46), (52, 12), (34, 2)]],
    [[(34, 0), (31, 50), (28, 100)]],
    [[(6, 24), (16, 5), (38, 0), (56, 14), (50, 40), (26, 72), (4, 97)], [(4, 97), (32, 95), (64, 98)]],
    [[(8, 12), (30, 0), (53, 12), (50, 34), (26, 47)], [(26, 47), (53, 56), (58, 80), (36, 99), (6, 90)]],
    [[(30, 0), (16, 30), (4, 60)], [(4, 60), (34, 60), (62, 58)], [(50, 22), (47, 60), (44, 100)]],
    [[(58, 2), (16, 3)], [(16, 3), (10, 42)], [(10, 42), (34, 36), (56, 52), (56, 78), (34, 98), (6, 92)]],
    [[(48, 0), (24, 20), (8, 52), (10, 84), (32, 99), (53, 86), (50, 62), (30, 54), (11, 68)]],
    [[(4, 5), (30, 4), (60, 2)], [(60, 2), (44, 40), (27, 100)]],
    [
        [
            (54, 12),
            (32, 0),
            (13, 14),
            (20, 36),
            (44, 54),
            (58, 78),
            (36, 99),
            (11, 86),
            (14, 64),
            (40, 42),
            (54, 12),
        ]
    ],
    [[(55, 16), (34, 0), (12, 14), (12, 38), (32, 48), (52, 34), (56, 12)], [(56, 12), (55, 50), (46, 100)]],
]
_LETTERS = {
    "A": [[(30, 0), (0, 100)], [(30, 0), (62, 100)], [(12, 62), (50, 62)]],
    "E": [[(56, 0), (4, 0)], [(4, 0), (4, 100)], [(4, 100), (58, 100)], [(4, 48), (46, 48)]],
    "H": [[(4, 0), (4, 100)], [(58, 0), (58, 100)], [(4, 50), (58, 50)]],
    "K": [[(4, 0), (4, 100)], [(58, 0), (4, 56)], [(22, 42), (60, 100)]],
    "M": [[(0, 100), (6, 0)], [(6, 0), (36, 70)], [(36, 70), (66, 0)], [(66, 0), (74, 100)]],
    "R": [[(4, 100), (4, 0)], [(4, 2), (40, 2), (54, 22), (36, 46), (4, 50)], [(20, 50), (60, 100)]],
    "X": [[(2, 0), (58, 100)], [(58, 0), (2, 100)]],
}


def draw(
    character: int | str, generator: np.random.Generator, *, height: float, pen: float, unrest: float = 1.0
) -> NDArray[np.uint8]:
    """Draw a digit or letter, ink on black: uint8 `(H, W)`, 255 where the pen went, with a small margin.

    `height` and `pen` (the width of the stroke) are in px; `unrest` scales how much drawings differ.
    """
    shear = np.array([[1 + 0.08 * unrest * generator.normal(), -0.12 * unrest * generator.normal()], [0, 1]])
    curves = [curve @ shear.T for curve in strokes(character)]
    low = np.min([curve.min(axis=0) for curve in curves], axis=0)
    span = np.max([curve.max(axis=0) for curve in curves], axis=0) - low
    scale, margin = max(1.0, height - pen) / span[1], pen / 2 + 2
    width, high = np.ceil(span * scale + 2 * margin).astype(int)
    ink = np.zeros((high, width), np.uint8)
    for curve in curves:
        points = np.rint(((curve - low) * scale + margin) * 16).astype(np.int32)
        cv2.polylines(ink, [points], False, 255, max(1, round(pen)), cv2.LINE_AA, 4)
    return ink


def strokes(character: int | str) -> list[NDArray[np.float64]]:
    """The strokes of a digit or letter, each float64 `[N, 2]`: x to the right and y down, 0 to 1."""
    paths = _LETTERS[character] if isinstance(character, str) else _DIGITS[character]
    return [_smooth(np.array(path, float)) / 100 for path in paths]


def write(
    text: str, *, height: float, x: float = 0.0, y: float = 0.0, gap: float = 0.25
) -> list[list[NDArray[np.float64]]]:
    """The strokes of each digit of a number, as they are written on a screen, its top left corner at (x, y).

    All digits are `height` px high, and `gap` heights apart.
    """
    digits = []
    for character in text:
        curves = strokes(int(character))
        left, right = (side([side(curve[:, 0]) for curve in curves]) for side in (min, max))
        digits.append([(curve - (left, 0)) * height + (x, y) for curve in curves])
        x += (right - left + gap) * height
    return digits


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round the corners within a stroke by cutting them three times (Chaikin, 1974)."""
    for _ in range(3 if len(points) > 2 else 0):
        cut = np.stack(
            [0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1
        )
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return points


def paper(width: int, height: int, level: float = 205) -> NDArray[np.float32]:
    """A page that gets darker from left to right: float32 `(H, W)`, 0..255."""
    light = np.linspace(1.15, 0.85, width) * np.linspace(1.05, 0.95, height)[:, None]
    return np.asarray(level * light, np.float32)


def place(page: NDArray[np.float32], ink: NDArray[np.uint8], x: int, y: int, *, shade: float = 0.3) -> None:
    """Put ink on a page, its top left corner at (x, y).

    `shade` is its brightness relative to the paper: 0.3 for a dark pen, 4 for chalk on a blackboard.
    """
    page[y : y + ink.shape[0], x : x + ink.shape[1]] *= 1 + ink / np.float32(255) * (shade - 1)


def photograph(
    page: NDArray[np.float32], generator: np.random.Generator, noise: float = 3.0
) -> NDArray[np.uint8]:
    """The page, slightly blurred and noisy: uint8 `(H, W)`."""
    soft = cv2.GaussianBlur(page, (0, 0), 0.7)
    return np.clip(soft + noise * generator.normal(size=page.shape), 0, 255).astype(np.uint8)


def page(
    text: str, *, height: int = 80, seed: int = 0, level: float = 205, shade: float = 0.3
) -> NDArray[np.uint8]:
    """A photograph of lines of digits, which are separated by spaces in `text`: uint8 `(H, W)`."""
    generator = np.random.default_rng(seed)
    lines = text.split()
    columns = max(map(len, lines), default=1)
    sheet = paper(
        round(height * (1.1 * columns + 1)), round(height * (1.7 * max(1, len(lines)) + 0.8)), level
    )
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            ink = draw(int(character), generator, height=height, pen=height / 12, unrest=0.5)
            place(
                sheet,
                ink,
                round(height * (0.6 + 1.1 * column)),
                round(height * (0.6 + 1.7 * row)),
                shade=shade,
            )
    return photograph(sheet, generator)


def drawn_tiles(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Tiles of drawn digits, uint8 `[count, 28, 28]`, and their labels, 0 to 9 in turn."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    tiles = [
        make_tile(draw(int(label), generator, height=60, pen=generator.uniform(4, 9))) for label in labels
    ]
    return np.stack(tiles), labels.astype(np.uint8)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an array in MNIST's file format."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(head + array.tobytes())
