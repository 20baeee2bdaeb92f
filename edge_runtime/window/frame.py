"""The frame in the dashboard, with a box and a label on every digit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import boxes
from edge_runtime.results import Digit
from edge_runtime.window import text
from edge_runtime.window.style import ACCENT, BACKGROUND, DIM, ON_ACCENT, SMALL
from edge_runtime.window.text import Image

if TYPE_CHECKING:
    from edge_runtime.live.view import View
    from edge_runtime.window.layout import Rect


def draw_frame(canvas: Image, rect: Rect, view: View) -> None:
    """Draw the frame and its digits; while no new frames arrive, dim the last one and draw no digits."""
    part = canvas[rect.y : rect.bottom, rect.x : rect.right]
    scale = rect.width / view.image.shape[1]
    if part.shape == view.image.shape:
        part[:] = view.image
    else:
        image = view.image
        while image.shape[1] >= 2 * rect.width and image.shape[0] >= 2 * rect.height:
            # OpenCV averages pixels fast only when it halves an image.
            image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        # Images as small as a tile keep their pixels visible.
        method = cv2.INTER_LINEAR if scale < 8 else cv2.INTER_NEAREST
        cv2.resize(image, (rect.width, rect.height), dst=part, interpolation=method)
    if view.problem:
        cv2.convertScaleAbs(part, dst=part, alpha=0.35)
    elif view.digits:
        _draw_digits(part, view.digits, (scale, rect.height / view.image.shape[0]))


def _draw_digits(part: Image, digits: Sequence[Digit], scale: tuple[float, float]) -> None:
    """Draw a box and a label per digit; `scale` converts pixels of the frame to those of `part`."""
    corners = boxes.corners(digit.box for digit in digits) * (*scale, *scale)
    outlines = _outlines(corners)
    read = np.array([digit.value is not None for digit in digits])
    for chosen, colour in ((~read, DIM), (read, ACCENT)):
        if chosen.any():
            cv2.polylines(part, list(outlines[chosen]), True, colour, 2, cv2.LINE_AA, shift=4)
    # A label must not hide another box or label. If no place is free, the digit gets no label: the panel
    # and the tiles show it too.
    outer = np.rint(corners) + np.array((-1, -1, 1, 1))
    taken = np.concatenate([outer, np.zeros_like(outer)])  # boxes, then labels
    height, width = part.shape[:2]
    for index, digit in enumerate(digits):
        left, top, right, bottom = outer[index].astype(int).tolist()
        label = _label(digit, right - left)
        high, wide = label.shape[:2]
        x = max(0, min(left, width - wide))
        places = [top - high, bottom]
        if bottom - top > 3 * high:
            places.append(max(0, top))
        for y in places:
            if y < 0 or y + high > height or wide > width:
                continue
            place = np.array([[x, y, x + wide, y + high]], np.float64)
            hidden = boxes.intersection(place, taken)[0] > 0
            hidden[index] = False  # a label may cover its own box
            if not hidden.any():
                text.paste(part, label, x, y)
                taken[len(digits) + index] = place
                break


def _outlines(corners: NDArray[np.floating]) -> NDArray[np.int32]:
    """Outlines with rounded corners, int32 `(N, 12, 1, 2)`, in sixteenths of a pixel, of boxes `[N, 4]`."""
    x0, y0, x1, y1 = corners.T
    r = np.minimum(4, np.minimum(x1 - x0, y1 - y0) / 4)
    s = r * 0.3
    xs = np.stack([x0, x0 + s, x0 + r, x1 - r, x1 - s, x1, x1, x1 - s, x1 - r, x0 + r, x0 + s, x0], axis=1)
    ys = np.stack([y0 + r, y0 + s, y0, y0, y0 + s, y0 + r, y1 - r, y1 - s, y1, y1, y1 - s, y1 - r], axis=1)
    return np.asarray(np.rint(np.stack([xs, ys], axis=2) * 16), np.int32)[:, :, None]


def _label(digit: Digit, width: int) -> Image:
    """The label of a box `width` px wide: the digit, and its confidence if that fits."""
    if digit.value is None:
        return text.tag("?", SMALL, BACKGROUND, DIM)
    full = text.tag(f"{digit.value} {text.percent(digit.confidence)}", SMALL, ON_ACCENT, ACCENT)
    return full if full.shape[1] <= width else text.tag(str(digit.value), SMALL, ON_ACCENT, ACCENT)
