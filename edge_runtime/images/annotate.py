"""Annotated images: boxes, labels and the classifier's tiles, drawn on a copy of an image.

Files, recordings, the live page and the window all show digits in this style.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import boxes
from edge_runtime.digits import Digit
from edge_runtime.errors import ImageError
from edge_runtime.images import text
from edge_runtime.images.decode import to_colour
from edge_runtime.images.insets import Inset, add_rows, draw_beside
from edge_runtime.images.space import Space
from edge_runtime.images.text import Colour, Image

READ: Colour = (60, 160, 20)  # BGR
REJECTED: Colour = (130, 130, 130)
ON_LABEL: Colour = (255, 255, 255)

_SMALLEST = 224  # px, longer side: smaller images are enlarged


def annotate(image: NDArray[Any], digits: Iterable[Digit], *, tiles: bool = False) -> NDArray[np.uint8]:
    """Draw boxes and labels on a copy of an image: BGR uint8 `(H, W, 3)`.

    `image` is an array as `DigitReader.read` accepts it, and `digits` are those of a reading, or the reading
    itself. Images with a longer side below 224 px are enlarged by an integer factor first, so that labels are
    legible even on a 28x28 tile. Labels cover neither boxes nor each other: where there is no room for one,
    it is left out. With `tiles`, the classifier's inputs are shown beside their boxes or, if there is no room
    for all of them, in rows below the image; they never cover writing. Raises `ImageError` for what is no
    image.
    """
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"annotate draws on an array, not on an object of type {type(image).__name__}; for a file, use "
            "plot or save of its reading"
        )
    image = to_colour(np.asarray(image))
    enlarge = max(1, -(-_SMALLEST // max(image.shape[:2])))
    if enlarge > 1:
        image = np.asarray(
            cv2.resize(image, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_NEAREST), np.uint8
        )
    canvas: Image = image.copy()
    digits = tuple(digits)
    heights = sorted(digit.box.height * enlarge for digit in digits) or [0]
    height = heights[len(heights) // 2]
    size = min(max(round(0.12 * height), 9), 120)  # most labels are no wider than their boxes
    space = draw_digits(canvas, digits, (enlarge, enlarge), size=size, line=max(1, height // 44))
    insets = [
        Inset(index, digit.number, digit.tile, _labels(digit, size)[0], _colour(digit))
        for index, digit in enumerate(digits)
        if tiles and digit.tile is not None
    ]
    if insets:
        space.avoid_ink(image)
        side = min(max(round(0.6 * height), 28), 112)
        if not draw_beside(canvas, insets, side, space):
            canvas = add_rows(canvas, insets, side)
    return canvas


def draw_digits(
    canvas: Image, digits: Sequence[Digit], scale: tuple[float, float], *, size: int, line: int
) -> Space:
    """Draw a box and a label per digit onto a canvas; return what space is left.

    `scale` converts pixels of the image to those of the canvas; `size` is the height of the labels' capitals
    and `line` the width of the outlines, in px of the canvas.
    """
    corners = boxes.corners(digit.box for digit in digits) * (*scale, *scale)
    # Outlines grow outwards: of what is in a box, they cover the outermost pixels only.
    growth = np.array((-1, -1, 1, 1)) * (line - 1)
    outer = corners + growth
    outlines = _outlines(corners + growth / 2 - np.array((0, 0, 1, 1)))
    read = np.array([digit.value is not None for digit in digits], bool)
    for chosen, colour in ((~read, REJECTED), (read, READ)):
        if chosen.any():
            cv2.polylines(canvas, list(outlines[chosen]), True, colour, line, cv2.LINE_AA, shift=4)
    space = Space((canvas.shape[1], canvas.shape[0]), outer)
    for index, digit in enumerate(digits):
        full, short = _labels(digit, size)
        fits = full.shape[1] <= outer[index, 2] - outer[index, 0]
        for label in (full, short) if fits else (short,):
            place = space.place(index, label.shape[1::-1], ("above", "below", "right", "left", "inside"))
            if place is not None:
                text.paste(canvas, label, *place)
                break
    return space


def _labels(digit: Digit, size: int) -> tuple[Image, Image]:
    """The label of a digit, with its confidence and without."""
    name, colour = "?" if digit.value is None else str(digit.value), _colour(digit)
    full = f"{name} {text.percent(digit.confidence)}"
    return text.tag(full, size, ON_LABEL, colour), text.tag(name, size, ON_LABEL, colour)


def _colour(digit: Digit) -> Colour:
    return REJECTED if digit.value is None else READ


def _outlines(corners: NDArray[np.floating]) -> NDArray[np.int32]:
    """Outlines with rounded corners, int32 `(N, 12, 1, 2)`, in sixteenths of a pixel, of boxes `[N, 4]`."""
    x0, y0, x1, y1 = corners.T
    r = np.minimum(4, np.minimum(x1 - x0, y1 - y0) / 4)
    s = r * 0.3
    xs = np.stack([x0, x0 + s, x0 + r, x1 - r, x1 - s, x1, x1, x1 - s, x1 - r, x0 + r, x0 + s, x0], axis=1)
    ys = np.stack([y0 + r, y0 + s, y0, y0, y0 + s, y0 + r, y1 - r, y1 - s, y1, y1, y1 - s, y1 - r], axis=1)
    return np.asarray(np.rint(np.stack([xs, ys], axis=2) * 16), np.int32)[:, :, None]
