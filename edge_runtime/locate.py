"""Where the digits are in a picture: grey in, lines of boxes out.

Contours of what is darker (or brighter) than the paper around it, for pictures of digits and little else.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.preprocess import quantiles
from edge_runtime.results import Box

_Rect = tuple[int, int, int, int]  # x, y, width, height

WORKING_SIDE = 1280  # px; larger pictures are reduced to this for the search
_PAPER_SIDE = 160  # px; the paper's brightness is estimated on a picture this small
_SMALLEST = 9  # px high, in the working picture
_LEAST_CONTRAST = 14  # grey levels between ink and paper
_LINE_THICKNESS = 0.02  # of its length: what is thicker is a pen's stroke
_NOISE_FACTOR = 5  # ink departs from the paper by this many times the picture's own noise


def find_digits(grey: NDArray[np.uint8]) -> list[list[Box]]:
    """Find boxes that may hold a digit, in reading order: lines from the top, each from the left.

    `grey` uint8 `(H, W)`, either polarity. Boxes are in its pixels, tight around the ink.
    """
    scale = min(1.0, WORKING_SIDE / max(grey.shape))
    if min(grey.shape) * scale < _SMALLEST:
        return []
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    boxes = _join_broken(_candidates(_ink_mask(small)))
    boxes = _like_digits(boxes, small.shape)
    lines = reading_order(boxes)
    return [[_scaled_back(boxes[index], scale, grey.shape) for index in line] for line in lines]


def _ink_mask(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink as 1, paper as 0: what departs from a heavily smoothed picture, on the side that departs more."""
    height, width = grey.shape
    reduce = min(1.0, _PAPER_SIDE / max(height, width))
    tiny = cv2.resize(grey, None, fx=reduce, fy=reduce, interpolation=cv2.INTER_AREA) if reduce < 1 else grey
    # Half the picture: in a smaller window the strokes of a digit that fills it would pass for paper.
    window = max(3, min(tiny.shape) // 2 | 1)
    paper = cv2.medianBlur(tiny, min(window, 71))
    paper = cv2.resize(cv2.GaussianBlur(paper, (0, 0), 3), (width, height), interpolation=cv2.INTER_LINEAR)
    darker, brighter = cv2.subtract(paper, grey), cv2.subtract(grey, paper)
    ink = darker if _weight(darker) >= _weight(brighter) else brighter
    noise = quantiles(cv2.absdiff(grey, cv2.medianBlur(grey, 3))[::2, ::2], 0.5)[0] + 1
    otsu, _ = cv2.threshold(ink[ink > _LEAST_CONTRAST // 2], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    threshold = max(_LEAST_CONTRAST, noise * _NOISE_FACTOR, otsu * 0.6)
    mask = (ink > threshold).astype(np.uint8)
    return _without_long_lines(mask)


def _weight(departure: NDArray[np.uint8]) -> int:
    """How much of the picture departs clearly: decides between dark and bright ink."""
    clear = departure > 2 * _LEAST_CONTRAST
    return int(departure[clear].sum(dtype=np.int64)) if clear.any() else int(departure.max())


def _without_long_lines(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take out straight runs of ink that are far longer than thick: rules, table lines, paper edges."""
    height, width = mask.shape
    lines = _thin_runs(mask, (max(30, width // 3), 1)) | _thin_runs(mask, (1, max(30, round(0.8 * height))))
    if not lines.any():
        return mask
    lines = cv2.dilate(lines, np.ones((3, 3), np.uint8))
    kept = mask & (1 - lines)
    # Strokes that crossed a line were cut with it: bridge the gap, on the line alone.
    bridged = cv2.morphologyEx(kept, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)) & lines
    return np.asarray(kept | bridged, np.uint8)


def _thin_runs(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Ink in runs of at least `size` pixels (width, height), where they are lines and no pen's strokes.

    The runs are found by a morphological opening, by sums over windows: their cost does not grow with length.
    """
    size = (size[0] | 1, size[1] | 1)
    full = (_window_sums(mask, size) == size[0] * size[1]).astype(np.uint8)
    if not full.any():
        return np.zeros_like(mask)
    runs = (_window_sums(full, size) > 0).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    length = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    # A digit that fills the picture has strokes as long, but a pen's: some hundredths of their length thick.
    thin = stats[:, cv2.CC_STAT_AREA] / length <= np.maximum(2, _LINE_THICKNESS * length)
    thin[0] = False
    return np.asarray(thin[labels], np.uint8)


def _window_sums(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint16]:
    sums = cv2.boxFilter(mask, cv2.CV_16U, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sums, np.uint16)


def _candidates(mask: NDArray[np.uint8]) -> list[_Rect]:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    return [
        (int(x), int(y), int(width), int(height))
        for (x, y, width, height), area in zip(stats[1:, :4], areas[1:], strict=True)
        if area >= _SMALLEST
    ]


def _join_broken(rects: list[_Rect]) -> list[_Rect]:
    """Join pieces that stand above each other with hardly a gap, such as the bar of a 5 and its body."""
    rects = sorted(rects, key=lambda rect: rect[2] * rect[3], reverse=True)
    joined: list[_Rect] = []
    for rect in rects:
        for index, other in enumerate(joined):
            if _belongs(rect, other):
                joined[index] = _union(rect, other)
                break
        else:
            joined.append(rect)
    return joined


def _belongs(piece: _Rect, body: _Rect) -> bool:
    """Whether a smaller piece is a part of the body: over, under or within it."""
    overlap = min(piece[0] + piece[2], body[0] + body[2]) - max(piece[0], body[0])
    gap = max(piece[1] - body[1] - body[3], body[1] - piece[1] - piece[3])
    tall = piece[3] > 0.6 * body[3]
    return overlap > 0.5 * piece[2] and gap < (0 if tall else 0.2 * body[3])


def _union(one: _Rect, other: _Rect) -> _Rect:
    left, top = min(one[0], other[0]), min(one[1], other[1])
    right = max(one[0] + one[2], other[0] + other[2])
    return left, top, right - left, max(one[1] + one[3], other[1] + other[3]) - top


def _like_digits(rects: list[_Rect], shape: tuple[int, ...]) -> list[_Rect]:
    """Keep what has the size and the shape of a digit, also beside the others."""
    height, width = shape
    shaped = [rect for rect in rects if rect[3] >= _SMALLEST and 0.02 < rect[2] / rect[3] < 1.8]
    # What fills the picture is a frame around the others, or, where there are none, a digit cut out tightly.
    inside = [rect for rect in shaped if rect[2] <= 0.9 * width or rect[3] <= 0.9 * height]
    shaped = inside or shaped
    if not shaped:
        return []
    # Specks are many and small: the digits' height is that of the ink's bulk, not that of most pieces.
    heights = np.sort([rect[3] for rect in shaped])
    typical = float(heights[np.searchsorted(np.cumsum(heights), heights.sum() / 2)])
    return [rect for rect in shaped if rect[3] > 0.4 * typical]


def reading_order(boxes: list[_Rect]) -> list[list[int]]:
    """Indices of the boxes by line: lines from the top, each from the left."""
    lines: list[list[int]] = []
    for index in sorted(range(len(boxes)), key=lambda i: boxes[i][1] + boxes[i][3] / 2):
        middle = boxes[index][1] + boxes[index][3] / 2
        for line in reversed(lines[-3:]):
            _, y, _, height = boxes[line[-1]]
            if y + 0.15 * height < middle < y + 0.85 * height:
                line.append(index)
                break
        else:
            lines.append([index])
    return [sorted(line, key=lambda i: boxes[i][0]) for line in lines]


def _scaled_back(rect: _Rect, scale: float, shape: tuple[int, ...]) -> Box:
    height, width = shape
    left, top = int(rect[0] / scale), int(rect[1] / scale)
    return Box(
        left,
        top,
        min(width - left, max(1, round(rect[2] / scale))),
        min(height - top, max(1, round(rect[3] / scale))),
    )
