"""The image of a result, for drawing on it: an array, or a file that is decoded again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ImageError
from edge_runtime.images import decode, lists
from edge_runtime.images.pages import Pages


def load_original(source: str, array: NDArray[Any] | None, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Load the image that was read from `source`, or is `array`: BGR uint8 `(H, W, 3)`, upright.

    Raises `ImageError` if it cannot be read, has changed from `size` (width, height), or neither is given.
    """
    if array is not None:
        return decode.to_colour(np.asarray(array))
    if not source:
        raise ImageError("this reading does not hold its image; use annotate(image, reading)")
    try:
        lists.check_again(source)
        image = Pages(source).first.decode(colour=True)
        if any(size) and image.shape[1::-1] != size:
            before, now = (f"{width}x{height}" for width, height in (size, image.shape[1::-1]))
            raise ImageError(f"it has changed since it was read, from {before} to {now} px; read it again")
    except ImageError as error:
        raise ImageError(f"{source}: {error}") from error
    return image
