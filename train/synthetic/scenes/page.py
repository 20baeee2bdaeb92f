"""TODO."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.handwriting import DOUBTFUL, MARK_HEIGHT, NONE, Handwriting, Mark

IGNORED = DOUBTFUL  # label of what is neither a digit nor anything else: one that is cut off, a printed one

_SEEN = 0.8  # share of a digit's ink that must be inside the image


@dataclass(frozen=True)
class Scene:
    """An image, `grey` uint8 `(H, W)`, and its digits.

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
