"""What the live window shows of a view: the frame with boxes, the numbers, and where the time goes.

Every text stands on ground of one colour. So it is drawn once, kept, and pasted from then on: that is what
makes an image of forty texts cost no more than a millisecond or two. Nothing is ever pasted over the
canvas's edge: what does not fit is shortened, wrapped or made smaller before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.results import Digit
from edge_runtime.window.text import _GROUND, Image, _paste, _shorten, _tag, _width, _wrap, _write
from edge_runtime.window.window import KEYS

if TYPE_CHECKING:
    from edge_runtime.live.events import Number
    from edge_runtime.live.view import View


_RAISED = (46, 40, 37)
_LINE = (66, 58, 54)
_TEXT = (246, 241, 238)
_DIM = (166, 152, 144)
_ACCENT = (168, 204, 28)
_ON_ACCENT = (38, 44, 8)
_ALARM = (72, 82, 242)
_SHADES = (_ACCENT, (142, 158, 32), (112, 118, 44), (104, 92, 64))  # of the accent, for the parts of the bar
_PANEL = 300  # px: the column beside the image
_SHELF = 188  # px: the row below a wide image
_STRIP = 116  # px: the row of tiles
_MARGIN = 20
_WIDEST, _HIGHEST = 1280, 960  # px: what the canvas is to fit
_TINY, _SMALL, _BODY, _LARGE = 8, 9, 11, 24  # px: the height of capitals
_NUMBER_SIZES = (38, 32, 26, 20, 15, 11)


def compose(view: View, *, tiles: bool, help: bool, recording: bool) -> Image:
    """The image to show of a view: the frame with boxes, and beside or below it what is known of it.

    `tiles` adds a row of what the classifier saw, `help` a card with the keys, `recording` a red dot.
    BGR `uint8 (H, W, 3)` of about 1280x960 px at most; its size depends on the frame's and on `tiles` only.
    """
    layout = _arrange(view.image.shape[1], view.image.shape[0], tiles)
    canvas = np.empty((layout.height, layout.width, 3), np.uint8)
    canvas[:] = _blank(layout.height, layout.width)
    _frame(canvas, layout, view)
    _head(canvas, layout.head, view, recording)
    _numbers(canvas, layout.numbers, view.numbers)
    _figures(canvas, layout.figures, view)
    if layout.strip is not None:
        _tiles(canvas, layout.strip, view.digits)
    if view.problem:
        _banner(canvas, layout.area, view.problem)
    if help:
        _card(canvas, layout.area)
    return canvas


class _Rect(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height


class _Layout(NamedTuple):
    """Where everything goes on a canvas: the frame at `place`, in the middle of its `area`."""

    width: int
    height: int
    area: _Rect
    place: _Rect
    head: _Rect
    numbers: _Rect
    figures: _Rect
    strip: _Rect | None


@lru_cache(maxsize=8)
def _arrange(width: int, height: int, tiles: bool) -> _Layout:
    """Lay the canvas out for frames of this size: the panel is beside them, or below wide ones."""
    beside = width <= 2 * height
    free = (_WIDEST - _PANEL, _HIGHEST - _STRIP) if beside else (_WIDEST, _HIGHEST - _STRIP - _SHELF)
    usual = (640, 480) if beside else (960, 480)
    largest, smallest = (min(w / width, h / height) for w, h in (free, usual))
    scale = min(max(1.0, smallest), largest)
    shown = (max(1, round(width * scale)), max(1, round(height * scale)))
    area = _Rect(0, 0, max(shown[0], 320 if beside else 960), max(shown[1], 480 if beside else 160))
    place = _Rect((area.width - shown[0]) // 2, (area.height - shown[1]) // 2, *shown)
    inner = _PANEL - 2 * _MARGIN
    if beside:
        x, head, figures = area.right + _MARGIN, 70, 148
        total = (area.width + _PANEL, area.height)
        top, end = _MARGIN + head, area.height - _MARGIN - figures
        parts = (
            _Rect(x, _MARGIN, inner, head),
            _Rect(x, top, inner, end - top - 18),
            _Rect(x, end, inner, figures),
        )
    else:
        total = (area.width, area.height + _SHELF)
        y, high = area.bottom + _MARGIN, _SHELF - 2 * _MARGIN
        middle = _MARGIN + inner + 2 * _MARGIN
        parts = (
            _Rect(_MARGIN, y, inner, high),
            _Rect(middle, y, total[0] - 2 * middle, high),
            _Rect(total[0] - _MARGIN - inner, y, inner, high),
        )
    strip = _Rect(_MARGIN, total[1], total[0] - 2 * _MARGIN, _STRIP) if tiles else None
    return _Layout(total[0], total[1] + (_STRIP if tiles else 0), area, place, *parts, strip)


@lru_cache(maxsize=2)
def _blank(height: int, width: int) -> Image:
    return np.full((height, width, 3), _GROUND, np.uint8)


# The parts of the canvas
def _frame(canvas: Image, layout: _Layout, view: View) -> None:
    """The frame, and the boxes on it; only dimmed while there is no new one."""
    place = layout.place
    part = canvas[place.y : place.bottom, place.x : place.right]
    scale = place.width / view.image.shape[1]
    if part.shape == view.image.shape:
        part[:] = view.image
    else:
        image = view.image
        while image.shape[1] >= 2 * place.width and image.shape[0] >= 2 * place.height:
            # Halving is the one mean of pixels that OpenCV takes fast.
            image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        # Single pixels are what there is to see in an image as small as a tile.
        method = cv2.INTER_LINEAR if scale < 8 else cv2.INTER_NEAREST
        cv2.resize(image, (place.width, place.height), dst=part, interpolation=method)
    if view.problem:
        cv2.convertScaleAbs(part, dst=part, alpha=0.35)
    elif view.digits:
        _boxes(part, view.digits, (scale, place.height / view.image.shape[0]))


def _boxes(part: Image, digits: Sequence[Digit], scale: tuple[float, float]) -> None:
    boxes = np.array([(d.box.x, d.box.y, d.box.width, d.box.height) for d in digits], np.float64)
    boxes[:, 2:] += boxes[:, :2]
    boxes *= (*scale, *scale)
    corners = _rounded(boxes)
    read = np.array([digit.value is not None for digit in digits])
    for chosen, colour in ((~read, _DIM), (read, _ACCENT)):
        if chosen.any():
            cv2.polylines(part, list(corners[chosen]), True, colour, 2, cv2.LINE_AA, shift=4)
    # A label goes where it hides no other box and no other label; where there is no such place, the tiles
    # and the numbers beside the image still say it.
    outer = np.rint(boxes).astype(int) + np.array((-1, -1, 1, 1))
    taken = np.concatenate([outer, np.zeros_like(outer)])
    height, width = part.shape[:2]
    for index, digit in enumerate(digits):
        left, top, right, bottom = outer[index].tolist()
        label = _name(digit, right - left)
        high, wide = label.shape[:2]
        x = max(0, min(left, width - wide))
        places = [top - high, bottom]
        if bottom - top > 3 * high:
            places.append(max(0, top))
        for y in places:
            if y < 0 or y + high > height or wide > width:
                continue
            hit = (taken[:, 0] < x + wide) & (taken[:, 2] > x) & (taken[:, 1] < y + high) & (taken[:, 3] > y)
            hit[index] = False
            if not hit.any():
                _paste(part, label, x, y)
                taken[len(digits) + index] = (x, y, x + wide, y + high)
                break


def _rounded(boxes: NDArray[np.float64]) -> NDArray[np.int32]:
    """Outlines with rounded corners, `(N, 12, 1, 2)`, in sixteenths of a pixel."""
    x0, y0, x1, y1 = boxes.T
    r = np.minimum(4, np.minimum(x1 - x0, y1 - y0) / 4)
    s = r * 0.3
    xs = np.stack([x0, x0 + s, x0 + r, x1 - r, x1 - s, x1, x1, x1 - s, x1 - r, x0 + r, x0 + s, x0], axis=1)
    ys = np.stack([y0 + r, y0 + s, y0, y0, y0 + s, y0 + r, y1 - r, y1 - s, y1, y1, y1 - s, y1 - r], axis=1)
    return np.asarray(np.rint(np.stack([xs, ys], axis=2) * 16), np.int32)[:, :, None]


def _name(digit: Digit, width: int) -> Image:
    """A box's label: the digit, and how sure it is where the box is wide enough for that."""
    if digit.value is None:
        return _tag("?", _SMALL, _GROUND, _DIM)
    full = _tag(f"{digit.value} {_percent(digit.confidence)}", _SMALL, _ON_ACCENT, _ACCENT)
    return full if full.shape[1] <= width else _tag(str(digit.value), _SMALL, _ON_ACCENT, _ACCENT)


def _percent(confidence: float) -> str:
    return f"{min(99, int(confidence * 100))}%"


def _head(canvas: Image, rect: _Rect, view: View, recording: bool) -> None:
    """Where the frames come from, and whether they are being recorded or have been stopped."""
    right = rect.right
    if recording:
        right -= _write(canvas, "REC", right, rect.y, _SMALL, _ALARM, bold=True, right=True) + 10
        cv2.circle(canvas, (right, rect.y + _SMALL // 2), 5, _ALARM, cv2.FILLED, cv2.LINE_AA)
        right -= 16
    if view.paused:
        tag = _tag("PAUSED", _TINY, _ON_ACCENT, _ACCENT)
        right -= tag.shape[1]
        _paste(canvas, tag, right, rect.y - 3)
        right -= 12
    source = _shorten(view.source, _BODY, True, right - rect.x)
    _write(canvas, source, rect.x, rect.y - 1, _BODY, _TEXT, bold=True)
    for index, line in enumerate(
        _wrap(view.capture_format, _SMALL, rect.width, 2) if view.capture_format else ()
    ):
        _write(canvas, line, rect.x, rect.y + 25 + 18 * index, _SMALL, _DIM)


def _numbers(canvas: Image, rect: _Rect, numbers: Sequence[Number]) -> None:
    """The numbers, one a line, as large as the room allows, each above a line as long as it is sure."""
    if not numbers:
        _write(canvas, "no number in view", rect.x, rect.y + 12, _BODY, _DIM)
        return
    width = min(rect.width, 420)
    size = next((s for s in _NUMBER_SIZES if _pitch(s) * len(numbers) <= rect.height), _NUMBER_SIZES[-1])
    room = rect.height // _pitch(size)
    shown = numbers if len(numbers) <= room else numbers[: room - 1]
    sure = max(_SMALL, round(size * 0.42))
    for index, number in enumerate(shown):
        y = rect.y + index * _pitch(size) + (_pitch(size) - size) // 2 - 2
        percent = _percent(number.confidence)
        free = width - _width(percent, sure, False) - 16
        fitting = [s for s in _NUMBER_SIZES if s <= size and _width(number.text, s, True) <= free]
        own = fitting[0] if fitting else _NUMBER_SIZES[-1]
        text, colour = _shorten(number.text, own, True, free), _TEXT if number.confirmed else _DIM
        base = y + size
        _write(canvas, text, rect.x, base - own, own, colour, bold=True)
        _write(canvas, percent, rect.x + width, base - sure, sure, _DIM, right=True)
        below = base + max(5, size // 4)
        canvas[below : below + 2, rect.x : rect.x + width] = _LINE
        canvas[below : below + 2, rect.x : rect.x + round(width * number.confidence)] = _ACCENT
    if len(shown) < len(numbers):
        y = rect.y + len(shown) * _pitch(size) + 6
        _write(canvas, f"and {len(numbers) - len(shown)} more", rect.x, y, _SMALL, _DIM)


def _pitch(size: int) -> int:
    """The height of a number's row."""
    return round(size * 1.35) + 12


def _figures(canvas: Image, rect: _Rect, view: View) -> None:
    """Frames a second, the model, and where a frame's time goes, at the rectangle's lower end."""
    x, y = rect.x, rect.bottom - 148
    x += _write(canvas, _figure(view.rate), x, y, _LARGE, _TEXT, bold=True) + 8
    _write(canvas, "frames/s", x, y + _LARGE - _SMALL, _SMALL, _DIM)
    model = _tag(_shorten(Path(view.model).stem.upper(), _SMALL, True, 80), _SMALL, _TEXT, _RAISED)
    _paste(canvas, model, rect.right - model.shape[1], y + _LARGE - model.shape[0])
    stages = [(name, seconds * 1000) for name, seconds in view.stages.items()]
    total = sum(spent for _, spent in stages)
    y += _LARGE + 22
    _write(canvas, "a frame takes", rect.x, y, _SMALL, _DIM)
    _write(canvas, f"{_figure(total)} ms", rect.right, y, _SMALL, _TEXT, right=True)
    y += _SMALL + 11
    canvas[y : y + 8, rect.x : rect.right] = _RAISED
    sofar, start = 0.0, rect.x
    column = (rect.width - _MARGIN) // 2
    for index, ((name, spent), shade) in enumerate(zip(stages, _SHADES, strict=False)):
        sofar += spent
        end = rect.x + round(rect.width * sofar / total) if total > 0 else rect.x
        canvas[y : y + 8, start : max(start, end - 1)] = shade
        start = end
        left, top = rect.x + index % 2 * (column + _MARGIN), y + 22 + index // 2 * 20
        canvas[top : top + _SMALL, left : left + _SMALL] = shade
        _write(canvas, name, left + _SMALL + 7, top, _SMALL, _DIM)
        _write(canvas, f"{_figure(spent)} ms", left + column, top, _SMALL, _TEXT, right=True)
    _write(canvas, "h", rect.x, rect.bottom - _TINY, _TINY, _TEXT, bold=True)
    _write(canvas, "help", rect.x + 14, rect.bottom - _TINY, _TINY, _DIM)


def _figure(value: float) -> str:
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _tiles(canvas: Image, rect: _Rect, digits: Sequence[Digit]) -> None:
    """What the classifier saw, twice as large where there is room for that, else in two rows."""
    canvas[rect.y] = _LINE
    seen = [(digit, digit.tile) for digit in digits if digit.tile is not None]
    if not seen:
        _write(canvas, "no tile: no digit was found", rect.x, rect.y + rect.height // 2 - 5, _SMALL, _DIM)
        return
    large = len(seen) * 66 - 10 <= rect.width
    side, size, rows, high = (56, _BODY, 1, 56 + 6 + _BODY) if large else (28, _TINY, 2, 28 + 3 + _TINY)
    pitch = 66 if large else 30
    columns = (rect.width + pitch - side) // pitch
    room = rows * columns
    shown = seen if len(seen) <= room else seen[: room - 1]
    used = -(-len(seen) // columns) if len(seen) <= room else rows
    gap = 11
    top = rect.y + (rect.height - used * high - (used - 1) * gap) // 2
    for index, (digit, tile) in enumerate(shown):
        x, y = rect.x + index % columns * pitch, top + index // columns * (high + gap)
        image = tile if not large else np.repeat(np.repeat(tile, 2, axis=0), 2, axis=1)
        canvas[y : y + side, x : x + side] = image[:, :, None]
        name, colour = ("?", _DIM) if digit.value is None else (str(digit.value), _TEXT)
        width = _width(name, size, True)
        _write(canvas, name, x + (side - width) // 2, y + high - size, size, colour, bold=True)
    if len(shown) < len(seen):
        more = f"+{len(seen) - len(shown)}"
        x = rect.x + (room - 1) % columns * pitch
        _write(canvas, more, x, top + high + gap + 10, _TINY, _DIM)


def _banner(canvas: Image, area: _Rect, problem: str) -> None:
    """Why there are no new frames, across the middle of the image."""
    lines = _wrap(problem, _BODY + 1, area.width - 4 * _MARGIN, 4)
    high = 24 * len(lines) + 2 * _MARGIN - 12
    y = area.y + (area.height - high) // 2
    canvas[y : y + high, area.x : area.right] = _GROUND
    canvas[y : y + high, area.x : area.x + 6] = _ALARM
    for index, line in enumerate(lines):
        _write(canvas, line, area.x + 2 * _MARGIN, y + _MARGIN + 24 * index, _BODY + 1, _TEXT)


def _card(canvas: Image, area: _Rect) -> None:
    """The keys, in the middle of the image."""
    card = _help()
    x = min(max(0, area.x + (area.width - card.shape[1]) // 2), canvas.shape[1] - card.shape[1])
    y = min(max(0, area.y + (area.height - card.shape[0]) // 2), canvas.shape[0] - card.shape[0])
    _paste(canvas, card, x, y)


@lru_cache(maxsize=1)
def _help() -> Image:
    names = {key: "space" if key == " " else key for key in KEYS}
    keys = [_tag(name, _SMALL, _TEXT, _LINE) for name in names.values()]
    column = max(key.shape[1] for key in keys) + 14
    width = column + max(_width(meaning, _SMALL, False) for meaning in KEYS.values()) + 2 * 24
    card = np.full((28 * len(KEYS) + 2 * 18, width, 3), _RAISED, np.uint8)
    card[0], card[-1], card[:, 0], card[:, -1] = (_LINE,) * 4
    for index, (key, meaning) in enumerate(zip(keys, KEYS.values(), strict=True)):
        y = 18 + 28 * index + 5
        _paste(card, key, 24, y)
        _write(card, meaning, 24 + column, y + _SMALL // 2, _SMALL, _TEXT, ground=_RAISED)
    return card
