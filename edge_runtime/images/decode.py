"""Decodes image files to grey or BGR, within limits, and converts arrays to grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_runtime.errors import ImageError
from edge_runtime.images.headers import check, check_size
from edge_runtime.images.limits import FILES, Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EIGHT_BITS = np.dtype(np.uint8)
_ALPHA_FORMATS = (b"RIFF", b"GIF8", b"II*\0", b"MM\0*")  # besides PNG: WebP, GIF and TIFF
_OUT_OF_MEMORY = -4  # OpenCV's error code


def decode(data: bytes, limits: Limits = FILES) -> NDArray[np.uint8]:
    """Decode an image file to grey `uint8 (H, W)`, upright.

    Applies the orientation tag, reduces 16 bits to 8, and places transparent images on white or black,
    whichever contrasts with their ink. The header is checked before anything is decoded. Raises `ImageError`
    if the data is not an image, is damaged or exceeds the limits.
    """
    return to_grey(_load(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH, limits))


def decode_colour(data: bytes, limits: Limits = FILES) -> NDArray[np.uint8]:
    """Decode an image file to BGR `uint8 (H, W, 3)`, upright. Raises `ImageError` as `decode` does.

    A transparent image becomes grey, as `decode` returns it, so that results are drawn on what was read.
    """
    image = _load(data, cv2.IMREAD_COLOR, limits)
    if image.shape[2] == 4:
        image = cv2.cvtColor(to_grey(image), cv2.COLOR_GRAY2BGR)
    return np.asarray(image, np.uint8)


def _load(data: bytes, flags: int, limits: Limits) -> NDArray[Any]:
    """Check and decode an image file: BGRA if it has an alpha channel, else as `flags` specify."""
    unmeasured = limits if check(data, limits) is None else None
    if _may_have_alpha(data):
        image = _imdecode(data, cv2.IMREAD_UNCHANGED, unmeasured)
        if image.ndim == 3 and image.shape[2] == 4:
            return image
    return _imdecode(data, flags, unmeasured)


def _may_have_alpha(data: bytes) -> bool:
    if data.startswith(b"\x89PNG"):
        # Colour types 4 and 6 have alpha. In the others, a chunk before the pixels may add it.
        return data[25:26] in b"\x04\x06" or 0 < data.find(b"tRNS", 33, 2048) < data.find(b"IDAT", 33)
    return data.startswith(_ALPHA_FORMATS)


def _imdecode(data: bytes, flags: int, unmeasured: Limits | None) -> NDArray[Any]:
    """Decode an image file; `unmeasured` are the limits of its size if the header did not give it."""
    try:
        image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == _OUT_OF_MEMORY:
            raise ImageError("too large for this machine's memory; scale it down first") from error
        raise ImageError("damaged, or not an image that OpenCV can decode") from error
    if image is None:
        raise ImageError("damaged, or not an image that OpenCV can decode")
    if unmeasured is not None:
        check_size(image.shape[1], image.shape[0], unmeasured)
    return image


def to_grey(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert an image array to grey `uint8 (H, W)`.

    Accepts `(H, W)`, `(H, W, 1)`, BGR `(H, W, 3)` and BGRA `(H, W, 4)`, of uint8, uint16 (8 to 16 bits used),
    bool, other integers within 0..255, or floats within 0..1. Raises `ImageError` for all others.
    """
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise ImageError(f"an image array must have shape (H, W), (H, W, 3) or (H, W, 4), not {image.shape}")
    if image.size == 0:
        raise ImageError(f"the image array is empty: its shape is {image.shape}")
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
        raise ImageError(f"an image array must hold numbers, not {image.dtype}")
    low, high = image.min(), image.max()
    if np.issubdtype(image.dtype, np.floating):
        if not (low >= 0 and high <= 1):
            raise ImageError(
                f"a floating-point image must be within 0..1, not {low:.3g}..{high:.3g}; "
                "use .astype('uint8') if 255 is white"
            )
        return np.asarray(np.rint(image * 255), np.uint8)
    if image.dtype == np.uint16:
        # Scanners and cameras write 10, 12 or 16 bits: keep the highest eight of those that are used.
        return np.asarray(image >> max(0, int(high).bit_length() - 8), np.uint8)
    if low < 0 or high > 255:
        raise ImageError(
            f"an image of {image.dtype} must be within 0..255, not {low}..{high}; scale it to uint8"
        )
    return image.astype(np.uint8)


def _over_paper(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Place BGRA on white, or on black if its opaque part is bright: grey `uint8 (H, W)`."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY), np.uint8)
    opacity = np.ascontiguousarray(image[:, :, 3])
    # OpenCV computes this in integers. As floats, a large image would not fit into a small board's memory.
    inked = cv2.multiply(grey, opacity, scale=1 / 255)
    weight = cv2.sumElems(opacity)[0] / 255
    bright = weight > 0 and cv2.sumElems(inked)[0] / weight > 127
    return np.asarray(inked if bright else cv2.add(inked, cv2.bitwise_not(opacity)), np.uint8)
