"""Layouts: what is written on a page, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import distractors, surfaces
from train.synthetic.glyph_images import GLYPH_HEIGHT, IGNORE, NOT_A_DIGIT, InkImage
from train.synthetic.scenes.page import Page, random_contrast, random_pen


class Layout(NamedTuple):
    """A way to fill a page."""

    name: str
    draw: Callable[[Page], None]
    weight: float  # relative frequency
    close_up: bool = False  # the image may be as small as a crop of one glyph
    fill: tuple[float, float] | None = None  # range of a digit's height, as a share of the shorter side


# Layouts with digits


def _rows(page: Page) -> None:
    """Rows of digits, close together or apart, some of them grouped into numbers."""
    generator = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    leading, pitch = generator.uniform(1.25, 2.6), generator.uniform(0.75, 1.9)
    gaps = generator.random() < 0.4
    single_row = generator.random() < 0.35
    start = generator.uniform(-0.5, 0.5)
    rows = [start] if single_row else np.arange(-down / 2 - 1 + start, down / 2 + 1, leading)
    jitter = generator.uniform(0.02, 0.08)
    # On some pages, the size or the pen changes from row to row.
    vary_size, vary_pen = generator.random() < 0.12, generator.random() < 0.06
    for y in rows:
        row_size = float(np.exp(generator.uniform(np.log(0.5), np.log(2)))) if vary_size else 1.0
        if vary_pen:
            page.apply_ink(1 - random_contrast(generator, page.stroke))
            page.pen = random_pen(generator)
        # Some rows start or end within the image, others run through it.
        first = -across / 2 - 1 if generator.random() < 0.4 else generator.uniform(-across / 2, 0.2)
        last = across / 2 + 1 if generator.random() < 0.4 else generator.uniform(-0.2, across / 2)
        x = first
        while x < last and len(page.labels) < 90:
            if not (gaps and generator.random() < 0.2):
                size = row_size * (1 + 1.5 * jitter * generator.normal())
                page.digit(x, y + jitter * generator.normal(), size=size)
            x += pitch * row_size * (1 + jitter * generator.normal())


def _table(page: Page) -> None:
    """A hand-drawn grid with one or two digits in most cells."""
    generator = page.generator
    wide, high = generator.uniform(1.5, 3.2), generator.uniform(1.45, 2.6)
    columns, rows = int(page.shape[1] / page.unit / wide) + 2, int(page.shape[0] / page.unit / high) + 2
    x0 = generator.uniform(-1, 0) * wide - columns / 2 * wide
    y0 = generator.uniform(-1, 0) * high - rows / 2 * high
    pair = wide > 2 and generator.random() < 0.6
    for row in range(rows + 1):
        for column in range(columns + 1):
            if generator.random() < 0.15 or len(page.labels) > 90:
                continue
            x, y = x0 + (column + 0.5) * wide, y0 + (row + 0.5) * high
            for dx in (-0.4, 0.4) if pair else (0.1 * generator.normal(),):
                page.digit(x + dx, y + 0.08 * generator.normal(), size=generator.uniform(0.85, 1.1))
    width = page.stroke if generator.random() < 0.5 else generator.uniform(0.5, 2.5)
    same_ink = generator.random() < 0.6
    if not same_ink:
        page.apply_ink(1 - random_contrast(generator, page.stroke))

    def line(x1: float, y1: float, x2: float, y2: float) -> list[tuple[float, float]]:
        points = np.linspace((x1, y1), (x2, y2), 6) + 0.03 * generator.normal(size=(6, 2))
        return [(float(x), float(y)) for x, y in points]

    right, bottom = x0 + (columns + 1) * wide, y0 + (rows + 1) * high
    page.lines(*[line(x0, y0 + i * high, right, y0 + i * high) for i in range(rows + 2)], width=width)
    page.lines(*[line(x0 + i * wide, y0, x0 + i * wide, bottom) for i in range(columns + 2)], width=width)
    if not same_ink:
        page.apply_ink(1 - random_contrast(generator, width))


def _shape(page: Page, x: float, y: float, radius: float, width: float, *, empty: bool) -> None:
    """Draw an oval, cloud or polygon by hand around the point (x, y).

    An empty oval could be a 0, so its box is recorded with the label `IGNORE`.
    """
    generator = page.generator
    kind = generator.integers(6)
    is_round = kind <= 1  # an oval or a cloud
    if is_round:
        angles = np.linspace(0, 2 * np.pi * generator.uniform(0.93, 1.06), 40)
        wobble = 1 + 0.04 * np.sin(3 * angles + generator.uniform(0, 6)) * generator.normal()
        if kind == 1:
            wobble = wobble + generator.uniform(0.05, 0.2) * np.abs(np.sin(angles * generator.integers(2, 5)))
        oval = np.stack([np.cos(angles) * generator.uniform(0.8, 1.4), np.sin(angles)], axis=1)
        outline = oval * wobble[:, None]
    else:
        corners = {2: 4, 3: 4, 4: 3, 5: int(generator.integers(3, 7))}[int(kind)]
        start = {2: np.pi / 4, 3: 0.0, 4: -np.pi / 2, 5: generator.uniform(0, 6)}[int(kind)]
        angles = start + np.arange(corners + 1) * 2 * np.pi / corners
        polygon = np.stack([np.cos(angles), np.sin(angles)], axis=1) * 1.35
        outline = polygon + 0.06 * generator.normal(size=(corners + 1, 2))
        outline[:, 0] *= generator.uniform(0.8, 1.6)
        outline[-1] = outline[0] + 0.04 * generator.normal(size=2)
    path = [(float(x + radius * a), float(y + radius * b)) for a, b in outline]
    page.lines(path, width=width)
    if empty and is_round:
        points = np.array([page.place(*point) for point in path])
        low, high = points.min(axis=0), points.max(axis=0)
        page.boxes.append((low[0], low[1], high[0] - low[0], high[1] - low[1]))
        page.labels.append(IGNORE)


def _scattered(page: Page) -> None:
    """Digits here and there, alone or inside shapes, among letters, signs and empty shapes."""
    generator = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    shape_share = generator.uniform(0, 1)
    other_share = generator.choice([0.0, 0.15, 0.5])
    pitch = generator.uniform(1.3, 3.5)
    width = page.stroke * generator.uniform(0.6, 1.2)
    size_ratio = 2.2 if generator.random() < 0.12 else 1.3
    for row in np.arange(-down / 2, down / 2 + pitch, pitch):
        for column in np.arange(-across / 2, across / 2 + pitch, pitch):
            if generator.random() < 0.3 or len(page.labels) > 60:
                continue
            x = column + 0.25 * pitch * generator.normal()
            y = row + 0.25 * pitch * generator.normal()
            if _is_near_a_box(page, x, y, 1.05):
                continue
            if pitch > 1.8 and generator.random() < shape_share:
                empty = generator.random() < 0.2
                radius = generator.uniform(0.85, max(0.9, 0.45 * pitch))
                _shape(page, x, y, radius, width, empty=empty)
                if empty:
                    continue
            size = float(np.exp(generator.uniform(-np.log(size_ratio), np.log(size_ratio))))
            if generator.random() < other_share:
                glyph, label = _other_glyph(page)
                page.stamp(glyph, x, y, size=size, label=label)
            else:
                page.digit(x, y, size=size)


def _is_near_a_box(page: Page, x: float, y: float, distance: float) -> bool:
    """Whether the centre of a box is less than `distance` units away from the point (x, y)."""
    point: NDArray[np.float64] = page.place(x, y)
    centres = [np.array([left + w / 2, top + h / 2]) for left, top, w, h in page.boxes]
    return any(np.hypot(*(centre - point)) < distance * page.unit for centre in centres)


def _other_glyph(page: Page) -> tuple[InkImage, int]:
    """A letter, sign, scribble or printed letter and its label, `NOT_A_DIGIT` or `IGNORE`."""
    generator = page.generator
    kind = generator.random()
    if kind < 0.5:
        return page.writer.letter(generator, page.pen), NOT_A_DIGIT
    if kind < 0.8:
        return page.writer.symbol(generator, page.pen)
    if kind < 0.9:
        return distractors.scribble(generator, page.pen), NOT_A_DIGIT
    return distractors.printed(generator, 1), NOT_A_DIGIT


def _single_digit(page: Page) -> None:
    """One digit that fills the image."""
    page.digit(page.generator.normal() * 0.05, page.generator.normal() * 0.05)


def _sums(page: Page) -> None:
    """Rows of digits and operators."""
    generator = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    pitch = generator.uniform(0.75, 1.4)
    for y in np.arange(-down / 2 + generator.uniform(0, 1), down / 2 + 0.5, generator.uniform(1.3, 2.4)):
        for x in np.arange(-across / 2, across / 2 + 1, pitch):
            if len(page.labels) > 60:
                return
            kind = generator.random()
            if kind < 0.5:
                page.digit(x, y + 0.05 * generator.normal())
            elif kind < 0.8:
                glyph, label = page.writer.symbol(generator, page.pen)
                page.stamp(glyph, x, y, size=generator.uniform(0.5, 0.8), label=label)


def _form(page: Page) -> None:
    """Words with a few digits between them, as on forms, envelopes and notes."""
    generator = page.generator
    _write_text(page, gap_share=0.45)
    if generator.random() < 0.6:
        page.apply_ink(1 - random_contrast(generator, page.stroke))
    for _ in range(generator.integers(1, 5)):
        x, y = generator.uniform(-0.5, 0.5, 2) * page.shape[::-1] / page.unit
        centre = page.place(x, y).astype(int)
        radius = int(0.6 * page.unit)
        (left, top), (right, bottom) = np.maximum(0, centre - radius), np.maximum(0, centre + radius)
        spot = page.cover[top:bottom, left:right]
        is_free = spot.size == 0 or float(spot.max()) < 0.2
        if is_free and not _is_near_a_box(page, x, y, 1.1):
            page.digit(x, y)


# Layouts without digits


def _text(page: Page) -> None:
    """A page full of words."""
    _write_text(page, gap_share=0.1)


def _write_text(page: Page, gap_share: float) -> None:
    """Write lines of printed or handwritten words, leaving out a share of them."""
    generator = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    by_hand = generator.random() < 0.5
    size = generator.uniform(0.35, 1.1)
    for y in np.arange(-down / 2, down / 2 + 0.5, size * generator.uniform(1.3, 2.2)):
        x = -across / 2 + generator.uniform(-1, 1)
        while x < across / 2:
            count = int(generator.integers(1, 9))
            if by_hand:
                word = page.writer.word(generator, page.pen, min(count, 5))
            else:
                word = distractors.printed(generator, count)
            width = word.shape[1] / word.shape[0] * size
            if generator.random() > gap_share:
                scale = GLYPH_HEIGHT / word.shape[0]
                page.stamp(cv2.resize(word, None, fx=scale, fy=scale), x + width / 2, float(y), size=size)
            x += width + generator.uniform(0.2, 0.8) * size


def _single_glyph(page: Page) -> None:
    """One letter, sign or scribble that fills the image."""
    page.unit = min(page.shape) * page.generator.uniform(0.4, 0.95)
    glyph, label = _other_glyph(page)
    page.stamp(glyph, 0.05 * page.generator.normal(), 0.05 * page.generator.normal(), label=label)


def _glyphs(page: Page) -> None:
    """Letters, signs, scribbles and empty shapes here and there."""
    generator = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    pitch = generator.uniform(1.1, 2.5)
    for y in np.arange(-down / 2, down / 2 + pitch, pitch):
        for x in np.arange(-across / 2, across / 2 + pitch, pitch):
            kind = generator.random()
            if kind < 0.6:
                glyph, label = _other_glyph(page)
                page.stamp(glyph, x, y, size=generator.uniform(0.7, 1.2), label=label)
            elif kind < 0.75:
                _shape(page, x, y, generator.uniform(0.3, 0.6), page.stroke, empty=True)


def _lines(page: Page) -> None:
    """Lines at random, as in crosses, arrows, underlines and drawings."""
    generator = page.generator
    for _ in range(generator.integers(1, 14)):
        count = int(generator.integers(2, 6))
        # A single straight stroke is long, because a short one could be a 1.
        reach = generator.uniform(4, 12) if count == 2 else generator.uniform(0.3, 2)
        points = np.cumsum(generator.normal(size=(count, 2)) * reach, axis=0)
        points += generator.uniform(-0.5, 0.5, 2) * page.shape[::-1] / page.unit
        page.lines([(float(x), float(y)) for x, y in points], width=page.stroke * generator.uniform(0.5, 1.5))


def _clutter(page: Page) -> None:
    """No page at all: textures, objects and rooms."""
    page.brightness = surfaces.clutter(page.generator, *page.shape)


def _blank(page: Page) -> None:
    """Nothing but the sheet."""


WITH_DIGITS = (
    Layout("rows", _rows, 0.34),
    Layout("table", _table, 0.12),
    Layout("scattered", _scattered, 0.2),
    Layout("single digit", _single_digit, 0.16, close_up=True, fill=(0.45, 1.0)),
    Layout("sums", _sums, 0.1),
    Layout("form", _form, 0.08),
)

WITHOUT_DIGITS = (
    Layout("text", _text, 0.2),
    Layout("single glyph", _single_glyph, 0.14, close_up=True),
    Layout("glyphs", _glyphs, 0.16),
    Layout("lines", _lines, 0.08),
    Layout("clutter", _clutter, 0.45),
    Layout("blank", _blank, 0.05),
)
