"""Texts: pages of writing and of print in many scripts, addresses and labels."""

from __future__ import annotations

import numpy as np

from train.synthetic import distractors, vocabulary
from train.synthetic.glyph_images import GLYPH_HEIGHT
from train.synthetic.scenes import printing
from train.synthetic.scenes.graphics import ignore
from train.synthetic.scenes.page import Page, random_contrast
from train.synthetic.scenes.rules import draw_rules
from train.synthetic.scenes.tables import extent
from train.synthetic.scenes.writing import Numbers, Words, write_row

_SMALLEST = 6.0  # px: the height of capitals in dense text

# "a" is a letter and "d" a digit.
_CODES = (
    "ad",
    "aad",
    "axad",
    "add",
    "ada",
    "aaadd",
    "dda",
    "da",
    "dd-aa",
    "(d)",
    "(dd)",
    "a(d)",
    "d(a-d)",
    "da+d",
    "a=dd",
)


def draw_handwriting(page: Page) -> None:
    """A page full of handwritten words, line close to line."""
    generator = page.generator
    across, down = extent(page)
    size = max(_SMALLEST / page.unit, float(np.exp(generator.uniform(np.log(0.45), np.log(1.3)))))
    words = Words(page, size=size, kinds=10)
    leading = size * float(generator.uniform(0.9, 1.9))
    space = size * float(generator.uniform(0.15, 0.6))
    slope, jitter = 0.03 * float(generator.normal()), size * float(generator.uniform(0.02, 0.06))
    for y in np.arange(-down - generator.uniform(0, leading), down, leading).tolist():
        x = -across - float(generator.uniform(0, 3))
        if generator.random() < 0.1:
            x += float(generator.uniform(0, across))
        row = []
        while x < across:
            word = words.choose()
            row.append((word, x, slope * x + jitter * float(generator.normal())))
            x += word.shape[1] / GLYPH_HEIGHT * size + space
        write_row(page, row, y, size=size)


def draw_print(page: Page) -> None:
    """Running text in print, with headings, and single letters here and there."""
    generator = page.generator
    across, down = extent(page)
    font, size = printing.random_font(page), float(np.exp(generator.uniform(np.log(0.4), np.log(1.4))))
    size = max(_SMALLEST / page.unit, size)
    leading = size * float(generator.uniform(1.45, 2.3))
    spaced = generator.random() < 0.2
    margin = float(generator.uniform(-across, across * 0.4)) if generator.random() < 0.3 else -across - 2
    for y in np.arange(-down - generator.uniform(0, leading), down, leading).tolist():
        if generator.random() < 0.07:
            font = printing.random_font(page)
        if generator.random() < 0.07:
            continue
        count = int((across - margin) / (1.5 * size)) + 2
        text = vocabulary.caption(generator) if spaced else vocabulary.prose(generator, count)
        printing.print_text(page, font, text, margin - 0.2 * float(generator.random()), y, size=size)
        if spaced:
            x = margin + printing.text_width(font, text, size) + float(generator.uniform(1, 4))
            printing.print_text(page, font, vocabulary.caption(generator), x, y, size=size)


def draw_foreign(page: Page) -> None:
    """Rows of characters of one script other than Latin, mostly by hand."""
    generator = page.generator
    across, down = extent(page)
    script = list(distractors.SCRIPTS)[
        int(generator.choice(9, p=[0.1, 0.12, 0.07, 0.07, 0.04, 0.04, 0.26, 0.18, 0.12]))
    ]
    clear, alike = distractors.SCRIPTS[script], distractors.LOOKALIKES.get(script, ("", ""))
    characters = clear + alike[0] + alike[1]
    by_hand = generator.random() < 0.75
    size = max(_SMALLEST / page.unit, float(generator.uniform(0.6, 1.1)))
    pen = min(0.15, page.pen / size)
    pitch = size * float(generator.choice([1.0, 1.15, 1.5, 2.2]))
    leading = size * float(generator.uniform(1.15, 2.4))
    spaces = float(generator.choice([0.0, 0.15]))
    jitter = size * float(generator.uniform(0.0, 0.08))
    for y in np.arange(-down - generator.uniform(0, leading), down, leading).tolist():
        row = []
        for x in np.arange(-across - generator.uniform(0, pitch), across, pitch).tolist():
            if generator.random() < spaces:
                continue
            character = characters[int(generator.integers(len(characters)))]
            glyph = (
                distractors.write_foreign(script, character, generator, pen)
                if by_hand
                else distractors.print_foreign(script, character)
            )
            row.append((glyph, x, jitter * float(generator.normal())))
            if character in alike[1]:
                high, wide = np.array(glyph.shape) * size / GLYPH_HEIGHT
                ignore(page, [(x, y - high / 2), (x + float(wide), y + high / 2)])
        if row:
            write_row(page, row, y, size=size)


def draw_address(page: Page) -> None:
    """Addresses and notes: words and numbers by hand, on lines, dots or plain paper."""
    generator = page.generator
    across, down = extent(page)
    numbers, words = Numbers(page, size=float(generator.uniform(0.8, 1.1))), Words(page, size=0.9, kinds=5)
    leading = float(generator.uniform(1.2, 2.2))
    style = int(generator.integers(4))  # plain paper, lines, dots or dashes
    font, size = printing.random_font(page), float(generator.uniform(0.35, 0.7))
    heights = np.arange(-down - generator.uniform(0, leading), down, leading).tolist()
    if style:
        period = max(0.15, 3 / page.unit)
        dash = None if style == 1 else ((0.3 if style == 2 else 0.6) * period, period)
        lines = [(-across, y + 0.52, across, y + 0.52) for y in heights]
        draw_rules(page, lines, max(0.5, page.unit * generator.uniform(0.02, 0.09)), dash=dash)
    if generator.random() < 0.4:
        for y in heights:
            printing.print_text(
                page,
                font,
                vocabulary.caption(generator),
                float(generator.uniform(-across, across)),
                y + 0.5,
                size=size,
            )
    page.apply_ink(1 - max(0.3, random_contrast(generator, 2.0)))
    share = float(generator.uniform(0.25, 0.6))
    for y in heights:
        x = -across - float(generator.uniform(0, 2))
        while x < across and len(page.labels) < 60:
            if generator.random() < share:
                text = str(
                    generator.choice(
                        ["d", "dd", "ddd", "ddddd", "dddd dd".replace(" ", "-"), "d/d", "dd.dd.dd"]
                    )
                )
                x += numbers.write(text, x, y) + 0.4
            else:
                x += words.write(x, y) + 0.35


def draw_labels(page: Page) -> None:
    """Printed captions with printed numbers, as on tickets, packages and meters, and some written ones."""
    generator = page.generator
    across, down = extent(page)
    leading = float(generator.uniform(1.3, 2.6))
    by_hand = generator.random() < 0.4
    numbers = Numbers(page)
    written: list[tuple[str, float, float]] = []
    font = printing.random_font(page)
    size = float(generator.uniform(0.4, 0.9))
    for y in np.arange(-down - generator.uniform(0, leading), down, leading).tolist():
        x = -across - float(generator.uniform(0, 4))
        while x < across and len(page.labels) < 60:
            if generator.random() < 0.7:
                x += printing.print_text(page, font, vocabulary.caption(generator), x, y, size=size) + 0.4
            if generator.random() < 0.12:
                font = printing.random_font(page)
            digits = "".join(str(each) for each in generator.integers(0, 10, int(generator.integers(1, 8))))
            if by_hand and generator.random() < 0.5:
                written.append((digits, x, y - 0.5))
                x += 0.9 * len(digits)
            else:
                text = _printed_number(generator, digits)
                x += printing.print_text(
                    page, font, text, x, y, size=float(generator.choice([1.0, 1.0, size]))
                )
            x += float(generator.uniform(0.5, 2))
    page.apply_ink(1 - max(0.35, random_contrast(generator, 2.0)))
    for digits, x, y in written:
        numbers.write("d" * len(digits), x, y)


def _printed_number(generator: np.random.Generator, digits: str) -> str:
    """A number as it is printed: plain, with a separator, a currency or a letter beside it."""
    kind = generator.random()
    if kind < 0.5 or len(digits) < 2:
        return digits
    middle = int(generator.integers(1, len(digits)))
    if kind < 0.8:
        return digits[:middle] + str(generator.choice([".", ",", "-", "/", ":", " "])) + digits[middle:]
    return str(generator.choice(["$", "€ ", "#", "A", "No. ", "(", "K"])) + digits


def draw_codes(page: Page) -> None:
    """Letters and digits side by side, by hand and in print: part numbers, chess moves, seats, formulas."""
    generator = page.generator
    across, down = extent(page)
    numbers = Numbers(page, gap=(0.05, 0.5))
    leading = float(generator.uniform(1.3, 2.6))
    space = float(generator.uniform(0.6, 2.5))
    printed = generator.random() < 0.3
    font, size = printing.random_font(page), float(generator.uniform(0.7, 1.0))
    chosen = generator.choice(_CODES, 3)  # a page has few kinds of codes
    heights = np.arange(-down - generator.uniform(0, leading), down, leading).tolist()
    if generator.random() < 0.5:
        lines = [(-across, y + 0.6 * leading, across, y + 0.6 * leading) for y in heights]
        draw_rules(page, lines, max(0.5, page.unit * generator.uniform(0.02, 0.09)))
    page.apply_ink(1 - max(0.3, random_contrast(generator, 2.0)))
    for y in heights:
        x = -across - float(generator.uniform(0, 2))
        while x < across and len(page.labels) < 70:
            code = str(chosen[int(generator.integers(len(chosen)))])
            if printed:
                text = "".join(_printed_character(generator, character) for character in code)
                x += printing.print_text(page, font, text, x, y + 0.5, size=size) + space
            else:
                x += numbers.write(code, x, y) + space


def _printed_character(generator: np.random.Generator, character: str) -> str:
    """A digit for "d", a letter for "a", and everything else as it is."""
    if character == "d":
        return str(generator.integers(10))
    letters = "ABCDEFGHKLMNPQRTUVWXYabcdefhkmnpqrtuvwxy"
    return letters[int(generator.integers(len(letters)))] if character == "a" else character


def draw_sizes(page: Page) -> None:
    """Large and small digits side by side, dates, and times."""
    generator = page.generator
    across, down = extent(page)
    large = Numbers(page)
    small = Numbers(page, size=float(generator.uniform(0.35, 0.6)))
    leading = float(generator.uniform(1.4, 3))
    dates = generator.random() < 0.5
    patterns = ["dd/d/dd", "d/d/dd", "dd-dd-dd", "dd.dd.dd", "dd:dd", "dd/dd/dddd", "d.d.dd"]
    for y in np.arange(-down - generator.uniform(0, leading), down, leading).tolist():
        x = -across - float(generator.uniform(0, 3))
        while x < across and len(page.labels) < 70:
            if dates:
                numbers = small if generator.random() < 0.2 else large
                x += numbers.write(patterns[int(generator.integers(len(patterns)))], x, y)
                x += float(generator.uniform(0.5, 3))
                continue
            x += large.write("ddd"[: int(generator.integers(1, 4))], x, y)
            for _ in range(int(generator.integers(0, 3))):
                small.write(
                    "dd"[: int(generator.integers(1, 3))], x + 0.1, y + float(generator.uniform(-0.7, 0.7))
                )
                x += float(generator.uniform(0.4, 1.2))
            x += float(generator.uniform(0.2, 1.5))
