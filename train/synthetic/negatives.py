"""Negatives: tiles of things that are not digits, drawn without a scene or a detector.

Letters, symbols, scribbles, shapes, textures and noise. The classifier is trained to reject them, because a
user may pass in a tile of anything, and a benchmark measures how well it does so.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import TILE
from edge_runtime.reading.tile import make_tile
from train.synthetic import distractors, surfaces
from train.synthetic.glyph_images import NOT_A_DIGIT, InkImage
from train.synthetic.handwriting import Handwriting, Writer

Tile = NDArray[np.uint8]

_SHAPES_SIDE = 3 * TILE  # px, side of the image that solid shapes are drawn in


def draw(generator: np.random.Generator, handwriting: Handwriting) -> Tile:
    """A tile uint8 `(28, 28)` of one of `KINDS`, chosen at random by their shares."""
    kinds = list(KINDS.values())
    shares = np.array([share for _, share in kinds])
    return kinds[generator.choice(len(kinds), p=shares / shares.sum())][0](
        generator, handwriting.choose_writer(generator)
    )


def _pen(generator: np.random.Generator) -> float:
    """The width of a stroke as a share of the height, or 0 for the glyph's own width."""
    return float(np.exp(generator.uniform(np.log(0.04), np.log(0.2)))) if generator.random() < 0.5 else 0.0


def _tile(glyph: InkImage) -> Tile:
    return make_tile(glyph) if glyph.max() > 128 else np.zeros((TILE, TILE), np.uint8)


def _letter(generator: np.random.Generator, writer: Writer) -> Tile:
    return _tile(writer.letter(generator, _pen(generator)))


def _printed(generator: np.random.Generator, writer: Writer) -> Tile:
    return _tile(distractors.printed(generator, 1))


def _foreign(generator: np.random.Generator, writer: Writer) -> Tile:
    return _tile(distractors.foreign(generator))


def _invented(generator: np.random.Generator, writer: Writer) -> Tile:
    return _tile(distractors.invented(generator, _pen(generator)))


def _scribble(generator: np.random.Generator, writer: Writer) -> Tile:
    return _tile(distractors.scribble(generator, _pen(generator)))


def _operator(generator: np.random.Generator, writer: Writer) -> Tile:
    while True:
        glyph, label = writer.symbol(generator, _pen(generator))
        # An operator that could be read as a slanted 1 is not a clear negative.
        if label == NOT_A_DIGIT:
            return _tile(glyph)


def _texture(generator: np.random.Generator, writer: Writer) -> Tile:
    """Part of a cluttered surface, neither centred nor scaled."""
    surface = surfaces.clutter(generator, TILE, TILE)
    return np.clip(surface - generator.uniform(0, 120), 0, 255).astype(np.uint8)


def _noise(generator: np.random.Generator, writer: Writer) -> Tile:
    """White noise, black and white pixels, or, half the time, soft blobs."""
    kind = generator.integers(4)
    if kind == 0:
        return generator.integers(0, 256, (TILE, TILE), np.uint8)
    if kind == 1:
        return (255 * (generator.random((TILE, TILE)) < generator.uniform(0.02, 0.6))).astype(np.uint8)
    rough = generator.normal(size=(TILE, TILE)).astype(np.float32)
    soft = cv2.GaussianBlur(rough, (0, 0), generator.uniform(0.5, 3))
    level = generator.uniform(-1, 1) * soft.std()
    return np.clip((soft - level) / soft.std() * generator.uniform(40, 200), 0, 255).astype(np.uint8)


def _solid(generator: np.random.Generator, writer: Writer) -> Tile:
    """Filled shapes, plain or textured, such as clothes, tools and blots."""
    side = _SHAPES_SIDE
    image = np.zeros((side, side), np.uint8)
    for _ in range(generator.integers(1, 5)):
        count = int(generator.integers(3, 8))
        points = side / 2 + side * generator.uniform(0.1, 0.5) * generator.uniform(-1, 1, (count, 2))
        shade = int(generator.integers(100, 256))
        if generator.random() < 0.5:
            points = cv2.convexHull(points.astype(np.float32))[:, 0]
        cv2.fillPoly(image, [np.rint(points).astype(np.int32)], shade, cv2.LINE_AA)
        if generator.random() < 0.6:  # mirrored, because most objects are symmetric
            image = np.maximum(image, image[:, ::-1])
    cv2.circle(image, (side // 2, side // 2), 4, 255, -1)
    if generator.random() < 0.4:
        pattern = np.clip(surfaces.clutter(generator, side, side) / 255, 0.2, 1)
        image = (image * pattern).astype(np.uint8)
    return make_tile(image) if image.max() > 128 else image[TILE : 2 * TILE, TILE : 2 * TILE]


# Each kind's function, and its share of the negatives. Benchmark records contain the names.
KINDS: dict[str, tuple[Callable[[np.random.Generator, Writer], Tile], float]] = {
    "letters by hand": (_letter, 0.2),
    "letters in print": (_printed, 0.12),
    "foreign characters": (_foreign, 0.1),
    "invented characters": (_invented, 0.16),
    "operators": (_operator, 0.04),
    "scribbles": (_scribble, 0.08),
    "solid things": (_solid, 0.12),
    "textures": (_texture, 0.1),
    "noise": (_noise, 0.08),
}
