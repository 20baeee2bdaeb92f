"""Images of Pillow as arrays. Pillow is not loaded here: whoever has such an image has loaded it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_runtime.errors import ImageError
from edge_runtime.images import decode
from edge_runtime.images.header import Header, check_size
from edge_runtime.images.limits import MAX_PIXELS
from edge_runtime.images.upright import upright

if TYPE_CHECKING:
    import PIL.Image
    from numpy.typing import NDArray

_ORIENTATION = 274  # tag of EXIF
_GREY = ("1", "L")
_DEEP = ("I", "F")  # and "I;16" with its byte orders
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


def to_grey(image: PIL.Image.Image) -> NDArray[np.uint8]:
    """The current frame as grey `uint8 (H, W)`, turned upright as its EXIF data says.

    Raises `ImageError` if its file is damaged, or it is too large.
    """
    width, height = image.size
    check_size(width, height, MAX_PIXELS)
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
        array = _to_array(image)
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # Pillow opens files without decoding them
        raise ImageError(f"Pillow cannot decode it: {error}") from error
    if image.mode == "F" and array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ImageError(
            f"an image of mode F must be within 0..1, not {array.min():.3g}..{array.max():.3g}; "
            'use .convert("L") if 255 is white'
        )
    grey = decode.to_grey(array)
    if orientation not in range(2, 9):
        return grey
    return upright(grey, Header("Pillow", width, height, 0, 0, orientation=orientation))


def _to_array(image: PIL.Image.Image) -> NDArray[Any]:
    """Grey, BGR or BGRA."""
    mode = image.mode
    if mode in _GREY:
        return np.asarray(image.convert("L"))
    if mode.startswith(_DEEP):
        array = np.asarray(image)
        # 16 bits may come as 32, or with the other byte order.
        deep = array.dtype.kind in "iu" and array.size and 255 < array.max() < 2**16 and array.min() >= 0
        return array.astype(np.uint16) if deep else array
    if mode in _ALPHA or "transparency" in image.info:
        return np.asarray(cv2.cvtColor(np.asarray(image.convert("RGBA")), cv2.COLOR_RGBA2BGRA))
    return np.asarray(cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR))
