"""Ink: images of single glyphs, and the labels that they carry.

An `InkImage` is uint8 `(H, W)`, 0 for paper and 255 for ink, cropped to the ink; a glyph is about
`GLYPH_HEIGHT` px high.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

InkImage = NDArray[np.uint8]

GLYPH_HEIGHT = 64  # px

# Labels besides the digits 0..9. A glyph to ignore counts neither as a digit nor as background: it could be
# read as a digit, or is cut off.
NOT_A_DIGIT, IGNORE = -2, -1

_INK = 40  # a pixel above this grey level counts as ink when an image is cropped


def crop_to_ink(image: NDArray[np.uint8]) -> InkImage:
    """Crop an image, uint8 `(H, W)`, to its ink; without any ink, return a single black pixel."""
    x, y, width, height = cv2.boundingRect((image > _INK).astype(np.uint8))
    return image[y : y + height, x : x + width] if width else np.zeros((1, 1), np.uint8)
