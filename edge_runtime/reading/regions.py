"""Regions: where in an image there may be writing. The detector searches these parts and no others.

Writing is thin: strokes of a few pixels that are darker or brighter than what surrounds them. A black-hat and
a top-hat filter find both (Serra, 1982, "Image Analysis and Mathematical Morphology"). Both together take a
small fraction of the time that the detector's network takes for the same pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 8  # px, side of the cells that are either searched or not

_HAT = np.ones((5, 5), np.uint8)  # at half resolution: strokes of up to 8 px are ink
# Ink differs from the paper by more than `_NOISE` times the median response of the filters. This threshold
# stays within `_CONTRASTS`, in grey levels.
_NOISE = 5.0
_CONTRASTS = (8.0, 24.0)
_LEAST_SHARE = 0.1  # of a cell that is ink; less is a speck
REACH = 2  # cells around ink that belong to the same digit
_ROW, _RUN = 24, 64  # cells: height and greatest width of a region
_GAP = 3  # cells without ink that separate two regions


def find_ink(half: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Cells with ink, bool `[H / 8, W / 8]`, of an image that is given at half its resolution.

    `half` is uint8 `(H / 2, W / 2)`. Cells close to ink count as well.
    """
    hat = cv2.max(
        cv2.morphologyEx(half, cv2.MORPH_BLACKHAT, _HAT), cv2.morphologyEx(half, cv2.MORPH_TOPHAT, _HAT)
    )
    noise = float(np.median(hat[::4, ::4]))
    low, high = _CONTRASTS
    mask = cv2.compare(hat, min(max(low, _NOISE * noise + 2), high), cv2.CMP_GT)
    side = CELL // 2
    down, across = -(-half.shape[0] // side), -(-half.shape[1] // side)
    mask = cv2.copyMakeBorder(
        mask, 0, down * side - half.shape[0], 0, across * side - half.shape[1], cv2.BORDER_CONSTANT
    )
    share = cv2.resize(mask, (across, down), interpolation=cv2.INTER_AREA)
    near = cv2.dilate((share > 255 * _LEAST_SHARE).astype(np.uint8), np.ones((2 * REACH + 1,) * 2, np.uint8))
    return np.asarray(near > 0)


def group_cells(ink: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """Rectangles of bounded size that cover the cells with ink: left, top, right, bottom in cells."""
    found = []
    for top in range(0, len(ink), _ROW):
        row = ink[top : top + _ROW]
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
    return found
