"""Annotated images: boxes, labels and the classifier's tiles, drawn on a copy of an image."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.results import Digit

_READ = (60, 160, 20)  # BGR
_REJECTED = (130, 130, 130)
_WHITE = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(image: NDArray[np.uint8], digits: Iterable[Digit], *, tiles: bool = False) -> NDArray[np.uint8]:
    """Draw boxes and labels on a copy of a BGR image `uint8 (H, W, 3)`.

    Images with a longer side below 224 px are enlarged by an integer factor first, so that labels are legible
    even on a 28x28 tile. With `tiles`, the classifier's input is inset below each box.
    """
    enlarge = max(1, -(-224 // max(image.shape[:2])))
    canvas = cv2.resize(image, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_NEAREST)
    line = max(1, round(min(canvas.shape[:2]) / 360))
    for digit in digits:
        box, colour = digit.box, _REJECTED if digit.value is None else _READ
        corner = (box.x * enlarge, box.y * enlarge)
        opposite = ((box.x + box.width) * enlarge - 1, (box.y + box.height) * enlarge - 1)
        cv2.rectangle(canvas, corner, opposite, colour, line, cv2.LINE_AA)
        _label(canvas, digit, corner, opposite, colour)
        if tiles and digit.tile is not None:
            _inset(canvas, digit.tile, corner, opposite, colour)
    return np.asarray(canvas, np.uint8)


def _font(height: int) -> tuple[float, int]:
    """OpenCV's font scale and stroke width for capitals about `height` px high."""
    return height / 21, max(1, round(height / 12))


def _label(
    canvas: NDArray[np.uint8],
    digit: Digit,
    corner: tuple[int, int],
    opposite: tuple[int, int],
    colour: tuple[int, int, int],
) -> None:
    """Draw a filled label above a box, or inside it at the top of the image.

    The confidence is left out where the box is too narrow for it, so that neighbouring labels do not overlap.
    """
    side = min(canvas.shape[:2])
    height = int(min(max((opposite[1] - corner[1]) * 0.25, 10), max(12, side / 16)))
    scale, weight = _font(height)
    pad = max(2, height // 4)
    name = "?" if digit.value is None else str(digit.value)
    for text in (f"{name} {min(99, int(digit.confidence * 100))}%", name):
        (width, _), _ = cv2.getTextSize(text, _FONT, scale, weight)
        if width + 2 * pad <= opposite[0] - corner[0]:
            break
    full = height + 2 * pad
    left = max(0, min(corner[0], canvas.shape[1] - width - 2 * pad))
    top = corner[1] - full if corner[1] >= full else corner[1]
    cv2.rectangle(canvas, (left, top), (left + width + 2 * pad, top + full), colour, cv2.FILLED)
    cv2.putText(canvas, text, (left + pad, top + full - pad), _FONT, scale, _WHITE, weight, cv2.LINE_AA)


def _inset(
    canvas: NDArray[np.uint8],
    tile: NDArray[np.uint8],
    corner: tuple[int, int],
    opposite: tuple[int, int],
    colour: tuple[int, int, int],
) -> None:
    """Draw a tile below a box, or inside it at the bottom of the image."""
    height, width = canvas.shape[:2]
    longer = max(opposite[0] - corner[0], opposite[1] - corner[1])
    side = min(max(round(0.6 * longer), 24), 112, height, width)
    left = max(0, min(corner[0], width - side))
    top = max(0, min(opposite[1] + 2, height - side))
    method = cv2.INTER_AREA if side < tile.shape[0] else cv2.INTER_NEAREST
    enlarged = cv2.cvtColor(cv2.resize(tile, (side, side), interpolation=method), cv2.COLOR_GRAY2BGR)
    canvas[top : top + side, left : left + side] = enlarged
    cv2.rectangle(canvas, (left, top), (left + side - 1, top + side - 1), colour, 1)
