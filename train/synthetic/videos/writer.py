"""TODO."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.videos.stage import Generator, Image, _Written

SMALLEST = 28  # px; no digit is written smaller
_PAPERS = ((0.94, 0.98, 1.0), (1.0, 0.99, 0.97), (0.8, 0.93, 1.0))  # shares of blue, green and red
_PENS = ((0.2, 0.18, 0.18), (0.3, 0.28, 0.27), (0.75, 0.38, 0.24), (0.5, 0.48, 0.47))  # the last is a pencil


# --- Who writes, and on what ---
class _Writer:
    """Somebody's hand, pen and paper; numbers what is written with it."""

    def __init__(
        self, generator: Generator, *, board: bool | None = None, unrest: float | None = None
    ) -> None:
        from train.synthetic import glyphs

        self.generator = generator
        self.board = generator.random() < 0.2 if board is None else board
        self.unrest = generator.uniform(0.5, 1.0) if unrest is None else unrest
        self.patterns = {
            digit: plain if generator.random() < 0.5 else glyphs.STYLES[digit][0]
            for digit, plain in glyphs.STROKES.items()
        }
        self._thickness = generator.uniform(0.05, 0.13)  # of a digit's height
        self._chalk = (generator.uniform(2.8, 4),) * 3
        self._pen = self._chalk if self.board else _PENS[generator.integers(len(_PENS))]
        self._grain = 0.3 if self.board or self._pen is _PENS[-1] else 0.06
        self._tint = (0.85, 1.0, 0.88) if self.board else _PAPERS[generator.integers(len(_PAPERS))]
        self._level = generator.uniform(45, 60) if self.board else generator.uniform(185, 215)
        self._ruling = "" if self.board else str(generator.choice(["", "", "lines", "squares"]))
        self._ids, self._numbers = itertools.count(), itertools.count()

    def paper(self, width: int, height: int) -> NDArray[np.float32]:
        """A sheet or a board, BGR float32 `(H, W, 3)`."""
        from train.synthetic import paper

        page = paper.paper(width, height, self.generator, level=self._level)
        page = page[:, :, None] * np.array(self._tint, np.float32)
        if self._ruling:
            page[30::26] *= (0.95, 0.84, 0.78)
        if self._ruling == "squares":
            page[:, 20::26] *= (0.95, 0.84, 0.78)
        return page

    def write(
        self, page: NDArray[np.float32], lines: Sequence[Sequence[str]], height: float, margin: int = 22
    ) -> tuple[_Written, ...]:
        """Write lines of numbers on a page, in place; smaller than `height` (px) where they do not fit."""
        from train.synthetic import paper

        while (placed := self._place(page.shape[1], page.shape[0], lines, height, margin)) is None:
            height *= 0.93
            if height < SMALLEST:
                raise ValueError("more digits than the page can hold")
        written = []
        for value, number, ink, x, y in placed:
            rough = 1 - self._grain * self.generator.random(ink.shape)
            for channel, shade in enumerate(self._pen):
                paper.place(page[:, :, channel], (ink * rough).astype(np.uint8), x, y, shade=shade)
            points = np.array((x, y), np.float32) + np.argwhere(ink > 127)[:, ::-1].astype(np.float32)
            written.append(_Written(next(self._ids), value, number, points))
        return tuple(written)

    def _place(
        self, width: int, height: int, lines: Sequence[Sequence[str]], size: float, margin: int
    ) -> list[tuple[int, int, Image, int, int]] | None:
        """Value, number, ink and corner of every digit; None where there is no room for all."""
        from train.synthetic import strokes

        uniform = self.generator.uniform
        placed, top, right = [], 0.0, 0.0
        for line in lines:
            left = uniform(0, 0.4) * size
            for text in line:
                number = next(self._numbers)
                for character in text:
                    own = max(SMALLEST, size * uniform(0.88, 1.06))
                    pen = max(2.0, self._thickness * size)
                    pattern = self.patterns[int(character)]
                    ink = strokes.draw(pattern, self.generator, height=own, pen=pen, unrest=self.unrest)
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


def _texts(generator: Generator, *lengths: int) -> list[str]:
    return ["".join(str(digit) for digit in generator.integers(0, 10, length)) for length in lengths]
