"""The props of a video: sheets, desks, hands and things that lie about."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import paper
from train.synthetic.videos.camera import blend
from train.synthetic.videos.frame import HEIGHT, WIDTH
from train.synthetic.videos.stage import (
    Actor,
    Generator,
    Image,
    Layer,
    Motion,
    WrittenDigit,
    make_actor,
    smooth_motion,
)

# Colours are blue, green, red.
_SKINS = ((135, 170, 225), (105, 140, 196), (70, 98, 148))
_DESKS = ((70, 105, 145), (110, 110, 112), (48, 60, 84), (150, 158, 160))

_HAND_LIFT = 12  # px, shadow of a hand


def _edge(lift: int) -> int:
    """Width in pixels of the transparent edge around a layer, which makes room for its shadow."""
    return 3 * lift


def cut_out(
    colour: NDArray[Any], alpha: Image, digits: Sequence[WrittenDigit] = (), *, lift: int = 5
) -> Layer:
    """A layer that shows `colour` `(H, W, 3)` where `alpha` uint8 `(H, W)` is not 0, and casts a soft shadow.

    `lift` is the length of the shadow in pixels; the layer is larger by `3 * lift` px on all sides.
    """
    edge = _edge(lift)
    alpha = cv2.copyMakeBorder(alpha, edge, edge, edge, edge, cv2.BORDER_CONSTANT).astype(np.float32)
    colour = cv2.copyMakeBorder(colour.astype(np.float32), edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    shadow = 0.4 * cv2.GaussianBlur(np.roll(alpha, (lift, lift // 2), (0, 1)), (0, 0), 0.7 * lift)
    both = alpha + (1 - alpha / 255) * shadow
    image = np.dstack([np.clip(colour, 0, 255) * alpha[:, :, None] / 255, both])
    moved = tuple(replace(digit, points=digit.points + np.float32(edge)) for digit in digits)
    height, width = both.shape
    return Layer(np.rint(image).astype(np.uint8), (width / 2, height / 2), moved)


def make_sheet(page: NDArray[np.float32], digits: Sequence[WrittenDigit] = (), *, lift: int = 5) -> Layer:
    """A layer of a rectangular page, BGR float32 `(H, W, 3)`, with the digits that are written on it."""
    return cut_out(page, np.full(page.shape[:2], 255, np.uint8), digits, lift=lift)


def make_desk(generator: Generator, texture: float = 1.0) -> Image:
    """The top of a desk: BGR uint8 `(480, 640, 3)`. `texture` scales the contrast of the grain."""
    light = paper.blank(WIDTH, HEIGHT, generator, level=100) / 100
    grain = generator.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    along = generator.choice([2.0, 30.0])
    grain = cv2.GaussianBlur(grain, (0, 0), sigmaX=along, sigmaY=1.6)
    light *= 1 + 0.04 * texture * grain / grain.std()
    colour = np.array(_DESKS[generator.integers(len(_DESKS))]) * generator.uniform(0.85, 1.1)
    return np.clip(light[:, :, None] * colour, 0, 255).astype(np.uint8)


def _shade_round(alpha: Image, colour: Any, generator: Generator, depth: float) -> NDArray[Any]:
    """The colour `(H, W, 3)` of a round object: textured, and darker within `depth` px of its edges."""
    inner = np.minimum(cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 5) / depth, 1)
    texture = cv2.GaussianBlur(generator.normal(size=alpha.shape), (0, 0), 2)
    return np.asarray((0.66 + 0.34 * np.sqrt(inner) + 0.12 * texture)[:, :, None] * np.array(colour))


def make_hand(generator: Generator, *, pen: bool = False, thumb: bool = True) -> Layer:
    """A hand and its arm, reaching in from below, with or without a pen and a thumb.

    Its pivot is at the finger tips, or at the tip of the pen.
    """
    skin = np.array(_SKINS[generator.integers(len(_SKINS))]) * generator.uniform(0.9, 1.08)
    height, width = 900, 320
    colour, alpha = np.zeros((height, width, 3)), np.zeros((height, width), np.uint8)

    def limb(points: list[tuple[int, int]], thickness: int, tone: Any) -> None:
        part = np.zeros_like(alpha)
        cv2.polylines(part, [np.array(points)], False, 255, thickness, cv2.LINE_AA)
        share = part[:, :, None] / 255
        colour[:] = colour * (1 - share) + _shade_round(part, tone, generator, thickness / 3) * share
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
    layer = cut_out(cv2.GaussianBlur(colour, (0, 0), 1), alpha, lift=_HAND_LIFT)
    edge = _edge(_HAND_LIFT)
    return replace(layer, pivot=(edge + 36, edge + 6) if pen else (edge + 150, edge + 60))


def hold(sheet: Layer, generator: Generator, motion: Motion) -> list[Actor]:
    """A sheet and the hand that holds it at its lower edge: the fingers are behind it, the thumb in front."""
    height, width = sheet.image.shape[:2]
    hand = make_hand(generator, thumb=False).image
    x, y = int(generator.uniform(0, width - 300)), height - min(290, height - 20)
    canvas = np.zeros((y + len(hand), max(width, x + hand.shape[1]), 4), np.uint8)
    blend(canvas[y:, x : x + hand.shape[1]], hand)
    blend(canvas[:height, :width], sheet.image)
    thumb = np.zeros((190, 80), np.uint8)
    cv2.line(thumb, (28, 24), (50, 240), 255, 40, cv2.LINE_AA)
    colour = _shade_round(thumb, hand[330, 190, :3] * 1.1, generator, 13)
    # The thumb fades out into the palm, so that no edge is visible there.
    fade = np.clip(np.arange(len(thumb), 0, -1)[:, None] / 70, 0, 1)
    thumb = (thumb * fade).astype(np.uint8)
    above = cut_out(colour, thumb, lift=3)
    pivot = sheet.pivot[0] - x - 145, sheet.pivot[1] - height + 70
    parts = [replace(sheet, image=canvas), replace(above, pivot=pivot)]
    return [make_actor(part, motion) for part in parts]


def make_things(generator: Generator) -> list[Layer]:
    """A pen, a ruler, a book, a coin, a phone and a note. None of them looks like a digit."""
    things = []
    pen = np.full((14, 300, 3), generator.uniform(20, 150, 3))
    pen[:, :24], pen[:, 170:176], pen[3:6] = (150, 150, 155), (190, 190, 190), pen[3:6] * 1.3 + 30
    things.append(make_sheet(pen))
    ruler = np.full((56, 430, 3), generator.uniform((90, 150, 170), (160, 190, 215)))
    for tick in range(12, 420, 8):
        ruler[: 26 if tick % 40 == 12 else 13, tick : tick + 2] *= 0.35
    things.append(make_sheet(ruler, lift=2))
    book = np.full((300, 230, 3), 205.0)
    for row in range(30, 270, 14):
        ends = np.cumsum(generator.integers(14, 44, 9))
        for start, end in itertools.pairwise(ends.tolist()):
            book[row : row + 4, start : min(end - 6, 205)] = 85
    things.append(make_sheet(book, lift=8))
    coin = np.zeros((64, 64), np.uint8)
    cv2.circle(coin, (32, 32), 27, 255, -1, cv2.LINE_AA)
    things.append(cut_out(_shade_round(coin, (120, 165, 190), generator, 4), coin, lift=3))
    phone = np.full((230, 112, 3), 34.0)
    phone[12:-12, 6:-6] = generator.uniform(10, 60, 3)
    things.append(make_sheet(phone))
    things.append(make_sheet(np.full((95, 95, 3), generator.uniform((60, 150, 190), (130, 220, 235)))))
    return things


def scatter(generator: Generator, things: Sequence[Layer]) -> list[Actor]:
    """Lay up to six things on the desk, each in a place of its own."""
    spots = generator.permutation([(90, 100), (320, 70), (560, 110), (100, 400), (330, 430), (560, 380)])
    return [
        make_actor(thing, smooth_motion(generator, (0, *spot, generator.uniform(-50, 50), 1.0)))
        for thing, spot in zip(things, spots.tolist(), strict=False)
    ]
