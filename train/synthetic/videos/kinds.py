"""TODO."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.videos.props import _desk, _hand, _held, _sheet, _strewn, _things
from train.synthetic.videos.stage import (
    HEIGHT,
    WIDTH,
    Generator,
    Points,
    _Actor,
    _actor,
    _Layer,
    _matrix,
    _path,
    _Pose,
    _Stage,
    _Written,
)
from train.synthetic.videos.writer import _texts, _Writer

CHANGES = (60, 110, 160, 240)  # the frames of "changing" from which on another number is there


# --- The kinds of videos ---
def _still(generator: Generator) -> _Stage:
    """A sheet with a few numbers before the camera, as steady as a hand is."""
    writer = _Writer(generator)
    page = writer.paper(600, 440)
    lengths = generator.integers(1, 5, generator.integers(1, 4))
    written = writer.write(page, [[text] for text in _texts(generator, *lengths)], generator.uniform(60, 150))
    path = _path(generator, (0, 330, 245, generator.uniform(-5, 5), 1.0), tremor=1.0)
    return _Stage(_desk(generator), [_actor(_sheet(page, written), path)])


def _moving(generator: Generator) -> _Stage:
    """A sheet comes in, is moved about and held still in three places, and leaves."""
    writer = _Writer(generator)
    page = writer.paper(400, 300)
    lines = [[text] for text in _texts(generator, *generator.integers(1, 4, generator.integers(1, 3)))]
    written = writer.write(page, lines, generator.uniform(70, 120))
    keys: list[tuple[float, ...]] = [(0, -240, 260, -6, 0.9), (5, -240, 260, -6, 0.9)]
    for frame, x in ((65, 250), (135, 420), (200, 230)):
        pose = (x, generator.uniform(190, 290), generator.uniform(-8, 8), generator.uniform(0.8, 1.2))
        keys += [(frame, *pose), (frame + 35, *pose)]
    keys.append((299, 330, 700, 5, 1.0))
    path = _path(generator, *keys, tremor=0.8)
    return _Stage(_desk(generator), _held(_sheet(page, written), generator, path))


def _light(generator: Generator) -> _Stage:
    """The lamp dims to a half and comes back, a shadow wanders, the exposure jumps."""
    stage = _still(generator)
    lamp = _path(generator, (0, 1, 0), (40, 1, 0), (90, 0.5, 0), (130, 0.5, 0), (170, 1, 0))
    steps = ((210, 0.78), (235, 1.15), (262, 1.0))
    x, y = generator.uniform(250, 400), generator.uniform(120, 300)
    stage.shadow = _path(generator, (0, -310, 60), (60, -310, 60), (170, x, y), (200, x, y), (299, 900, 420))

    def brightness(frame: int) -> float:
        factor = [1.0, *(factor for start, factor in steps if frame >= start)][-1]
        return lamp(frame).x * factor

    stage.lamp = brightness
    return stage


def _covering(generator: Generator) -> _Stage:
    """A hand comes and rests on a digit, sweeps away over the others, comes back to one and leaves."""
    stage = _still(generator)
    sheet = stage.actors[0]
    written = sheet.layer(0).written
    middles = np.array([digit.points.mean(axis=0) for digit in written])
    places = cv2.transform(middles[None], _matrix(sheet.layer(0), sheet.path(0))[:2])[0]
    (x, y), (x2, y2) = places[generator.integers(len(places), size=2)].tolist()
    keys = [(0, 700, 620, 10, 1), (40, 700, 620, 10, 1), (75, x, y - 30, -12, 1), (130, x + 9, y - 30, -9, 1)]
    keys += [(165, x - 170, 640, -20, 1), (200, 80, 640, 20, 1), (230, x2, y2 - 10, 14, 1)]
    keys += [(255, x2, y2 - 10, 14, 1), (285, x2 + 150, 700, 20, 1)]
    stage.actors = [sheet, _actor(_hand(generator), _path(generator, *keys, tremor=0.7))]
    return stage


def _changing(generator: Generator) -> _Stage:
    """Two cards with numbers; at each of `CHANGES` another number is there, the last time on a new card.

    A card is flipped within three frames; the last is taken away over the border, and another one laid.
    """
    writer = _Writer(generator)
    sides = (0, 1, 0, 1)

    texts = list(dict.fromkeys(_texts(generator, *generator.integers(1, 4, 40))))  # no two of them alike

    def card() -> _Layer:
        page = writer.paper(270, 190)
        return _sheet(page, writer.write(page, [[texts.pop()]], generator.uniform(80, 130)))

    def actor(side: int) -> _Actor:
        starts = [0, *(frame for frame, own in zip(CHANGES, sides, strict=True) if own == side)]
        cards = [card() for _ in starts]
        x, y = (165, 200) if side == 0 else (475, 270)
        lying = _path(generator, (0, x, y, generator.uniform(-5, 5), 1.0), tremor=0.4)
        taken, laid = CHANGES[-1] - 35, CHANGES[-1]
        away = _path(generator, (0, 0, 0), (taken - 25, 0, 0), (taken, 340, 0))
        back = _path(generator, (0, 340, 0), (laid, 340, 0), (laid + 25, 0, 0))

        def pose(frame: int) -> _Pose:
            pose = lying(frame)
            if side == 1:
                pose = pose._replace(x=pose.x + (away if frame < laid else back)(frame).x)
            flips = {start + when: share for start in starts[1:] for when, share in enumerate((0.15, 0.6))}
            flips |= {start - 1: 0.5 for start in starts[1:]}
            return pose if frame >= taken - 25 else pose._replace(turned=flips.get(frame, 1.0))

        return _Actor(lambda frame: cards[sum(start <= frame for start in starts) - 1], pose)

    return _Stage(_desk(generator), [actor(0), actor(1)])


def _writing(generator: Generator) -> _Stage:
    """A number of four digits is written, stroke by stroke, with a pause after every digit."""
    writer = _Writer(generator, unrest=generator.uniform(0.3, 0.6))
    blank = writer.paper(620, 460)
    page = blank.copy()
    written = writer.write(page, [_texts(generator, 4)], generator.uniform(80, 130), margin=70)
    due = np.zeros(page.shape[:2], np.float32)
    keys: list[tuple[float, ...]] = [(0, 720, 620)]
    timed = []
    for index, digit in enumerate(written):
        order, curve = _order(writer.patterns[digit.value], digit.points)
        start, time = 25 + 62 * index, 32
        times = (start + time * order).astype(np.float32)
        timed.append(_Written(digit.id, digit.value, digit.number, digit.points, times))
        x, y = np.rint(digit.points).astype(int).T
        due[y, x] = times
        ways = curve[np.linspace(0, len(curve) - 1, 17).astype(int)] + (10, 10)
        keys += [(start + 2 * step, *way) for step, way in enumerate(ways.tolist())]
        keys += [(start + time + when, ways[-1, 0] + 60, ways[-1, 1] + 130) for when in (11, 20)]
    keys.append((297, 760, 680))
    # The soft rim of a stroke comes with the pixel of ink beside it.
    due = np.maximum(due, cv2.dilate(due, np.ones((3, 3))) * (due == 0))
    before, after = _sheet(blank), _sheet(page, timed)
    edge = (before.image.shape[0] - due.shape[0]) // 2
    due = cv2.copyMakeBorder(due, edge, edge, edge, edge, cv2.BORDER_CONSTANT)[:, :, None]

    def sheet(frame: int) -> _Layer:
        return _Layer(np.where(due <= frame, after.image, before.image), after.pivot, after.written)

    lying = _path(generator, (0, WIDTH / 2, HEIGHT / 2))
    hand = _actor(_hand(generator, pen=True), _path(generator, *keys, tremor=0.5))
    return _Stage(_desk(generator), [_Actor(sheet, lying), hand])


def _order(pattern: Any, points: Points) -> tuple[NDArray[np.float32], Points]:
    """When ink was drawn, a share 0..1 for each of its pixels, and the pen's way, `[M, 2]`."""
    curve = np.concatenate(
        [np.linspace(a, b, 12) for stroke in pattern for a, b in itertools.pairwise(stroke)]
    )
    low, high = curve.min(axis=0), curve.max(axis=0)
    tall = float(np.ptp(points[:, 1]))
    length = np.hypot(*np.diff(curve, axis=0).T).sum() * tall
    reach = len(points) / length / 2  # of the ink about the middle of a stroke, px
    ends = points.min(axis=0) + reach, points.max(axis=0) - reach
    curve = (ends[0] + (curve - low) / (high - low) * (ends[1] - ends[0])).astype(np.float32)
    nearest = ((points[:, None] - curve[None]) ** 2).sum(axis=2).argmin(axis=1)
    return nearest / np.float32(len(curve) - 1), curve


def _crowd(generator: Generator) -> _Stage:
    """Many small numbers in rows, and a camera that pans slowly over them."""
    writer = _Writer(generator)
    page = writer.paper(960, 720)
    lengths = generator.permutation([1, 1, 2, 2, 2, 3, 3, *generator.integers(1, 4, 2)])
    texts = _texts(generator, *lengths.tolist())
    written = writer.write(page, [texts[:3], texts[3:6], texts[6:]], generator.uniform(30, 60), margin=110)
    x, y = generator.uniform(250, 300), generator.uniform(200, 230)
    ends = [(WIDTH - x, HEIGHT - y), (x, y)]
    keys = [(0, *ends[0], 1, 1), (30, *ends[0], 1, 1), (200, *ends[1], -2, 1), (290, x, HEIGHT - y, 0, 1)]
    return _Stage(_desk(generator), [_actor(_sheet(page, written), _path(generator, *keys, tremor=0.5))])


def _empty(generator: Generator) -> _Stage:
    """A desk with things and ruled paper, and a hand that pushes some of them about: no digit."""
    writer = _Writer(generator, board=False)
    things = _things(generator)
    actors = _strewn(generator, [_sheet(writer.paper(260, 200)), *things[1:]])
    x, y = generator.uniform(220, 420), generator.uniform(150, 260)
    keys = [(0, 720, 640, 0, 1), (40, 720, 640, 0, 1), (85, x, y, -10, 1), (110, x, y, -10, 1)]
    keys += [(170, x - 120, y + 80, 5, 1), (200, x - 120, y + 80, 5, 1), (250, 500, 760, 10, 1)]
    hand = _path(generator, *keys, tremor=0.6)
    pushed = [pose if pose[0] > 109 else (pose[0], *keys[3][1:]) for pose in keys[:6]]
    actors.append(_actor(things[0], _path(generator, *[(f, a - 20, b, d, s) for f, a, b, d, s in pushed])))
    return _Stage(_desk(generator), [*actors, _actor(_hand(generator), hand)])


def _busy(generator: Generator) -> _Stage:
    """A card with digits moves over a coarse table among other things."""
    writer = _Writer(generator, board=False)
    page = writer.paper(270, 190)
    lines = [[text] for text in _texts(generator, *generator.integers(1, 4, generator.integers(1, 3)))]
    card = _sheet(page, writer.write(page, lines, generator.uniform(50, 90), margin=16))
    x, y = generator.uniform(180, 300), generator.uniform(150, 260)
    keys = [(0, 480, 610, 5, 0.9), (5, 480, 610, 5, 0.9), (60, x + 170, y, -4, 1), (95, x + 170, y, -4, 1)]
    keys += [(140, x, y + 40, 6, 1.15), (185, x, y + 40, 6, 1.15), (220, x + 60, y - 30, 0, 0.9)]
    keys += [(250, x + 60, y - 30, 0, 0.9), (299, x + 80, 630, 0, 0.9)]
    path = _path(generator, *keys, tremor=0.8)
    actors = [*_strewn(generator, _things(generator)), *_held(card, generator, path)]
    return _Stage(_desk(generator, texture=3.5), actors)


_KINDS: dict[str, Callable[[np.random.Generator], _Stage]] = {
    "still": _still,
    "moving": _moving,
    "light": _light,
    "hand": _covering,
    "changing": _changing,
    "writing": _writing,
    "crowd": _crowd,
    "empty": _empty,
    "busy": _busy,
}
