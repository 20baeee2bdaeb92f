"""Tables: ledgers, lists of amounts, score sheets and worksheets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.synthetic import vocabulary
from train.synthetic.scenes import printing
from train.synthetic.scenes.page import Page, random_contrast
from train.synthetic.scenes.rules import Segment, draw_rules, fill
from train.synthetic.scenes.writing import Numbers, Words, number_pattern, sign


@dataclass(frozen=True)
class _Grid:
    """A table on the page: heights of its horizontal rules, and places of its vertical ones, in units."""

    rows: list[float]
    columns: list[float]


def extent(page: Page) -> tuple[float, float]:
    """Half the width and half the height of the page in units, with a margin for its tilt."""
    return page.shape[1] / page.unit / 2 + 1.0, page.shape[0] / page.unit / 2 + 1.0


def _random_grid(page: Page, wide: tuple[float, float]) -> _Grid:
    generator = page.generator
    across, down = extent(page)
    leading = float(np.exp(generator.uniform(np.log(1.1), np.log(2.3))))
    rows = np.arange(-down - generator.uniform(0, leading), down + leading, leading).tolist()
    usual = float(np.exp(generator.uniform(*np.log(wide))))
    varied = generator.random() < 0.5
    columns = [-across - float(generator.uniform(0, usual))]
    while columns[-1] < across:
        factor = float(np.exp(generator.uniform(-0.6, 0.7))) if varied else 1.0
        columns.append(columns[-1] + max(0.9, usual * factor))
    # Most tables have an edge within some of the windows.
    if generator.random() < 0.25:
        columns = columns[int(generator.integers(1, max(2, len(columns) // 2))) :]
    if generator.random() < 0.25:
        rows = rows[int(generator.integers(1, max(2, len(rows) // 2))) :]
    return _Grid(rows, columns)


def _draw_grid(page: Page, grid: _Grid) -> None:
    """Rules in both directions, or one, of any strength; some are double or missing."""
    generator = page.generator
    kind = generator.random()
    width = max(0.5, page.unit * float(np.exp(generator.uniform(np.log(0.015), np.log(0.13)))))
    left, right, top, bottom = grid.columns[0], grid.columns[-1], grid.rows[0], grid.rows[-1]
    thin: list[Segment] = []
    thick: list[Segment] = []
    every = int(generator.choice([0, 0, 0, 3, 5]))
    double = float(generator.choice([0.0, 0.0, 0.12, 0.3]))
    if kind < 0.85:
        for index, y in enumerate(grid.rows):
            (thick if every and index % every == 0 else thin).append((left, y, right, y))
    if kind < 0.7 or kind > 0.85:
        for index, x in enumerate(grid.columns):
            (thick if every and index % every == 1 else thin).append((x, top, x, bottom))
            if double and generator.random() < 0.4:
                thin.append((x + double, top, x + double, bottom))
    dotted = generator.random() < 0.1
    period = max(0.15, 3 / page.unit)
    draw_rules(page, thin, width, dash=(0.35 * period, period) if dotted else None)
    draw_rules(page, thick, width * float(generator.uniform(1.5, 4)))


def _print_cells(page: Page, grid: _Grid) -> set[tuple[int, int]]:
    """Print a header row, a first column and some numbers; return the rows and columns of these cells."""
    generator = page.generator
    font, size = printing.random_font(page), float(generator.uniform(0.4, 0.95))
    taken: set[tuple[int, int]] = set()
    header = int(generator.integers(len(grid.rows))) if generator.random() < 0.35 else -1
    # Words or row numbers; with a number in every cell the table is a printed one.
    first = int(generator.integers(len(grid.columns))) if generator.random() < 0.45 else -1
    counted = generator.random() < 0.5
    share = float(generator.choice([0.0, 0.0, 0.0, 0.1, 0.8]))
    count = int(generator.integers(1, 40))
    for row, (top, bottom) in enumerate(zip(grid.rows[:-1], grid.rows[1:], strict=True)):
        base = (top + bottom) / 2 + size / 2
        for column, (left, right) in enumerate(zip(grid.columns[:-1], grid.columns[1:], strict=True)):
            text = ""
            if row == header:
                text = vocabulary.caption(generator)
            elif column == first:
                text = (
                    f"{count + row}{'.' if count % 2 else ''}" if counted else vocabulary.caption(generator)
                )
            elif generator.random() < share:
                text = str(int(10 ** generator.uniform(0, 3.5)))
            fitting = min(1.0, (right - left) / max(0.1, printing.text_width(font, text, size)))
            if text and size * fitting > 0.3 and len(page.labels) < 60:
                taken.add((row, column))
                x = left + 0.15 if column == first else (left + right) / 2
                align = 0.0 if column == first else 0.5
                printing.print_text(page, font, text, x, base, size=size * fitting, align=align)
    return taken


def _shade_cells(page: Page, grid: _Grid) -> None:
    """Fill a row or a few cells with grey, or black."""
    generator = page.generator
    if generator.random() < 0.7:
        return
    row = int(generator.integers(len(grid.rows) - 1)) if len(grid.rows) > 1 else 0
    top, bottom = grid.rows[row], grid.rows[min(row + 1, len(grid.rows) - 1)]
    left, right = grid.columns[0], grid.columns[-1]
    if generator.random() < 0.4 and len(grid.columns) > 1:
        column = int(generator.integers(len(grid.columns) - 1))
        left, right = grid.columns[column], grid.columns[column + 1]
    fill(page, left, top, right, bottom)
    page.apply_ink(1 - generator.uniform(0.05, 0.4))


def _print_table(page: Page, wide: tuple[float, float]) -> tuple[_Grid, set[tuple[int, int]]]:
    generator = page.generator
    grid = _random_grid(page, wide)
    _shade_cells(page, grid)
    taken = _print_cells(page, grid)
    shade = generator.uniform(0.4, 0.95)
    if generator.random() < 0.5:  # text and rules of different inks
        page.apply_ink(1 - shade)
        shade = generator.uniform(0.15, 0.95)
    _draw_grid(page, grid)
    page.apply_ink(1 - shade)
    return grid, taken


def draw_table(page: Page) -> None:
    """A table or ledger with a number, a word or nothing in each cell."""
    generator = page.generator
    grid, taken = _print_table(page, (1.2, 6))
    size = min(1.0, 0.95 * (grid.rows[1] - grid.rows[0]) if len(grid.rows) > 1 else 1.0)
    size *= float(generator.choice([1.0, 0.9, 0.75]))
    numbers, words = Numbers(page, size=size), Words(page, size=0.8 * size)
    empty, wordy = float(generator.choice([0.05, 0.3, 0.6])), float(generator.choice([0.0, 0.1, 0.3]))
    align = float(generator.choice([0.5, 1.0, 1.0]))
    longest = int(generator.integers(1, 6))
    jitter = float(generator.uniform(0.0, 0.08))
    for index, (left, right, middle) in enumerate(_free_cells(grid, taken)):
        if len(page.labels) > 60 or (index and generator.random() < empty):
            continue
        y = middle + jitter * generator.normal()
        kind = generator.random() if index else 1.0
        if kind < wordy:
            words.write(left + 0.1, y)
        elif kind < wordy + 0.04:
            sign(page, "-", (left + right) / 2, y, size=size)
        else:
            room = max(1, int((right - left) / (0.75 * size)))
            text = number_pattern(generator, int(generator.integers(1, min(room, longest) + 1)))
            x = (left + right) / 2 if align == 0.5 else right - 0.15
            numbers.write(text, x + jitter * generator.normal(), y, align=align)


def _free_cells(grid: _Grid, taken: set[tuple[int, int]]) -> list[tuple[float, float, float]]:
    """Left and right sides and middle height of the cells that are not taken, those near the middle first."""
    cells = [
        (left, right, (top + bottom) / 2)
        for row, (top, bottom) in enumerate(zip(grid.rows[:-1], grid.rows[1:], strict=True))
        for column, (left, right) in enumerate(zip(grid.columns[:-1], grid.columns[1:], strict=True))
        if (row, column) not in taken
    ]
    return sorted(cells, key=lambda cell: abs(cell[0] + cell[1]) / 2 + abs(cell[2]))


def draw_blank_table(page: Page) -> None:
    """A table in which nothing is written but words."""
    generator = page.generator
    grid = _random_grid(page, (1.0, 6))
    _shade_cells(page, grid)
    _draw_grid(page, grid)
    font, size = printing.random_font(page), float(generator.uniform(0.4, 0.95))
    words = Words(page, size=0.8)
    kept = float(generator.choice([0.0, 0.2, 0.7]))
    by_hand = generator.random() < 0.3
    for top, bottom in zip(grid.rows[:-1], grid.rows[1:], strict=True):
        for left in grid.columns[:-1]:
            if generator.random() < kept:
                if by_hand:
                    words.write(left + 0.1, (top + bottom) / 2)
                else:
                    text = vocabulary.caption(generator)
                    printing.print_text(
                        page, font, text, left + 0.15, (top + bottom) / 2 + size / 2, size=size
                    )


def draw_amounts(page: Page) -> None:
    """Lists of numbers, one below the other, whose digits touch and overlap."""
    generator = page.generator
    across, down = extent(page)
    numbers = Numbers(page, gap=(-0.16, 0.12))
    leading = float(generator.uniform(1.15, 2.2))
    pitch = float(generator.uniform(3.5, 8))
    currency = str(generator.choice(["", "", "$", "£", "€"]))
    font = printing.random_font(page)
    longest = int(generator.integers(2, 7))
    right_aligned = generator.random() < 0.75
    lines: list[Segment] = []
    # One of the numbers ends within the page, and one of the rows runs through it.
    first = float(generator.uniform(-0.2, 0.8)) * (across - 1.0)
    middle = float(generator.uniform(-0.6, 0.6)) * (down - 1.0)
    rights = [first + index * pitch for index in range(-int(2 * across / pitch), int(2 * across / pitch) + 1)]
    for right in sorted(rights, key=abs):
        for y in middle + leading * np.arange(-int(2 * down / leading), int(2 * down / leading) + 1):
            if generator.random() < 0.06 or len(page.labels) > 60:
                continue
            text = number_pattern(generator, int(generator.integers(2, longest + 1)))
            x = right + 0.08 * generator.normal() + (0 if right_aligned else generator.normal())
            width = numbers.write(text, x, float(y), align=1.0)
            if currency == "$":
                sign(page, "$", x - width - 0.5, float(y), size=1.1)
            elif currency:
                printing.print_text(
                    page, font, currency, x - width - 0.3, float(y) + 0.45, size=0.9, align=1.0
                )
            if generator.random() < 0.12:  # a total below the line
                end, tilt = x + 0.2, 0.1 * generator.normal()
                lines.append((end - width - 0.6, float(y) + 0.62 + tilt, end, float(y) + 0.62))
                if generator.random() < 0.4:
                    lines.append((end - width - 0.6, float(y) + 0.78 + tilt, end, float(y) + 0.78))
    draw_rules(page, lines, page.stroke)


def draw_scores(page: Page) -> None:
    """A score sheet: narrow cells with one to three digits, some of them negative, beside printed names."""
    generator = page.generator
    grid, taken = _print_table(page, (1.3, 2.6))
    numbers = Numbers(page, gap=(-0.05, 0.2))
    small = Numbers(page, size=0.55, gap=(0.0, 0.2))
    leading = grid.rows[1] - grid.rows[0] if len(grid.rows) > 1 else 1.0
    for index, (left, right, y) in enumerate(_free_cells(grid, taken)):
        if len(page.labels) > 60 or (index and generator.random() < 0.12):
            continue
        x = (left + right) / 2 + 0.06 * generator.normal()
        kind = generator.random()
        if index and kind < 0.06:
            sign(page, str(generator.choice(["x", "-", "+"])), x, y, size=0.7)
        elif kind < 0.14 and leading > 1.5:  # strokes of a hole, sets of a match
            small.write("d", right - 0.1, y + 0.4 - leading / 2, align=1.0)
            numbers.write("d", x - 0.15, y + 0.1, align=0.5)
        else:
            text = "-" * (generator.random() < 0.08) + "d" * int(generator.choice([1, 1, 1, 2, 2, 3]))
            fitting = text if right - left > 0.75 * len(text) else "d"
            numbers.write(fitting, x, y, align=0.5)


def draw_worksheet(page: Page) -> None:
    """Printed problems, some with a written answer."""
    generator = page.generator
    across, down = extent(page)
    font, size = printing.random_font(page), float(generator.uniform(0.6, 1.1))
    numbers = Numbers(page, size=float(generator.uniform(0.8, 1.1)))
    leading, pitch = float(generator.uniform(1.6, 3)), float(generator.uniform(5, 9))
    sums = generator.random() < 0.3  # one number below the other
    answers: list[tuple[float, float, str, float]] = []
    lines: list[Segment] = []
    for row, y in enumerate(np.arange(-down - generator.uniform(0, leading), down, leading)):
        for x in np.arange(-across - generator.uniform(0, pitch), across, pitch):
            top, bottom = (int(10 ** generator.uniform(0, 2.6)) for _ in range(2))
            operator = "+-×÷=·:"[int(generator.integers(7))]
            if len(page.labels) > 60:
                continue
            if sums and row % 3 < 2:
                text = str(top) if row % 3 == 0 else f"{operator} {bottom}"
                printing.print_text(page, font, text, x + 3, float(y) + size / 2, size=size, align=1.0)
                if row % 3 == 1:
                    lines.append((x + 1, float(y) + 0.75, x + 3.2, float(y) + 0.75))
            elif sums:
                answers.append((x + 3, float(y), "ddd"[: int(generator.integers(1, 4))], 1.0))
            else:
                text = f"{top} {operator} {bottom} ="
                if generator.random() < 0.3:
                    text = f"{row + 1}) {text}"
                width = printing.print_text(page, font, text, x, float(y) + size / 2, size=size)
                answers.append((x + width + 0.3, float(y), "d" * int(generator.integers(1, 4)), 0.0))
    draw_rules(page, lines, max(0.6, 0.05 * page.unit))
    page.apply_ink(1 - max(0.4, random_contrast(generator, 2.0)))
    answered = float(generator.uniform(0.5, 1))
    for x, y, text, align in answers:
        if generator.random() < answered and len(page.labels) < 80:
            numbers.write(text, x, y, align=align)


def draw_workings(page: Page) -> None:
    """Written sums: operators, brackets, fractions and superscripts."""
    generator = page.generator
    across, down = extent(page)
    numbers, small = (
        Numbers(page, gap=(-0.05, 0.25)),
        Numbers(page, size=float(generator.uniform(0.45, 0.65))),
    )
    leading = float(generator.uniform(1.5, 2.6))
    for y in np.arange(-down - generator.uniform(0, leading), down, leading).tolist():
        x = -across + float(generator.uniform(-1, 2))
        while x < across and len(page.labels) < 70:
            kind = generator.random()
            if kind < 0.15 and leading > 2:
                above = small.write("dd"[: int(generator.integers(1, 3))], x + 0.1, y - 0.5)
                below = small.write("dd"[: int(generator.integers(1, 3))], x + 0.1, y + 0.5)
                length = max(above, below) + 0.2
                page.lines([(x, y), (x + length, y + 0.05 * float(generator.normal()))], width=page.stroke)
                x += length + 0.3
            elif kind < 0.25:
                x += numbers.write("(dd)", x, y) + 0.2
            else:
                x += numbers.write("ddd"[: int(generator.integers(1, 4))], x, y) + 0.1
                if generator.random() < 0.25:
                    x += small.write("d", x, y - 0.55) + 0.1
            operator = "+-x=/:"[int(generator.integers(6))]
            sign(page, operator, x + 0.45, y, size=float(generator.uniform(0.8, 1.1)))
            x += 1.1
