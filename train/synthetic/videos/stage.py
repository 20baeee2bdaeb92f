"""The stage of a video: flat layers, such as sheets and hands, that move over a desk under a lamp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from train.synthetic.videos.frame import FPS

Image: TypeAlias = "NDArray[np.uint8]"
Points: TypeAlias = "NDArray[np.float32]"  # [N, 2]: x and y
Generator: TypeAlias = np.random.Generator


@dataclass(frozen=True)
class WrittenDigit:
    """A digit that is written on a layer.

    `points` are the pixels of its ink on the layer, and `due` is the frame in which each of them appears.
    `id` and `number` are those of `LabelledDigit`.
    """

    id: int
    value: int
    number: int
    points: Points
    due: NDArray[np.float32] | float = 0.0


@dataclass(frozen=True)
class Layer:
    """A flat object: BGRA uint8 `(H, W, 4)` with premultiplied alpha.

    `pivot` is the point (x, y) of the layer that a pose places on the stage.
    """

    image: Image
    pivot: tuple[float, float]
    digits: tuple[WrittenDigit, ...] = ()


class Pose(NamedTuple):
    """Where the pivot of a layer is, in pixels of the stage, and how the layer is rotated and scaled."""

    x: float
    y: float
    degrees: float = 0.0
    scale: float = 1.0
    turned: float = 1.0  # share of its width that is still in view while a card is flipped


Motion = Callable[[int], Pose]  # the pose in each frame


@dataclass
class Actor:
    """Something on the stage: the layer that it shows in each frame, and its motion."""

    layer: Callable[[int], Layer]
    motion: Motion


@dataclass
class Stage:
    """What the camera sees.

    `desk` is BGR uint8 `(480, 640, 3)`, `actors` are ordered from the lowest to the topmost. `lamp` gives the
    relative brightness in each frame, and `shadow` moves a large soft shadow over everything.
    """

    desk: Image
    actors: Sequence[Actor]
    lamp: Callable[[int], float] = lambda frame: 1.0
    shadow: Motion | None = None


def make_actor(layer: Layer, motion: Motion) -> Actor:
    """An actor that shows the same layer in every frame."""
    return Actor(lambda frame: layer, motion)


def layer_to_stage(layer: Layer, pose: Pose) -> NDArray[np.float64]:
    """The matrix `(3, 3)` that maps pixels of a layer to pixels of the stage."""
    angle = np.deg2rad(pose.degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn * pose.scale * (pose.turned, 1)
    matrix[:2, 2] = (pose.x, pose.y) - matrix[:2, :2] @ layer.pivot
    return matrix


def smooth_motion(generator: Generator, *keys: tuple[float, ...], tremor: float = 0.0) -> Motion:
    """A motion that eases from key to key, each of them (frame, x, y) or (frame, x, y, degrees, scale).

    `tremor` is the amplitude, in pixels, of the trembling of the hand.
    """
    times = np.array([key[0] for key in keys], float)
    poses = np.array([Pose(*key[1:])[:4] for key in keys], float)
    phases = generator.uniform(0, 2 * np.pi, (2, 2))

    def pose(frame: int) -> Pose:
        last = min(max(int(np.searchsorted(times, frame, "right")) - 1, 0), len(keys) - 1)
        after = min(last + 1, len(keys) - 1)
        share = min(max((frame - times[last]) / max(times[after] - times[last], 1), 0), 1)
        x, y, degrees, scale = poses[last] + share**2 * (3 - 2 * share) * (poses[after] - poses[last])
        shake = tremor * np.array([0.7, 0.3]) @ np.sin(frame / FPS * np.array([[11], [36]]) + phases)
        return Pose(x + shake[0], y + shake[1], degrees, scale)

    return pose
