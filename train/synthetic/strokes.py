"""Digits, letters and signs as pen strokes: the project's own handwriting, for examples, tests and scenes.

Nothing here comes from a data set. Needs numpy and OpenCV alone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.glyphs import STROKES, Pattern

_STEPS = 12
_SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates


def draw_digit(
    digit: int, generator: np.random.Generator, *, height: float, pen: float, unrest: float = 1.0
) -> NDArray[np.uint8]:
    """Draw one digit of `STROKES` as `draw` does."""
    return draw(STROKES[digit], generator, height=height, pen=pen, unrest=unrest)


def draw(
    pattern: Pattern, generator: np.random.Generator, *, height: float, pen: float, unrest: float = 1.0
) -> NDArray[np.uint8]:
    """Draw a pattern with a pen: ink on black, `uint8 (H, W)`, 255 where the pen went, with a small margin.

    `height` and `pen` (the stroke's width) are in pixels; `unrest` scales how far every drawing departs
    from the pattern, 0 for not at all. What is wider than high, such as a minus, is `height` wide.
    """
    slant = 0.12 * unrest * generator.normal()
    stretch = 1 + 0.1 * unrest * np.clip(generator.normal(), -2, 2)
    turn = 0.05 * unrest * generator.normal()
    drawn = []
    joints: dict[tuple[float, float], NDArray[np.float64]] = {}
    for stroke in pattern:
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
    tall = high[1] - low[1] if high[1] - low[1] > 0.6 else max(high - low)
    scale = max(1.0, height - pen) / tall
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
