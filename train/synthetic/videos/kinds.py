"""The kinds of videos: for each of them, a function that sets up its stage.

A motion is given as keyframes: (frame, x, y) or (frame, x, y, degrees, scale).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.glyphs import Glyph
from train.synthetic.videos.frame import HEIGHT, WIDTH
from train.synthetic.videos.props import hold, make_desk, make_hand, make_sheet, make_things, scatter
from train.synthetic.videos.stage import (
    Actor,
    Generator,
    Layer,
    Points,
    Pose,
    Stage,
    layer_to_stage,
    make_actor,
    smooth_motion,
)
from train.synthetic.videos.writer import Writer, random_numbers

Keys = list[tuple[float, ...]]

CHANGES = (60, 110, 160, 240)  # in "changing", the frames at which a number is replaced by another


def _still(generator: Generator) -> Stage:
    """A sheet with a few numbers, held as still as a hand can."""
    writer = Writer(generator)
    page = writer.blank_page(600, 440)
    lengths = generator.integers(1, 5, generator.integers(1, 4))
    lines = [[text] for text in random_numbers(generator, *lengths)]
    digits = writer.write(page, lines, generator.uniform(60, 150))
    motion = smooth_motion(generator, (0, 330, 245, generator.uniform(-5, 5), 1.0), tremor=1.0)
    return Stage(make_desk(generator), [make_actor(make_sheet(page, digits), motion)])


def _moving(generator: Generator) -> Stage:
    """A hand brings a sheet, holds it still in three places, and takes it away."""
    writer = Writer(generator)
    page = writer.blank_page(400, 300)
    lines = _short_lines(generator)
    digits = writer.write(page, lines, generator.uniform(70, 120))
    keys: Keys = [(0, -240, 260, -6, 0.9), (5, -240, 260, -6, 0.9)]
    for frame, x in ((65, 250), (135, 420), (200, 230)):
        pose = (x, generator.uniform(190, 290), generator.uniform(-8, 8), generator.uniform(0.8, 1.2))
        keys += [(frame, *pose), (frame + 35, *pose)]
    keys.append((299, 330, 700, 5, 1.0))
    motion = smooth_motion(generator, *keys, tremor=0.8)
    return Stage(make_desk(generator), hold(make_sheet(page, digits), generator, motion))


def _light(generator: Generator) -> Stage:
    """The lamp dims to half and recovers, a shadow wanders over the sheet, and the exposure jumps."""
    stage = _still(generator)
    lamp = smooth_motion(generator, (0, 1, 0), (40, 1, 0), (90, 0.5, 0), (130, 0.5, 0), (170, 1, 0))
    steps = ((210, 0.78), (235, 1.15), (262, 1.0))
    x, y = generator.uniform(250, 400), generator.uniform(120, 300)
    keys: Keys = [(0, -310, 60), (60, -310, 60), (170, x, y), (200, x, y), (299, 900, 420)]
    stage.shadow = smooth_motion(generator, *keys)

    def brightness(frame: int) -> float:
        factor = [1.0, *(factor for start, factor in steps if frame >= start)][-1]
        return lamp(frame).x * factor

    stage.lamp = brightness
    return stage


def _hand(generator: Generator) -> Stage:
    """A hand rests on a digit, sweeps over the others, comes back to one of them and leaves."""
    stage = _still(generator)
    sheet = stage.actors[0]
    layer = sheet.layer(0)
    middles = np.array([digit.points.mean(axis=0) for digit in layer.digits])
    places = cv2.transform(middles[None], layer_to_stage(layer, sheet.motion(0))[:2])[0]
    (x, y), (x2, y2) = places[generator.integers(len(places), size=2)].tolist()
    keys: Keys = [(0, 700, 620, 10, 1), (40, 700, 620, 10, 1)]
    keys += [(75, x, y - 30, -12, 1), (130, x + 9, y - 30, -9, 1)]
    keys += [(165, x - 170, 640, -20, 1), (200, 80, 640, 20, 1), (230, x2, y2 - 10, 14, 1)]
    keys += [(255, x2, y2 - 10, 14, 1), (285, x2 + 150, 700, 20, 1)]
    hand = make_actor(make_hand(generator), smooth_motion(generator, *keys, tremor=0.7))
    stage.actors = [sheet, hand]
    return stage


def _changing(generator: Generator) -> Stage:
    """Two cards, each with a number; one of the numbers is replaced at each frame of `CHANGES`.

    The first three times, a card is flipped, which takes three frames. The last time, the card is moved out
    of the frame and another one is moved in.
    """
    writer = Writer(generator)
    # No two texts are alike.
    texts = list(dict.fromkeys(random_numbers(generator, *generator.integers(1, 4, 40))))

    def card() -> Layer:
        page = writer.blank_page(270, 190)
        return make_sheet(page, writer.write(page, [[texts.pop()]], generator.uniform(80, 130)))

    def pile(changes: tuple[int, ...], x: float, y: float, *, swapped: bool) -> Actor:
        """A card in one place; another one takes its place at every change."""
        cards = [card() for _ in range(len(changes) + 1)]
        lying = smooth_motion(generator, (0, x, y, generator.uniform(-5, 5), 1.0), tremor=0.4)
        laid = CHANGES[-1]
        taken = laid - 35
        away = smooth_motion(generator, (0, 0, 0), (taken - 25, 0, 0), (taken, 340, 0))
        back = smooth_motion(generator, (0, 340, 0), (laid, 340, 0), (laid + 25, 0, 0))
        widths: dict[int, float] = {}  # by frame, the share in view while a card is flipped
        for change in changes:
            widths |= {change - 1: 0.5, change: 0.15, change + 1: 0.6}

        def pose(frame: int) -> Pose:
            pose = lying(frame)
            if swapped:
                pose = pose._replace(x=pose.x + (away if frame < laid else back)(frame).x)
            return pose if frame >= taken - 25 else pose._replace(turned=widths.get(frame, 1.0))

        return Actor(lambda frame: cards[sum(change <= frame for change in changes)], pose)

    desk = make_desk(generator)
    left = pile(CHANGES[0::2], 165, 200, swapped=False)
    right = pile(CHANGES[1::2], 475, 270, swapped=True)
    return Stage(desk, [left, right])


def _writing(generator: Generator) -> Stage:
    """A hand writes a number of four digits, stroke by stroke, with a pause after every digit."""
    writer = Writer(generator, variation=generator.uniform(0.3, 0.6))
    blank = writer.blank_page(620, 460)
    page = blank.copy()
    digits = writer.write(page, [random_numbers(generator, 4)], generator.uniform(80, 130), margin=70)
    due = np.zeros(page.shape[:2], np.float32)
    keys: Keys = [(0, 720, 620)]
    timed = []
    for index, digit in enumerate(digits):
        order, curve = _drawing_order(writer.digits[digit.value], digit.points)
        start, duration = 25 + 62 * index, 32
        times = (start + duration * order).astype(np.float32)
        timed.append(replace(digit, due=times))
        x, y = np.rint(digit.points).astype(int).T
        due[y, x] = times
        # The page lies 10 px from the borders of the frame.
        tips = curve[np.linspace(0, len(curve) - 1, 17).astype(int)] + (10, 10)
        keys += [(start + 2 * step, *tip) for step, tip in enumerate(tips.tolist())]
        keys += [(start + duration + pause, tips[-1, 0] + 60, tips[-1, 1] + 130) for pause in (11, 20)]
    keys.append((297, 760, 680))
    # The soft edge of a stroke appears together with the ink beside it.
    due = np.maximum(due, cv2.dilate(due, np.ones((3, 3))) * (due == 0))
    before, after = make_sheet(blank), make_sheet(page, timed)
    edge = (before.image.shape[0] - due.shape[0]) // 2
    due = cv2.copyMakeBorder(due, edge, edge, edge, edge, cv2.BORDER_CONSTANT)[:, :, None]

    def sheet(frame: int) -> Layer:
        return replace(after, image=np.where(due <= frame, after.image, before.image))

    lying = smooth_motion(generator, (0, WIDTH / 2, HEIGHT / 2))
    hand = make_actor(make_hand(generator, pen=True), smooth_motion(generator, *keys, tremor=0.5))
    return Stage(make_desk(generator), [Actor(sheet, lying), hand])


def _drawing_order(glyph: Glyph, points: Points) -> tuple[NDArray[np.float32], Points]:
    """When the ink of a glyph is drawn, and where the pen goes.

    `points` are the pixels of the ink, float32 `[N, 2]`. Returns the time 0..1 of each, float32 `[N]`, and
    points along the path of the pen, float32 `[M, 2]`.
    """
    curve = np.concatenate([np.linspace(a, b, 12) for stroke in glyph for a, b in itertools.pairwise(stroke)])
    low, high = curve.min(axis=0), curve.max(axis=0)
    height = float(np.ptp(points[:, 1]))
    length = np.hypot(*np.diff(curve, axis=0).T).sum() * height
    half_width = len(points) / length / 2  # of the strokes, px
    ends = points.min(axis=0) + half_width, points.max(axis=0) - half_width
    curve = (ends[0] + (curve - low) / (high - low) * (ends[1] - ends[0])).astype(np.float32)
    nearest = ((points[:, None] - curve[None]) ** 2).sum(axis=2).argmin(axis=1)
    return nearest / np.float32(len(curve) - 1), curve


def _crowd(generator: Generator) -> Stage:
    """Many small numbers in rows; the sheet slides slowly, as if the camera panned."""
    writer = Writer(generator)
    page = writer.blank_page(960, 720)
    lengths = generator.permutation([1, 1, 2, 2, 2, 3, 3, *generator.integers(1, 4, 2)])
    texts = random_numbers(generator, *lengths.tolist())
    digits = writer.write(page, [texts[:3], texts[3:6], texts[6:]], generator.uniform(30, 60), margin=110)
    x, y = generator.uniform(250, 300), generator.uniform(200, 230)
    start = (WIDTH - x, HEIGHT - y, 1, 1)
    keys: Keys = [(0, *start), (30, *start), (200, x, y, -2, 1), (290, x, HEIGHT - y, 0, 1)]
    desk, sheet = make_desk(generator), make_sheet(page, digits)
    return Stage(desk, [make_actor(sheet, smooth_motion(generator, *keys, tremor=0.5))])


def _empty(generator: Generator) -> Stage:
    """No digits: a desk with things and ruled paper, and a hand that pushes a pen aside."""
    writer = Writer(generator, board=False)
    pen, *things = make_things(generator)
    actors = scatter(generator, [make_sheet(writer.blank_page(260, 200)), *things])
    x, y = generator.uniform(220, 420), generator.uniform(150, 260)
    keys: Keys = [(0, 720, 640, 0, 1), (40, 720, 640, 0, 1), (85, x, y, -10, 1), (110, x, y, -10, 1)]
    keys += [(170, x - 120, y + 80, 5, 1), (200, x - 120, y + 80, 5, 1), (250, 500, 760, 10, 1)]
    motion = smooth_motion(generator, *keys, tremor=0.6)
    # The pen lies still until the hand has come, and follows it until the hand leaves.
    touched = keys[3]
    pushed: Keys = [(frame, *(touched if frame < touched[0] else pose)[-4:]) for frame, *pose in keys[:6]]
    pushed = [(frame, x - 20, y, degrees, scale) for frame, x, y, degrees, scale in pushed]
    actors.append(make_actor(pen, smooth_motion(generator, *pushed)))
    return Stage(make_desk(generator), [*actors, make_actor(make_hand(generator), motion)])


def _busy(generator: Generator) -> Stage:
    """A hand moves a card with digits over a coarse-grained table on which things lie about."""
    writer = Writer(generator, board=False)
    page = writer.blank_page(270, 190)
    lines = _short_lines(generator)
    card = make_sheet(page, writer.write(page, lines, generator.uniform(50, 90), margin=16))
    x, y = generator.uniform(180, 300), generator.uniform(150, 260)
    keys: Keys = [(0, 480, 610, 5, 0.9), (5, 480, 610, 5, 0.9)]
    keys += [(60, x + 170, y, -4, 1), (95, x + 170, y, -4, 1)]
    keys += [(140, x, y + 40, 6, 1.15), (185, x, y + 40, 6, 1.15), (220, x + 60, y - 30, 0, 0.9)]
    keys += [(250, x + 60, y - 30, 0, 0.9), (299, x + 80, 630, 0, 0.9)]
    motion = smooth_motion(generator, *keys, tremor=0.8)
    actors = [*scatter(generator, make_things(generator)), *hold(card, generator, motion)]
    return Stage(make_desk(generator, texture=3.5), actors)


def _short_lines(generator: Generator) -> list[list[str]]:
    """One or two lines, each with a number of one to three digits."""
    return [[text] for text in random_numbers(generator, *generator.integers(1, 4, generator.integers(1, 3)))]


STAGES: dict[str, Callable[[Generator], Stage]] = {
    "still": _still,
    "moving": _moving,
    "light": _light,
    "hand": _hand,
    "changing": _changing,
    "writing": _writing,
    "crowd": _crowd,
    "empty": _empty,
    "busy": _busy,
}
