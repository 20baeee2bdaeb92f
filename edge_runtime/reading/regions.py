"""Regions: where in an image there may be writing. The detector searches these parts and no others.

Writing is thin: strokes of a few pixels that are darker or brighter than what surrounds them. A black-hat and
a top-hat filter find both (Serra, 1982, "Image Analysis and Mathematical Morphology"). Both together take a
small fraction of the time that the detector's network takes for the same pixels.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 8  # px, side of the cells that are either searched or not

_HAT = np.ones((5, 5), np.uint8)  # at half resolution: strokes of up to 8 px are ink
_LINE = 25  # px at half resolution: the least length of a rule, longer than any digit of a detectable size
# Ink differs from the paper by more than `_NOISE` times the median response of the filters. This threshold
# stays within `_CONTRASTS`, in grey levels.
_NOISE = 5.0
_CONTRASTS = (8.0, 24.0)
_LEAST_SHARE = 0.1  # of a cell that is ink; less is a speck
_REACH = 2  # cells around ink that belong to the same digit
_ROW, _RUN = 24, 64  # cells: height and greatest width of a region
_GAP = 3  # cells without ink that separate two regions
# Costs in cells: the margins around every region, a call of the network, and the most that one call may cost.
_CONTEXT, _CALL, _LARGEST = 10, 40, 16_384
_RECENT = 32  # regions that a region may be joined with

Rectangle: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom in cells


def find_ink(half: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Cells with ink, bool `[H / 8, W / 8]`, of an image that is given at half its resolution.

    `half` is uint8 `(H / 2, W / 2)`.
    """
    hats = [cv2.morphologyEx(half, kind, _HAT) for kind in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)]
    noise = float(np.median(cv2.max(hats[0][::4, ::4], hats[1][::4, ::4])))
    low, high = _CONTRASTS
    threshold = min(max(low, _NOISE * noise + 2), high)
    # One by one: in dense writing, strokes and the gaps between them fill whole rows together.
    dark, bright = (_without_lines(cv2.compare(hat, threshold, cv2.CMP_GT)) for hat in hats)
    mask = cv2.max(dark, bright)
    side = CELL // 2
    down, across = -(-half.shape[0] // side), -(-half.shape[1] // side)
    mask = cv2.copyMakeBorder(
        mask, 0, down * side - half.shape[0], 0, across * side - half.shape[1], cv2.BORDER_CONSTANT
    )
    share = cv2.resize(mask, (across, down), interpolation=cv2.INTER_AREA)
    return np.asarray(share > 255 * _LEAST_SHARE)


def _without_lines(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask without straight rules. Of a digit that crosses one, what lies beside the rule remains."""
    kernels = np.ones((1, _LINE), np.uint8), np.ones((_LINE, 1), np.uint8)
    # Outside the image there is no ink: a stroke that ends at the border is no rule.
    middles = [cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) for kernel in kernels]
    for middle, kernel in zip(middles, kernels, strict=True):
        if cv2.countNonZero(middle):  # most writing stands on no rules
            mask = np.asarray(cv2.subtract(mask, cv2.dilate(middle, kernel)), np.uint8)
    return mask


def group_cells(ink: NDArray[np.bool_]) -> list[Rectangle]:
    """Rectangles of bounded size that cover the cells with ink and those close to it."""
    near = cv2.dilate(ink.view(np.uint8), np.ones((2 * _REACH + 1,) * 2, np.uint8))
    found = []
    for top in range(0, len(near), _ROW):
        row = near[top : top + _ROW]
        columns = np.flatnonzero(row.any(axis=0))
        if not len(columns):
            continue
        breaks = np.flatnonzero(np.diff(columns) > _GAP) + 1
        for run in np.split(columns, breaks):
            for left in range(int(run[0]), int(run[-1]) + 1, _RUN):
                right = min(left + _RUN, int(run[-1]) + 1)
                lines = np.flatnonzero(row[:, left:right].any(axis=1))
                if len(lines):
                    found.append((left, top + int(lines[0]), right, top + int(lines[-1]) + 1))
    return _merge(_merge(found))


def _merge(rectangles: list[Rectangle]) -> list[Rectangle]:
    """The rectangles with those joined that cost less as one."""
    merged: list[Rectangle] = []
    for one in rectangles:
        best, saved = -1, 0
        for index in range(max(0, len(merged) - _RECENT), len(merged)):
            joined = _hull(one, merged[index])
            cost = _cost(joined)
            if cost <= _LARGEST and (gain := _cost(one) + _cost(merged[index]) - cost) > saved:
                best, saved = index, gain
        if best < 0:
            merged.append(one)
        else:
            merged[best] = _hull(one, merged[best])
    return merged


def _hull(a: Rectangle, b: Rectangle) -> Rectangle:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _cost(rectangle: Rectangle) -> int:
    """What it costs to search a rectangle with the context around it, in cells."""
    left, top, right, bottom = rectangle
    return (right - left + _CONTEXT) * (bottom - top + _CONTEXT) + _CALL
