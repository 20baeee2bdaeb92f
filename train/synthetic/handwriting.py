"""Ink of single marks: digits in any pen, letters by hand and in print, signs, scribbles.

A mark is ink on black, `uint8 (H, W)`, trimmed to its ink, 255 where the pen went, about `MARK_HEIGHT` px
high. Digits are MNIST's, written anew with another pen, and the project's own strokes.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import glyphs, strokes

MARK_HEIGHT = 64

NONE, DOUBTFUL = -2, -1  # instead of a digit's value: none, and what could be one

Mark = NDArray[np.uint8]

_MNIST_SCALE = 3

_STROKE_DRAWN = 0.35  # share of digits that are the project's own strokes, not MNIST's

_STYLED = 0.7  # of those, the share in a style that MNIST lacks

_GLYPH_SIZE = 80


class Handwriting:
    """Where marks come from: `tiles` uint8 `[N, 28, 28]` with `labels` int `[N]` in 0..9 are MNIST's.

    Drawing a mark takes far longer than writing it onto a page, so that each is drawn once and kept: a pen
    has one of `_PENS` widths and writes one of `_POOL` digits, letters and signs, which only their number and
    `hand` decide. Splits that must not share a mark are written by different hands.
    """

    def __init__(self, tiles: NDArray[np.uint8], labels: NDArray[np.int64], hand: Sequence[int]) -> None:
        self._tiles, self._labels, self._hand = tiles, labels, tuple(hand)
        self._drawn: dict[tuple[str, int, int], tuple[Mark, int]] = {}

    def digit(self, generator: np.random.Generator, pen: float) -> tuple[Mark, int]:
        """A digit and its value; `pen` is the stroke's width as a share of the height, 0 for MNIST's own."""
        return self._find("digit", generator, pen)

    def letter(self, generator: np.random.Generator, pen: float) -> Mark:
        """A handwritten letter."""
        return self._find("letter", generator, pen)[0]

    def operator(self, generator: np.random.Generator, pen: float) -> tuple[Mark, int]:
        """A handwritten sign: + - x / = and the like; `DOUBTFUL` goes with one that may be a leaning 1."""
        return self._find("operator", generator, pen)

    def _find(self, kind: str, generator: np.random.Generator, pen: float) -> tuple[Mark, int]:
        level = int(np.searchsorted(_PENS, pen))
        key = kind, level, int(generator.integers(_POOL[kind]))
        if key not in self._drawn:
            own = np.random.default_rng([list(_POOL).index(kind), *key[1:], *self._hand])
            self._drawn[key] = getattr(self, f"_draw_{kind}")(own, float(_PENS[level]))
        return self._drawn[key]

    def _draw_digit(self, generator: np.random.Generator, pen: float) -> tuple[Mark, int]:
        if generator.random() < _STROKE_DRAWN:
            value = int(generator.integers(10))
            styles = glyphs.STYLES[value]
            styled = generator.random() < _STYLED
            pattern = styles[generator.integers(len(styles))] if styled else glyphs.STROKES[value]
            return _drawn(pattern, generator, pen), value
        index = int(generator.integers(len(self._labels)))
        return from_tile(self._tiles[index], generator, pen), int(self._labels[index])

    def _draw_letter(self, generator: np.random.Generator, pen: float) -> tuple[Mark, int]:
        names = list(glyphs.LETTERS)
        return _drawn(glyphs.LETTERS[names[generator.integers(len(names))]], generator, pen), NONE

    def _draw_operator(self, generator: np.random.Generator, pen: float) -> tuple[Mark, int]:
        names = list(glyphs.OPERATORS)
        # The first five are what stands between digits.
        chosen = names[generator.integers(5 if generator.random() < 0.6 else len(names))]
        label = DOUBTFUL if chosen in _LIKE_ONE else NONE
        return _drawn(glyphs.OPERATORS[chosen], generator, pen), label


_LIKE_ONE = ("/", "(", ")", "!")

_PENS = np.array([0, *np.exp(np.linspace(np.log(0.025), np.log(0.2), 12))])

_POOL = {"digit": 4000, "letter": 800, "operator": 400}


def from_tile(tile: NDArray[np.uint8], generator: np.random.Generator, pen: float) -> Mark:
    """Enlarge an MNIST digit, and write it anew along its middle line where `pen` is given."""
    large = cv2.resize(tile, None, fx=_MNIST_SCALE, fy=_MNIST_SCALE, interpolation=cv2.INTER_CUBIC)
    large = cv2.copyMakeBorder(large, 12, 12, 12, 12, cv2.BORDER_CONSTANT)
    if not pen:
        edge = generator.uniform(70, 170)
        soft = cv2.GaussianBlur(large, (0, 0), 1.2).astype(np.float32)
        return trim(np.clip((soft - edge) * 4 + 128, 0, 255).astype(np.uint8))
    from skimage.morphology import skeletonize  # a second to import, for those who draw scenes alone

    middle = skeletonize(cv2.GaussianBlur(large, (0, 0), 1.5) > 110)
    return trim(_written(middle.astype(np.uint8) * 255, pen * MARK_HEIGHT, generator))


def _written(line: NDArray[np.uint8], width: float, generator: np.random.Generator) -> Mark:
    """Widen a line of 1 px to a pen's stroke."""
    size = max(1, round(width))
    # A broad nib writes some directions broader than others.
    nib = max(1, round(size * generator.uniform(0.7, 1.0))), size
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, nib if generator.random() < 0.5 else nib[::-1])
    wide = cv2.dilate(line, kernel) if size > 1 else line
    # A middle line found pixel by pixel is jagged: smooth it and cut anew.
    soft = cv2.GaussianBlur(wide, (0, 0), 0.8 + 0.06 * size).astype(np.float32)
    peak = float(soft.max()) or 1.0
    return np.clip((soft / peak - 0.38) * 700 + 100, 0, 255).astype(np.uint8)


def _drawn(pattern: glyphs.Pattern, generator: np.random.Generator, pen: float) -> Mark:
    width = max(1.5, (pen or generator.uniform(0.06, 0.14)) * MARK_HEIGHT)
    return trim(strokes.draw(pattern, generator, height=MARK_HEIGHT, pen=width, unrest=1.6))


def trim(ink: NDArray[np.uint8]) -> Mark:
    """Crop a mark down to its ink; one of no ink at all comes back as a single black pixel."""
    x, y, width, height = cv2.boundingRect((ink > 40).astype(np.uint8))
    return ink[y : y + height, x : x + width] if width else np.zeros((1, 1), np.uint8)
