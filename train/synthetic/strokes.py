"""Strokes: draws glyphs with a simulated pen, for examples, scenes and videos.

Nothing here comes from a data set, and only numpy and OpenCV are needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.glyphs import DIGITS, Glyph

_STEPS = 12  # points of a curve between two points of its stroke
_SUBPIXEL = 4  # fractional bits of the coordinates that OpenCV draws
_FLAT = 0.6  # a glyph no higher than this, such as a minus, is scaled by its longer side


def draw_digit(
    digit: int, generator: np.random.Generator, *, height: float, pen: float, variation: float = 1.0
) -> NDArray[np.uint8]:
    """Draw a digit 0..9 in its plain style; see `draw`."""
    return draw(DIGITS[digit], generator, height=height, pen=pen, variation=variation)


def draw(
    glyph: Glyph, generator: np.random.Generator, *, height: float, pen: float, variation: float = 1.0
) -> NDArray[np.uint8]:
    """Draw a glyph: uint8 `(H, W)`, 0 for paper and 255 for ink, just large enough for the ink.

    `height` of the glyph and `pen` (the width of its strokes) are in pixels, give or take two; a flat glyph,
    such as a minus, is `height` px wide instead. `variation` scales how much the drawing departs from the
    glyph: 0 draws it exactly.
    """
    slant = 0.12 * variation * generator.normal()
    stretch = 1 + 0.1 * variation * np.clip(generator.normal(), -2, 2)
    turn = 0.05 * variation * generator.normal()
    drawn = []
    joints: dict[tuple[float, float], NDArray[np.float64]] = {}
    for stroke in glyph:
        # Strokes that share a point of the glyph must still meet after it has been moved.
        points = [
            joints.setdefault(point, np.array(point) + 0.018 * variation * generator.normal(size=2))
            for point in stroke
        ]
        curve = smooth(np.array(points))
        x, y = (curve[:, 0] * stretch + slant * (0.5 - curve[:, 1])), curve[:, 1]
        drawn.append(np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1))
    low = np.min([stroke.min(axis=0) for stroke in drawn], axis=0)
    high = np.max([stroke.max(axis=0) for stroke in drawn], axis=0)
    extent = high[1] - low[1] if high[1] - low[1] > _FLAT else max(high - low)
    return render(drawn, max(1.0, height - pen) / extent, pen)


def render(paths: Sequence[NDArray[np.float64]], scale: float, pen: float) -> NDArray[np.uint8]:
    """Draw paths, each `[N, 2]`, with a pen `pen` px wide: uint8 `(H, W)`, just large enough for the ink.

    `scale` is the number of pixels per unit of the paths.
    """
    low = np.min([path.min(axis=0) for path in paths], axis=0)
    high = np.max([path.max(axis=0) for path in paths], axis=0)
    margin = pen / 2 + 2
    size = np.ceil((high - low) * scale + 2 * margin).astype(int)
    ink = np.zeros((size[1], size[0]), np.uint8)
    for path in paths:
        pixels = np.rint(((path - low) * scale + margin) * (1 << _SUBPIXEL)).astype(np.int32)
        cv2.polylines(ink, [pixels], False, 255, max(1, round(pen)), cv2.LINE_AA, _SUBPIXEL)
    return ink


def smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A Catmull-Rom spline `[M, 2]` through `points` `[N, 2]`."""
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
