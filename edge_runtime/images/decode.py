"""Decodes image files to grey or BGR, within limits, and converts arrays to either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_runtime.errors import ImageError
from edge_runtime.images.header import DAMAGED, TOO_LARGE, Header
from edge_runtime.images.headers import check
from edge_runtime.images.limits import FILES, Limits
from edge_runtime.images.quiet import quiet

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EIGHT_BITS = np.dtype(np.uint8)
_GREY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
OUT_OF_MEMORY = -4  # OpenCV's error code


def decode(data: bytes, limits: Limits = FILES) -> NDArray[np.uint8]:
    """Decode the first page or frame of an image file to grey `uint8 (H, W)`.

    The image is upright and has square pixels: the orientation and resolution tags are applied, 16 bits are
    reduced to 8, and transparent images are placed on white or black, whichever contrasts with their ink.
    What the file claims is checked before anything is decoded. Raises `ImageError` if the data is not an
    image, is damaged or exceeds the limits.
    """
    return decode_checked(data, check(data, limits))


def decode_colour(data: bytes, limits: Limits = FILES) -> NDArray[np.uint8]:
    """Decode an image file to BGR `uint8 (H, W, 3)`, with the size and the errors of `decode`.

    A transparent image becomes grey, as `decode` returns it, so that results are drawn on what was read.
    """
    return decode_checked(data, check(data, limits), colour=True)


def decode_checked(data: bytes, header: Header, *, colour: bool = False) -> NDArray[np.uint8]:
    """Decode a file whose header has been checked, as `decode` or `decode_colour` does."""
    image: NDArray[Any] | None = _decode_colours(data, header) if colour else None
    if image is None:
        image = _decode_grey(data, header)
        if colour:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return _upright(image, header)


def _upright(image: NDArray[Any], header: Header) -> NDArray[np.uint8]:
    """Apply the tags of a file to the image that it stores, `uint8 (H, W)` or `(H, W, 3)`."""
    if header.orientation == header.aspect == 1:
        return np.asarray(image, np.uint8)
    from edge_runtime.images import upright

    return upright.upright(image, header)


def _decode_colours(data: bytes, header: Header) -> NDArray[Any] | None:
    """Decode a file that has been checked to BGR; None if it is grey or transparent, or OpenCV cannot."""
    if header.alpha:
        return None
    if header.strips:
        from edge_runtime.images import tiff

        raw = tiff.raw_pixels(data, header, colour=True)
        return raw if raw.ndim == 3 else None
    image = _imdecode(data, header, _COLOUR)
    if image is None:
        return None
    _check_values(image)
    return to_colour(image)


def _decode_grey(data: bytes, header: Header) -> NDArray[np.uint8]:
    """Decode a file that has been checked: grey `uint8 (H, W)`, as it is stored."""
    if header.strips:
        from edge_runtime.images import strips, tiff

        if header.format == "TIFF":
            return tiff.raw_pixels(data, header, colour=False)
        return _over_paper(*strips.decode(data, header))
    # OpenCV decodes a grey Sun raster to black, and a TIFF of floats in colour not at all, unless as colour.
    image = None
    if header.format != "Sun raster":
        image = _imdecode(data, header, cv2.IMREAD_UNCHANGED if header.alpha else _GREY)
    if image is None and header.format in ("Sun raster", "TIFF"):
        image = _imdecode(data, header, _COLOUR)
    if image is None:
        raise ImageError(DAMAGED)
    _check_values(image)
    return to_grey(image, premultiplied=header.premultiplied)


def _imdecode(data: bytes, header: Header, flags: int) -> NDArray[Any] | None:
    """Decode a file that has been checked; None if OpenCV cannot."""
    if header.format == "PNG":
        from edge_runtime.images import png

        data = png.plain(data)
    try:
        with quiet:
            image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == OUT_OF_MEMORY:
            raise ImageError(TOO_LARGE) from error
        return None
    if image is not None and {*image.shape[:2]} != {header.height, header.width}:
        raise ImageError(DAMAGED)  # the decoder understands the header in another way
    if image is not None and header.format in ("Netpbm", "PAM"):
        from edge_runtime.images import plain

        if (white := plain.white(data)) < 255:
            image = cv2.convertScaleAbs(image, alpha=255 / white)
    return image


def _check_values(image: NDArray[Any]) -> None:
    """Raise `ImageError` if the numbers of a file of unusual depth have no range that is known."""
    if image.dtype.kind != "f" and image.dtype.itemsize <= 2:
        return
    low, high = image.min(), image.max()
    most = 1 if image.dtype.kind == "f" else 255
    if not (low >= 0 and high <= most):
        raise ImageError(
            f"its pixels are {image.dtype} numbers in {low:.4g}..{high:.4g} instead of 0..{most}; "
            "save it with 8 or 16 bits per channel"
        )


def to_grey(image: NDArray[Any], *, premultiplied: bool = False) -> NDArray[np.uint8]:
    """Convert an image array to grey `uint8 (H, W)`.

    Accepts `(H, W)`, `(H, W, 1)`, BGR `(H, W, 3)` and BGRA `(H, W, 4)`, of uint8, uint16 (8 to 16 bits used),
    bool, other integers within 0..255, or floats within 0..1. `premultiplied` is whether colours have been
    multiplied by the opacity. Raises `ImageError` for all others.
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
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY), np.uint8)
        opacity = image[:, :, 3].copy()
        return _add_paper(grey, opacity) if premultiplied else _over_paper(grey, opacity)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def to_colour(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert an image array that `to_grey` accepts to BGR `uint8 (H, W, 3)`, or return it if it is one.

    A transparent image becomes grey, as `to_grey` returns it.
    """
    opaque = image.ndim == 3 and image.shape[2] == 4 and image.dtype == _EIGHT_BITS and image.size
    if opaque and image[:, :, 3].min() == 255:
        image = image[:, :, :3]
    if image.ndim == 3 and image.shape[2] == 3 and image.size:
        colours = image if image.dtype == _EIGHT_BITS else _to_eight_bits(image)
        return np.ascontiguousarray(colours, np.uint8)
    return np.asarray(cv2.cvtColor(to_grey(image), cv2.COLOR_GRAY2BGR), np.uint8)


def _to_eight_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype == np.bool_:
        return np.where(image, 255, 0).astype(np.uint8)
    if image.dtype.kind not in "iuf":
        raise ImageError(f"an image array must hold numbers, not {image.dtype}")
    if not image.dtype.isnative or image.dtype.itemsize > 8:  # OpenCV knows neither
        image = image.astype(np.float64 if image.dtype.kind == "f" else image.dtype.newbyteorder("="))
    low, high = image.min(), image.max()
    if np.issubdtype(image.dtype, np.floating):
        if not (low >= 0 and high <= 1):
            raise ImageError(
                f"a floating-point image must be within 0..1, not {low:.3g}..{high:.3g}; "
                "use .astype('uint8') if 255 is white"
            )
        return np.asarray(cv2.convertScaleAbs(image, alpha=255), np.uint8)
    if image.dtype == np.uint16:
        # Scanners and cameras write 10, 12 or 16 bits: keep the highest eight of those that are used.
        reduced = np.empty(image.shape, np.uint8)
        shift = np.uint16(max(0, int(high).bit_length() - 8))
        return np.asarray(np.right_shift(image, shift, out=reduced, casting="unsafe"))
    if low < 0 or high > 255:
        raise ImageError(
            f"an image of {image.dtype} must be within 0..255, not {low}..{high}; scale it to uint8"
        )
    return image.astype(np.uint8)


def _over_paper(grey: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Place an image on white, or on black if its opaque part is bright: grey `uint8 (H, W)`.

    Changes both arrays: a large image fits into a small board's memory only this way.
    """
    cv2.multiply(grey, opacity, dst=grey, scale=1 / 255)
    return _add_paper(grey, opacity)


def _add_paper(grey: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What `_over_paper` returns, if the grey levels have been multiplied by the opacity already."""
    weight = cv2.sumElems(opacity)[0] / 255
    if weight > 0 and cv2.sumElems(grey)[0] / weight > 127:
        return grey
    cv2.bitwise_not(opacity, dst=opacity)
    return np.asarray(cv2.add(grey, opacity, dst=grey), np.uint8)
