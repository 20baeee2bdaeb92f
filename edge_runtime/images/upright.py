"""Upright images: turns them as their orientation tags say, and gives them square pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.images.header import Header

_ROTATIONS = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
_FLIPS = {2: 1, 4: 0}  # left to right, top to bottom
_MAX_ENLARGED = 30_000_000  # px; a larger image becomes square by losing detail, not by taking more memory


def upright(image: NDArray[Any], header: Header) -> NDArray[np.uint8]:
    """Stretch an image `uint8 (H, W)` or `(H, W, 3)` to square pixels and turn it upright."""
    if header.aspect != 1:
        image = _stretch(image, header.aspect)
    orientation = header.orientation
    if orientation in _FLIPS:
        image = cv2.flip(image, _FLIPS[orientation])
    elif orientation in _ROTATIONS:
        image = cv2.rotate(image, _ROTATIONS[orientation])
    elif orientation in (5, 7):
        image = cv2.transpose(image)
        if orientation == 7:
            image = cv2.rotate(image, cv2.ROTATE_180)
    return np.asarray(image, np.uint8)


def _stretch(image: NDArray[Any], aspect: float) -> NDArray[Any]:
    height, width = image.shape[:2]
    longer, shorter = max(aspect, 1 / aspect), min(aspect, 1 / aspect)
    if height * width * longer <= _MAX_ENLARGED:
        size = (width, round(height * longer)) if aspect > 1 else (round(width * longer), height)
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
    size = (round(width * shorter), height) if aspect > 1 else (width, round(height * shorter))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
