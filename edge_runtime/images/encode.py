"""Encodes images for files, browsers and notebooks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ImageError


def encode(image: NDArray[np.uint8], suffix: str, *, quality: int | None = None) -> bytes:
    """Encode an image, BGR uint8 `(H, W, 3)` or grey `(H, W)`, in the format of a suffix such as ".png".

    `quality`, 0 to 100, is that of a JPEG; OpenCV's default is 95. Raises `ImageError` if OpenCV cannot: it
    does not write this format, or not images of this size.
    """
    parameters = [] if quality is None else [cv2.IMWRITE_JPEG_QUALITY, quality]
    try:
        good, data = cv2.imencode(suffix, image, parameters)
    except cv2.error:
        good = False
    if not good:
        kind = suffix or "a file without a suffix"
        raise ImageError(f"OpenCV cannot save an image of {image.shape[1]}x{image.shape[0]} px as {kind}")
    return data.tobytes()
