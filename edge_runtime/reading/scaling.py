"""Scaling patches of an image to a working size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def scale_to(patch: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A patch, uint8 `(H, W)`, at a size (width, height) in px.

    It is halved as often as possible, then interpolated: that takes a fraction of the time of
    `cv2.INTER_AREA`, which is slow wherever the factor is no whole number.
    """
    across, down = size[0] / patch.shape[1], size[1] / patch.shape[0]
    while across <= 0.5 and down <= 0.5:
        half = patch.shape[1] // 2, patch.shape[0] // 2
        patch = cv2.resize(patch[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA)
        across, down = 2 * across, 2 * down
    # An odd side has lost its last pixel: `cv2.resize` would stretch the others.
    to_size = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]])
    return np.asarray(cv2.warpAffine(patch, to_size, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
