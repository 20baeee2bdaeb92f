"""What an image file claims to be: the result that the parsers of all formats return."""

from __future__ import annotations

from typing import NamedTuple

from edge_runtime.errors import ImageError
from edge_runtime.images.limits import MEMORY_PER_PIXEL, SPARE_MEMORY

DAMAGED = "damaged, or of a kind that OpenCV cannot decode"
TOO_LARGE = "too large for this machine's memory; scale it down first"
TOO_MANY_PARTS = "built of more parts than an image needs; save it again"
OF_THIS_KIND = " for this kind of image"

_LEAST_LIMIT = 500_000  # px; below this, it is not for its pixels that a file takes much memory
_MAX_STRETCH = 4  # no scanner or fax has pixels longer than this; a tag that claims it is wrong
_NEARLY_SQUARE = 1.1  # many tags are rounded


class Header(NamedTuple):
    """What a file claims to be. Sizes are those of the stored image, before it is turned or stretched.

    `format` is "JPEG", "PNG", "WebP" and so on for ordinary files, "arithmetic JPEG", "lossless JPEG" or
    "animated WebP" for unusual ones. `width` and `height` are in px, at least 1. `memory` is what decoding to
    grey takes at its peak, in bytes, besides the file itself; `capacity` is how many pixels the bytes of the
    file can hold at most, however well they are compressed. `alpha` is whether the image may be transparent.
    `orientation` is that of EXIF, 1..8, and 1 where the decoder applies it. `aspect` is the height of a pixel
    of the decoded image, divided by its width. `premultiplied` is whether the decoder returns colours that
    have been multiplied by the opacity. `more` is whether further pages or frames are left out.
    `strips` is whether the image has to be decoded in strips because it would take too much memory at once.
    """

    format: str
    width: int
    height: int
    memory: int
    capacity: int
    alpha: bool = False
    orientation: int = 1
    aspect: float = 1.0
    more: bool = False
    strips: bool = False
    premultiplied: bool = False


def check_size(width: int, height: int, most: int, kind: str = "") -> None:
    """Raise `ImageError` if an image has more pixels than the limit; `kind` says what the limit holds for."""
    if width * height > most:
        raise ImageError(
            f"{width}x{height} pixels, over the limit of {most / 1e6:.0f} megapixels{kind}; "
            "scale the image down first"
        )


def check_memory(header: Header, size: int) -> None:
    """Raise `ImageError` if an image takes more memory than its pixels are worth.

    `size` is the length of the file in bytes.
    """
    pixels, needed = header.width * header.height, header.memory + size
    if needed <= SPARE_MEMORY + MEMORY_PER_PIXEL * pixels:
        return
    # So many pixels may an image have whose memory and file grow with them.
    most = int(SPARE_MEMORY / (needed / pixels - MEMORY_PER_PIXEL))
    if most >= _LEAST_LIMIT:
        check_size(header.width, header.height, most, OF_THIS_KIND)
    raise ImageError(
        f"it takes far more memory than {header.width}x{header.height} pixels need; "
        "save it again as PNG or JPEG"
    )


def aspect(x_density: float, y_density: float) -> float:
    """The height of a pixel divided by its width, from dots per unit; 1 if near 1 or implausible."""
    ratio = x_density / y_density if x_density > 0 < y_density else 1.0
    return ratio if _NEARLY_SQUARE < max(ratio, 1 / ratio) <= _MAX_STRETCH else 1.0
