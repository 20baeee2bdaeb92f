"""TODO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_runtime.errors import ImageError
from edge_runtime.images.headers import _PNG, _size_in_header
from edge_runtime.images.limits import MAX_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray


_EIGHT_BITS = np.dtype(np.uint8)

_ALPHA_FORMATS = (b"RIFF", b"GIF8", b"II*\0", b"MM\0*")


def decode(data: bytes) -> NDArray[np.uint8]:
    """Decode an image file's bytes to grey `uint8 (H, W)`, the right way up.

    Orientation tags are followed, 16 bits reduced to 8, transparency is laid over the paper that shows
    its ink. Raises `ImageError` for anything that is no image, is damaged or exceeds `MAX_PIXELS`.
    """
    transparent = _decode_transparent(data)
    if transparent is not None:
        return to_grey(transparent)
    return to_grey(_decode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH))


def decode_colour(data: bytes) -> NDArray[np.uint8]:
    """Decode to `uint8 (H, W, 3)`, BGR, the right way up, to draw on. Raises as `decode` does."""
    transparent = _decode_transparent(data)
    if transparent is not None:
        # What shows is what the reader saw.
        return np.asarray(cv2.cvtColor(to_grey(transparent), cv2.COLOR_GRAY2BGR), np.uint8)
    image: NDArray[np.uint8] = _decode(data, cv2.IMREAD_COLOR)
    return image


def _decode_transparent(data: bytes) -> NDArray[Any] | None:
    """Decode an image that has an alpha channel, as BGRA; None for one that has none."""
    if data.startswith(_PNG):
        # Colour types 4 and 6 carry alpha; a palette or grey may bring it in a chunk before the pixels.
        if data[25:26] not in b"\x04\x06" and not 0 < data.find(b"tRNS", 33, 2048) < data.find(b"IDAT", 33):
            return None
    elif not data.startswith(_ALPHA_FORMATS):
        return None
    image: NDArray[Any] = _decode(data, cv2.IMREAD_UNCHANGED)
    return image if image.ndim == 3 and image.shape[2] == 4 else None


def _decode(data: bytes, flags: int) -> Any:
    if not data:
        raise ImageError("the file is empty")
    width, height = _size_in_header(data)
    _check_size(width, height)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageError("not an image that OpenCV can decode, or a damaged one") from error
    if image is None:
        raise ImageError("not an image that OpenCV can decode, or a damaged one")
    if width <= 0:
        _check_size(image.shape[1], image.shape[0])
    return image


def _check_size(width: int, height: int) -> None:
    # Signs: a BMP that is stored from the top has a negative height.
    if abs(width * height) > MAX_PIXELS:
        raise ImageError(
            f"{abs(width)}x{abs(height)} pixels, over the limit of {MAX_PIXELS / 1e6:.0f} megapixels; "
            "reduce it first"
        )


def to_grey(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring any image array to grey `uint8 (H, W)`.

    Takes `(H, W)`, `(H, W, 1)`, BGR `(H, W, 3)` and BGRA `(H, W, 4)`; uint8, uint16 (of 9 to 16 used
    bits), bool, other integers within 0..255, and floats within 0..1. Raises `ImageError` otherwise.
    """
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise ImageError(f"an image has shape (H, W), (H, W, 3) or (H, W, 4), not {image.shape}")
    if image.size == 0:
        raise ImageError(f"an empty image, of shape {image.shape}")
    if image.dtype != _EIGHT_BITS:
        image = _to_eight_bits(image)
    if image.ndim == 2:
        return image
    if image.shape[2] == 1:
        return np.asarray(image[:, :, 0], np.uint8)
    if image.shape[2] == 4:
        return _over_paper(image)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _to_eight_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype == np.bool_:
        return np.where(image, 255, 0).astype(np.uint8)
    if image.dtype.kind not in "iuf":
        raise ImageError(f"an image holds numbers, not {image.dtype}")
    low, high = image.min(), image.max()
    if np.issubdtype(image.dtype, np.floating):
        if not (low >= 0 and high <= 1):
            raise ImageError(
                f"a floating-point image holds 0..1, this one {low:.3g}..{high:.3g}; "
                "convert it with .astype('uint8') if it holds 0..255"
            )
        return np.asarray(np.rint(image * 255), np.uint8)
    if image.dtype == np.uint16:
        # Scanners and cameras write 10, 12 or 16 bits: shift away only the bits that are used.
        return np.asarray(image >> max(0, int(high).bit_length() - 8), np.uint8)
    if low < 0 or high > 255:
        raise ImageError(f"an image of {image.dtype} within {low}..{high}; convert it to uint8 within 0..255")
    return image.astype(np.uint8)


def _over_paper(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay BGRA over white, or over black where its opaque part is bright."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY), np.uint8)
    opacity = np.ascontiguousarray(image[:, :, 3])
    # In whole numbers and by OpenCV: a large image in floats would not fit a small machine.
    inked = cv2.multiply(grey, opacity, scale=1 / 255)
    weight = cv2.sumElems(opacity)[0] / 255
    bright = weight > 0 and cv2.sumElems(inked)[0] / weight > 127
    return np.asarray(inked if bright else cv2.add(inked, cv2.bitwise_not(opacity)), np.uint8)
