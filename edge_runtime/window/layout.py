"""The layout of the dashboard: where each part goes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from edge_runtime.window.style import MARGIN

_WIDEST, _HIGHEST = 1280, 960  # px, limits of the canvas
_PANEL = 300  # px, width of the panel beside the frame
_SHELF = 188  # px, height of the panel below a wide frame
_STRIP = 116  # px, height of the row of tiles
_HEADER, _FIGURES = 70, 148  # px, heights of these parts in a panel beside the frame


class Rect(NamedTuple):
    """A rectangle of the canvas, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below it."""
        return self.y + self.height


class Layout(NamedTuple):
    """The size of a canvas and the rectangles of its parts.

    `frame` is centred in `area`; `header`, `numbers` and `figures` form the panel; `strip` is for the tiles.
    """

    width: int
    height: int
    area: Rect
    frame: Rect
    header: Rect
    numbers: Rect
    figures: Rect
    strip: Rect | None


@lru_cache(maxsize=8)
def arrange(width: int, height: int, tiles: bool) -> Layout:
    """Lay out the canvas for frames of `width` x `height` px, with a row of tiles or without.

    The panel goes beside the frame, or below frames that are more than twice as wide as high.
    """
    beside = width <= 2 * height
    free = (_WIDEST - _PANEL, _HIGHEST - _STRIP) if beside else (_WIDEST, _HIGHEST - _STRIP - _SHELF)
    usual = (640, 480) if beside else (960, 480)
    largest, smallest = (min(w / width, h / height) for w, h in (free, usual))
    scale = min(max(1.0, smallest), largest)
    shown = (max(1, round(width * scale)), max(1, round(height * scale)))
    area = Rect(0, 0, max(shown[0], 320 if beside else 960), max(shown[1], 480 if beside else 160))
    frame = Rect((area.width - shown[0]) // 2, (area.height - shown[1]) // 2, *shown)
    inner = _PANEL - 2 * MARGIN
    if beside:
        size = (area.width + _PANEL, area.height)
        x, top, end = area.right + MARGIN, MARGIN + _HEADER, area.height - MARGIN - _FIGURES
        panel = (
            Rect(x, MARGIN, inner, _HEADER),
            Rect(x, top, inner, end - top - 18),
            Rect(x, end, inner, _FIGURES),
        )
    else:
        size = (area.width, area.height + _SHELF)
        y, high = area.bottom + MARGIN, _SHELF - 2 * MARGIN
        middle = MARGIN + inner + 2 * MARGIN
        panel = (
            Rect(MARGIN, y, inner, high),
            Rect(middle, y, size[0] - 2 * middle, high),
            Rect(size[0] - MARGIN - inner, y, inner, high),
        )
    strip = Rect(MARGIN, size[1], size[0] - 2 * MARGIN, _STRIP) if tiles else None
    return Layout(size[0], size[1] + (_STRIP if tiles else 0), area, frame, *panel, strip)
