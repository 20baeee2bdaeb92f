"""Turning: an image by quarter turns, and the boxes in it back."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.digits import TURNS, Box
from edge_runtime.errors import ArgumentError

AUTO = "auto"

_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def parse(rotate: object) -> int | None:
    """One of `TURNS`, given as such or as text, or None for `AUTO`.

    Raises `ArgumentError` for anything else.
    """
    text = str(rotate)
    if text == AUTO:
        return None
    if text not in map(str, TURNS):
        raise ArgumentError(f'rotate must be "auto", 0, 90, 180 or 270, not {rotate!r}')
    return int(text)


def turn_image(image: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """An image, uint8 `(H, W)`, turned clockwise by one of `TURNS`."""
    return np.asarray(cv2.rotate(image, _ROTATIONS[turn]), np.uint8) if turn else image


def box_as_given(box: Box, turn: int, size: tuple[int, int]) -> Box:
    """Where a box of a turned image lies in the image as given, whose width and height are `size`, in px."""
    width, height = size
    if turn == 90:
        return Box(box.y, height - box.x - box.width, box.height, box.width)
    if turn == 180:
        return Box(width - box.x - box.width, height - box.y - box.height, box.width, box.height)
    if turn == 270:
        return Box(width - box.y - box.height, box.x, box.height, box.width)
    return box
