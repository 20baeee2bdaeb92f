"""The panel of the dashboard: the source, the numbers, and the time per frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edge_runtime.images import text
from edge_runtime.window.style import (
    ACCENT,
    ALARM,
    BACKGROUND,
    BODY,
    DIM,
    LARGE,
    LINE,
    MARGIN,
    NUMBER_SIZES,
    ON_ACCENT,
    RAISED,
    SHADES,
    SMALL,
    TEXT,
    TINY,
)

if TYPE_CHECKING:
    from edge_runtime.images.text import Image
    from edge_runtime.live.events import TrackedNumber
    from edge_runtime.live.view import View
    from edge_runtime.window.layout import Rect


def draw_header(canvas: Image, rect: Rect, view: View, recording: bool) -> None:
    """Draw the name and format of the source, and whether it is paused or being recorded."""
    right = rect.right
    if recording:
        width = text.write(canvas, "REC", right, rect.y, SMALL, ALARM, BACKGROUND, bold=True, right=True)
        right -= width + 10
        cv2.circle(canvas, (right, rect.y + SMALL // 2), 5, ALARM, cv2.FILLED, cv2.LINE_AA)
        right -= 16
    if view.paused:
        tag = text.tag("PAUSED", TINY, ON_ACCENT, ACCENT)
        right -= tag.shape[1]
        text.paste(canvas, tag, right, rect.y - 3)
        right -= 12
    source = text.shorten(view.source, BODY, right - rect.x, bold=True)
    text.write(canvas, source, rect.x, rect.y - 1, BODY, TEXT, BACKGROUND, bold=True)
    if view.capture_format:
        for index, line in enumerate(text.wrap(view.capture_format, SMALL, rect.width, 2)):
            text.write(canvas, line, rect.x, rect.y + 25 + 18 * index, SMALL, DIM, BACKGROUND)


def draw_numbers(canvas: Image, rect: Rect, numbers: Sequence[TrackedNumber]) -> None:
    """Draw one number per row, as large as the space allows; the underline shows its confidence."""
    if not numbers:
        text.write(canvas, "no number in view", rect.x, rect.y + 12, BODY, DIM, BACKGROUND)
        return
    width = min(rect.width, 420)
    fitting = [size for size in NUMBER_SIZES if _row_height(size) * len(numbers) <= rect.height]
    size = fitting[0] if fitting else NUMBER_SIZES[-1]
    row = _row_height(size)
    rows = rect.height // row
    shown = numbers if len(numbers) <= rows else numbers[: rows - 1]
    for index, number in enumerate(shown):
        base = rect.y + index * row + (row - size) // 2 - 2 + size
        _draw_number(canvas, number, rect.x, base, width, size)
    if len(shown) < len(numbers):
        hidden = f"and {len(numbers) - len(shown)} more"
        text.write(canvas, hidden, rect.x, rect.y + len(shown) * row + 6, SMALL, DIM, BACKGROUND)


def _row_height(size: int) -> int:
    """Height of the row of a number whose digits are `size` px high."""
    return round(size * 1.35) + 12


def _draw_number(canvas: Image, number: TrackedNumber, x: int, base: int, width: int, size: int) -> None:
    """Draw a number with its baseline at `base`, in digits of at most `size` px."""
    percent, small = text.percent(number.confidence), max(SMALL, round(size * 0.42))
    free = width - text.width(percent, small) - 16
    fitting = [s for s in NUMBER_SIZES if s <= size and text.width(number.text, s, bold=True) <= free]
    own = fitting[0] if fitting else NUMBER_SIZES[-1]
    digits = text.shorten(number.text, own, free, bold=True)
    colour = TEXT if number.confirmed else DIM
    text.write(canvas, digits, x, base - own, own, colour, BACKGROUND, bold=True)
    text.write(canvas, percent, x + width, base - small, small, DIM, BACKGROUND, right=True)
    below = base + max(5, size // 4)
    canvas[below : below + 2, x : x + width] = LINE
    canvas[below : below + 2, x : x + round(width * number.confidence)] = ACCENT


def draw_figures(canvas: Image, rect: Rect, view: View) -> None:
    """Draw the frame rate, the model, and the time per frame, stage by stage."""
    x, y = rect.x, rect.y
    x += text.write(canvas, _figure(view.rate), x, y, LARGE, TEXT, BACKGROUND, bold=True) + 8
    text.write(canvas, "fps", x, y + LARGE - SMALL, SMALL, DIM, BACKGROUND)
    name = text.shorten(Path(view.model).stem.upper(), SMALL, 80, bold=True)
    model = text.tag(name, SMALL, TEXT, RAISED)
    text.paste(canvas, model, rect.right - model.shape[1], y + LARGE - model.shape[0])
    stages = [(stage, seconds * 1000) for stage, seconds in view.stages.items()]
    total = sum(spent for _, spent in stages)
    y += LARGE + 22
    text.write(canvas, "time per frame", rect.x, y, SMALL, DIM, BACKGROUND)
    text.write(canvas, f"{_figure(total)} ms", rect.right, y, SMALL, TEXT, BACKGROUND, right=True)
    y += SMALL + 11
    canvas[y : y + 8, rect.x : rect.right] = RAISED
    elapsed, start = 0.0, rect.x
    column = (rect.width - MARGIN) // 2
    for index, ((stage, spent), shade) in enumerate(zip(stages, SHADES, strict=False)):
        elapsed += spent
        end = rect.x + round(rect.width * elapsed / total) if total > 0 else rect.x
        canvas[y : y + 8, start : max(start, end - 1)] = shade
        start = end
        left, top = rect.x + index % 2 * (column + MARGIN), y + 22 + index // 2 * 20
        canvas[top : top + SMALL, left : left + SMALL] = shade
        text.write(canvas, stage, left + SMALL + 7, top, SMALL, DIM, BACKGROUND)
        text.write(canvas, f"{_figure(spent)} ms", left + column, top, SMALL, TEXT, BACKGROUND, right=True)
    text.write(canvas, "h", rect.x, rect.bottom - TINY, TINY, TEXT, BACKGROUND, bold=True)
    text.write(canvas, "help", rect.x + 14, rect.bottom - TINY, TINY, DIM, BACKGROUND)


def _figure(value: float) -> str:
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
