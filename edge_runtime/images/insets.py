"""The classifier's tiles in annotated images: beside their boxes, or in rows below the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.images import text
from edge_runtime.images.space import Space
from edge_runtime.images.text import Colour, Image

_BACKGROUND: Colour = (246, 244, 242)  # BGR, of the rows


class Inset(NamedTuple):
    """A tile to show: `box` is the index of its box, `group` that of its number."""

    box: int
    group: int
    tile: NDArray[np.uint8]
    label: Image
    colour: Colour

    def framed(self, side: int) -> Image:
        """The tile, scaled to a square of `side` px, in a frame of one pixel."""
        method = cv2.INTER_AREA if side < self.tile.shape[0] else cv2.INTER_NEAREST
        image = np.full((side + 2, side + 2, 3), self.colour, np.uint8)
        image[1:-1, 1:-1] = cv2.resize(self.tile, (side, side), interpolation=method)[:, :, None]
        return image


def draw_beside(canvas: Image, insets: Sequence[Inset], side: int, space: Space) -> bool:
    """Draw tiles, all at the same side of their boxes, if one has room for them; return whether it has."""
    boxes = [inset.box for inset in insets]
    for where in ("below", "above", "right", "left"):
        places = space.place_all(boxes, (side + 2, side + 2), where)
        if places:
            for inset, place in zip(insets, places, strict=True):
                text.paste(canvas, inset.framed(side), *place)
            return True
    return False


def add_rows(canvas: Image, insets: Sequence[Inset], side: int) -> Image:
    """The canvas with rows of tiles below it, in their order; each is above its label."""
    gap = 2 + side // 8
    width = max(side + 2, *(inset.label.shape[1] for inset in insets))
    height = side + 4 + max(inset.label.shape[0] for inset in insets)
    corners, x, y = [], 0, gap
    for position, inset in enumerate(insets):
        if position and inset.group != insets[position - 1].group:
            x += 2 * gap
        if x and x + width > canvas.shape[1]:
            x, y = 0, y + height + gap
        corners.append((x, y))
        x += width + gap
    rows = np.full((y + height, max(canvas.shape[1], width), 3), _BACKGROUND, np.uint8)
    for (x, y), inset in zip(corners, insets, strict=True):
        text.paste(rows, inset.framed(side), x, y)
        text.paste(rows, inset.label, x, y + side + 4)
    missing = rows.shape[1] - canvas.shape[1]
    return np.concatenate([np.pad(canvas, ((0, 0), (0, missing), (0, 0)), constant_values=255), rows])
