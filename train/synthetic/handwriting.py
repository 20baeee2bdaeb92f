"""Handwriting: images of single digits, letters, symbols and words, written with pens of any width.

A page is written by one of the real writers of `writers`, or by a mixture of MNIST's digits, redrawn with
another pen, and the project's own glyphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import MissingDependencyError
from train.synthetic import glyphs, strokes
from train.synthetic.glyph_images import GLYPH_HEIGHT, IGNORE, NOT_A_DIGIT, InkImage, crop_to_ink
from train.synthetic.writers import PenStrokes, Writers

_REAL_WRITERS = 0.55  # share of pages written by one of the real writers, where there are any

_WORD_HEIGHT = 80  # px

_MNIST_SCALE = 3
_OWN_GLYPHS = 0.35  # share of digits that are the project's own glyphs, not MNIST's
_RARE_STYLES = 0.7  # of those, the share in a style that is rare in MNIST

_LIKE_A_ONE = ("/", "!")  # symbols that a slanted 1 looks like

# Widths of the pens, as shares of the height; 0 keeps an MNIST digit as it was written.
_PENS = np.array([0, *np.exp(np.linspace(np.log(0.025), np.log(0.2), 12))])

_POOL = {"digit": 2000, "letter": 800, "symbol": 400}  # different images per pen


class Writer(Protocol):
    """Whoever writes a page."""

    def digit(self, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        """A random digit and its value 0..9.

        `pen` is the width of the strokes as a share of the height, up to 0.2; 0 leaves it to the writer.
        """

    def letter(self, generator: np.random.Generator, pen: float) -> InkImage:
        """A random letter that does not look like a digit."""

    def symbol(self, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        """A random symbol, such as + - x / =, and its label: `NOT_A_DIGIT` or `IGNORE`."""

    def word(self, generator: np.random.Generator, pen: float, count: int) -> InkImage:
        """`count` random letters side by side, at least 80 px high. This image is not cropped to the ink."""


class Handwriting:
    """All handwriting of a split of the data: its real writers, and a mixture made from MNIST.

    `tiles` are MNIST's, uint8 `[N, 28, 28]`, and `labels` int64 `[N]`, 0 to 9. As a `Writer` it is the
    mixture itself; `choose_writer` returns that or one of the real writers of `pens`. Drawing a glyph takes
    far longer than placing it on a page, so images are drawn once and kept: the width of the pen is rounded
    up to one of `_PENS`, and each pen writes the number of images in `_POOL`. An image depends on its index
    in the pool, its pen and `hand` only, so the order of drawing does not matter. Data splits that must not
    share images need different values of `hand`.
    """

    def __init__(
        self,
        tiles: NDArray[np.uint8],
        labels: NDArray[np.int64],
        hand: Sequence[int],
        pens: PenStrokes | None = None,
    ) -> None:
        self._tiles, self._labels, self._hand = tiles, labels, tuple(hand)
        self._writers = None if pens is None else Writers(pens)
        self._drawn: dict[tuple[str, int, int], tuple[InkImage, int]] = {}

    def choose_writer(self, generator: np.random.Generator) -> Writer:
        """The writer of one page."""
        if self._writers is not None and generator.random() < _REAL_WRITERS:
            return self._writers.choose(generator)
        return self

    def digit(self, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        """A random digit and its value 0..9.

        `pen` is the width of the strokes as a share of the height, up to 0.2; 0 keeps MNIST's own.
        """
        return self._find("digit", generator, pen)

    def letter(self, generator: np.random.Generator, pen: float) -> InkImage:
        """A random handwritten letter."""
        return self._find("letter", generator, pen)[0]

    def symbol(self, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        """A random handwritten symbol, such as + - x / =, and its label.

        The label is `NOT_A_DIGIT`, or `IGNORE` for a symbol that could be read as a 1.
        """
        return self._find("symbol", generator, pen)

    def word(self, generator: np.random.Generator, pen: float, count: int) -> InkImage:
        """`count` random letters side by side, 80 px high. This image is not cropped to the ink."""
        letters = [self.letter(generator, pen) for _ in range(count)]
        padded = [
            cv2.copyMakeBorder(each, 0, max(0, _WORD_HEIGHT - each.shape[0]), 4, 6, cv2.BORDER_CONSTANT)
            for each in letters
        ]
        return np.hstack([each[:_WORD_HEIGHT] for each in padded])

    def _find(self, kind: str, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        level = int(np.searchsorted(_PENS, pen))
        key = kind, level, int(generator.integers(_POOL[kind]))
        if key not in self._drawn:
            own = np.random.default_rng([list(_POOL).index(kind), *key[1:], *self._hand])
            self._drawn[key] = getattr(self, f"_draw_{kind}")(own, float(_PENS[level]))
        return self._drawn[key]

    def _draw_digit(self, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        if generator.random() < _OWN_GLYPHS:
            value = int(generator.integers(10))
            styles = glyphs.DIGIT_STYLES[value]
            rare = generator.random() < _RARE_STYLES
            glyph = styles[generator.integers(len(styles))] if rare else glyphs.DIGITS[value]
            return draw_glyph(glyph, generator, pen), value
        index = int(generator.integers(len(self._labels)))
        return redraw_tile(self._tiles[index], generator, pen), int(self._labels[index])

    def _draw_letter(self, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        names = list(glyphs.LETTERS)
        glyph = glyphs.LETTERS[names[generator.integers(len(names))]]
        return draw_glyph(glyph, generator, pen), NOT_A_DIGIT

    def _draw_symbol(self, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        names = list(glyphs.SYMBOLS)
        # The first five stand between digits, so they are needed most.
        name = names[generator.integers(5 if generator.random() < 0.6 else len(names))]
        label = IGNORE if name in _LIKE_A_ONE else NOT_A_DIGIT
        return draw_glyph(glyphs.SYMBOLS[name], generator, pen), label


def draw_glyph(glyph: glyphs.Glyph, generator: np.random.Generator, pen: float) -> InkImage:
    """Draw a glyph with much variation; `pen` is a share of the height, 0 for a random width."""
    width = max(1.5, (pen or generator.uniform(0.06, 0.14)) * GLYPH_HEIGHT)
    return crop_to_ink(strokes.draw(glyph, generator, height=GLYPH_HEIGHT, pen=width, variation=1.6))


def redraw_tile(tile: NDArray[np.uint8], generator: np.random.Generator, pen: float) -> InkImage:
    """Redraw an MNIST digit, uint8 `(28, 28)`, along its centre line with another pen.

    `pen` is the width of the strokes as a share of the height; with 0, the digit is only enlarged. Raises
    `MissingDependencyError` where scikit-image is needed but not installed.
    """
    large = cv2.resize(tile, None, fx=_MNIST_SCALE, fy=_MNIST_SCALE, interpolation=cv2.INTER_CUBIC)
    large = cv2.copyMakeBorder(large, 12, 12, 12, 12, cv2.BORDER_CONSTANT)
    if not pen:
        edge = generator.uniform(70, 170)
        soft = cv2.GaussianBlur(large, (0, 0), 1.2).astype(np.float32)
        return crop_to_ink(np.clip((soft - edge) * 4 + 128, 0, 255).astype(np.uint8))
    try:
        # Imported here: it takes a second, and the project's own glyphs do not need it.
        from skimage.morphology import skeletonize
    except ImportError as error:
        raise MissingDependencyError(
            "redrawing MNIST's digits needs scikit-image: pip install -e '.[train]'"
        ) from error

    centre_line = skeletonize(cv2.GaussianBlur(large, (0, 0), 1.5) > 110)
    return crop_to_ink(_widen(centre_line.astype(np.uint8) * 255, pen * GLYPH_HEIGHT, generator))


def _widen(line: NDArray[np.uint8], width: float, generator: np.random.Generator) -> InkImage:
    """Widen a line of 1 px to a stroke of `width` px."""
    size = max(1, round(width))
    # A broad nib makes strokes of some directions wider than others.
    nib = max(1, round(size * generator.uniform(0.7, 1.0))), size
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, nib if generator.random() < 0.5 else nib[::-1])
    wide = cv2.dilate(line, kernel) if size > 1 else line
    # Skeletons are jagged: blur, then restore a sharp edge.
    soft = cv2.GaussianBlur(wide, (0, 0), 0.8 + 0.06 * size).astype(np.float32)
    peak = float(soft.max()) or 1.0
    return np.clip((soft / peak - 0.38) * 700 + 100, 0, 255).astype(np.uint8)
