"""Surroundings: what is to the left and right of a candidate, at a size that does not depend on the image's.

Letters and marks are looked for in them once the candidates are classified: then the image may be gone.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.images.scaling import scale_to
from edge_runtime.reading.background import subtract_background
from edge_runtime.reading.crop import Crop
from edge_runtime.results import Box

HEIGHT = 32  # px, of a digit in its surroundings
# Shares of the height of the digit.
_BESIDE = 1.6  # how far to the left and right of a digit its surroundings reach
_ABOVE, _BELOW = 0.3, 0.45
_LEAST_CONTRAST = 10.0  # grey levels


class Surroundings(NamedTuple):
    """A candidate, and what is to the left and right of it.

    `patch` is uint8 `(H, W)`. It starts at (`x`, `y`) px of the image and is enlarged by `scale`; the
    candidate's box ends before the column `end`. `contrast` is that of the candidate in grey levels, and
    `whole` whether the ink in its box is one connected component.
    """

    patch: NDArray[np.uint8]
    x: int
    y: int
    scale: float
    end: int
    contrast: float
    whole: bool

    @classmethod
    def of(cls, grey: NDArray[np.uint8], crop: Crop) -> Surroundings:
        """The surroundings of a crop of an image, uint8 `(H, W)`."""
        left, top, right, bottom = crop.box
        high = max(bottom - top, 1.0)
        x, y = max(0, round(left - _BESIDE * high)), max(0, round(top - _ABOVE * high))
        after, below = max(x + 1, round(right + _BESIDE * high)), max(y + 1, round(bottom + _BELOW * high))
        patch = grey[y:below, x:after]
        scale = HEIGHT / high
        size = max(1, round(patch.shape[1] * scale)), max(1, round(patch.shape[0] * scale))
        end = max(1, round((round(right) - x) * scale))
        return cls(scale_to(patch, size), x, y, scale, end, crop.contrast, crop.whole)

    @property
    def before(self) -> Surroundings:
        """The candidate, and what is to the left of it."""
        return self._replace(patch=self.patch[:, : self.end])

    @property
    def halved(self) -> Surroundings:
        """The same at half the size."""
        size = [max(3, (side + 1) // 2) for side in self.patch.shape[::-1]]
        patch = np.asarray(cv2.resize(self.patch, size, interpolation=cv2.INTER_AREA), np.uint8)
        return self._replace(patch=patch, scale=self.scale / 2, end=self.end // 2)

    def inside(self, box: Box) -> tuple[int, int, int, int]:
        """A box of the image in pixels of the patch: left, top, right, bottom, not below 0."""
        left, top = (box.x - self.x) * self.scale, (box.y - self.y) * self.scale
        right, bottom = left + box.width * self.scale, top + box.height * self.scale
        return max(0, round(left)), max(0, round(top)), max(0, round(right)), max(0, round(bottom))

    def ink(self, box: Box) -> NDArray[np.float32] | None:
        """How strong the ink is: float32 `(H, W)`, 1 for the polarity and the contrast of the digit in a box.

        None where the box of the image shows no digit.
        """
        left, top, right, bottom = self.inside(box)
        if min(self.patch.shape) < 3 or right <= left or bottom <= top:
            return None
        difference = subtract_background(self.patch)
        digit = np.sort(difference[top:bottom, left:right], axis=None)
        dark, bright = -float(digit[len(digit) // 20]), float(digit[-1 - len(digit) // 20])
        contrast = max(dark, bright)
        if contrast < _LEAST_CONTRAST:
            return None
        return np.asarray(difference * ((-1 if dark >= bright else 1) / contrast), np.float32)
