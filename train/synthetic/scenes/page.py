"""A page: a scene while it is being drawn, and the result, a labelled image."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.glyph_images import GLYPH_HEIGHT, IGNORE, NOT_A_DIGIT, InkImage
from train.synthetic.handwriting import Writer

LABELLED_SHARE = 0.8  # a glyph with a smaller share of its ink inside the image loses its label


@dataclass(frozen=True)
class Scene:
    """A simulated photograph with the boxes and labels of its digits.

    Attributes:
        grey: The image, uint8 `(H, W)`.
        boxes: float32 `[N, 4]`: x, y, width and height of the ink in pixels. Boxes of digits lie inside the
            image.
        labels: int64 `[N]`: 0 to 9, or `IGNORE` for a digit that is cut off and for an ambiguous glyph.
        kind: Name of the layout.
    """

    grey: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    kind: str


@dataclass
class Page:
    """A sheet with writing on it.

    Layouts use coordinates in units of a digit's height, with the origin in the middle of the page. New ink
    collects in `cover`; `apply_ink` transfers it to the sheet.

    Attributes:
        brightness: The sheet with the ink applied so far, float32 `(H, W)`, about 0 to 255.
        unit: Height of a digit in pixels.
        tilt: Matrix, float64 `(2, 2)`, that maps directions in the layout to directions in the image.
        pen: Width of the stroke as a share of `unit`; 0 keeps the strokes of MNIST.
        cover: Share of each pixel that new ink covers, float32 `(H, W)`, 0 to 1.
        boxes: Boxes of the labelled glyphs so far, as in `Scene`.
        labels: Labels of these boxes, as in `Scene`.
    """

    generator: np.random.Generator
    writer: Writer
    brightness: NDArray[np.float32]
    unit: float
    tilt: NDArray[np.float64]
    pen: float
    cover: NDArray[np.float32]
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.brightness.shape
        return height, width

    @property
    def stroke(self) -> float:
        """Width of the pen's stroke in pixels."""
        return max(0.5, (self.pen or 0.12) * self.unit)

    def place(self, x: float, y: float) -> NDArray[np.float64]:
        """Position in the image, float64 `(2,)`, of a point of the layout."""
        height, width = self.shape
        return self.tilt @ np.array([x, y]) * self.unit + (width / 2, height / 2)

    def stamp(
        self, glyph: InkImage, x: float, y: float, *, size: float = 1.0, label: int = NOT_A_DIGIT
    ) -> None:
        """Write a glyph, slightly distorted, with its centre at (x, y) and about `size` units high.

        With any label but `NOT_A_DIGIT`, its box is recorded.
        """
        scale = size * self.unit / GLYPH_HEIGHT
        linear = self.tilt @ _distortion(self.generator) * scale
        if scale < 0.8:
            # Average the pixels of a small glyph instead of sampling some of them.
            small = (max(1, round(glyph.shape[1] * scale)), max(1, round(glyph.shape[0] * scale)))
            linear = linear @ np.diag([glyph.shape[1] / small[0], glyph.shape[0] / small[1]])
            glyph = cv2.resize(glyph, small, interpolation=cv2.INTER_AREA)
        height, width = glyph.shape
        corners = linear @ (np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]]) * [[width / 2], [height / 2]])
        low = np.floor(self.place(x, y) + corners.min(axis=1) - 1).astype(int)
        high = np.ceil(self.place(x, y) + corners.max(axis=1) + 1).astype(int)
        if np.any(high <= 0) or np.any(low >= self.shape[::-1]) or np.any(high - low > 4096):
            return
        shift = self.place(x, y) - low - linear @ [(width - 1) / 2, (height - 1) / 2]
        whole = cv2.warpAffine(glyph, np.column_stack([linear, shift]), tuple((high - low).tolist()))
        skipped = np.maximum(0, -low)
        inside = whole[
            skipped[1] : whole.shape[0] - max(0, high[1] - self.shape[0]),
            skipped[0] : whole.shape[1] - max(0, high[0] - self.shape[1]),
        ]
        left, top = np.maximum(0, low)
        part = self.cover[top : top + inside.shape[0], left : left + inside.shape[1]]
        np.maximum(part, inside.astype(np.float32) / 255, out=part)
        if label != NOT_A_DIGIT:
            self._record(whole, inside, left, top, label)

    def _record(
        self, whole: NDArray[np.uint8], inside: NDArray[np.uint8], left: float, top: float, label: int
    ) -> None:
        """Record the box of a glyph whose part inside the image has its corner at (left, top)."""
        x, y, width, height = cv2.boundingRect((inside > 0.35 * max(1, int(whole.max()))).astype(np.uint8))
        if width == 0:
            return
        ink = float(whole.sum(dtype=np.int64))
        cut_off = float(inside.sum(dtype=np.int64)) < LABELLED_SHARE * ink
        self.boxes.append((left + x, top + y, width, height))
        self.labels.append(IGNORE if cut_off else label)

    def digit(self, x: float, y: float, *, size: float = 1.0) -> None:
        """Write a random digit with its centre at (x, y), about `size` units high."""
        glyph, value = self.writer.digit(self.generator, self.pen)
        self.stamp(glyph, x, y, size=size, label=value)

    def lines(self, *paths: list[tuple[float, float]], width: float) -> None:
        """Draw lines through points of the layout, `width` px wide; less than 1 px makes them fainter."""
        layer = np.zeros(self.shape, np.uint8)
        shade = round(255 * min(1.0, width))
        for path in paths:
            points = np.rint([self.place(x, y) * 16 for x, y in path]).astype(np.int32)
            cv2.polylines(layer, [points], False, shade, max(1, round(width)), cv2.LINE_AA, 4)
        np.maximum(self.cover, layer.astype(np.float32) / 255, out=self.cover)

    def apply_ink(self, shade: float) -> None:
        """Apply the new ink to the sheet; `shade` is its brightness relative to the sheet's."""
        self.brightness *= 1 + self.cover * (shade - 1)
        self.cover = np.zeros(self.shape, np.float32)


def _distortion(generator: np.random.Generator) -> NDArray[np.float64]:
    """A slight random rotation, slant and scaling of one glyph, float64 `(2, 2)`."""
    turn = 0.07 * generator.normal()
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    slanted = rotation @ np.array([[1.0, 0.08 * generator.normal()], [0, 1]])
    return np.asarray(slanted @ np.diag([generator.uniform(0.85, 1.15), generator.uniform(0.92, 1.08)]))


def random_pen(generator: np.random.Generator) -> float:
    """A random width of the stroke as a share of the digit's height, or 0 for the strokes of MNIST."""
    if generator.random() < 0.3:
        return 0.0
    return float(np.exp(generator.uniform(np.log(0.025), np.log(0.2))))


def random_contrast(generator: np.random.Generator, stroke: float) -> float:
    """How much darker than the paper the ink is, 0 to 1; strokes below 1.5 px are never very faint."""
    faintest = 0.12 if stroke > 1.5 else 0.25
    if generator.random() < 0.75:
        return float(generator.uniform(0.45, 0.95))
    return float(np.exp(generator.uniform(np.log(faintest), np.log(0.9))))
