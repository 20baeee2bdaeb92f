"""Writing: numbers, words and signs by the page's writer, set side by side as a hand does."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import distractors, glyphs, strokes
from train.synthetic.glyph_images import GLYPH_HEIGHT, IGNORE, NOT_A_DIGIT, InkImage, crop_to_ink
from train.synthetic.scenes.page import Page
from train.synthetic.scenes.printing import is_visible, place_rigid
from train.synthetic.scenes.rules import draw_paths

_VARIATION = np.array([0.06, 0.07, 0.08, 0.05])  # of each glyph: turn, slant, width, height
_KEPT = 14  # digits, and letters, of each size that a page keeps: a writer's look alike
_SIGNS = {
    "x": glyphs.SYMBOLS["x"],
    "+": glyphs.SYMBOLS["+"],
    "=": glyphs.SYMBOLS["="],
    "-": glyphs.SYMBOLS["-"],
    ":": [[(0.1, 0.3), (0.12, 0.34)], [(0.1, 0.8), (0.12, 0.84)]],
    "/": [[(0.5, -0.15), (0.25, 0.5), (0.0, 1.15)]],
    "(": glyphs.SYMBOLS["("],
    ")": glyphs.SYMBOLS[")"],
    "$": [*glyphs.LETTERS["S"], [(0.36, -0.12), (0.32, 0.5), (0.28, 1.12)]],
    "%": [
        [(0.9, 0.0), (0.45, 0.5), (0.0, 1.0)],
        [(0.15, 0.05), (0.02, 0.2), (0.15, 0.36), (0.28, 0.2), (0.15, 0.05)],
        [(0.8, 0.64), (0.66, 0.8), (0.8, 0.96), (0.94, 0.8), (0.8, 0.64)],
    ],
    ".": [[(0.0, 0.0), (0.04, 0.06)]],
    ",": [[(0.1, 0.0), (0.1, 0.12), (0.0, 0.3)]],
}  # fmt: skip
_HEIGHTS = {"x": 0.5, "+": 0.55, "=": 0.5, "-": 0.45, ":": 0.6, "$": 1.15, ".": 0.1, ",": 0.26}


@dataclass(frozen=True)
class _Glyph:
    """A glyph at the size that it will have on the page; `width` and `height` in heights of a digit."""

    ink: InkImage
    label: int
    width: float
    height: float
    linear: NDArray[np.float64]  # from its pixels to shares of a digit's height


class Numbers:
    """Writes numbers on a page, all of them with one pen and one kind of spacing."""

    def __init__(self, page: Page, *, size: float = 1.0, gap: tuple[float, float] = (0.02, 0.35)) -> None:
        self._page, self._size = page, size
        generator = page.generator
        self._gap = float(generator.uniform(*gap))
        self._jitter = float(generator.uniform(0.01, 0.07))
        self._drift = 0.04 * float(generator.normal())
        self._pen = min(0.2, page.pen / size)
        self._joined = generator.random() < 0.35  # zeros in a chain
        self._kept: list[_Glyph] = []
        self._letters: list[_Glyph] = []

    def write(self, text: str, x: float, y: float, *, align: float = 0.0) -> float:
        """Write a number around the height y, and return its width in units.

        In `text`, "d" is any digit, "0" a zero, "a" any letter that does not look like a digit, and others
        are signs. x is where the number starts, or its middle with an `align` of 0.5, or its end with 1.
        """
        size = self._size
        likely = 0.85 * len(text) * size
        if not is_visible(self._page, x - align * likely, y, likely, size):
            return likely
        drawn = [self._draw(character) for character in text]
        gaps = (self._gap + 0.06 * self._page.generator.normal(size=len(drawn))).tolist()
        whole = (sum(glyph.width for glyph in drawn) + sum(gaps[:-1])) * size
        start = x - align * whole
        lifts = (self._jitter * self._page.generator.normal(size=len(drawn))).tolist()
        before: tuple[float, float] | None = None  # the top of the zero before
        for character, glyph, gap, lift in zip(text, drawn, gaps, lifts, strict=True):
            middle = start + glyph.width * size / 2
            down = y + lift * size + self._drift * (start - x)
            on_line = (1 - glyph.height) / 2 if character in ".,a" else 0.0
            self._put(glyph, middle, down + on_line * size)
            top = (middle, down - 0.45 * size) if glyph.label == 0 else None
            if self._joined and top and before:
                sag = ((top[0] + before[0]) / 2, (top[1] + before[1]) / 2 + 0.08 * size)
                draw_paths(self._page, [[before, sag, top]], 0.8 * self._page.stroke)
            before = top
            start += (glyph.width + gap) * size
        return whole

    def _put(self, glyph: _Glyph, x: float, y: float) -> None:
        """Write a glyph with its centre at (x, y), slightly turned, slanted and scaled."""
        turn, slant, wide, high = (self._page.generator.normal(size=4) * _VARIATION).tolist()
        varied = np.array([[1 + wide, slant - turn], [turn, 1 + high]])
        linear = self._page.tilt @ varied @ glyph.linear * (self._size * self._page.unit)
        rows, columns = glyph.ink.shape
        place_rigid(
            self._page, glyph.ink, ((columns - 1) / 2, (rows - 1) / 2), x, y, linear, label=glyph.label
        )

    def _draw(self, character: str) -> _Glyph:
        if character == "d":
            return self._digit()
        if character == "0":
            return self._zero()
        if character == "a":
            return self._letter()
        label = IGNORE if character == "/" else NOT_A_DIGIT
        return self._fit(_sign(character, _level(self._pen), int(self._page.generator.integers(8))), label)

    def _fit(self, ink: InkImage, label: int) -> _Glyph:
        """Shrink a glyph to its size on the page."""
        scale = self._size * self._page.unit / GLYPH_HEIGHT
        rows, columns = ink.shape
        if scale < 0.8:
            small = max(1, round(columns * scale)), max(1, round(rows * scale))
            ink = np.asarray(cv2.resize(ink, small, interpolation=cv2.INTER_AREA), np.uint8)
        sides = np.array([columns / ink.shape[1], rows / ink.shape[0]]) / GLYPH_HEIGHT
        return _Glyph(ink, label, columns / GLYPH_HEIGHT, rows / GLYPH_HEIGHT, np.diag(sides))

    def _digit(self) -> _Glyph:
        generator = self._page.generator
        if len(self._kept) < _KEPT:
            self._kept.append(self._fit(*self._page.writer.digit(generator, self._pen)))
            return self._kept[-1]
        return self._kept[int(generator.integers(len(self._kept)))]

    def _letter(self) -> _Glyph:
        generator = self._page.generator
        if len(self._letters) < _KEPT:
            self._letters.append(self._fit(self._page.writer.letter(generator, self._pen), NOT_A_DIGIT))
            return self._letters[-1]
        return self._letters[int(generator.integers(len(self._letters)))]

    def _zero(self) -> _Glyph:
        """A zero, or some other digit if the writer writes none soon."""
        for _ in range(12):
            zeros = [each for each in self._kept if each.label == 0]
            if zeros:
                return zeros[int(self._page.generator.integers(len(zeros)))]
            self._kept.append(self._fit(*self._page.writer.digit(self._page.generator, self._pen)))
        return self._kept[-1]


def _level(pen: float) -> float:
    """One of a few widths of the pen, for signs, which are kept for later pages."""
    return round((pen or 0.1) * 50) / 50


@functools.lru_cache(maxsize=2000)
def _sign(character: str, pen: float, variant: int) -> InkImage:
    """One of several drawings of a sign."""
    generator = np.random.default_rng((ord(character), round(1000 * pen), variant))
    height = _HEIGHTS.get(character, 1.0) * GLYPH_HEIGHT
    width = max(1.5, pen * GLYPH_HEIGHT)
    return crop_to_ink(
        strokes.draw(_SIGNS[character], generator, height=max(height, width + 2), pen=width, variation=1.2)
    )


class Words:
    """Writes words on a page, drawing only a few of them and repeating those."""

    def __init__(self, page: Page, *, size: float, kinds: int = 8) -> None:
        self._page, self._size, self._kinds = page, size, kinds
        self._pen = min(0.2, page.pen / size)
        self._cursive = page.generator.random() < 0.3
        self._kept: list[InkImage] = []

    def write(self, x: float, y: float) -> float:
        """Write a word that starts at x, around the height y, and return its width in units."""
        if not is_visible(self._page, x, y, 4 * self._size, self._size):
            return 3 * self._size
        word = self.choose()
        write_row(self._page, [(word, x, 0.0)], y, size=self._size)
        return word.shape[1] / GLYPH_HEIGHT * self._size

    def choose(self) -> InkImage:
        """A new word, or one that was written before."""
        generator = self._page.generator
        if len(self._kept) < self._kinds:
            self._kept.append(self._draw(int(generator.integers(1, 9))))
        return self._kept[int(generator.integers(len(self._kept)))]

    def _draw(self, count: int) -> InkImage:
        generator, writer = self._page.generator, self._page.writer
        if count < 3:  # in short words, a letter that looks like a digit would be ambiguous
            return writer.letter(generator, self._pen)
        if self._cursive:
            return distractors.cursive(generator, self._pen, count)
        return writer.word(generator, self._pen, count)


def write_row(page: Page, row: list[tuple[InkImage, float, float]], y: float, *, size: float) -> None:
    """Write glyphs or words, capitals `size` units high, in a row around the height y.

    `row` has their ink, the x of their left edges, and how far below y their middles are. They are put on the
    page as a single image: many times faster than `Page.stamp`, but without its variation.
    """
    scale = size / GLYPH_HEIGHT  # units per pixel of the ink
    left = min(x for _, x, _ in row)
    right = max(x + ink.shape[1] * scale for ink, x, _ in row)
    middle = GLYPH_HEIGHT
    image = np.zeros((2 * middle, round((right - left) / scale) + 1), np.uint8)
    for ink, x, below in row:
        top, column = middle - ink.shape[0] // 2 + round(below / scale), round((x - left) / scale)
        ink = ink[max(0, -top) :]
        part = image[max(0, top) : max(0, top) + ink.shape[0], column : column + ink.shape[1]]
        np.maximum(part, ink[: part.shape[0], : part.shape[1]], out=part)
    height, width = image.shape
    shrink = min(1.0, scale * page.unit)
    if shrink < 0.8:
        small = max(1, round(width * shrink)), max(1, round(height * shrink))
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
    sides = np.diag([width / image.shape[1], height / image.shape[0]])
    linear = page.tilt @ sides * (scale * page.unit)
    place_rigid(page, image, (0, image.shape[0] / 2), left, y, linear)


def sign(page: Page, character: str, x: float, y: float, *, size: float = 1.0) -> None:
    """Write one of the signs + - x = / ( ) $ % with its centre at (x, y)."""
    label = IGNORE if character == "/" else NOT_A_DIGIT
    glyph = _sign(character, _level(page.pen), int(page.generator.integers(8)))
    page.stamp(glyph, x, y, size=size, label=label)


def number_pattern(generator: np.random.Generator, digits: int) -> str:
    """A number of so many digits for `Numbers.write`: often round, with a decimal point or commas."""
    kind = generator.random()
    if digits >= 3 and kind < 0.2:
        return "d" * (digits - 2) + "00"
    if digits >= 2 and kind < 0.3:
        return "d" + "0" * (digits - 1)
    if digits >= 3 and kind < 0.5:
        return "d" * (digits - 2) + ".,"[int(generator.integers(2))] + "dd"
    if digits >= 4 and kind < 0.6:
        return "d" * (digits - 3) + ",ddd"
    return "d" * digits
