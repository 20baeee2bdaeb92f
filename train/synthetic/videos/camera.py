"""TODO."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.results import Box
from train.synthetic.videos.stage import (
    FPS,
    HEIGHT,
    WIDTH,
    Generator,
    Image,
    Points,
    Shown,
    _matrix,
    _Stage,
    _Written,
)


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
        # A sensor's noise is a little soft; pieces of one large image of it are fresh enough.
        noise = cv2.GaussianBlur(generator.normal(size=(HEIGHT + 160, WIDTH + 160, 3)), (0, 0), 0.5)
        self._noise = (noise / noise.std() * generator.uniform(2, 4)).astype(np.float32)
        self._seed = int(generator.integers(1 << 31))

    def look(self, stage: _Stage, frame: int) -> tuple[Image, tuple[Shown, ...]]:
        """What stands before the camera, BGR uint8 `(480, 640, 3)`, and its digits."""
        image = stage.desk.copy()
        seen: list[tuple[_Written, Points, NDArray[np.bool_], float]] = []
        for actor in stage.actors:
            layer, pose, before = actor.layer(frame), actor.path(frame), actor.path(frame - 1)
            matrix = self._view @ _matrix(layer, pose)
            step = self._shutter * np.array([pose.x - before.x, pose.y - before.y])
            height, width = layer.image.shape[:2]
            corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
            corners = cv2.perspectiveTransform(corners, matrix)[0]
            reach = np.abs(step) / 2 + 1
            left, top = np.maximum(np.floor(corners.min(axis=0) - reach), 0).astype(int)
            right, bottom = np.minimum(np.ceil(corners.max(axis=0) + reach), (WIDTH, HEIGHT)).astype(int)
            if left >= right or top >= bottom:
                continue
            shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
            part = cv2.warpPerspective(layer.image, shift @ matrix, (int(right - left), int(bottom - top)))
            _lay(image[top:bottom, left:right], _smear(part, step))
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
        return image, tuple(shown)

    def photograph(self, image: Image, stage: _Stage, frame: int) -> Image:
        """What the camera makes of it."""
        exposure = stage.lamp(frame) * (1 + 0.025 * np.sin(2 * np.pi * frame / FPS / 6 + self._phase))
        light = self._light
        if stage.shadow is not None:
            at = stage.shadow(frame)
            x = min(max(round(1.5 * WIDTH - at.x), 0), 2 * WIDTH)
            y = min(max(round(1.5 * HEIGHT - at.y), 0), 2 * HEIGHT)
            light = cv2.multiply(light, cv2.merge([self._shadow[y : y + HEIGHT, x : x + WIDTH]] * 3))
        soft = cv2.GaussianBlur(image, (0, 0), self._softness)
        lit = cv2.multiply(soft, light, scale=exposure, dtype=cv2.CV_32F)
        x, y = np.random.default_rng([self._seed, frame]).integers(0, 161, 2)
        return np.asarray(cv2.add(lit, self._noise[y : y + HEIGHT, x : x + WIDTH], dtype=cv2.CV_8U))


def _box(points: Points) -> Box:
    left, top = np.maximum(np.rint(points.min(axis=0)), 0).astype(int).tolist()
    right, bottom = np.minimum(np.rint(points.max(axis=0)) + 1, (WIDTH, HEIGHT)).astype(int).tolist()
    return Box(left, top, right - left, bottom - top)


def _smear(part: Image, step: NDArray[np.float64]) -> Image:
    """Motion blur along a way in pixels."""
    if np.hypot(*step) < 1:
        return part
    size = 2 * int(np.ceil(np.abs(step).max() / 2)) + 1
    kernel = np.zeros((size, size), np.uint8)
    ends = [np.rint((size // 2 + side * step / 2) * 16).astype(int).tolist() for side in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 255, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(part, -1, kernel.astype(np.float32) / kernel.sum()))


def _lay(below: Image, above: Image) -> None:
    """Lay BGRA over a part of an image in place; both of the same height and width."""
    channels = below.shape[2]
    through = cv2.merge([255 - above[:, :, 3]] * channels)
    below[:] = cv2.add(cv2.multiply(below, through, scale=1 / 255), above[:, :, :channels])
