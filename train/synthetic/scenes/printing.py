"""Printing: text on a page in one of the fonts, with a label for every digit.

A printed digit is labelled like a written one. A character that could be a digit on its own, such as O or l,
is to be ignored, unless it is part of a word of at least three letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import fonts
from train.synthetic.glyph_images import IGNORE, NOT_A_DIGIT, InkImage
from train.synthetic.scenes.page import LABELLED_SHARE, Page
from train.synthetic.writers import AMBIGUOUS

_AMBIGUOUS = AMBIGUOUS - frozenset("',`")  # too small to be read as digits
_INK = 90  # a pixel above this grey level belongs to the box of a character


def random_font(page: Page) -> str:
    """The file of a random font."""
    names = fonts.latin()
    return names[int(page.generator.integers(len(names)))]


def text_width(font: str, text: str, size: float) -> float:
    """The width of a text whose digits are `size` units high, in units."""
    return fonts.advance(font, text, 24) * size / 24


def print_text(
    page: Page, font: str, text: str, x: float, y: float, *, size: float, align: float = 0.0
) -> float:
    """Print a line of text with digits `size` units high, and return its width in units.

    y is that of the base line. x is where the text starts, or its middle with an `align` of 0.5, or its end
    with 1.
    """
    height = fonts.level(size * page.unit)
    scale = size / height
    width = fonts.advance(font, text, height) * scale
    start = x - align * width
    if not is_visible(page, start, y, width, size):
        return width
    for part, label in _parts(text):
        if part.strip():
            _press(page, fonts.print_line(font, part, height), height, start, y, scale, label)
        start += fonts.advance(font, part, height) * scale
    return width


def is_visible(page: Page, x: float, y: float, width: float, size: float) -> bool:
    """Whether any of a line from (x, y) on, whose digits are `size` units high, may lie within the page."""
    margin = 1.2 * size * page.unit
    start, end = page.place(x, y), page.place(x + width, y)
    low, high = np.minimum(start, end) - margin, np.maximum(start, end) + margin
    return bool(low[0] < page.shape[1] and low[1] < page.shape[0] and high[0] > 0 and high[1] > 0)


def _parts(text: str) -> Iterator[tuple[str, int]]:
    """Split a text into parts with one label each: digits, ambiguous characters, and all between them."""
    plain = ""
    for token in re.findall(r"\s+|\S+", text):
        word = sum(character.isalpha() for character in token) >= 3
        for character in token:
            digit = character in "0123456789"
            if digit or (character in _AMBIGUOUS and not word):
                if plain:
                    yield plain, NOT_A_DIGIT
                    plain = ""
                yield character, int(character) if digit else IGNORE
            else:
                plain += character
    if plain:
        yield plain, NOT_A_DIGIT


def _press(page: Page, line: InkImage, height: int, x: float, y: float, scale: float, label: int) -> None:
    """Put an image of `fonts.print_line` on the page, its base line starting at (x, y)."""
    place_rigid(page, line, fonts.origin(height), x, y, page.tilt * (scale * page.unit), label=label)


def place_rigid(
    page: Page,
    ink: InkImage,
    anchor: tuple[float, float],
    x: float,
    y: float,
    linear: NDArray[np.float64],
    *,
    label: int = NOT_A_DIGIT,
) -> None:
    """Put ink on the page as it is, its pixel `anchor` at (x, y): `Page.stamp` without the hand's variation.

    `linear`, float64 `(2, 2)`, maps the pixels of the ink to pixels of the image. Ink that it would make less
    than half as large should be shrunk before.
    """
    # Plain numbers: numpy takes longer for a few of them.
    (a, b), (c, d) = linear.tolist()
    (e, f), (rows, columns), (height, width) = page.place(x, y).tolist(), ink.shape, page.shape
    e, f = e - a * anchor[0] - b * anchor[1], f - c * anchor[0] - d * anchor[1]
    middle_x, middle_y = e + (a * columns + b * rows) / 2, f + (c * columns + d * rows) / 2
    reach_x, reach_y = (abs(a) * columns + abs(b) * rows) / 2, (abs(c) * columns + abs(d) * rows) / 2
    left, right = max(0, floor(middle_x - reach_x)), min(width, ceil(middle_x + reach_x))
    top, bottom = max(0, floor(middle_y - reach_y)), min(height, ceil(middle_y + reach_y))
    if left >= right or top >= bottom:
        return
    matrix = np.array([[a, b, e - left], [c, d, f - top]])
    inside = cv2.warpAffine(ink, matrix, (right - left, bottom - top))
    part = page.cover[top:bottom, left:right]
    np.maximum(part, inside * np.float32(1 / 255), out=part)
    if label == NOT_A_DIGIT:
        return
    strong = (inside > min(_INK, 0.35 * int(inside.max()))).astype(np.uint8)
    box_x, box_y, box_width, box_height = cv2.boundingRect(strong)
    if not box_width:
        return
    whole = float(cv2.sumElems(ink)[0]) * abs(a * d - b * c)
    cut_off = float(cv2.sumElems(inside)[0]) < LABELLED_SHARE * whole
    page.boxes.append((left + box_x, top + box_y, box_width, box_height))
    page.labels.append(IGNORE if cut_off else label)
