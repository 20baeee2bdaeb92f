"""Writers: real people's digits, letters and symbols as pen strokes, and how one of them writes a page."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.synthetic.glyph_images import GLYPH_HEIGHT, IGNORE, NOT_A_DIGIT, InkImage, crop_to_ink
from train.synthetic.strokes import render

DIGITS = "0123456789"
AMBIGUOUS = frozenset("OoIlSsZzBbqg/\\|!',`")  # alone, each may be read as a digit; in a word, not
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

LONGER_SIDE = 1000.0  # of the ink, in the units of `PenStrokes.points`
_SIZES = {"-": 0.45, "_": 0.6, "~": 0.6, "=": 0.5, "+": 0.6, ".": 0.12, ",": 0.25, "'": 0.25, ":": 0.45}
_SMALL_LETTERS = frozenset("acemnorsuvwxz")


@dataclass(frozen=True, eq=False)
class PenStrokes:
    """N characters by several writers, as the paths of their pens.

    Attributes:
        points: float32 `[P, 2]`, x to the right and y down; the longer side of a character is 0 to 1000.
        stroke_offsets: int64 `[S + 1]`; stroke s is `points[stroke_offsets[s]:stroke_offsets[s + 1]]`.
        character_offsets: int64 `[N + 1]`; character i is strokes `character_offsets[i]` to
            `character_offsets[i + 1]`, without the last.
        labels: str `[N]`, one character each.
        writers: int64 `[N]`, the index of the writer.
        relative_sizes: float32 `[N]`, the longer side divided by the height of the writer's digits; NaN where
            it is not known.
    """

    points: NDArray[np.float32]
    stroke_offsets: NDArray[np.int64]
    character_offsets: NDArray[np.int64]
    labels: NDArray[np.str_]
    writers: NDArray[np.int64]
    relative_sizes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    def strokes(self, index: int) -> list[NDArray[np.float32]]:
        """The strokes of a character, each float32 `[M, 2]`."""
        first, last = self.character_offsets[index], self.character_offsets[index + 1]
        offsets = self.stroke_offsets[first : last + 1]
        return [self.points[a:b] for a, b in itertools.pairwise(offsets)]


@dataclass(frozen=True, eq=False)
class _Writer:
    """Indices of a writer's characters: the digits by value, and the others by kind."""

    digits: dict[int, NDArray[np.int64]]
    letters: NDArray[np.int64]
    clear_letters: NDArray[np.int64]  # those that are no digit even if they stand alone
    symbols: NDArray[np.int64]
    has_clear_symbol: bool


class Writers:
    """All writers of some pen strokes."""

    def __init__(self, pens: PenStrokes) -> None:
        self.pens = pens
        writers = [_sort(pens, np.flatnonzero(pens.writers == index)) for index in np.unique(pens.writers)]
        self._with_digits = [writer for writer in writers if len(writer.digits) >= 8]
        self._with_letters = [writer for writer in writers if len(writer.clear_letters) >= 15]
        self._with_symbols = [writer for writer in writers if writer.has_clear_symbol]

    def choose(self, generator: np.random.Generator) -> PageWriter:
        """A random writer, all equally likely, with a random slant and pen."""
        digits = self._with_digits[generator.integers(len(self._with_digits))]
        # Few writers wrote both digits and letters: a writer without letters borrows another's.
        letters, symbols = (
            digits if digits in candidates else candidates[generator.integers(len(candidates))]
            for candidates in (self._with_letters, self._with_symbols)
        )
        slant, pen = float(0.12 * generator.normal()), float(generator.uniform(0.06, 0.14))
        return PageWriter(self.pens, digits, letters, symbols, slant, pen)


class PageWriter:
    """One writer, who writes all of a page with one slant, and with one pen unless another is given."""

    def __init__(
        self, pens: PenStrokes, digits: _Writer, letters: _Writer, symbols: _Writer, slant: float, pen: float
    ) -> None:
        self._pens, self._slant, self._pen = pens, slant, pen
        self._digits, self._letters, self._symbols = digits, letters, symbols

    def digit(self, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        """A random digit and its value 0..9; `pen` is the width of the strokes as a share of the height."""
        values = list(self._digits.digits)
        value = values[generator.integers(len(values))]
        return self._draw(_pick(self._digits.digits[value], generator), generator, pen), value

    def letter(self, generator: np.random.Generator, pen: float) -> InkImage:
        """A random letter that does not look like a digit."""
        return self._draw(_pick(self._letters.clear_letters, generator), generator, pen)

    def symbol(self, generator: np.random.Generator, pen: float) -> tuple[InkImage, int]:
        """A random symbol and its label, `NOT_A_DIGIT`, or `IGNORE` if it could be read as a digit."""
        index = _pick(self._symbols.symbols, generator)
        label = IGNORE if str(self._pens.labels[index]) in AMBIGUOUS else NOT_A_DIGIT
        return self._draw(index, generator, pen), label

    def word(self, generator: np.random.Generator, pen: float, count: int) -> InkImage:
        """`count` random letters on one base line; digits of the same writer would be 64 px high."""
        images = [self._draw(_pick(self._letters.letters, generator), generator, pen) for _ in range(count)]
        height = max(80, *(image.shape[0] for image in images))
        gap = int(generator.integers(-4, 9))
        width = sum(image.shape[1] + gap for image in images) + 8
        word = np.zeros((height, max(8, width + count * 4)), np.uint8)
        x = 2
        for image in images:
            part = word[-image.shape[0] :, x : x + image.shape[1]]
            np.maximum(part, image[:, : part.shape[1]], out=part)
            x = max(0, x + image.shape[1] + gap)
        return word

    def _draw(self, index: int, generator: np.random.Generator, pen: float) -> InkImage:
        label, size = str(self._pens.labels[index]), float(self._pens.relative_sizes[index])
        if not np.isfinite(size):
            size = _SIZES.get(label, 0.65 if label in _SMALL_LETTERS else 1.0)
        height = GLYPH_HEIGHT * min(max(size, 0.1), 1.6)
        width = max(1.5, (pen or self._pen) * GLYPH_HEIGHT)
        return draw_strokes(self._pens.strokes(index), generator, height=height, pen=width, slant=self._slant)


def draw_strokes(
    strokes: list[NDArray[np.float32]],
    generator: np.random.Generator,
    *,
    height: float,
    pen: float,
    slant: float = 0.0,
) -> InkImage:
    """Draw a character of `PenStrokes`, slightly varied: uint8 `(H, W)`, 0 for paper and 255 for ink.

    `height` of the character's longer side and `pen`, the width of its strokes, are in px.
    """
    shear = slant + 0.04 * generator.normal()
    turn = 0.03 * generator.normal()
    linear = np.array([[1.0, turn - shear], [-turn, 1.0]]) @ np.diag(1 + 0.05 * generator.normal(size=2))
    wave, phase = generator.uniform(4, 12) / LONGER_SIDE, generator.uniform(0, 2 * np.pi, 2)
    bend = 14 * generator.normal(size=2)  # a smooth displacement: nobody writes a digit twice alike
    paths = []
    for stroke in strokes:
        path = _smooth(stroke)
        path = path + bend * np.sin(path[:, ::-1] * wave + phase)
        paths.append(path @ linear.T)
    return crop_to_ink(render(paths, max(1.0, height - pen) / LONGER_SIDE, pen))


def _smooth(stroke: NDArray[np.float32]) -> NDArray[np.float64]:
    """Remove the steps of coarse tablets; the ends stay where they are."""
    path = stroke.astype(np.float64)
    for _ in range(2):
        if len(path) > 4:
            path[1:-1] = (path[:-2] + 2 * path[1:-1] + path[2:]) / 4
    return path


def _pick(indices: NDArray[np.int64], generator: np.random.Generator) -> int:
    return int(indices[generator.integers(len(indices))])


def _sort(pens: PenStrokes, indices: NDArray[np.int64]) -> _Writer:
    labels = pens.labels[indices]
    digits = {value: indices[labels == str(value)] for value in range(10)}
    is_letter = np.array([label in _LETTERS for label in labels.tolist()], bool)
    is_digit = np.array([label in DIGITS for label in labels.tolist()], bool)
    is_clear = np.array([label not in AMBIGUOUS for label in labels.tolist()], bool)
    return _Writer(
        {value: found for value, found in digits.items() if len(found)},
        indices[is_letter],
        indices[is_letter & is_clear],
        indices[~is_letter & ~is_digit],
        bool((~is_letter & ~is_digit & is_clear).any()),
    )
