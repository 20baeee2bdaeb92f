"""TODO."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import distractors, surfaces
from train.synthetic.handwriting import MARK_HEIGHT, NONE, Mark
from train.synthetic.scenes.page import IGNORED, _contrast, _Page, _pen


def _word(page: _Page, count: int) -> Mark:
    """Handwritten letters side by side, as one mark."""
    marks = [page.handwriting.letter(page.generator, page.pen) for _ in range(count)]
    tall = [
        cv2.copyMakeBorder(mark, 0, max(0, 80 - mark.shape[0]), 4, 6, cv2.BORDER_CONSTANT) for mark in marks
    ]
    return np.hstack([mark[:80] for mark in tall])


# Layouts with digits
def _rows(page: _Page) -> None:
    """Lines of writing: digits side by side, near or far, some lines of numbers with gaps."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    leading, pitch = draw.uniform(1.25, 2.6), draw.uniform(0.75, 1.9)
    gaps = draw.random() < 0.4
    one = draw.random() < 0.35
    start = draw.uniform(-0.5, 0.5)
    lines = [start] if one else np.arange(-down / 2 - 1 + start, down / 2 + 1, leading)
    unrest = draw.uniform(0.02, 0.08)
    # Some pages hold lines of several sizes, pens and inks.
    sizes, pens = draw.random() < 0.12, draw.random() < 0.06
    for y in lines:
        grown = float(np.exp(draw.uniform(np.log(0.5), np.log(2)))) if sizes else 1.0
        if pens:
            page.dry(1 - _contrast(draw, page.stroke))
            page.pen = _pen(draw)
        # Numbers begin and end somewhere; others run through the whole image.
        first = -across / 2 - 1 if draw.random() < 0.4 else draw.uniform(-across / 2, 0.2)
        last = across / 2 + 1 if draw.random() < 0.4 else draw.uniform(-0.2, across / 2)
        x = first
        while x < last and len(page.labels) < 90:
            if not (gaps and draw.random() < 0.2):
                size = grown * (1 + 1.5 * unrest * draw.normal())
                page.digit(x, y + unrest * draw.normal(), size=size)
            x += pitch * grown * (1 + unrest * draw.normal())


def _table(page: _Page) -> None:
    """A grid of lines with one or two digits in a cell."""
    draw = page.generator
    wide, high = draw.uniform(1.5, 3.2), draw.uniform(1.45, 2.6)
    columns, rows = int(page.shape[1] / page.unit / wide) + 2, int(page.shape[0] / page.unit / high) + 2
    x0, y0 = draw.uniform(-1, 0) * wide - columns / 2 * wide, draw.uniform(-1, 0) * high - rows / 2 * high
    pair = wide > 2 and draw.random() < 0.6
    for row in range(rows + 1):
        for column in range(columns + 1):
            if draw.random() < 0.15 or len(page.labels) > 90:
                continue
            x, y = x0 + (column + 0.5) * wide, y0 + (row + 0.5) * high
            places = (-0.4, 0.4) if pair else (0.1 * draw.normal(),)
            for dx in places:
                page.digit(x + dx, y + 0.08 * draw.normal(), size=draw.uniform(0.85, 1.1))
    width = page.stroke if draw.random() < 0.5 else draw.uniform(0.5, 2.5)
    same_ink = draw.random() < 0.6
    if not same_ink:
        page.dry(1 - _contrast(draw, page.stroke))

    def drawn(x1: float, y1: float, x2: float, y2: float) -> list[tuple[float, float]]:
        points = np.linspace((x1, y1), (x2, y2), 6) + 0.03 * draw.normal(size=(6, 2))
        return [(float(x), float(y)) for x, y in points]

    right, bottom = x0 + (columns + 1) * wide, y0 + (rows + 1) * high
    page.lines(*[drawn(x0, y0 + i * high, right, y0 + i * high) for i in range(rows + 2)], width=width)
    page.lines(*[drawn(x0 + i * wide, y0, x0 + i * wide, bottom) for i in range(columns + 2)], width=width)
    if not same_ink:
        page.dry(1 - _contrast(draw, width))


def _shape(page: _Page, x: float, y: float, radius: float, width: float, *, empty: bool) -> None:
    """A circle, box, triangle, diamond, cloud or the like around a point, drawn by hand.

    An `empty` round one could be a 0, one around a digit could not.
    """
    draw = page.generator
    kind = draw.integers(6)
    if kind <= 1:  # ovals and clouds
        angles = np.linspace(0, 2 * np.pi * draw.uniform(0.93, 1.06), 40)
        wobble = 1 + 0.04 * np.sin(3 * angles + draw.uniform(0, 6)) * draw.normal()
        if kind == 1:
            wobble = wobble + draw.uniform(0.05, 0.2) * np.abs(np.sin(angles * draw.integers(2, 5)))
        around = np.stack([np.cos(angles) * draw.uniform(0.8, 1.4), np.sin(angles)], axis=1) * wobble[:, None]
    else:
        corners = {2: 4, 3: 4, 4: 3, 5: int(draw.integers(3, 7))}[int(kind)]
        start = {2: np.pi / 4, 3: 0.0, 4: -np.pi / 2, 5: draw.uniform(0, 6)}[int(kind)]
        angles = start + np.arange(corners + 1) * 2 * np.pi / corners
        around = np.stack([np.cos(angles), np.sin(angles)], axis=1) * 1.35 + 0.06 * draw.normal(
            size=(corners + 1, 2)
        )
        around[:, 0] *= draw.uniform(0.8, 1.6)
        around[-1] = around[0] + 0.04 * draw.normal(size=2)
    path = [(float(x + radius * a), float(y + radius * b)) for a, b in around]
    page.lines(path, width=width)
    if empty and kind <= 1:
        points = np.array([page.place(*point) for point in path])
        low, high = points.min(axis=0), points.max(axis=0)
        page.boxes.append((low[0], low[1], high[0] - low[0], high[1] - low[1]))
        page.labels.append(IGNORED)


def _scattered(page: _Page) -> None:
    """Digits here and there, alone, in drawn shapes and beside empty ones, among letters and signs."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    shapes = draw.uniform(0, 1)
    others = draw.choice([0.0, 0.15, 0.5])
    pitch = draw.uniform(1.3, 3.5)
    width = page.stroke * draw.uniform(0.6, 1.2)
    unlike = 2.2 if draw.random() < 0.12 else 1.3
    for y in np.arange(-down / 2, down / 2 + pitch, pitch):
        for x in np.arange(-across / 2, across / 2 + pitch, pitch):
            if draw.random() < 0.3 or len(page.labels) > 60:
                continue
            sx, sy = x + 0.25 * pitch * draw.normal(), y + 0.25 * pitch * draw.normal()
            if any(np.hypot(*(middle - page.place(sx, sy))) < 1.05 * page.unit for middle in _middles(page)):
                continue
            if pitch > 1.8 and draw.random() < shapes:
                empty = draw.random() < 0.2
                _shape(page, sx, sy, draw.uniform(0.85, max(0.9, 0.45 * pitch)), width, empty=empty)
                if empty:
                    continue
            size = float(np.exp(draw.uniform(-np.log(unlike), np.log(unlike))))
            if draw.random() < others:
                mark, label = _other(page)
                page.stamp(mark, sx, sy, size=size, label=label)
            else:
                page.digit(sx, sy, size=size)


def _middles(page: _Page) -> list[NDArray[np.float64]]:
    return [np.array([x + w / 2, y + h / 2]) for x, y, w, h in page.boxes]


def _other(page: _Page) -> tuple[Mark, int]:
    """A mark that is no digit, or one that could be."""
    draw = page.generator
    kind = draw.random()
    if kind < 0.5:
        return page.handwriting.letter(draw, page.pen), NONE
    if kind < 0.8:
        return page.handwriting.operator(draw, page.pen)
    return (distractors.scribble(draw, page.pen) if kind < 0.9 else distractors.printed(draw, 1)), NONE


def _lone(page: _Page) -> None:
    """One digit that fills the image."""
    draw = page.generator
    page.digit(draw.normal() * 0.05, draw.normal() * 0.05)


def _expression(page: _Page) -> None:
    """Sums: numbers and signs in lines."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    pitch = draw.uniform(0.75, 1.4)
    for y in np.arange(-down / 2 + draw.uniform(0, 1), down / 2 + 0.5, draw.uniform(1.3, 2.4)):
        for x in np.arange(-across / 2, across / 2 + 1, pitch):
            if len(page.labels) > 60:
                return
            kind = draw.random()
            if kind < 0.5:
                page.digit(x, y + 0.05 * draw.normal())
            elif kind < 0.8:
                mark, label = page.handwriting.operator(draw, page.pen)
                page.stamp(mark, x, y, size=draw.uniform(0.5, 0.8), label=label)


def _labelled(page: _Page) -> None:
    """Words, written or printed, with a few digits between them: forms, envelopes, notes."""
    draw = page.generator
    _writing(page, keep_free=0.45)
    if draw.random() < 0.6:
        page.dry(1 - _contrast(draw, page.stroke))
    for _ in range(draw.integers(1, 5)):
        x, y = draw.uniform(-0.5, 0.5, 2) * page.shape[::-1] / page.unit
        covered = page.place(x, y).astype(int)
        radius = int(0.6 * page.unit)
        (left, top), (right, bottom) = np.maximum(0, covered - radius), np.maximum(0, covered + radius)
        spot = page.cover[top:bottom, left:right]
        near = any(np.hypot(*(middle - page.place(x, y))) < 1.1 * page.unit for middle in _middles(page))
        if not near and (spot.size == 0 or float(spot.max()) < 0.2):
            page.digit(x, y)


# Layouts without digits
def _writing(page: _Page, keep_free: float = 0.1) -> None:
    """Lines of words, printed or by hand."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    by_hand = draw.random() < 0.5
    size = draw.uniform(0.35, 1.1)
    for y in np.arange(-down / 2, down / 2 + 0.5, size * draw.uniform(1.3, 2.2)):
        x = -across / 2 + draw.uniform(-1, 1)
        while x < across / 2:
            count = int(draw.integers(1, 9))
            mark = _word(page, min(count, 5)) if by_hand else distractors.printed(draw, count)
            wide = mark.shape[1] / mark.shape[0] * size
            if draw.random() > keep_free:
                page.stamp(
                    cv2.resize(mark, None, fx=MARK_HEIGHT / mark.shape[0], fy=MARK_HEIGHT / mark.shape[0]),
                    x + wide / 2,
                    float(y),
                    size=size,
                )
            x += wide + draw.uniform(0.2, 0.8) * size


def _lone_mark(page: _Page) -> None:
    """One letter, sign or scrawl that fills the image."""
    page.unit = min(page.shape) * page.generator.uniform(0.4, 0.95)
    mark, label = _other(page)
    page.stamp(mark, 0.05 * page.generator.normal(), 0.05 * page.generator.normal(), label=label)


def _marks(page: _Page) -> None:
    """Letters, signs, scrawls and empty shapes, here and there."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    pitch = draw.uniform(1.1, 2.5)
    for y in np.arange(-down / 2, down / 2 + pitch, pitch):
        for x in np.arange(-across / 2, across / 2 + pitch, pitch):
            kind = draw.random()
            if kind < 0.6:
                mark, label = _other(page)
                page.stamp(mark, x, y, size=draw.uniform(0.7, 1.2), label=label)
            elif kind < 0.75:
                _shape(page, x, y, draw.uniform(0.3, 0.6), page.stroke, empty=True)


def _lines(page: _Page) -> None:
    """Strokes without a meaning: crosses, grids, arrows, underlines, a drawing."""
    draw = page.generator
    for _ in range(draw.integers(1, 14)):
        # One short straight stroke alone could be a 1.
        count = int(draw.integers(2, 6))
        reach = draw.uniform(4, 12) if count == 2 else draw.uniform(0.3, 2)
        points = np.cumsum(draw.normal(size=(count, 2)) * reach, axis=0)
        points += draw.uniform(-0.5, 0.5, 2) * page.shape[::-1] / page.unit
        page.lines([(float(x), float(y)) for x, y in points], width=page.stroke * draw.uniform(0.5, 1.5))


def _things(page: _Page) -> None:
    """No writing at all: what cameras see when nobody shows them a page."""
    page.brightness = surfaces.clutter(page.generator, *page.shape)


def _blank(page: _Page) -> None:
    """Paper, as it is."""


_WITH_DIGITS: list[tuple[Callable[[_Page], None], float]] = [
    (_rows, 0.34),
    (_table, 0.12),
    (_scattered, 0.2),
    (_lone, 0.16),
    (_expression, 0.1),
    (_labelled, 0.08),
]

_WITHOUT_DIGITS: list[tuple[Callable[[_Page], None], float]] = [
    (_writing, 0.2),
    (_lone_mark, 0.14),
    (_marks, 0.16),
    (_lines, 0.08),
    (_things, 0.45),
    (_blank, 0.05),
]
