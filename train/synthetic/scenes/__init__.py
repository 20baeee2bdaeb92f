"""Simulated photographs: handwriting on paper and boards, with and without digits, as a camera sees them.

Everything is computed, from MNIST's training digits and the project's own strokes; no photograph has a part
in it. A scene knows the box of every digit in it, which is what the detector is trained on.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import distractors, surfaces
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes.camera import _photograph
from train.synthetic.scenes.layouts import _WITH_DIGITS, _WITHOUT_DIGITS, _word
from train.synthetic.scenes.page import Scene, _contrast, _Page, _pen

_DIGIT_SHARE = 0.63


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
    """Height and width of what the camera shows; the rest of the window lies beyond the image's border."""
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
        word = distractors.printed(draw, 6) if draw.random() < 0.5 else _word(page, 4)
        page.stamp(word[:, ::-1].copy(), draw.uniform(-2, 2), float(y), size=draw.uniform(0.3, 0.9))
    page.cover = cv2.GaussianBlur(page.cover, (0, 0), draw.uniform(0.5, 1.5))
    page.dry(1 - draw.uniform(0.02, 0.15))


def _beside_things(page: _Page) -> None:
    """The sheet ends within the image: a desk, a keyboard, a hand beyond its edge."""
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
