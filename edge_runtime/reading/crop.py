"""Cropping: makes a tile of the ink in a candidate's box, without lines, neighbours and uneven paper.

Training, calibration, benchmarks and the runtime all make their tiles here, so that the classifier always
sees the same kind of tile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from edge_runtime.boxes import blocks, covered
from edge_runtime.contract import INK, TILE
from edge_runtime.images.scaling import scale_to
from edge_runtime.reading.background import erase_lines, subtract_backgrounds
from edge_runtime.reading.tile import INK_LEVEL, make_tile_and_box, recognise_tiles, zero_background

if TYPE_CHECKING:
    from numpy.typing import NDArray


# Every box is scaled to one working size first. Lengths are in pixels of that size.
_WORKING_SIZE = 2 * INK  # longer side of the box
_MARGIN = 8  # around the box, where paper, lines and neighbours can be seen
_SLACK = 4  # boxes are not exact: ink may extend this far beyond the box
_SAME_THING = 0.4  # two boxes that overlap by this share enclose the same thing
_SIMILAR = 0.7  # the sizes of neighbours differ by fewer doublings than this
_OWNED = 0.8  # a connected component with this share in a neighbour's box belongs to the neighbour
_EDGE = np.ones((5, 5), np.uint8)  # reach of the soft edge of a stroke
_LEAST_CONTRAST = 8  # grey levels between ink and paper


def crop_tile(
    grey: NDArray[np.uint8], x: float, y: float, width: float, height: float
) -> NDArray[np.uint8] | None:
    """Crop the ink in a box of an image as a tile; None where the box contains no ink.

    `grey` is uint8 `(H, W)`, dark ink on bright paper or the reverse, and may be lit unevenly. Neighbours
    that reach into the box and lines that run through it are removed.
    """
    (crop,) = crop_tiles(grey, [(x, y, x + width, y + height)])
    return None if crop is None else crop.tile


class Crop(NamedTuple):
    """The ink of one box.

    `box` (left, top, right, bottom) is tight around the ink, in pixels of the image; `contrast` is the
    difference between ink and paper in grey levels; `overflow` is the share 0..1 of the largest connected
    component that lies outside the given box, within the margin around it; `whole` is whether the ink is a
    single component.
    """

    tile: NDArray[np.uint8]
    box: tuple[float, float, float, float]
    contrast: float
    overflow: float
    whole: bool


def crop_tiles(grey: NDArray[np.uint8], boxes: Sequence[Sequence[float]]) -> list[Crop | None]:
    """Crop the ink of every box (left, top, right, bottom) of an image, as `crop_tile` does for one.

    Most images are written in one ink: where a box alone does not show whether its ink is dark or bright, the
    other boxes decide. A connected component inside a neighbour's box belongs to the neighbour.
    """
    patches = _Patch.of(grey, boxes)
    polarities = [patch.polarity for patch in patches if patch is not None]
    common = sum(polarities) / len(polarities) if polarities else 0.0
    crops: list[Crop | None] = []
    for patch, near in zip(patches, _neighbours(boxes), strict=True):
        if patch is None:
            crops.append(None)
        else:
            crops.append(patch.crop([boxes[other] for other in near], dark=patch.polarity + common >= 0))
    return crops


def _neighbours(boxes: Sequence[Sequence[float]]) -> list[list[int]]:
    """For every box, the others of similar size that reach into it without enclosing the same thing."""
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    longer = np.maximum(corners[:, 2:] - corners[:, :2], 1e-3).max(axis=1)
    near: list[list[int]] = [[] for _ in boxes]
    for some in blocks(len(corners)):
        share = covered(corners[some], corners)
        similar = np.abs(np.log2(longer[some, None] / longer)) < _SIMILAR
        for box, other in np.argwhere((share > 0) & (share < _SAME_THING) & similar).tolist():
            near[some.start + box].append(other)
    return near


def whole_tile(grey: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """A small image as a single tile: at its own scale if it is 28x28, else its cropped ink, if any."""
    if grey.shape == (TILE, TILE):
        return np.asarray(zero_background(recognise_tiles(grey[None])[0])[0], np.uint8)
    return crop_tile(grey, 0, 0, grey.shape[1], grey.shape[0])


@dataclass(frozen=True, slots=True)
class _Patch:
    """A box and its margin at working size: `difference` from the paper, above 0 where brighter.

    `inside` is the box within it (left, top, right, bottom); `polarity` is positive for dark ink. The patch
    starts at (x, y) in the image and is enlarged by `scale`.
    """

    difference: NDArray[np.float32]
    inside: tuple[int, int, int, int]
    polarity: float
    x: int
    y: int
    scale: float

    @classmethod
    def of(cls, grey: NDArray[np.uint8], boxes: Sequence[Sequence[float]]) -> list[_Patch | None]:
        """The patches of boxes (left, top, right, bottom); None where too little is inside the image."""
        placed = [_place(grey, *box) for box in boxes]
        differences = iter(subtract_backgrounds([each[0] for each in placed if each is not None]))
        patches: list[_Patch | None] = []
        for each in placed:
            if each is None:
                patches.append(None)
                continue
            _, inside, x, y, scale = each
            difference = next(differences)
            polarity = _polarity(difference[inside[1] : inside[3], inside[0] : inside[2]])
            patches.append(cls(difference, inside, polarity, x, y, scale))
        return patches

    def crop(self, neighbours: Sequence[Sequence[float]], *, dark: bool) -> Crop | None:
        """Crop what is darker, or brighter, than the paper; None where nothing is.

        Ink inside the boxes `neighbours` of the image is not cropped.
        """
        ink, contrast = _ink(self.difference, -1 if dark else 1)
        if ink is None:
            return None
        left, top, right, bottom = self.inside
        erase_lines(ink, left, top, right, bottom)
        left, top = max(0, left - _SLACK), max(0, top - _SLACK)
        origin = (self.x, self.y) * 2
        theirs = [
            [max(0, round((value - start) * self.scale)) for value, start in zip(box, origin, strict=True)]
            for box in neighbours
        ]
        kept, overflow, whole = _keep_inside(ink, left, top, right + _SLACK, bottom + _SLACK, theirs)
        if kept is None:
            return None
        tile, (across, down, width, height) = make_tile_and_box(kept)
        x, y = self.x + (left + across) / self.scale, self.y + (top + down) / self.scale
        tight = (x, y, x + width / self.scale, y + height / self.scale)
        return Crop(tile, tight, contrast, overflow, whole)


def _place(
    grey: NDArray[np.uint8], left: float, top: float, right: float, bottom: float
) -> tuple[NDArray[np.uint8], tuple[int, int, int, int], int, int, float] | None:
    """A box and its margin at working size, and the `inside`, `x`, `y` and `scale` of its `_Patch`."""
    scale = _WORKING_SIZE / max(right - left, bottom - top, 1)
    margin = _MARGIN / scale
    x, y = max(0, round(left - margin)), max(0, round(top - margin))
    patch = grey[y : max(0, round(bottom + margin)), x : max(0, round(right + margin))]
    if patch.shape[0] < 3 or patch.shape[1] < 3:
        return None
    resized = scale_to(patch, (max(3, round(patch.shape[1] * scale)), max(3, round(patch.shape[0] * scale))))
    inside = (
        max(0, round((left - x) * scale)),
        max(0, round((top - y) * scale)),
        round((right - x) * scale),
        round((bottom - y) * scale),
    )
    return resized, inside, x, y, scale


def _polarity(difference: NDArray[np.float32]) -> float:
    """Log ratio, -2..2, of the energy of pixels darker than the paper to that of brighter ones."""
    flat = difference.ravel()
    both, surplus = float(np.dot(flat, flat)), float(np.dot(flat, np.abs(flat)))  # of the brighter ones
    return max(-2.0, min(2.0, math.log((both - surplus + 2) / (both + surplus + 2))))


def _ink(difference: NDArray[np.float32], sign: int) -> tuple[NDArray[np.uint8] | None, float]:
    """Ink scaled to 255 and paper to 0, None without ink; and the contrast of the ink in grey levels.

    Ink is where `difference` times `sign`, 1 or -1, is high.
    """
    strength = _to_bytes(difference, sign, -0.5)  # rounded down
    threshold, mask = cv2.threshold(strength, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    full = sign * cv2.mean(difference, mask)[0]
    if full < _LEAST_CONTRAST:
        return None, full
    floor = min(threshold * 0.5, full * 0.4)
    gain = 255 / (full - floor)
    return _to_bytes(difference, sign * gain, -floor * gain), full


def _to_bytes(values: NDArray[np.float32], gain: float, offset: float) -> NDArray[np.uint8]:
    """`values` * `gain` + `offset`, rounded and limited to 0..255: OpenCV's fastest way to do all of it."""
    return np.asarray(cv2.addWeighted(values, gain, values, 0, offset, dtype=cv2.CV_8U), np.uint8)


def _keep_inside(
    ink: NDArray[np.uint8], left: int, top: int, right: int, bottom: int, theirs: Sequence[Sequence[int]]
) -> tuple[NDArray[np.uint8] | None, float, bool]:
    """The ink inside this box, without components that lie mainly outside it or in the boxes `theirs`.

    Returns None where nothing remains, the share of the largest component that lies outside, and whether only
    this component remains.
    """
    mask = cv2.compare(ink, INK_LEVEL, cv2.CMP_GT)
    # Counting pixels afterwards takes less time than having OpenCV collect statistics.
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    if count <= 1:
        return None, 0.0, False
    part, ink = labels[top:bottom, left:right], ink[top:bottom, left:right]
    if count == 2:  # most digits on clean paper
        shown = cv2.countNonZero(mask[top:bottom, left:right])
        return ink if shown else None, 1 - shown / cv2.countNonZero(mask), True
    areas = np.bincount(labels.ravel())
    inside = np.bincount(part.ravel(), minlength=count)
    keep = inside * 2 > areas
    # The component with the most ink inside is the digit, even if a line or neighbour is attached to it.
    main = 1 + int(inside[1:].argmax())
    overflow = 1 - float(inside[main] / areas[main])
    for x, y, end, low in theirs:
        keep &= np.bincount(labels[y:low, x:end].ravel(), minlength=count) < _OWNED * areas
    keep[main] = True
    # Specks of noise would shift the centre of mass and enlarge the box.
    keep &= inside * 40 > inside[1:].max()
    keep[0] = False
    if not inside[main]:
        return None, overflow, False
    whole = int(keep.sum()) == 1
    if keep[1:].all():
        return ink, overflow, whole
    # The soft edge of a stroke, which the threshold cut off, belongs to it.
    kept = keep[part].view(np.uint8)
    near = cv2.dilate(kept, _EDGE)
    near[(part > 0) & (kept == 0)] = 0
    return np.asarray(ink * near, np.uint8), overflow, whole
