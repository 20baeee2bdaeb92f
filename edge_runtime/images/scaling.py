"""Scaling of images, in a fraction of the time of `cv2.INTER_AREA`.

That method is fast only where it halves an image: it takes as long to reduce a frame of 1920x1080 px to
1280x720 as to read the digits in it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def scale_to(image: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An image, uint8 `(H, W)` or `(H, W, 3)`, at a size (width, height) in px.

    It is halved as often as possible, then interpolated.
    """
    across, down = size[0] / image.shape[1], size[1] / image.shape[0]
    exact = True
    while across <= 0.5 and down <= 0.5:
        rows, columns = image.shape[0] // 2, image.shape[1] // 2
        exact &= image.shape[:2] == (2 * rows, 2 * columns)
        image = cv2.resize(image[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        across, down = 2 * across, 2 * down
    if exact:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    # An odd side has lost its last pixels: `cv2.resize` would stretch what is left.
    to_size = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]])
    return np.asarray(cv2.warpAffine(image, to_size, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def reduce_to(image: NDArray[Any], longest: float) -> NDArray[Any]:
    """An image, uint8 `(H, W)` or `(H, W, 3)`, whose longer side is at most `longest` px."""
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    return scale_to(image, (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))))
