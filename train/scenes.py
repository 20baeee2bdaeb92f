"""Simulated photographs: handwriting on paper and boards, with and without digits, as a camera sees them.

Everything is computed, from MNIST's training digits and the project's own strokes; no photograph has a part
in it. A scene knows the box of every digit in it, which is what the locator is trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from train import ink, surfaces
from train.ink import DOUBTFUL, MARK_HEIGHT, NONE, Handwriting, Mark

IGNORED = DOUBTFUL  # label of what is neither a digit nor anything else: one that is cut off, a printed one
_SEEN = 0.8  # share of a digit's ink that must be inside the picture
_DIGIT_SHARE = 0.63


@dataclass(frozen=True)
class Scene:
    """A picture, `grey` uint8 `(H, W)`, and its digits.

    `boxes` float32 `[N, 4]` are x, y, width, height of the ink in pixels; `labels` int64 `[N]` 0..9 or
    `IGNORED`; `kind` names what was drawn.
    """

    grey: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    kind: str


@dataclass
class _Page:
    """A scene while it is being drawn. Layouts place marks in units of a digit's height, from the middle."""

    generator: np.random.Generator
    handwriting: Handwriting
    brightness: NDArray[np.float32]
    unit: float  # px, a digit's height
    tilt: NDArray[np.float64]  # 2x2, of all that is written
    pen: float  # the stroke's width as a share of the height, 0 for MNIST's own
    cover: NDArray[np.float32]
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.brightness.shape
        return height, width

    def place(self, x: float, y: float) -> NDArray[np.float64]:
        """Pixel position of a point of the layout."""
        height, width = self.shape
        return self.tilt @ np.array([x, y]) * self.unit + (width / 2, height / 2)

    def stamp(self, mark: Mark, x: float, y: float, *, size: float = 1.0, label: int = NONE) -> None:
        """Write a mark with its middle at (x, y), `size` units high; a `label` makes it known as a digit."""
        draw = self.generator
        scale = size * self.unit / MARK_HEIGHT
        turn = 0.07 * draw.normal()
        own = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        own = own @ np.array([[1.0, 0.08 * draw.normal()], [0, 1]])
        own = own @ np.diag([draw.uniform(0.85, 1.15), draw.uniform(0.92, 1.08)])
        linear = self.tilt @ own * scale
        if scale < 0.8:
            # A small mark is an average over its pixels, not a selection of them.
            small = (max(1, round(mark.shape[1] * scale)), max(1, round(mark.shape[0] * scale)))
            linear = linear @ np.diag([mark.shape[1] / small[0], mark.shape[0] / small[1]])
            mark = cv2.resize(mark, small, interpolation=cv2.INTER_AREA)
        height, width = mark.shape
        corners = linear @ (np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]]) * [[width / 2], [height / 2]])
        low = np.floor(self.place(x, y) + corners.min(axis=1) - 1).astype(int)
        high = np.ceil(self.place(x, y) + corners.max(axis=1) + 1).astype(int)
        if np.any(high <= 0) or np.any(low >= self.shape[::-1]) or np.any(high - low > 4096):
            return
        shift = self.place(x, y) - low - linear @ [(width - 1) / 2, (height - 1) / 2]
        moved = cv2.warpAffine(mark, np.column_stack([linear, shift]), tuple((high - low).tolist()))
        ahead = np.maximum(0, -low)
        seen = moved[
            ahead[1] : moved.shape[0] - max(0, high[1] - self.shape[0]),
            ahead[0] : moved.shape[1] - max(0, high[0] - self.shape[1]),
        ]
        left, top = np.maximum(0, low)
        part = self.cover[top : top + seen.shape[0], left : left + seen.shape[1]]
        np.maximum(part, seen.astype(np.float32) / 255, out=part)
        if label == NONE:
            return
        inked = (seen > 0.35 * max(1, int(moved.max()))).astype(np.uint8)
        box = cv2.boundingRect(inked)
        if box[2] == 0:
            return
        whole = float(moved.sum(dtype=np.int64))
        self.boxes.append((left + box[0], top + box[1], box[2], box[3]))
        self.labels.append(label if float(seen.sum(dtype=np.int64)) >= _SEEN * whole else IGNORED)

    def digit(self, x: float, y: float, *, size: float = 1.0) -> None:
        """Write a random digit with its middle at (x, y)."""
        mark, value = self.handwriting.digit(self.generator, self.pen)
        self.stamp(mark, x, y, size=size, label=value)

    def lines(self, *paths: list[tuple[float, float]], width: float, closed: bool = False) -> None:
        """Draw lines through points of the layout, `width` px broad; thinner than one pixel means fainter."""
        layer = np.zeros(self.shape, np.uint8)
        shade = round(255 * min(1.0, width))
        for path in paths:
            points = np.rint([self.place(x, y) * 16 for x, y in path]).astype(np.int32)
            cv2.polylines(layer, [points], closed, shade, max(1, round(width)), cv2.LINE_AA, 4)
        np.maximum(self.cover, layer.astype(np.float32) / 255, out=self.cover)

    def dry(self, shade: float) -> None:
        """Lay what was written onto the page, as brightness `shade` of the paper's, and begin anew."""
        self.brightness *= 1 + self.cover * (shade - 1)
        self.cover = np.zeros(self.shape, np.float32)

    @property
    def stroke(self) -> float:
        """The pen's width in pixels."""
        return max(0.5, (self.pen or 0.12) * self.unit)


def draw_scene(
    generator: np.random.Generator,
    handwriting: Handwriting,
    side: int,
    heights: tuple[float, float],
    *,
    digits: bool | None = None,
) -> Scene:
    """Draw a scene of `side` x `side` px whose digits are about `heights[0]` to `heights[1]` px high.

    `digits` decides whether there are any; left out, two thirds of the scenes have some.
    """
    if digits is None:
        digits = generator.random() < _DIGIT_SHARE
    layouts = _WITH_DIGITS if digits else _WITHOUT_DIGITS
    weights = np.array([weight for _, weight in layouts])
    layout = layouts[generator.choice(len(layouts), p=weights / weights.sum())][0]
    name = layout.__name__.strip("_")
    shape = _frame(generator, side, name)
    unit = float(np.exp(generator.uniform(*np.log(heights))))
    if name == "lone":
        # A crop: the digit takes most of what there is.
        unit = min(shape) * generator.uniform(0.45, 1.0)
    page = _Page(
        generator,
        handwriting,
        surfaces.sheet(generator, *shape),
        unit,
        _tilt(generator),
        _pen(generator),
        np.zeros(shape, np.float32),
    )
    _prepare_paper(page)
    layout(page)
    contrast = _contrast(generator, page.stroke)
    page.dry(1 - contrast)
    grey = _photograph(generator, page, contrast)
    if shape != (side, side):
        down, across = side - shape[0], side - shape[1]
        top, left = down // 2, across // 2
        grey = cv2.copyMakeBorder(grey, top, down - top, left, across - left, cv2.BORDER_REPLICATE)
        page.boxes = [(x + left, y + top, w, h) for x, y, w, h in page.boxes]
    return Scene(
        grey,
        np.array(page.boxes, np.float32).reshape(-1, 4),
        np.array(page.labels, np.int64),
        name,
    )


def _frame(generator: np.random.Generator, side: int, name: str) -> tuple[int, int]:
    """Height and width of what the camera shows; the rest of the window lies beyond the picture's border."""
    if name in ("lone", "lone_mark"):
        shape = np.exp(generator.uniform(np.log(side * 0.18), np.log(side), 2))
        # Crops are seldom much wider than high.
        shape = np.maximum(shape, shape.max() * generator.uniform(0.35, 1))
        return int(shape[0]), int(shape[1])
    if generator.random() < 0.15:
        shape = generator.uniform(0.4, 1, 2) * side
        return int(shape[0]), int(shape[1])
    return side, side


def _tilt(generator: np.random.Generator) -> NDArray[np.float64]:
    """Rotation, mostly slight and up to 30 degrees, and the slant and squeeze of a sheet seen from aside."""
    steep = generator.random() < 0.2
    angle = np.radians(generator.uniform(-30, 30) if steep else 4 * generator.normal())
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    aside = 0.2 if generator.random() < 0.25 else 0.03
    shear = np.array([[1.0, aside * generator.normal()], [0, 1]])
    squeeze = np.diag([1.0, 1 - min(0.45, abs(aside * generator.normal()))])
    turn = generator.uniform(0, np.pi)
    along = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(rotation @ shear @ (along @ squeeze @ along.T))


def _pen(generator: np.random.Generator) -> float:
    if generator.random() < 0.3:
        return 0.0
    return float(np.exp(generator.uniform(np.log(0.025), np.log(0.2))))


def _contrast(generator: np.random.Generator, stroke: float) -> float:
    """How much darker the ink is, as a share of the paper; a hair line is never faint as well."""
    faintest = 0.12 if stroke > 1.5 else 0.25
    if generator.random() < 0.75:
        return float(generator.uniform(0.45, 0.95))
    return float(np.exp(generator.uniform(np.log(faintest), np.log(0.9))))


def _prepare_paper(page: _Page) -> None:
    """What is on the sheet before anyone writes: rules, squares, print that shines through, a desk beyond."""
    draw = page.generator
    if draw.random() < 0.28:
        spacing = max(4.0, page.unit * draw.uniform(0.7, 3))
        page.brightness *= 1 - draw.uniform(0.03, 0.35) * surfaces.ruled(draw, *page.shape, spacing)
    if draw.random() < 0.15:
        _bleed_through(page)
    if draw.random() < 0.1:
        _beside_things(page)


def _bleed_through(page: _Page) -> None:
    draw = page.generator
    for y in np.arange(-2, 2.5, draw.uniform(0.6, 1.4)):
        word = ink.printed(draw, 6) if draw.random() < 0.5 else _word(page, 4)
        page.stamp(word[:, ::-1].copy(), draw.uniform(-2, 2), float(y), size=draw.uniform(0.3, 0.9))
    page.cover = cv2.GaussianBlur(page.cover, (0, 0), draw.uniform(0.5, 1.5))
    page.dry(1 - draw.uniform(0.02, 0.15))


def _beside_things(page: _Page) -> None:
    """The sheet ends within the picture: a desk, a keyboard, a hand beyond its edge."""
    draw = page.generator
    height, width = page.shape
    beyond = surfaces.clutter(draw, height, width)
    if draw.random() < 0.5:
        beyond = draw.uniform(10, 120) + 0.2 * beyond
    side = draw.integers(4)
    away = draw.uniform(0.02, 0.3)
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    slope = draw.normal() * 0.15
    edge = [
        across - away - slope * down,
        1 - across - away - slope * down,
        down - away - slope * across,
        1 - down - away - slope * across,
    ][side]
    page.brightness = np.where(edge < 0, beyond, page.brightness).astype(np.float32)


def _word(page: _Page, count: int) -> Mark:
    """Handwritten letters side by side, as one mark."""
    marks = [page.handwriting.letter(page.generator, page.pen) for _ in range(count)]
    tall = [
        cv2.copyMakeBorder(mark, 0, max(0, 80 - mark.shape[0]), 4, 6, cv2.BORDER_CONSTANT) for mark in marks
    ]
    return np.hstack([mark[:80] for mark in tall])


# Layouts with digits


def _rows(page: _Page) -> None:
    """Lines of writing: digits side by side, near or far, some lines of numbers with gaps."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    leading, pitch = draw.uniform(1.25, 2.6), draw.uniform(0.75, 1.9)
    gaps = draw.random() < 0.4
    one = draw.random() < 0.35
    start = draw.uniform(-0.5, 0.5)
    lines = [start] if one else np.arange(-down / 2 - 1 + start, down / 2 + 1, leading)
    unrest = draw.uniform(0.02, 0.08)
    # Some pages hold lines of several sizes, pens and inks.
    sizes, pens = draw.random() < 0.12, draw.random() < 0.06
    for y in lines:
        grown = float(np.exp(draw.uniform(np.log(0.5), np.log(2)))) if sizes else 1.0
        if pens:
            page.dry(1 - _contrast(draw, page.stroke))
            page.pen = _pen(draw)
        # Numbers begin and end somewhere; others run through the whole picture.
        first = -across / 2 - 1 if draw.random() < 0.4 else draw.uniform(-across / 2, 0.2)
        last = across / 2 + 1 if draw.random() < 0.4 else draw.uniform(-0.2, across / 2)
        x = first
        while x < last and len(page.labels) < 90:
            if not (gaps and draw.random() < 0.2):
                size = grown * (1 + 1.5 * unrest * draw.normal())
                page.digit(x, y + unrest * draw.normal(), size=size)
            x += pitch * grown * (1 + unrest * draw.normal())


def _table(page: _Page) -> None:
    """A grid of lines with one or two digits in a cell."""
    draw = page.generator
    wide, high = draw.uniform(1.5, 3.2), draw.uniform(1.45, 2.6)
    columns, rows = int(page.shape[1] / page.unit / wide) + 2, int(page.shape[0] / page.unit / high) + 2
    x0, y0 = draw.uniform(-1, 0) * wide - columns / 2 * wide, draw.uniform(-1, 0) * high - rows / 2 * high
    pair = wide > 2 and draw.random() < 0.6
    for row in range(rows + 1):
        for column in range(columns + 1):
            if draw.random() < 0.15 or len(page.labels) > 90:
                continue
            x, y = x0 + (column + 0.5) * wide, y0 + (row + 0.5) * high
            places = (-0.4, 0.4) if pair else (0.1 * draw.normal(),)
            for dx in places:
                page.digit(x + dx, y + 0.08 * draw.normal(), size=draw.uniform(0.85, 1.1))
    width = page.stroke if draw.random() < 0.5 else draw.uniform(0.5, 2.5)
    same_ink = draw.random() < 0.6
    if not same_ink:
        page.dry(1 - _contrast(draw, page.stroke))

    def drawn(x1: float, y1: float, x2: float, y2: float) -> list[tuple[float, float]]:
        points = np.linspace((x1, y1), (x2, y2), 6) + 0.03 * draw.normal(size=(6, 2))
        return [(float(x), float(y)) for x, y in points]

    right, bottom = x0 + (columns + 1) * wide, y0 + (rows + 1) * high
    page.lines(*[drawn(x0, y0 + i * high, right, y0 + i * high) for i in range(rows + 2)], width=width)
    page.lines(*[drawn(x0 + i * wide, y0, x0 + i * wide, bottom) for i in range(columns + 2)], width=width)
    if not same_ink:
        page.dry(1 - _contrast(draw, width))


def _shape(page: _Page, x: float, y: float, radius: float, width: float, *, empty: bool) -> None:
    """A circle, box, triangle, diamond, cloud or the like around a point, drawn by hand.

    An `empty` round one could be a 0, one around a digit could not.
    """
    draw = page.generator
    kind = draw.integers(6)
    if kind <= 1:  # ovals and clouds
        angles = np.linspace(0, 2 * np.pi * draw.uniform(0.93, 1.06), 40)
        wobble = 1 + 0.04 * np.sin(3 * angles + draw.uniform(0, 6)) * draw.normal()
        if kind == 1:
            wobble = wobble + draw.uniform(0.05, 0.2) * np.abs(np.sin(angles * draw.integers(2, 5)))
        around = np.stack([np.cos(angles) * draw.uniform(0.8, 1.4), np.sin(angles)], axis=1) * wobble[:, None]
    else:
        corners = {2: 4, 3: 4, 4: 3, 5: int(draw.integers(3, 7))}[int(kind)]
        start = {2: np.pi / 4, 3: 0.0, 4: -np.pi / 2, 5: draw.uniform(0, 6)}[int(kind)]
        angles = start + np.arange(corners + 1) * 2 * np.pi / corners
        around = np.stack([np.cos(angles), np.sin(angles)], axis=1) * 1.35 + 0.06 * draw.normal(
            size=(corners + 1, 2)
        )
        around[:, 0] *= draw.uniform(0.8, 1.6)
        around[-1] = around[0] + 0.04 * draw.normal(size=2)
    path = [(float(x + radius * a), float(y + radius * b)) for a, b in around]
    page.lines(path, width=width)
    if empty and kind <= 1:
        points = np.array([page.place(*point) for point in path])
        low, high = points.min(axis=0), points.max(axis=0)
        page.boxes.append((low[0], low[1], high[0] - low[0], high[1] - low[1]))
        page.labels.append(IGNORED)


def _scattered(page: _Page) -> None:
    """Digits here and there, alone, in drawn shapes and beside empty ones, among letters and signs."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    shapes = draw.uniform(0, 1)
    others = draw.choice([0.0, 0.15, 0.5])
    pitch = draw.uniform(1.3, 3.5)
    width = page.stroke * draw.uniform(0.6, 1.2)
    unlike = 2.2 if draw.random() < 0.12 else 1.3
    for y in np.arange(-down / 2, down / 2 + pitch, pitch):
        for x in np.arange(-across / 2, across / 2 + pitch, pitch):
            if draw.random() < 0.3 or len(page.labels) > 60:
                continue
            sx, sy = x + 0.25 * pitch * draw.normal(), y + 0.25 * pitch * draw.normal()
            if any(np.hypot(*(middle - page.place(sx, sy))) < 1.05 * page.unit for middle in _middles(page)):
                continue
            if pitch > 1.8 and draw.random() < shapes:
                empty = draw.random() < 0.2
                _shape(page, sx, sy, draw.uniform(0.85, max(0.9, 0.45 * pitch)), width, empty=empty)
                if empty:
                    continue
            size = float(np.exp(draw.uniform(-np.log(unlike), np.log(unlike))))
            if draw.random() < others:
                mark, label = _other(page)
                page.stamp(mark, sx, sy, size=size, label=label)
            else:
                page.digit(sx, sy, size=size)


def _middles(page: _Page) -> list[NDArray[np.float64]]:
    return [np.array([x + w / 2, y + h / 2]) for x, y, w, h in page.boxes]


def _other(page: _Page) -> tuple[Mark, int]:
    """A mark that is no digit, or one that could be."""
    draw = page.generator
    kind = draw.random()
    if kind < 0.5:
        return page.handwriting.letter(draw, page.pen), NONE
    if kind < 0.8:
        return page.handwriting.operator(draw, page.pen)
    return (ink.scribble(draw, page.pen) if kind < 0.9 else ink.printed(draw, 1)), NONE


def _lone(page: _Page) -> None:
    """One digit that fills the picture."""
    draw = page.generator
    page.digit(draw.normal() * 0.05, draw.normal() * 0.05)


def _expression(page: _Page) -> None:
    """Sums: numbers and signs in lines."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    pitch = draw.uniform(0.75, 1.4)
    for y in np.arange(-down / 2 + draw.uniform(0, 1), down / 2 + 0.5, draw.uniform(1.3, 2.4)):
        for x in np.arange(-across / 2, across / 2 + 1, pitch):
            if len(page.labels) > 60:
                return
            kind = draw.random()
            if kind < 0.5:
                page.digit(x, y + 0.05 * draw.normal())
            elif kind < 0.8:
                mark, label = page.handwriting.operator(draw, page.pen)
                page.stamp(mark, x, y, size=draw.uniform(0.5, 0.8), label=label)


def _labelled(page: _Page) -> None:
    """Words, written or printed, with a few digits between them: forms, envelopes, notes."""
    draw = page.generator
    _writing(page, keep_free=0.45)
    if draw.random() < 0.6:
        page.dry(1 - _contrast(draw, page.stroke))
    for _ in range(draw.integers(1, 5)):
        x, y = draw.uniform(-0.5, 0.5, 2) * page.shape[::-1] / page.unit
        covered = page.place(x, y).astype(int)
        radius = int(0.6 * page.unit)
        (left, top), (right, bottom) = np.maximum(0, covered - radius), np.maximum(0, covered + radius)
        spot = page.cover[top:bottom, left:right]
        near = any(np.hypot(*(middle - page.place(x, y))) < 1.1 * page.unit for middle in _middles(page))
        if not near and (spot.size == 0 or float(spot.max()) < 0.2):
            page.digit(x, y)


# Layouts without digits


def _writing(page: _Page, keep_free: float = 0.1) -> None:
    """Lines of words, printed or by hand."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    by_hand = draw.random() < 0.5
    size = draw.uniform(0.35, 1.1)
    for y in np.arange(-down / 2, down / 2 + 0.5, size * draw.uniform(1.3, 2.2)):
        x = -across / 2 + draw.uniform(-1, 1)
        while x < across / 2:
            count = int(draw.integers(1, 9))
            mark = _word(page, min(count, 5)) if by_hand else ink.printed(draw, count)
            wide = mark.shape[1] / mark.shape[0] * size
            if draw.random() > keep_free:
                page.stamp(
                    cv2.resize(mark, None, fx=MARK_HEIGHT / mark.shape[0], fy=MARK_HEIGHT / mark.shape[0]),
                    x + wide / 2,
                    float(y),
                    size=size,
                )
            x += wide + draw.uniform(0.2, 0.8) * size


def _lone_mark(page: _Page) -> None:
    """One letter, sign or scrawl that fills the picture."""
    page.unit = min(page.shape) * page.generator.uniform(0.4, 0.95)
    mark, label = _other(page)
    page.stamp(mark, 0.05 * page.generator.normal(), 0.05 * page.generator.normal(), label=label)


def _marks(page: _Page) -> None:
    """Letters, signs, scrawls and empty shapes, here and there."""
    draw = page.generator
    across, down = page.shape[1] / page.unit, page.shape[0] / page.unit
    pitch = draw.uniform(1.1, 2.5)
    for y in np.arange(-down / 2, down / 2 + pitch, pitch):
        for x in np.arange(-across / 2, across / 2 + pitch, pitch):
            kind = draw.random()
            if kind < 0.6:
                mark, label = _other(page)
                page.stamp(mark, x, y, size=draw.uniform(0.7, 1.2), label=label)
            elif kind < 0.75:
                _shape(page, x, y, draw.uniform(0.3, 0.6), page.stroke, empty=True)


def _lines(page: _Page) -> None:
    """Strokes without a meaning: crosses, grids, arrows, underlines, a drawing."""
    draw = page.generator
    for _ in range(draw.integers(1, 14)):
        # One short straight stroke alone could be a 1.
        count = int(draw.integers(2, 6))
        reach = draw.uniform(4, 12) if count == 2 else draw.uniform(0.3, 2)
        points = np.cumsum(draw.normal(size=(count, 2)) * reach, axis=0)
        points += draw.uniform(-0.5, 0.5, 2) * page.shape[::-1] / page.unit
        page.lines([(float(x), float(y)) for x, y in points], width=page.stroke * draw.uniform(0.5, 1.5))


def _things(page: _Page) -> None:
    """No writing at all: what cameras see when nobody shows them a page."""
    page.brightness = surfaces.clutter(page.generator, *page.shape)


def _blank(page: _Page) -> None:
    """Paper, as it is."""


_WITH_DIGITS: list[tuple[Callable[[_Page], None], float]] = [
    (_rows, 0.34),
    (_table, 0.12),
    (_scattered, 0.2),
    (_lone, 0.16),
    (_expression, 0.1),
    (_labelled, 0.08),
]
_WITHOUT_DIGITS: list[tuple[Callable[[_Page], None], float]] = [
    (_writing, 0.2),
    (_lone_mark, 0.14),
    (_marks, 0.16),
    (_lines, 0.08),
    (_things, 0.45),
    (_blank, 0.05),
]


# The camera


def _photograph(generator: np.random.Generator, page: _Page, contrast: float) -> NDArray[np.uint8]:
    """What a camera, a scanner or a screen makes of a page."""
    picture = page.brightness
    if generator.random() < 0.06:
        return _binarised(generator, picture)
    if generator.random() < 0.05:  # a screen's raster beats with the sensor's
        wave = surfaces.ramp(generator, *picture.shape) * (2 * np.pi / generator.uniform(2.2, 12))
        picture = picture * (1 + generator.uniform(0.02, 0.1) * np.sin(wave))
    if generator.random() < 0.8:
        # Out of focus at the most as far as the writing survives it, and mostly sharp.
        worst = 0.5 + min(1.0, 0.04 * page.unit) if generator.random() < 0.2 else 0.7
        picture = cv2.GaussianBlur(picture, (0, 0), generator.uniform(0.3, worst))
    if generator.random() < 0.15:  # phones sharpen what they take
        halo = cv2.GaussianBlur(picture, (0, 0), generator.uniform(0.6, 2))
        picture = picture + generator.uniform(0.3, 1.5) * (picture - halo)
    if generator.random() < 0.03:
        picture = cv2.filter2D(picture, -1, _motion(generator, max(2.0, 0.15 * page.unit)))
    if generator.random() < 0.12:  # exposure: dim rooms and washed-out scans
        low, high = generator.uniform(0, 70), generator.uniform(150, 300)
        picture = low + picture * ((high - low) / 255)
        contrast = contrast * (high - low) / 255
    if generator.random() < 0.1:
        picture = 255 * (np.clip(picture, 0, 255) / 255) ** generator.uniform(0.6, 1.6)
    if generator.random() < 0.75:
        grain = surfaces.noise(generator, *picture.shape)
        if generator.random() < 0.4:
            grain = 1.7 * cv2.GaussianBlur(grain, (0, 0), 0.7)
        strongest = min(8.0, contrast * 25)
        picture = picture + generator.uniform(0, strongest) * grain
    if generator.random() < 0.3:
        picture = 255 - picture
    grey = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if generator.random() < 0.5:
        quality = int(generator.integers(35, 95))
        _, packed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        grey = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return grey


def _binarised(generator: np.random.Generator, picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    # Against its surroundings, or a shadow would swallow the writing.
    light = cv2.blur(picture, (41, 41), borderType=cv2.BORDER_REFLECT)
    grey = np.clip(picture / np.maximum(light, 1) * 170, 0, 255).astype(np.uint8)
    kind = cv2.THRESH_BINARY_INV if generator.random() < 0.6 else cv2.THRESH_BINARY
    _, sharp = cv2.threshold(grey, 0, 255, kind | cv2.THRESH_OTSU)
    return cv2.GaussianBlur(sharp, (0, 0), 0.4) if generator.random() < 0.5 else np.asarray(sharp, np.uint8)


def _motion(generator: np.random.Generator, length: float) -> NDArray[np.float32]:
    """Kernel of a hand that moved `length` px at the most."""
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    angle = generator.uniform(0, np.pi)
    reach = generator.uniform(0.5, 1) * (side // 2)
    middle = side // 2
    dx, dy = reach * np.cos(angle), reach * np.sin(angle)
    ends = [(round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy))]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    return kernel / kernel.sum()
