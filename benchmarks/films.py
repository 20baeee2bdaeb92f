"""Drawn films of what a webcam sees when somebody shows handwritten digits, with the truth of every frame.

Everything is computed from a seed; nothing here comes from a data set. A film is a stage, flat layers over a
desk that follow their paths, and a camera that looks at it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.results import Box

Picture: TypeAlias = "NDArray[np.uint8]"
Points: TypeAlias = "NDArray[np.float32]"
Generator: TypeAlias = np.random.Generator

FPS = 30
FRAMES = 300  # of every film
HEIGHT, WIDTH = 480, 640
CHANGES = (60, 110, 160, 240)  # the frames of "changing" from which on another number is there
SMALLEST = 28  # px; no digit is written smaller

_PAPERS = ((0.94, 0.98, 1.0), (1.0, 0.99, 0.97), (0.8, 0.93, 1.0))  # shares of blue, green and red
_PENS = ((0.2, 0.18, 0.18), (0.3, 0.28, 0.27), (0.75, 0.38, 0.24), (0.5, 0.48, 0.47))  # the last is a pencil
_SKINS = ((135, 170, 225), (105, 140, 196), (70, 98, 148))
_DESKS = ((70, 105, 145), (110, 110, 112), (48, 60, 84), (150, 158, 160))


@dataclass(frozen=True, slots=True)
class Shown:
    """One digit in one frame.

    `id` stays with a drawn digit through the film, `number` is the written number that it belongs to, whose
    digits come in the order of x. `box` is of its ink, in the frame's pixels and clipped to the frame;
    `visible` is the share 0..1 of its ink that is written already, inside the frame, not covered and not
    turned away.
    """

    id: int
    value: int
    box: Box
    visible: float
    number: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A frame, BGR uint8 `(480, 640, 3)`, and the digits that are in it."""

    picture: Picture
    shown: tuple[Shown, ...]


@dataclass(frozen=True)
class Film:
    """A film of one kind; the same seed gives the same frames, gone through or picked by their number."""

    name: str
    seed: int
    fps: int = FPS

    def __len__(self) -> int:
        return FRAMES

    def __iter__(self) -> Iterator[Scene]:
        return map(self.__getitem__, range(FRAMES))

    def __getitem__(self, frame: int) -> Scene:
        if not 0 <= frame < FRAMES:
            raise IndexError(f"a film has frames 0..{FRAMES - 1}, not {frame}")
        stage, camera = self._set
        picture, shown = camera.look(stage, frame)
        return Scene(camera.photograph(picture, stage, frame), shown)

    @cached_property
    def _set(self) -> tuple[_Stage, _Camera]:
        generator = np.random.default_rng([self.seed, *self.name.encode()])
        return _KINDS[self.name](generator), _Camera(generator)


def film(name: str, seed: int) -> Film:
    """A film of one of `FILMS`."""
    return FILMS[name](seed)


def write(film: Film, path: str | Path) -> None:
    """Write a film's frames as a motion JPEG .avi file; raises OSError where that does not work."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), film.fps, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise OSError(f"cannot write {path}")
    for scene in film:
        writer.write(scene.picture)
    writer.release()


# --- What a stage is made of ---


@dataclass(frozen=True)
class _Written:
    """A digit on a layer: its ink's pixels, float32 `[N, 2]`, and the frame from which on each is there."""

    id: int
    value: int
    number: int
    points: Points
    due: NDArray[np.float32] | float = 0.0


@dataclass(frozen=True)
class _Layer:
    """A flat thing: BGRA uint8, colours times alpha; its pose says where its pivot lies."""

    picture: Picture
    pivot: tuple[float, float]
    written: tuple[_Written, ...] = ()


class _Pose(NamedTuple):
    x: float
    y: float
    degrees: float = 0.0
    scale: float = 1.0
    turned: float = 1.0  # share of its width that a card turned about its upright axis still shows


_Path = Callable[[int], _Pose]


@dataclass
class _Actor:
    """What is shown in a frame, and where."""

    layer: Callable[[int], _Layer]
    path: _Path


@dataclass
class _Stage:
    """A desk, BGR uint8 `(480, 640, 3)`, layers from the lowest to the uppermost, and their light."""

    desk: Picture
    actors: Sequence[_Actor]
    lamp: Callable[[int], float] = lambda frame: 1.0
    shadow: _Path | None = None


class _Camera:
    """A webcam: its slight tilt, softness, noise, exposure, and a lamp that stands to one side."""

    def __init__(self, generator: Generator) -> None:
        to_middle = np.array([[1, 0, -WIDTH / 2], [0, 1, -HEIGHT / 2], [0, 0, 1]])
        tilt = np.eye(3)
        tilt[2, :2] = generator.uniform(-2e-4, 2e-4, 2)
        self._view = np.linalg.inv(to_middle) @ tilt @ to_middle
        self._shutter = generator.uniform(0.3, 0.7)  # share of a frame's time
        self._softness = generator.uniform(0.6, 1.3)
        self._phase = generator.uniform(0, 2 * np.pi)
        rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
        angle = generator.uniform(0, 2 * np.pi)
        slope = generator.uniform(0.05, 0.2) * (columns * np.cos(angle) + rows * np.sin(angle))
        light = (1 + slope) * (1 - 0.08 * (rows**2 + columns**2))
        tint = np.array([generator.uniform(0.82, 1.05), 1.0, generator.uniform(0.94, 1.06)])
        self._light = (light[:, :, None] * tint).astype(np.float32)
        rows, columns = np.mgrid[-3 : 3 : 3 * HEIGHT * 1j, -3 : 3 : 3 * WIDTH * 1j]
        blob = 1 - 0.5 / (1 + np.exp(9 * (np.hypot(columns, 1.1 * rows + 0.4 * columns) - 0.7)))
        self._shadow = blob.astype(np.float32)
        # A sensor's noise is a little soft; pieces of one large picture of it are fresh enough.
        noise = cv2.GaussianBlur(generator.normal(size=(HEIGHT + 160, WIDTH + 160, 3)), (0, 0), 0.5)
        self._noise = (noise / noise.std() * generator.uniform(2, 4)).astype(np.float32)
        self._seed = int(generator.integers(1 << 31))

    def look(self, stage: _Stage, frame: int) -> tuple[Picture, tuple[Shown, ...]]:
        """What stands before the camera, BGR uint8 `(480, 640, 3)`, and its digits."""
        picture = stage.desk.copy()
        seen: list[tuple[_Written, Points, NDArray[np.bool_], float]] = []
        for actor in stage.actors:
            layer, pose, before = actor.layer(frame), actor.path(frame), actor.path(frame - 1)
            matrix = self._view @ _matrix(layer, pose)
            step = self._shutter * np.array([pose.x - before.x, pose.y - before.y])
            height, width = layer.picture.shape[:2]
            corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
            corners = cv2.perspectiveTransform(corners, matrix)[0]
            reach = np.abs(step) / 2 + 1
            left, top = np.maximum(np.floor(corners.min(axis=0) - reach), 0).astype(int)
            right, bottom = np.minimum(np.ceil(corners.max(axis=0) + reach), (WIDTH, HEIGHT)).astype(int)
            if left >= right or top >= bottom:
                continue
            shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
            part = cv2.warpPerspective(layer.picture, shift @ matrix, (int(right - left), int(bottom - top)))
            _lay(picture[top:bottom, left:right], _smear(part, step))
            for _, points, clear, _ in seen:
                x, y = np.rint(points - (left, top)).astype(int).T
                inside = (x >= 0) & (y >= 0) & (x < part.shape[1]) & (y < part.shape[0])
                clear[inside] &= part[y[inside], x[inside], 3] < 128
            for written in layer.written:
                points = cv2.perspectiveTransform(written.points[None], matrix)[0]
                clear = ((points > -0.5) & (points < (WIDTH - 0.5, HEIGHT - 0.5))).all(axis=1)
                there = np.broadcast_to(written.due, len(points)) <= frame
                if (clear & there).any():
                    share = pose.turned * there.mean()
                    seen.append((written, points[there], clear[there], float(share)))
        shown = (
            Shown(written.id, written.value, _box(points), float(clear.mean()) * share, written.number)
            for written, points, clear, share in seen
        )
        return picture, tuple(shown)

    def photograph(self, picture: Picture, stage: _Stage, frame: int) -> Picture:
        """What the camera makes of it."""
        exposure = stage.lamp(frame) * (1 + 0.025 * np.sin(2 * np.pi * frame / FPS / 6 + self._phase))
        light = self._light
        if stage.shadow is not None:
            at = stage.shadow(frame)
            x = min(max(round(1.5 * WIDTH - at.x), 0), 2 * WIDTH)
            y = min(max(round(1.5 * HEIGHT - at.y), 0), 2 * HEIGHT)
            light = cv2.multiply(light, cv2.merge([self._shadow[y : y + HEIGHT, x : x + WIDTH]] * 3))
        soft = cv2.GaussianBlur(picture, (0, 0), self._softness)
        lit = cv2.multiply(soft, light, scale=exposure, dtype=cv2.CV_32F)
        x, y = np.random.default_rng([self._seed, frame]).integers(0, 161, 2)
        return np.asarray(cv2.add(lit, self._noise[y : y + HEIGHT, x : x + WIDTH], dtype=cv2.CV_8U))


def _matrix(layer: _Layer, pose: _Pose) -> NDArray[np.float64]:
    """From a layer's pixels to those of the stage, `(3, 3)`."""
    angle = np.deg2rad(pose.degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn * pose.scale * (pose.turned, 1)
    matrix[:2, 2] = (pose.x, pose.y) - matrix[:2, :2] @ layer.pivot
    return matrix


def _box(points: Points) -> Box:
    left, top = np.maximum(np.rint(points.min(axis=0)), 0).astype(int).tolist()
    right, bottom = np.minimum(np.rint(points.max(axis=0)) + 1, (WIDTH, HEIGHT)).astype(int).tolist()
    return Box(left, top, right - left, bottom - top)


def _smear(part: Picture, step: NDArray[np.float64]) -> Picture:
    """Motion blur along a way in pixels."""
    if np.hypot(*step) < 1:
        return part
    size = 2 * int(np.ceil(np.abs(step).max() / 2)) + 1
    kernel = np.zeros((size, size), np.uint8)
    ends = [np.rint((size // 2 + side * step / 2) * 16).astype(int).tolist() for side in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 255, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(part, -1, kernel.astype(np.float32) / kernel.sum()))


def _lay(below: Picture, above: Picture) -> None:
    """Lay BGRA over a part of a picture in place; both of the same height and width."""
    channels = below.shape[2]
    through = cv2.merge([255 - above[:, :, 3]] * channels)
    below[:] = cv2.add(cv2.multiply(below, through, scale=1 / 255), above[:, :, :channels])


def _path(generator: Generator, *keys: tuple[float, ...], tremor: float = 0.0) -> _Path:
    """A smooth way through (frame, x, y, degrees, scale), with a hand's tremor of so many pixels."""
    times = np.array([key[0] for key in keys], float)
    poses = np.array([_Pose(*key[1:])[:4] for key in keys], float)
    phases = generator.uniform(0, 2 * np.pi, (2, 2))

    def pose(frame: int) -> _Pose:
        last = min(max(int(np.searchsorted(times, frame, "right")) - 1, 0), len(keys) - 1)
        after = min(last + 1, len(keys) - 1)
        share = min(max((frame - times[last]) / max(times[after] - times[last], 1), 0), 1)
        x, y, degrees, scale = poses[last] + share**2 * (3 - 2 * share) * (poses[after] - poses[last])
        shake = tremor * np.array([0.7, 0.3]) @ np.sin(frame / FPS * np.array([[11], [36]]) + phases)
        return _Pose(x + shake[0], y + shake[1], degrees, scale)

    return pose


def _actor(layer: _Layer, path: _Path) -> _Actor:
    return _Actor(lambda frame: layer, path)


# --- Who writes, and on what ---


class _Writer:
    """Somebody's hand, pen and paper; numbers what is written with it."""

    def __init__(
        self, generator: Generator, *, board: bool | None = None, unrest: float | None = None
    ) -> None:
        from train import strokes

        self.generator = generator
        self.board = generator.random() < 0.2 if board is None else board
        self.unrest = generator.uniform(0.5, 1.0) if unrest is None else unrest
        self.patterns = {
            digit: plain if generator.random() < 0.5 else strokes.STYLES[digit][0]
            for digit, plain in strokes.STROKES.items()
        }
        self._thickness = generator.uniform(0.05, 0.13)  # of a digit's height
        self._chalk = (generator.uniform(2.8, 4),) * 3
        self._pen = self._chalk if self.board else _PENS[generator.integers(len(_PENS))]
        self._grain = 0.3 if self.board or self._pen is _PENS[-1] else 0.06
        self._tint = (0.85, 1.0, 0.88) if self.board else _PAPERS[generator.integers(len(_PAPERS))]
        self._level = generator.uniform(45, 60) if self.board else generator.uniform(185, 215)
        self._ruling = "" if self.board else str(generator.choice(["", "", "lines", "squares"]))
        self._ids, self._numbers = itertools.count(), itertools.count()

    def paper(self, width: int, height: int) -> NDArray[np.float32]:
        """A sheet or a board, BGR float32 `(H, W, 3)`."""
        from train import strokes

        page = strokes.paper(width, height, self.generator, level=self._level)
        page = page[:, :, None] * np.array(self._tint, np.float32)
        if self._ruling:
            page[30::26] *= (0.95, 0.84, 0.78)
        if self._ruling == "squares":
            page[:, 20::26] *= (0.95, 0.84, 0.78)
        return page

    def write(
        self, page: NDArray[np.float32], lines: Sequence[Sequence[str]], height: float, margin: int = 22
    ) -> tuple[_Written, ...]:
        """Write lines of numbers on a page, in place; smaller than `height` (px) where they do not fit."""
        from train import strokes

        while (placed := self._place(page.shape[1], page.shape[0], lines, height, margin)) is None:
            height *= 0.93
            if height < SMALLEST:
                raise ValueError("more digits than the page can hold")
        written = []
        for value, number, ink, x, y in placed:
            rough = 1 - self._grain * self.generator.random(ink.shape)
            for channel, shade in enumerate(self._pen):
                strokes.place(page[:, :, channel], (ink * rough).astype(np.uint8), x, y, shade=shade)
            points = np.array((x, y), np.float32) + np.argwhere(ink > 127)[:, ::-1].astype(np.float32)
            written.append(_Written(next(self._ids), value, number, points))
        return tuple(written)

    def _place(
        self, width: int, height: int, lines: Sequence[Sequence[str]], size: float, margin: int
    ) -> list[tuple[int, int, Picture, int, int]] | None:
        """Value, number, ink and corner of every digit; None where there is no room for all."""
        from train import strokes

        uniform = self.generator.uniform
        placed, top, right = [], 0.0, 0.0
        for line in lines:
            left = uniform(0, 0.4) * size
            for text in line:
                number = next(self._numbers)
                for character in text:
                    own = max(SMALLEST, size * uniform(0.88, 1.06))
                    pen = max(2.0, self._thickness * size)
                    pattern = self.patterns[int(character)]
                    ink = strokes.draw(pattern, self.generator, height=own, pen=pen, unrest=self.unrest)
                    x, y, wide, high = cv2.boundingRect((ink > 127).astype(np.uint8))
                    ink = ink[y : y + high, x : x + wide]
                    y = top + 1.06 * size - high + uniform(0, 0.06) * size
                    placed.append((int(character), number, ink, left, y))
                    right = max(right, left + wide)
                    left += wide + uniform(0.17, 0.33) * size
                left += uniform(1.9, 2.4) * size
            top += (1.12 + uniform(0.55, 0.9)) * size
        room = width - right - 2 * margin, height - top + 0.5 * size - 2 * margin
        if min(room) < 0:
            return None
        x0, y0 = (margin + uniform(0, each) for each in room)
        return [(value, number, ink, round(x + x0), round(y + y0)) for value, number, ink, x, y in placed]


def _texts(generator: Generator, *lengths: int) -> list[str]:
    return ["".join(str(digit) for digit in generator.integers(0, 10, length)) for length in lengths]


# --- Things ---


def _cut_out(
    colour: NDArray[Any], alpha: Picture, written: Sequence[_Written] = (), *, lift: int = 5
) -> _Layer:
    """A layer of a thing with the soft shadow that it casts, `lift` pixels long."""
    edge = 3 * lift
    alpha = cv2.copyMakeBorder(alpha, edge, edge, edge, edge, cv2.BORDER_CONSTANT).astype(np.float32)
    colour = cv2.copyMakeBorder(colour.astype(np.float32), edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    shadow = 0.4 * cv2.GaussianBlur(np.roll(alpha, (lift, lift // 2), (0, 1)), (0, 0), 0.7 * lift)
    both = alpha + (1 - alpha / 255) * shadow
    picture = np.dstack([np.clip(colour, 0, 255) * alpha[:, :, None] / 255, both])
    moved = [_Written(w.id, w.value, w.number, w.points + np.float32(edge), w.due) for w in written]
    height, width = both.shape
    return _Layer(np.rint(picture).astype(np.uint8), (width / 2, height / 2), tuple(moved))


def _sheet(page: NDArray[np.float32], written: Sequence[_Written] = (), *, lift: int = 5) -> _Layer:
    return _cut_out(page, np.full(page.shape[:2], 255, np.uint8), written, lift=lift)


def _desk(generator: Generator, texture: float = 1.0) -> Picture:
    """A table or a wall, BGR uint8 `(480, 640, 3)`, with grain of a strength."""
    from train import strokes

    light = strokes.paper(WIDTH, HEIGHT, generator, level=100) / 100
    grain = generator.normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    along = generator.choice([2.0, 30.0])
    grain = cv2.GaussianBlur(grain, (0, 0), sigmaX=along, sigmaY=1.6)
    light *= 1 + 0.04 * texture * grain / grain.std()
    colour = np.array(_DESKS[generator.integers(len(_DESKS))]) * generator.uniform(0.85, 1.1)
    return np.clip(light[:, :, None] * colour, 0, 255).astype(np.uint8)


def _shaded(alpha: Picture, colour: Any, generator: Generator, depth: float) -> NDArray[Any]:
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
    return _Layer(layer.picture, (36 + 36, 36 + 6) if pen else (36 + 150, 36 + 60))


def _held(sheet: _Layer, generator: Generator, path: _Path) -> list[_Actor]:
    """A sheet held at its lower edge by a hand: the fingers are behind it, the thumb is before it."""
    height, width = sheet.picture.shape[:2]
    hand = _hand(generator, thumb=False).picture
    x, y = int(generator.uniform(0, width - 300)), height - min(290, height - 20)
    canvas = np.zeros((y + len(hand), max(width, x + hand.shape[1]), 4), np.uint8)
    _lay(canvas[y:, x : x + hand.shape[1]], hand)
    _lay(canvas[:height, :width], sheet.picture)
    thumb = np.zeros((190, 80), np.uint8)
    cv2.line(thumb, (28, 24), (50, 240), 255, 40, cv2.LINE_AA)
    colour = _shaded(thumb, hand[330, 190, :3] * 1.1, generator, 13)
    # It comes out of the palm without an edge.
    fade = np.clip(np.arange(len(thumb), 0, -1)[:, None] / 70, 0, 1)
    thumb = (thumb * fade).astype(np.uint8)
    above = _cut_out(colour, thumb, lift=3)
    pivot = sheet.pivot[0] - x - 145, sheet.pivot[1] - height + 70
    parts = [_Layer(canvas, sheet.pivot, sheet.written), _Layer(above.picture, pivot)]
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


# --- The kinds of films ---


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
    edge = (before.picture.shape[0] - due.shape[0]) // 2
    due = cv2.copyMakeBorder(due, edge, edge, edge, edge, cv2.BORDER_CONSTANT)[:, :, None]

    def sheet(frame: int) -> _Layer:
        return _Layer(np.where(due <= frame, after.picture, before.picture), after.pivot, after.written)

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
FILMS: dict[str, Callable[[int], Film]] = {name: partial(Film, name) for name in _KINDS}
