"""Simulated photographs of handwriting on paper and boards, with and without digits.

Everything is computed from MNIST's training digits, real writers' pen strokes, the project's own glyphs and
installed fonts, without any photograph. A scene comes with the box and label of every digit, which is what
the detector is trained on.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import distractors, surfaces
from train.synthetic.glyph_images import IGNORE
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes import documents, layouts
from train.synthetic.scenes.camera import photograph
from train.synthetic.scenes.layouts import Layout
from train.synthetic.scenes.page import Page, Scene, random_contrast, random_pen

__all__ = ["IGNORE", "Scene", "draw_scene"]

_DIGIT_SHARE = 0.72
_DOCUMENT_SHARE = 0.5


def draw_scene(
    generator: np.random.Generator,
    handwriting: Handwriting,
    side: int,
    heights: tuple[float, float],
    *,
    digits: bool | None = None,
) -> Scene:
    """Draw a scene of `side` x `side` px whose digits are about `heights[0]` to `heights[1]` px high.

    `digits` decides whether the scene may contain digits; by default, `_DIGIT_SHARE` of all scenes may. The
    heights do not apply to layouts that fill the image with a single glyph.
    """
    if digits is None:
        digits = generator.random() < _DIGIT_SHARE
    kinds = documents if generator.random() < _DOCUMENT_SHARE else layouts
    layout = _choose_layout(generator, kinds.WITH_DIGITS if digits else kinds.WITHOUT_DIGITS)
    shape = _visible_shape(generator, side, layout)
    unit = float(np.exp(generator.uniform(*np.log(heights))))
    if layout.fill:
        unit = min(shape) * generator.uniform(*layout.fill)
    page = Page(
        generator,
        handwriting.choose_writer(generator),
        surfaces.sheet(generator, *shape),
        unit,
        _random_tilt(generator),
        random_pen(generator),
        np.zeros(shape, np.float32),
    )
    _prepare_sheet(page)
    layout.draw(page)
    contrast = random_contrast(generator, page.stroke)
    page.apply_ink(1 - contrast)
    grey = photograph(generator, page, contrast)
    boxes = np.array(page.boxes, np.float64).reshape(-1, 4)
    if shape != (side, side):
        down, across = side - shape[0], side - shape[1]
        top, left = down // 2, across // 2
        grey = cv2.copyMakeBorder(grey, top, down - top, left, across - left, cv2.BORDER_REPLICATE)
        boxes += (left, top, 0, 0)
    return Scene(grey, boxes.astype(np.float32), np.array(page.labels, np.int64), layout.name)


def _choose_layout(generator: np.random.Generator, choices: tuple[Layout, ...]) -> Layout:
    weights = np.array([layout.weight for layout in choices])
    return choices[generator.choice(len(choices), p=weights / weights.sum())]


def _visible_shape(generator: np.random.Generator, side: int, layout: Layout) -> tuple[int, int]:
    """Height and width of the drawn part of the scene; the rest repeats the pixels at its edges."""
    if layout.close_up:
        shape = np.exp(generator.uniform(np.log(side * 0.18), np.log(side), 2))
        # Crops are seldom much wider than high, or the reverse.
        shape = np.maximum(shape, shape.max() * generator.uniform(0.35, 1))
        return int(shape[0]), int(shape[1])
    if generator.random() < 0.15:
        shape = generator.uniform(0.4, 1, 2) * side
        return int(shape[0]), int(shape[1])
    return side, side


def _random_tilt(generator: np.random.Generator) -> NDArray[np.float64]:
    """A rotation, mostly slight and at most 30 degrees, with the shear and squeeze of an oblique view."""
    steep = generator.random() < 0.2
    angle = np.radians(generator.uniform(-30, 30) if steep else 4 * generator.normal())
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    oblique = 0.2 if generator.random() < 0.25 else 0.03
    shear = np.array([[1.0, oblique * generator.normal()], [0, 1]])
    squeeze = np.diag([1.0, 1 - min(0.45, abs(oblique * generator.normal()))])
    turn = generator.uniform(0, np.pi)
    along = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(rotation @ shear @ (along @ squeeze @ along.T))


def _prepare_sheet(page: Page) -> None:
    """Add what is on the page before the writing: ruling, writing on the back, a desk beyond the edge."""
    generator = page.generator
    if generator.random() < 0.28:
        spacing = max(4.0, page.unit * generator.uniform(0.7, 3))
        page.brightness *= 1 - generator.uniform(0.03, 0.35) * surfaces.ruled(generator, *page.shape, spacing)
    if generator.random() < 0.15:
        _bleed_through(page)
    if generator.random() < 0.1:
        _show_edge(page)


def _bleed_through(page: Page) -> None:
    """Writing on the back of the sheet, mirrored and faint."""
    generator = page.generator
    for y in np.arange(-2, 2.5, generator.uniform(0.6, 1.4)):
        by_machine = generator.random() < 0.5
        word = distractors.printed(generator, 6) if by_machine else page.writer.word(generator, page.pen, 4)
        page.stamp(word[:, ::-1].copy(), generator.uniform(-2, 2), float(y), size=generator.uniform(0.3, 0.9))
    page.cover = cv2.GaussianBlur(page.cover, (0, 0), generator.uniform(0.5, 1.5))
    page.apply_ink(1 - generator.uniform(0.02, 0.15))


def _show_edge(page: Page) -> None:
    """Let the sheet end within the image, with a desk, a keyboard or a hand beyond its edge."""
    generator = page.generator
    height, width = page.shape
    beyond = surfaces.clutter(generator, height, width)
    if generator.random() < 0.5:
        beyond = generator.uniform(10, 120) + 0.2 * beyond
    side = generator.integers(4)
    away = generator.uniform(0.02, 0.3)
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    slope = generator.normal() * 0.15
    edge = [
        across - away - slope * down,
        1 - across - away - slope * down,
        down - away - slope * across,
        1 - down - away - slope * across,
    ][side]
    page.brightness = np.where(edge < 0, beyond, page.brightness).astype(np.float32)
