"""The writer in a video: a hand with a pen that writes numbers on paper or on a board."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import glyphs, paper, strokes
from train.synthetic.videos.stage import Generator, Image, WrittenDigit

MIN_HEIGHT = 28  # px; digits are never written smaller

# Relative brightness of paper and ink in blue, green and red.
_PAPERS = ((0.94, 0.98, 1.0), (1.0, 0.99, 0.97), (0.8, 0.93, 1.0))
_PENCIL = (0.5, 0.48, 0.47)
_PENS = ((0.2, 0.18, 0.18), (0.3, 0.28, 0.27), (0.75, 0.38, 0.24), _PENCIL)
_RULING = (0.95, 0.84, 0.78)


class Writer:
    """One person's handwriting, pen and paper. The ids of digits and numbers are unique over all pages.

    `board` chooses chalk on a board or ink on paper; by default, one writer in five has a board. `variation`
    is as in `strokes.draw`.
    """

    def __init__(
        self, generator: Generator, *, board: bool | None = None, variation: float | None = None
    ) -> None:
        self._generator = generator
        on_board = generator.random() < 0.2 if board is None else board
        self._variation = generator.uniform(0.5, 1.0) if variation is None else variation
        self.digits = {
            digit: plain if generator.random() < 0.5 else glyphs.DIGIT_STYLES[digit][0]
            for digit, plain in glyphs.DIGITS.items()
        }
        self._thickness = generator.uniform(0.05, 0.13)  # of the strokes, as a share of the digit's height
        self._chalk = (generator.uniform(2.8, 4),) * 3
        self._pen = self._chalk if on_board else _PENS[generator.integers(len(_PENS))]
        self._grain = 0.3 if on_board or self._pen is _PENCIL else 0.06
        self._tint = (0.85, 1.0, 0.88) if on_board else _PAPERS[generator.integers(len(_PAPERS))]
        self._level = generator.uniform(45, 60) if on_board else generator.uniform(185, 215)
        self._ruling = "" if on_board else str(generator.choice(["", "", "lines", "squares"]))
        self._ids, self._numbers = itertools.count(), itertools.count()

    def blank_page(self, width: int, height: int) -> NDArray[np.float32]:
        """A blank sheet or board: BGR float32 `(H, W, 3)`, about 0..255."""
        page = paper.blank(width, height, self._generator, level=self._level)
        page = page[:, :, None] * np.array(self._tint, np.float32)
        if self._ruling:
            page[30::26] *= _RULING
        if self._ruling == "squares":
            page[:, 20::26] *= _RULING
        return page

    def write(
        self, page: NDArray[np.float32], lines: Sequence[Sequence[str]], height: float, margin: int = 22
    ) -> tuple[WrittenDigit, ...]:
        """Write lines of numbers on a page, in place, at least `margin` px from its edges.

        Digits are about `height` px high, or smaller if they do not fit. Raises `ValueError` if they do not
        fit even at `MIN_HEIGHT`.
        """
        while (placed := self._place(page.shape[1], page.shape[0], lines, height, margin)) is None:
            height *= 0.93
            if height < MIN_HEIGHT:
                raise ValueError("more digits than the page can hold")
        written = []
        for value, number, ink, x, y in placed:
            rough = 1 - self._grain * self._generator.random(ink.shape)
            for channel, shade in enumerate(self._pen):
                paper.place(page[:, :, channel], (ink * rough).astype(np.uint8), x, y, shade=shade)
            points = np.array((x, y), np.float32) + np.argwhere(ink > 127)[:, ::-1].astype(np.float32)
            written.append(WrittenDigit(next(self._ids), value, number, points))
        return tuple(written)

    def _place(
        self, width: int, height: int, lines: Sequence[Sequence[str]], size: float, margin: int
    ) -> list[tuple[int, int, Image, int, int]] | None:
        """Value, number, ink, left and top of every digit; None if they do not fit on the page."""
        uniform = self._generator.uniform
        placed, top, right = [], 0.0, 0.0
        for line in lines:
            left = uniform(0, 0.4) * size
            for text in line:
                number = next(self._numbers)
                for character in text:
                    own = max(MIN_HEIGHT, size * uniform(0.88, 1.06))
                    pen = max(2.0, self._thickness * size)
                    glyph = self.digits[int(character)]
                    ink = strokes.draw(glyph, self._generator, height=own, pen=pen, variation=self._variation)
                    x, y, wide, high = cv2.boundingRect((ink > 127).astype(np.uint8))
                    ink = ink[y : y + high, x : x + wide]
                    y = top + 1.06 * size - high + uniform(0, 0.06) * size
                    placed.append((int(character), number, ink, left, y))
                    right = max(right, left + wide)
                    left += wide + uniform(0.17, 0.33) * size
                left += uniform(1.9, 2.4) * size
            top += (1.12 + uniform(0.55, 0.9)) * size
        room = width - right - 2 * margin, height - top + 0.5 * size - 2 * margin
        if min(room) < 0:
            return None
        x0, y0 = (margin + uniform(0, each) for each in room)
        return [(value, number, ink, round(x + x0), round(y + y0)) for value, number, ink, x, y in placed]


def random_numbers(generator: Generator, *lengths: int) -> list[str]:
    """Random numbers as text; `lengths` are their lengths in digits."""
    return ["".join(str(digit) for digit in generator.integers(0, 10, length)) for length in lengths]
