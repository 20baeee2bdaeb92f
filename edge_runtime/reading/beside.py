"""What stands beside a candidate: writing that no digit explains, such as the other letters of a word.

The detector hardly proposes letters, so the other candidates do not show that the l of "total" or the o of
"sold" stands in a word; the ink beside it does.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import intersection, to_box
from edge_runtime.reading.surroundings import Surroundings

_FAINTEST = 0.4  # strength of ink, compared with the candidate's
_LEAST_STRENGTH = 0.7  # mean strength of a letter; what is fainter was written with another pen
# Lengths are compared with the candidate's height.
_HEIGHTS = (0.35, 1.7)  # of a letter
_MAX_WIDTH = 1.5
_ON_LINE = 0.4  # share of the lower one's height that letter and candidate have in common
_MAX_GAP = 1.0
_FADE = 0.7  # distance over which a letter's weight falls by a factor of e
_TOUCHING = 0.03  # a component with more ink than this share of the candidate's box in it is a part of it
_EXPLAINED = 0.8  # a component with this share in the box of a certain digit is that digit


def writing_beside(
    around: Surroundings, index: int, boxes: NDArray[np.float32], p_digit: NDArray[np.float32]
) -> float:
    """How much writing stands to the left and right of a candidate: from 0 to 1 for each side.

    `around` are the surroundings of the candidate `index`, `boxes` `[N, 4]` those of all candidates of the
    image, and `p_digit` `[N]` their probabilities of being digits: a probable digit is no such writing.
    """
    own = to_box(*boxes[index].tolist())
    around = around.halved  # letters show as well, in a quarter of the time
    ink = around.ink(own)
    if ink is None:
        return 0.0
    mask = cv2.compare(ink, _FAINTEST, cv2.CMP_GT)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 2:  # the paper and the candidate itself
        return 0.0
    x, y, end, low = around.inside(own)
    inside = np.bincount(labels[y:low, x:end].ravel(), minlength=count)
    strengths = np.bincount(labels.ravel(), ink.ravel(), minlength=count) / stats[:, cv2.CC_STAT_AREA]
    corners = stats[:, :4].astype(np.float32)
    widths, heights = corners[:, 2].copy(), corners[:, 3].copy()
    corners[:, 2:] += corners[:, :2]
    high = max(low - y, 1)
    in_common = np.minimum(corners[:, 3], low) - np.maximum(corners[:, 1], y)
    before = corners[:, 0] + corners[:, 2] < x + end
    gaps = np.maximum(0, np.where(before, x - corners[:, 2], corners[:, 0] - end))
    letters = (
        (strengths >= _LEAST_STRENGTH)
        & (inside <= _TOUCHING * high * (end - x))
        & (heights >= _HEIGHTS[0] * high)
        & (heights <= _HEIGHTS[1] * high)
        & (widths <= _MAX_WIDTH * high)
        & ((corners[:, 1] > 0) | (corners[:, 3] < len(ink)))  # no line of a form
        & (in_common >= _ON_LINE * np.minimum(heights, high))
        & (gaps <= _MAX_GAP * high)
    )
    letters[0] = False  # the paper
    chosen = np.flatnonzero(letters)
    if not len(chosen):
        return 0.0
    others = p_digit.copy()
    others[index] = 0
    placed = (boxes - np.array([around.x, around.y] * 2, np.float32)) * np.float32(around.scale)
    areas = (widths * heights)[chosen, None]
    digits = (intersection(corners[chosen], placed) / areas * others).max(axis=1)
    amounts = np.maximum(0, 1 - digits / _EXPLAINED) * np.exp(-gaps[chosen] / (_FADE * high))
    return math.fsum(float(amounts[before[chosen] == side].max(initial=0)) for side in (True, False))
