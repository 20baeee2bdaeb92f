"""The dashboard: the image of a view that the live window shows.

Nothing is cut off at the edge of the canvas: text that does not fit is shortened, wrapped or made smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from edge_runtime.images import text
from edge_runtime.images.text import Image
from edge_runtime.results import Digit
from edge_runtime.window.frame import draw_frame
from edge_runtime.window.keys import KEYS
from edge_runtime.window.layout import Rect, arrange
from edge_runtime.window.panel import draw_figures, draw_header, draw_numbers
from edge_runtime.window.style import ALARM, BACKGROUND, BODY, DIM, LINE, MARGIN, RAISED, SMALL, TEXT, TINY

if TYPE_CHECKING:
    from edge_runtime.live.view import View


def compose(view: View, *, tiles: bool, help: bool, recording: bool) -> Image:
    """Compose the dashboard of a view: BGR uint8 `(H, W, 3)`, 1280x960 px at most.

    The panel is beside or below the frame. `tiles` adds a row with the classifier's input, `help` a card with
    the keys, `recording` a red dot. The size depends on that of the frame and on `tiles` only.
    """
    layout = arrange(view.image.shape[1], view.image.shape[0], tiles)
    canvas = np.empty((layout.height, layout.width, 3), np.uint8)
    canvas[:] = _blank(layout.height, layout.width)
    draw_frame(canvas, layout.frame, view)
    draw_header(canvas, layout.header, view, recording)
    draw_numbers(canvas, layout.numbers, view.numbers)
    draw_figures(canvas, layout.figures, view)
    if layout.strip is not None:
        _draw_tiles(canvas, layout.strip, view.digits)
    if view.problem:
        _draw_problem(canvas, layout.area, view.problem)
    if help:
        _draw_help(canvas, layout.area)
    return canvas


@lru_cache(maxsize=2)  # copying an image is faster than filling one with a colour
def _blank(height: int, width: int) -> Image:
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def _draw_tiles(canvas: Image, rect: Rect, digits: Sequence[Digit]) -> None:
    """Draw the classifier's input: one row of tiles at twice their size, or two rows at their own size."""
    canvas[rect.y] = LINE
    tiles = [(digit, digit.tile) for digit in digits if digit.tile is not None]
    if not tiles:
        y = rect.y + rect.height // 2 - 5
        text.write(canvas, "no digits detected", rect.x, y, SMALL, DIM, BACKGROUND)
        return
    large = len(tiles) * 66 - 10 <= rect.width
    side, size, rows, high = (56, BODY, 1, 56 + 6 + BODY) if large else (28, TINY, 2, 28 + 3 + TINY)
    pitch = 66 if large else 30
    columns = (rect.width + pitch - side) // pitch
    places = rows * columns
    shown = tiles if len(tiles) <= places else tiles[: places - 1]
    used = -(-len(tiles) // columns) if len(tiles) <= places else rows
    gap = 11
    top = rect.y + (rect.height - used * high - (used - 1) * gap) // 2
    for index, (digit, tile) in enumerate(shown):
        x, y = rect.x + index % columns * pitch, top + index // columns * (high + gap)
        image = tile if not large else np.repeat(np.repeat(tile, 2, axis=0), 2, axis=1)
        canvas[y : y + side, x : x + side] = image[:, :, None]
        name, colour = ("?", DIM) if digit.value is None else (str(digit.value), TEXT)
        left = x + (side - text.width(name, size, bold=True)) // 2
        text.write(canvas, name, left, y + high - size, size, colour, BACKGROUND, bold=True)
    if len(shown) < len(tiles):
        x = rect.x + (places - 1) % columns * pitch
        hidden = f"+{len(tiles) - len(shown)}"
        text.write(canvas, hidden, x, top + high + gap + 10, TINY, DIM, BACKGROUND)


def _draw_problem(canvas: Image, area: Rect, problem: str) -> None:
    """Draw a banner across the frame with the reason why there are no new frames."""
    lines = text.wrap(problem, BODY + 1, area.width - 4 * MARGIN, 4)
    high = 24 * len(lines) + 2 * MARGIN - 12
    y = area.y + (area.height - high) // 2
    canvas[y : y + high, area.x : area.right] = BACKGROUND
    canvas[y : y + high, area.x : area.x + 6] = ALARM
    for index, line in enumerate(lines):
        top = y + MARGIN + 24 * index
        text.write(canvas, line, area.x + 2 * MARGIN, top, BODY + 1, TEXT, BACKGROUND)


def _draw_help(canvas: Image, area: Rect) -> None:
    """Draw the card with the keys in the middle of the frame."""
    card = _help_card()
    x = min(max(0, area.x + (area.width - card.shape[1]) // 2), canvas.shape[1] - card.shape[1])
    y = min(max(0, area.y + (area.height - card.shape[0]) // 2), canvas.shape[0] - card.shape[0])
    text.paste(canvas, card, x, y)


@lru_cache(maxsize=1)
def _help_card() -> Image:
    names = ["space" if key == " " else key for key in KEYS]
    tags = [text.tag(name, SMALL, TEXT, LINE) for name in names]
    column = max(tag.shape[1] for tag in tags) + 14
    width = column + max(text.width(action, SMALL) for action in KEYS.values()) + 2 * 24
    card = np.full((28 * len(KEYS) + 2 * 18, width, 3), RAISED, np.uint8)
    card[0], card[-1], card[:, 0], card[:, -1] = (LINE,) * 4
    for index, (tag, action) in enumerate(zip(tags, KEYS.values(), strict=True)):
        y = 18 + 28 * index + 5
        text.paste(card, tag, 24, y)
        text.write(card, action, 24 + column, y + SMALL // 2, SMALL, TEXT, RAISED)
    return card
