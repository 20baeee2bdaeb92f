"""Forms: boxes and combs for single characters, blanks on lines, and printed captions beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.synthetic import vocabulary
from train.synthetic.scenes import printing
from train.synthetic.scenes.page import Page, random_contrast
from train.synthetic.scenes.rules import Segment, draw_rules, fill, rectangle
from train.synthetic.scenes.writing import Numbers, Words

_KINDS = ("row", "apart", "comb", "ticks", "short dividers", "lines", "frame")


@dataclass(frozen=True)
class _Cells:
    """How the cells of a form look. Lengths are in units, `width` of the rules in px.

    A "row" shares walls; boxes "apart" do not; a "comb" is open at the top; "ticks" stand on a line; "short
    dividers" do not reach the top of the row; "lines" are one short line for each character; a "frame" has
    room for a whole number.
    """

    kind: str
    wide: float
    high: float
    gap: float
    width: float
    dash: tuple[float, float] | None
    outer: float  # width of the outer walls, as a multiple of `width`


def _random_cells(page: Page) -> _Cells:
    generator = page.generator
    kind = _KINDS[generator.choice(len(_KINDS), p=[0.36, 0.16, 0.1, 0.07, 0.09, 0.08, 0.14])]
    high = float(np.exp(generator.uniform(np.log(1.02), np.log(2.4))))
    wide = high * float(np.exp(generator.uniform(np.log(0.5), np.log(1.5))))
    width = page.unit * float(np.exp(generator.uniform(np.log(0.02), np.log(0.16))))
    if kind == "frame":
        wide = max(wide, 1.6)
    dotted = generator.random() < 0.14
    period = float(generator.uniform(0.09, 0.3))
    return _Cells(
        kind,
        max(0.8, wide),
        high,
        float(generator.uniform(0.08, 0.7)),
        max(0.5, width),
        (period * generator.uniform(0.15, 0.65), max(period, 3 / page.unit)) if dotted else None,
        float(generator.choice([1.0, 1.0, 1.0, 2.0, 3.0])),
    )


def _cell_rules(cells: _Cells, x: float, y: float, count: int) -> tuple[list[Segment], list[Segment]]:
    """The inner and the outer rules of `count` cells from x on, whose middle is at the height y."""
    top, bottom = y - cells.high / 2, y + cells.high / 2
    pitch = cells.wide + (cells.gap if cells.kind in ("apart", "lines") else 0)
    lefts = [x + i * pitch for i in range(count)]
    right = lefts[-1] + cells.wide
    walls = [*lefts[1:]]
    if cells.kind == "row":
        return [(w, top, w, bottom) for w in walls], rectangle(x, top, right, bottom)
    if cells.kind == "apart":
        return [], [side for left in lefts for side in rectangle(left, top, left + cells.wide, bottom)]
    if cells.kind == "comb":
        return [(w, top, w, bottom) for w in [x, *walls, right]], [(x, bottom, right, bottom)]
    if cells.kind == "ticks":
        start = bottom - 0.35 * cells.high
        return [(w, start, w, bottom) for w in [x, *walls, right]], [(x, bottom, right, bottom)]
    if cells.kind == "short dividers":
        start = bottom - 0.4 * cells.high
        return [(w, start, w, bottom) for w in walls], rectangle(x, top, right, bottom)
    if cells.kind == "lines":
        return [], [(left, bottom, left + cells.wide, bottom) for left in lefts]
    return [], rectangle(x, top, x + cells.wide * count, bottom)


@dataclass(frozen=True)
class _Field:
    """Cells on the page: where the first begins, and how many there are."""

    x: float
    y: float
    count: int


def _print_fields(page: Page, cells: _Cells) -> list[_Field]:
    """Print rows of fields with their captions, and return the fields."""
    generator = page.generator
    font = printing.random_font(page)
    size = float(generator.uniform(0.35, 0.9))
    above = generator.random() < 0.3
    leading = cells.high + float(generator.choice([0.0, 0.2, 0.8, 1.6])) + above * (size * 1.4 + 0.2)
    captions = generator.random() < 0.85
    pitch = cells.wide + (cells.gap if cells.kind in ("apart", "lines") else 0)
    across, down = page.shape[1] / page.unit / 2 + 1.5, page.shape[0] / page.unit / 2 + 1.5
    stacked = cells.kind in ("row", "frame") and leading == cells.high  # like the lines of a table
    fields: list[_Field] = []
    inner: list[Segment] = []
    outer: list[Segment] = []
    indent = float(generator.uniform(0.3 - across, 0.2))
    # A row runs through the middle of the page, and in this row a field.
    middle = 0.6 * float(generator.uniform(-1, 1)) * (down - 1.5)
    for row in range(-int((down + middle) / leading) - 1, int((down - middle) / leading) + 2):
        y = middle + row * leading
        x = indent if stacked or not row else -across + float(generator.uniform(-1, 1))
        while x < across:
            text = vocabulary.caption(generator) if captions and generator.random() < 0.75 else ""
            if text and above:
                printing.print_text(page, font, text, x, y - cells.high / 2 - 0.25 * size, size=size)
            elif text and x != indent:
                x += printing.print_text(page, font, text, x, y + 0.4 * size, size=size) + 0.4
            count = int(generator.integers(1, 9)) if cells.kind != "frame" else int(generator.integers(1, 4))
            if x == indent or generator.random() < 0.92:
                fields.append(_Field(x, y, count))
                within, around = _cell_rules(cells, x, y, count)
                inner += within
                outer += around
            x += count * pitch + float(generator.uniform(0.3, 2.5))
    draw_rules(page, inner, cells.width, dash=cells.dash)
    draw_rules(page, outer, cells.width * cells.outer, dash=cells.dash)
    return fields


def _shade_fields(page: Page, cells: _Cells, fields: list[_Field]) -> None:
    """Fill the cells with a pale tint."""
    generator = page.generator
    if generator.random() < 0.1:
        for field in fields:
            top, bottom = field.y - cells.high / 2, field.y + cells.high / 2
            fill(page, field.x, top, field.x + field.count * cells.wide, bottom)
        page.apply_ink(1 - generator.uniform(0.04, 0.2))


def _print_form(page: Page) -> tuple[_Cells, list[_Field]]:
    generator = page.generator
    cells = _random_cells(page)
    fields = _print_fields(page, cells)
    # Forms are printed in black, grey or a pale colour.
    shade = generator.uniform(0.5, 0.95) if generator.random() < 0.6 else generator.uniform(0.25, 0.5)
    page.apply_ink(1 - shade)
    _shade_fields(page, cells, fields)
    return cells, fields


def draw_form(page: Page) -> None:
    """A form whose boxes are partly filled in."""
    generator = page.generator
    cells, fields = _print_form(page)
    room = min(cells.high * 0.96, cells.wide * 1.5 if cells.kind != "frame" else 9.0)
    size = min(1.0, room) * float(generator.choice([1.1, 1.0, 1.0, 0.8, 0.6]))
    numbers = Numbers(page, size=size)
    words = Words(page, size=size * 0.9)
    pitch = cells.wide + (cells.gap if cells.kind in ("apart", "lines") else 0)
    filled_share = float(generator.choice([1.0, 0.8, 0.5, 0.3]))
    leading_blanks = generator.random() < 0.5
    jitter = float(generator.uniform(0.02, 0.12))
    lift = -0.1 if cells.kind in ("comb", "ticks", "lines") else 0.0
    # The field in the middle is filled in first: there are digits in every scene.
    for index, field in enumerate(sorted(fields, key=lambda each: abs(each.y) + abs(each.x))):
        if len(page.labels) > 60 or (index and generator.random() > filled_share):
            continue
        if cells.kind == "frame":
            middle = field.x + field.count * cells.wide / 2
            count = int(generator.integers(1, field.count + 2))
            numbers.write("d" * count, middle + jitter * generator.normal(), field.y, align=0.5)
            continue
        if index and generator.random() < 0.06:
            words.write(field.x, field.y)
            continue
        count = int(generator.integers(1, field.count + 1))
        first = field.count - count if index and leading_blanks else 0
        for cell in range(first, first + count):
            x = field.x + cell * pitch + cells.wide / 2 + jitter * generator.normal()
            numbers.write("d", x, field.y + lift + jitter * generator.normal() * 0.7, align=0.5)


def draw_blank_form(page: Page) -> None:
    """A form that nobody has filled in."""
    generator = page.generator
    cells, fields = _print_form(page)
    if generator.random() < 0.3:
        words = Words(page, size=0.9)
        for field in fields:
            if generator.random() < 0.3 and field.count > 2:
                words.write(field.x, field.y)
    elif generator.random() < 0.4:
        _strike(page, cells, fields)


def _strike(page: Page, cells: _Cells, fields: list[_Field]) -> None:
    """Cross out fields, or tick them."""
    generator = page.generator
    marks: list[Segment] = []
    for field in fields:
        if generator.random() < 0.4:
            left, right = field.x, field.x + cells.wide
            top, bottom = field.y - cells.high / 2, field.y + cells.high / 2
            marks += [(left, top, right, bottom), (left, bottom, right, top)]
    draw_rules(page, marks, page.stroke)


def draw_blanks(page: Page) -> None:
    """Captions, each followed by something written, on a line or not."""
    generator = page.generator
    font = printing.random_font(page)
    size = float(generator.uniform(0.35, 1.0))
    leading = float(generator.uniform(1.5, 3))
    style = generator.integers(4)  # no lines, plain, dotted or dashed ones
    numbers, words = Numbers(page), Words(page, size=0.85)
    across, down = page.shape[1] / page.unit / 2 + 1, page.shape[0] / page.unit / 2 + 1
    lines: list[Segment] = []
    places: list[tuple[float, float, float]] = []
    for y in np.arange(-down - generator.uniform(0, leading), down, leading):
        x = -across + float(generator.uniform(-2, 1.5))
        while x < across:
            text = vocabulary.caption(generator)
            x += printing.print_text(page, font, text, x, float(y) + 0.4, size=size) + 0.3
            room = float(generator.uniform(1.5, 7))
            lines.append((x, float(y) + 0.5, x + room, float(y) + 0.5))
            places.append((x, float(y), room))
            x += room + float(generator.uniform(0.3, 1.5))
    if style:
        period = max(0.12, 3 / page.unit)
        dash = None if style == 1 else ((0.3 if style == 2 else 0.6) * period, period)
        draw_rules(page, lines, max(0.5, page.unit * generator.uniform(0.02, 0.1)), dash=dash)
    page.apply_ink(1 - max(0.35, random_contrast(generator, 2.0)))
    digits_share = float(generator.uniform(0.5, 1))
    nearest_first = sorted(places, key=lambda place: abs(place[0] + min(1.0, place[2] / 2)) + abs(place[1]))
    for index, (x, y, room) in enumerate(nearest_first):
        kind = generator.random() if index else 0.0
        if kind > 0.8 or len(page.labels) > 60:
            continue
        if kind < digits_share:
            count = int(generator.integers(1, max(2, int(room / 0.8)) + 1))
            text = "dd/dd/dd" if room > 4.5 and generator.random() < 0.4 else "d" * min(count, 7)
            numbers.write(text, x + 0.1, y)
        else:
            words.write(x + 0.1, y)
