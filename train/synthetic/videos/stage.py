"""TODO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_runtime.results import Box

Image: TypeAlias = "NDArray[np.uint8]"

Points: TypeAlias = "NDArray[np.float32]"

Generator: TypeAlias = np.random.Generator

FPS = 30
FRAMES = 300  # of every video
HEIGHT, WIDTH = 480, 640


@dataclass(frozen=True, slots=True)
class Shown:
    """One digit in one frame.

    `id` stays with a drawn digit through the video, `number` is the written number that it belongs to, whose
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

    image: Image
    shown: tuple[Shown, ...]


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

    image: Image
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

    desk: Image
    actors: Sequence[_Actor]
    lamp: Callable[[int], float] = lambda frame: 1.0
    shadow: _Path | None = None


def _matrix(layer: _Layer, pose: _Pose) -> NDArray[np.float64]:
    """From a layer's pixels to those of the stage, `(3, 3)`."""
    angle = np.deg2rad(pose.degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn * pose.scale * (pose.turned, 1)
    matrix[:2, 2] = (pose.x, pose.y) - matrix[:2, :2] @ layer.pivot
    return matrix


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
