"""Tiles, the classifier's input: made from ink, or recognised among 28x28 images.

A tile is `uint8 (28, 28)`, bright ink on black, the longer side of the ink scaled to 20 px and its centre of
mass in the middle: the way MNIST was made (LeCun, Cortes, Burges, "The MNIST database").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_runtime.contract import INK, TILE
from edge_runtime.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray


# A 28x28 image within these bounds is treated as a tile. In MNIST's training set, centres are within 0.6 px,
# radii 4.6 to 9.3 px, the mean of the border is at most 9, and the sum of all pixels is at least 5,000.
_CENTRE_TOLERANCE = 2.0
_RADII = (4.2, 9.8)
_BORDER_BRIGHTNESS = 16
_LEAST_MASS = 2500
_LONGEST_SIDE = 23
_BLACK = 4  # a tile whose darkest pixel is brighter does not have a black background

_ROWS, _COLUMNS = np.mgrid[:TILE, :TILE].astype(np.float32) - TILE / 2

_BORDER = np.ones((TILE, TILE), np.float32)

_BORDER[1:-1, 1:-1] = 0

_MOMENTS = np.stack(
    [np.ones_like(_BORDER), _COLUMNS, _ROWS, _COLUMNS**2 + _ROWS**2, _BORDER / _BORDER.sum()], axis=2
).reshape(-1, 5)


def recognise_tiles(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Recognise the 28x28 images that are tiles already, such as MNIST exported to files.

    `images` is uint8 `[N, 28, 28]`. Returns the images, inverted where dark ink stands on bright paper, and
    bool `[N]`: whether the size and position of the ink are those of a tile.
    """
    moments = images.reshape(-1, TILE * TILE).astype(np.float32) @ _MOMENTS
    inverted = moments[:, 4] > 255 - _BORDER_BRIGHTNESS
    if inverted.any():
        images = np.where(inverted[:, None, None], 255 - images, images)
        moments = images.reshape(-1, TILE * TILE).astype(np.float32) @ _MOMENTS
    mass, x, y, square, border = moments.T
    mass = np.maximum(mass, 1)
    x, y = x / mass, y / mass
    # The radius of gyration measures the extent of the ink without examining every column.
    radius = np.sqrt(np.maximum(square / mass - x**2 - y**2, 0))
    good = (border < _BORDER_BRIGHTNESS) & (mass > _LEAST_MASS)
    good &= np.maximum(np.abs(x), np.abs(y)) <= _CENTRE_TOLERANCE
    good &= (radius >= _RADII[0]) & (radius <= _RADII[1])
    # Ink at the border may belong to a digit that fills the image: measure the extent exactly.
    doubtful = good & (border > 1)
    if doubtful.any():
        good[doubtful] = _longer_side(images[doubtful]) <= _LONGEST_SIDE
    return images, good


def zero_background(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Set a background that is not black to black: uint8 `[N, 28, 28]`. Most tiles are returned unchanged."""
    darkest = np.asarray(tiles.min(axis=(1, 2)), np.uint8)
    raised = darkest > _BLACK
    if not raised.any():
        return tiles
    low = darkest[raised, None, None].astype(np.float32)
    span = np.maximum(tiles[raised].max(axis=(1, 2), keepdims=True) - low, 1)
    result: NDArray[np.uint8] = np.array(tiles, np.uint8)
    result[raised] = np.rint((tiles[raised] - low) * (255 / span)).astype(np.uint8)
    return result


def _longer_side(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Height or width of the ink, whichever is larger, in px: int64 `[N]`."""

    def extent(used: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.asarray(used.shape[1] - used.argmax(axis=1) - used[:, ::-1].argmax(axis=1), np.int64)

    return np.maximum(extent(images.max(axis=1) > 64), extent(images.max(axis=2) > 64))


INK_LEVEL = 96  # of 255: anything above is ink, which leaves out most of the blur beside a stroke
_THINNEST_STROKE = 1.7  # px in the tile; MNIST's strokes are 2 to 3


def make_tile(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make a tile `uint8 (28, 28)` of ink on black, `uint8 (H, W)` of any size with 0 for paper.

    Strokes that scaling would make thinner than MNIST's are thickened first: a fine pen would otherwise leave
    only a faint trace. Raises `ImageError` when there is no ink at all.
    """
    return make_tile_and_box(ink)[0]


def make_tile_and_box(ink: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """The tile that `make_tile` makes of ink, and where in the image the ink is: left, top, width, height."""
    strong = cv2.compare(ink, INK_LEVEL, cv2.CMP_GT)
    x, y, width, height = cv2.boundingRect(strong)
    if not width:
        raise ImageError("no ink to make a tile from")
    ink = ink[y : y + height, x : x + width]
    scale = INK / max(width, height)
    if scale < 1:
        ink = _thicken(ink, np.asarray(strong[y : y + height, x : x + width], np.uint8), scale)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    peak = cv2.minMaxLoc(small)[1]
    if 0 < peak < 255:
        small = cv2.convertScaleAbs(small, alpha=255 / peak)
    return _centred(np.asarray(small, np.uint8)), (x, y, width, height)


def _thicken(ink: NDArray[np.uint8], strong: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Thicken strokes, given by a mask, that `scale` would make thinner than MNIST's."""
    mask = cv2.copyMakeBorder(strong, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    # In a stroke of width w, the mean distance to the edge is about w / 4.
    width = 4 * cv2.mean(distance, mask)[0] - 1
    missing = round((_THINNEST_STROKE / scale - width) / 2)
    if missing < 1:
        return ink
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * missing + 1, 2 * missing + 1))
    padded = cv2.copyMakeBorder(ink, missing, missing, missing, missing, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.dilate(padded, kernel), np.uint8)


def _centred(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Place ink of at most 28x28 px so that its centre of mass is in the middle, as far as it fits."""
    height, width = ink.shape
    moments = cv2.moments(ink)
    centre_x, centre_y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    left = min(max(round(TILE / 2 - centre_x), 0), TILE - width)
    top = min(max(round(TILE / 2 - centre_y), 0), TILE - height)
    tile = np.zeros((TILE, TILE), np.uint8)
    tile[top : top + height, left : left + width] = ink
    return tile
