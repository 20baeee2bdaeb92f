"""The frame in the dashboard, with a box and a label on every digit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from edge_runtime.images.annotate import draw_digits
from edge_runtime.images.scaling import scale_to
from edge_runtime.images.text import Image
from edge_runtime.window.style import SMALL

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
        size = rect.width, rect.height
        if scale < 8:
            part[:] = scale_to(view.image, size)
        else:  # images as small as a tile keep their pixels visible
            cv2.resize(view.image, size, dst=part, interpolation=cv2.INTER_NEAREST)
    if view.problem:
        cv2.convertScaleAbs(part, dst=part, alpha=0.35)
    elif view.digits:
        scales = (scale, rect.height / view.image.shape[0])
        draw_digits(part, view.digits, scales, size=SMALL, line=2)
