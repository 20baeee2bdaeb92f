"""Digits as pen strokes: the project's own handwriting, for example pictures, tests and simulated pages.

Nothing here comes from a data set. Needs numpy and OpenCV alone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Every digit is a list of strokes, every stroke a list of points (x, y) that a smooth curve runs through;
# y goes from 0 at the top to 1 at the base line, x in the same unit.
_Stroke = list[tuple[float, float]]
STROKES: dict[int, list[_Stroke]] = {
    0: [[(0.36, 0.02), (0.12, 0.14), (0.04, 0.5), (0.13, 0.88), (0.34, 0.98), (0.56, 0.84), (0.62, 0.48),
         (0.54, 0.12), (0.34, 0.02)]],
    1: [[(0.34, 0.0), (0.31, 0.5), (0.28, 1.0)]],
    2: [[(0.06, 0.24), (0.16, 0.05), (0.38, 0.0), (0.56, 0.14), (0.5, 0.4), (0.26, 0.72), (0.04, 0.97)],
        [(0.04, 0.97), (0.32, 0.95), (0.64, 0.98)]],
    3: [[(0.08, 0.12), (0.3, 0.0), (0.53, 0.12), (0.5, 0.34), (0.26, 0.47)],
        [(0.26, 0.47), (0.53, 0.56), (0.58, 0.8), (0.36, 0.99), (0.06, 0.9)]],
    4: [[(0.3, 0.0), (0.16, 0.3), (0.04, 0.6)], [(0.04, 0.6), (0.34, 0.6), (0.62, 0.58)],
        [(0.5, 0.22), (0.47, 0.6), (0.44, 1.0)]],
    5: [[(0.58, 0.02), (0.36, 0.02), (0.16, 0.03)], [(0.16, 0.03), (0.13, 0.22), (0.1, 0.42)],
        [(0.1, 0.42), (0.34, 0.36), (0.56, 0.52), (0.56, 0.78), (0.34, 0.98), (0.06, 0.92)]],
    6: [[(0.48, 0.0), (0.24, 0.2), (0.08, 0.52), (0.1, 0.84), (0.32, 0.99), (0.53, 0.86), (0.5, 0.62),
         (0.3, 0.54), (0.11, 0.68)]],
    7: [[(0.04, 0.05), (0.3, 0.04), (0.6, 0.02)], [(0.6, 0.02), (0.44, 0.4), (0.27, 1.0)]],
    8: [[(0.54, 0.12), (0.32, 0.0), (0.13, 0.14), (0.2, 0.36), (0.44, 0.54), (0.58, 0.78), (0.36, 0.99),
         (0.11, 0.86), (0.14, 0.64), (0.4, 0.42), (0.55, 0.24), (0.54, 0.12)]],
    9: [[(0.55, 0.16), (0.34, 0.0), (0.12, 0.14), (0.12, 0.38), (0.32, 0.48), (0.52, 0.34), (0.56, 0.12)],
        [(0.56, 0.12), (0.55, 0.5), (0.46, 1.0)]],
}  # fmt: skip

_STEPS = 12
_SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates


def draw_digit(
    digit: int, generator: np.random.Generator, *, height: float, pen: float, unrest: float = 1.0
) -> NDArray[np.uint8]:
    """Draw one digit with a pen: ink on black, `uint8 (H, W)`, 255 where the pen went, with a small margin.

    `height` and `pen` (the stroke's width) are in pixels; `unrest` scales how far every drawing departs
    from the pattern, 0 for not at all.
    """
    slant = 0.12 * unrest * generator.normal()
    stretch = 1 + 0.1 * unrest * np.clip(generator.normal(), -2, 2)
    turn = 0.05 * unrest * generator.normal()
    drawn = []
    joints: dict[tuple[float, float], NDArray[np.float64]] = {}
    for stroke in STROKES[digit]:
        # Strokes that meet in a point of the pattern meet in the drawing too.
        points = [
            joints.setdefault(point, np.array(point) + 0.018 * unrest * generator.normal(size=2))
            for point in stroke
        ]
        curve = _smooth(np.array(points))
        x, y = (curve[:, 0] * stretch + slant * (0.5 - curve[:, 1])), curve[:, 1]
        drawn.append(np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1))
    low = np.min([stroke.min(axis=0) for stroke in drawn], axis=0)
    high = np.max([stroke.max(axis=0) for stroke in drawn], axis=0)
    scale = (height - pen) / (high[1] - low[1])
    margin = pen / 2 + 2
    size = np.ceil((high - low) * scale + 2 * margin).astype(int)
    ink = np.zeros((size[1], size[0]), np.uint8)
    for stroke in drawn:
        points = np.rint(((stroke - low) * scale + margin) * (1 << _SUBPIXEL)).astype(np.int32)
        cv2.polylines(ink, [points], False, 255, max(1, round(pen)), cv2.LINE_AA, _SUBPIXEL)
    return ink


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A Catmull-Rom spline through `points` `[N, 2]`."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    before, start, end, after = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, _STEPS)[None, :, None]
    curve = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    return curve.reshape(-1, 2)


def paper(
    width: int, height: int, generator: np.random.Generator, *, level: float = 205
) -> NDArray[np.float32]:
    """A sheet of paper under a lamp that stands to one side: float32 `(H, W)`, about 0..255."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = generator.uniform(0, 2 * np.pi)
    slope = (columns / width - 0.5) * np.cos(angle) + (rows / height - 0.5) * np.sin(angle)
    fibres = cv2.GaussianBlur(generator.normal(size=(height, width)).astype(np.float32), (0, 0), 1.2)
    return np.asarray(level * (1 + 0.35 * slope) + 6 * fibres, np.float32)


def place(page: NDArray[np.float32], ink: NDArray[np.uint8], x: int, y: int, *, shade: float) -> None:
    """Put ink on a page in place, its top left corner at (x, y).

    `shade` is the ink's brightness as a share of the paper's under the same light: 0.3 for a dark pen, 4 for
    chalk on a blackboard.
    """
    part = page[y : y + ink.shape[0], x : x + ink.shape[1]]
    cover = ink[: part.shape[0], : part.shape[1]].astype(np.float32) / 255
    part *= 1 + cover * (shade - 1)


def photograph(
    page: NDArray[np.float32], generator: np.random.Generator, *, blur: float = 0.7, noise: float = 3.0
) -> NDArray[np.uint8]:
    """What a camera makes of a page: slightly soft and noisy, `uint8 (H, W)`."""
    soft = cv2.GaussianBlur(page, (0, 0), blur) if blur else page
    return np.asarray(np.clip(soft + noise * generator.normal(size=page.shape), 0, 255)).astype(np.uint8)
