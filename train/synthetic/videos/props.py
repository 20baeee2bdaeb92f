"""TODO."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.videos.camera import _lay
from train.synthetic.videos.stage import (
    HEIGHT,
    WIDTH,
    Generator,
    Image,
    _Actor,
    _actor,
    _Layer,
    _Path,
    _path,
    _Written,
)

_SKINS = ((135, 170, 225), (105, 140, 196), (70, 98, 148))
_DESKS = ((70, 105, 145), (110, 110, 112), (48, 60, 84), (150, 158, 160))


# --- Things ---
def _cut_out(
    colour: NDArray[Any], alpha: Image, written: Sequence[_Written] = (), *, lift: int = 5
) -> _Layer:
    """A layer of a thing with the soft shadow that it casts, `lift` pixels long."""
    edge = 3 * lift
    alpha = cv2.copyMakeBorder(alpha, edge, edge, edge, edge, cv2.BORDER_CONSTANT).astype(np.float32)
    colour = cv2.copyMakeBorder(colour.astype(np.float32), edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    shadow = 0.4 * cv2.GaussianBlur(np.roll(alpha, (lift, lift // 2), (0, 1)), (0, 0), 0.7 * lift)
    both = alpha + (1 - alpha / 255) * shadow
    image = np.dstack([np.clip(colour, 0, 255) * alpha[:, :, None] / 255, both])
    moved = [_Written(w.id, w.value, w.number, w.points + np.float32(edge), w.due) for w in written]
    height, width = both.shape
    return _Layer(np.rint(image).astype(np.uint8), (width / 2, height / 2), tuple(moved))


def _sheet(page: NDArray[np.float32], written: Sequence[_Written] = (), *, lift: int = 5) -> _Layer:
    return _cut_out(page, np.full(page.shape[:2], 255, np.uint8), written, lift=lift)


def _desk(generator: Generator, texture: float = 1.0) -> Image:
    """A table or a wall, BGR uint8 `(480, 640, 3)`, with grain of a strength."""
    from train.synthetic import paper

    light = paper.paper(WIDTH, HEIGHT, generator, level=100) / 100
    grain = generator.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    along = generator.choice([2.0, 30.0])
    grain = cv2.GaussianBlur(grain, (0, 0), sigmaX=along, sigmaY=1.6)
    light *= 1 + 0.04 * texture * grain / grain.std()
    colour = np.array(_DESKS[generator.integers(len(_DESKS))]) * generator.uniform(0.85, 1.1)
    return np.clip(light[:, :, None] * colour, 0, 255).astype(np.uint8)


def _shaded(alpha: Image, colour: Any, generator: Generator, depth: float) -> NDArray[Any]:
    """The colour of something round, darker towards its edges, with a fine texture."""
    inner = np.minimum(cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 5) / depth, 1)
    texture = cv2.GaussianBlur(generator.normal(size=alpha.shape), (0, 0), 2)
    return np.asarray((0.66 + 0.34 * np.sqrt(inner) + 0.12 * texture)[:, :, None] * np.array(colour))


def _hand(generator: Generator, *, pen: bool = False, thumb: bool = True) -> _Layer:
    """A hand on an arm that comes from below, pivot at its finger tips, or at the tip of the pen it holds."""
    skin = np.array(_SKINS[generator.integers(len(_SKINS))]) * generator.uniform(0.9, 1.08)
    height, width = 900, 320
    colour, alpha = np.zeros((height, width, 3)), np.zeros((height, width), np.uint8)

    def limb(points: list[tuple[int, int]], thick: int, tone: Any) -> None:
        part = np.zeros_like(alpha)
        cv2.polylines(part, [np.array(points)], False, 255, thick, cv2.LINE_AA)
        share = part[:, :, None] / 255
        colour[:] = colour * (1 - share) + _shaded(part, tone, generator, thick / 3) * share
        np.maximum(alpha, part, out=alpha)

    sleeve = generator.uniform(40, 170, 3)
    if pen:
        limb([(45, 20), (150, 180)], 9, generator.uniform(20, 120, 3))
        limb([(36, 6), (45, 20)], 4, (60, 60, 60))
        fingers = [[(84, 92), (120, 150), (180, 190)], [(76, 106), (100, 170), (170, 220)]]
        fingers += [[(100, 140), (120, 205), (190, 250)], [(128, 180), (140, 230), (200, 260)]]
    else:
        fingers = [[(70, 92), (92, 200), (120, 280)], [(120, 44), (130, 180), (140, 280)]]
        fingers += [[(172, 34), (170, 180), (160, 280)], [(224, 66), (210, 190), (180, 280)]]
        fingers += [[(290, 210), (250, 280), (200, 350)]] if thumb else []
    limb([(205, 300), (200, 920)], 96, skin)
    limb([(200, 520), (200, 920)], 118, sleeve)
    limb([(150, 270), (190, 330)] if not pen else [(190, 235), (205, 300)], 122, skin)
    for finger in fingers:
        limb(finger, 34 if pen else 40, skin)
    layer = _cut_out(cv2.GaussianBlur(colour, (0, 0), 1), alpha, lift=12)
    return _Layer(layer.image, (36 + 36, 36 + 6) if pen else (36 + 150, 36 + 60))


def _held(sheet: _Layer, generator: Generator, path: _Path) -> list[_Actor]:
    """A sheet held at its lower edge by a hand: the fingers are behind it, the thumb is before it."""
    height, width = sheet.image.shape[:2]
    hand = _hand(generator, thumb=False).image
    x, y = int(generator.uniform(0, width - 300)), height - min(290, height - 20)
    canvas = np.zeros((y + len(hand), max(width, x + hand.shape[1]), 4), np.uint8)
    _lay(canvas[y:, x : x + hand.shape[1]], hand)
    _lay(canvas[:height, :width], sheet.image)
    thumb = np.zeros((190, 80), np.uint8)
    cv2.line(thumb, (28, 24), (50, 240), 255, 40, cv2.LINE_AA)
    colour = _shaded(thumb, hand[330, 190, :3] * 1.1, generator, 13)
    # It comes out of the palm without an edge.
    fade = np.clip(np.arange(len(thumb), 0, -1)[:, None] / 70, 0, 1)
    thumb = (thumb * fade).astype(np.uint8)
    above = _cut_out(colour, thumb, lift=3)
    pivot = sheet.pivot[0] - x - 145, sheet.pivot[1] - height + 70
    parts = [_Layer(canvas, sheet.pivot, sheet.written), _Layer(above.image, pivot)]
    return [_actor(part, path) for part in parts]


def _things(generator: Generator) -> list[_Layer]:
    """A pen, a ruler, a book, a coin, a telephone and a note: nothing that could be taken for a digit."""
    things = []
    pen = np.full((14, 300, 3), generator.uniform(20, 150, 3))
    pen[:, :24], pen[:, 170:176], pen[3:6] = (150, 150, 155), (190, 190, 190), pen[3:6] * 1.3 + 30
    things.append(_sheet(pen))
    ruler = np.full((56, 430, 3), generator.uniform((90, 150, 170), (160, 190, 215)))
    for mark in range(12, 420, 8):
        ruler[: 26 if mark % 40 == 12 else 13, mark : mark + 2] *= 0.35
    things.append(_sheet(ruler, lift=2))
    book = np.full((300, 230, 3), 205.0)
    for row in range(30, 270, 14):
        ends = np.cumsum(generator.integers(14, 44, 9))
        for start, end in itertools.pairwise(ends.tolist()):
            book[row : row + 4, start : min(end - 6, 205)] = 85
    things.append(_sheet(book, lift=8))
    coin = np.zeros((64, 64), np.uint8)
    cv2.circle(coin, (32, 32), 27, 255, -1, cv2.LINE_AA)
    things.append(_cut_out(_shaded(coin, (120, 165, 190), generator, 4), coin, lift=3))
    telephone = np.full((230, 112, 3), 34.0)
    telephone[12:-12, 6:-6] = generator.uniform(10, 60, 3)
    things.append(_sheet(telephone))
    things.append(_sheet(np.full((95, 95, 3), generator.uniform((60, 150, 190), (130, 220, 235)))))
    return things


def _strewn(generator: Generator, things: Sequence[_Layer]) -> list[_Actor]:
    """Things that lie about on the desk."""
    spots = generator.permutation([(90, 100), (320, 70), (560, 110), (100, 400), (330, 430), (560, 380)])
    return [
        _actor(thing, _path(generator, (0, *spot, generator.uniform(-50, 50), 1.0)))
        for thing, spot in zip(things, spots.tolist(), strict=False)
    ]
