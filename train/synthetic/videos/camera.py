"""The camera of a video: records a stage as a webcam would, and determines which digits it sees."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.results import Box
from train.synthetic.videos.frame import FPS, HEIGHT, WIDTH, LabelledDigit
from train.synthetic.videos.stage import (
    Actor,
    Generator,
    Image,
    Points,
    Stage,
    WrittenDigit,
    layer_to_stage,
)

_NOISE_MARGIN = 160  # px by which the noise image is larger than a frame


class Camera:
    """A webcam, slightly tilted, soft and noisy, whose exposure drifts; the light comes from one side."""

    def __init__(self, generator: Generator) -> None:
        to_middle = np.array([[1, 0, -WIDTH / 2], [0, 1, -HEIGHT / 2], [0, 0, 1]])
        tilt = np.eye(3)
        tilt[2, :2] = generator.uniform(-2e-4, 2e-4, 2)
        self._view = np.linalg.inv(to_middle) @ tilt @ to_middle
        self._shutter = generator.uniform(0.3, 0.7)  # exposure time as a share of a frame
        self._softness = generator.uniform(0.6, 1.3)
        self._phase = generator.uniform(0, 2 * np.pi)
        rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
        angle = generator.uniform(0, 2 * np.pi)
        slope = generator.uniform(0.05, 0.2) * (columns * np.cos(angle) + rows * np.sin(angle))
        light = (1 + slope) * (1 - 0.08 * (rows**2 + columns**2))
        tint = np.array([generator.uniform(0.82, 1.05), 1.0, generator.uniform(0.94, 1.06)])
        self._light = (light[:, :, None] * tint).astype(np.float32)
        # Every frame gets a random part of one large noise image, which is much faster than new noise. A
        # sensor's noise is slightly soft.
        size = (HEIGHT + _NOISE_MARGIN, WIDTH + _NOISE_MARGIN, 3)
        noise = cv2.GaussianBlur(generator.normal(size=size), (0, 0), 0.5)
        self._noise = (noise / noise.std() * generator.uniform(2, 4)).astype(np.float32)
        self._seed = int(generator.integers(1 << 31))

    @cached_property
    def _shadow(self) -> NDArray[np.float32]:
        """Factor, 0.5 to 1, of a soft shadow, in an area of three by three frames; few stages need it."""
        rows, columns = np.mgrid[-3 : 3 : 3 * HEIGHT * 1j, -3 : 3 : 3 * WIDTH * 1j]
        blob = 1 - 0.5 / (1 + np.exp(9 * (np.hypot(columns, 1.1 * rows + 0.4 * columns) - 0.7)))
        return blob.astype(np.float32)

    def render(self, stage: Stage, frame: int) -> tuple[Image, tuple[LabelledDigit, ...]]:
        """Render the stage in perfect light: BGR uint8 `(480, 640, 3)`, and the digits in view."""
        image = stage.desk.copy()
        seen: list[_SeenDigit] = []
        for actor in stage.actors:
            seen += self._add(actor, image, frame, seen)
        return image, tuple(digit.label() for digit in seen)

    def _add(self, actor: Actor, image: Image, frame: int, below: list[_SeenDigit]) -> list[_SeenDigit]:
        """Lay an actor over the image in place; it covers the digits below. Returns the digits on it."""
        layer, pose, before = actor.layer(frame), actor.motion(frame), actor.motion(frame - 1)
        matrix = self._view @ layer_to_stage(layer, pose)
        step = self._shutter * np.array([pose.x - before.x, pose.y - before.y])
        height, width = layer.image.shape[:2]
        corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
        corners = cv2.perspectiveTransform(corners, matrix)[0]
        reach = np.abs(step) / 2 + 1
        left, top = np.maximum(np.floor(corners.min(axis=0) - reach), 0).astype(int)
        right, bottom = np.minimum(np.ceil(corners.max(axis=0) + reach), (WIDTH, HEIGHT)).astype(int)
        if left >= right or top >= bottom:
            return []
        shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
        part = cv2.warpPerspective(layer.image, shift @ matrix, (int(right - left), int(bottom - top)))
        blend(image[top:bottom, left:right], _blur_motion(part, step))
        for digit in below:
            digit.cover(part[:, :, 3], left, top)
        views = (_see(digit, matrix, frame, pose.turned) for digit in layer.digits)
        return [view for view in views if view is not None]

    def photograph(self, image: Image, stage: Stage, frame: int) -> Image:
        """Add light, softness and noise to a rendered image: BGR uint8 `(480, 640, 3)`."""
        exposure = stage.lamp(frame) * (1 + 0.025 * np.sin(2 * np.pi * frame / FPS / 6 + self._phase))
        light = self._light
        if stage.shadow is not None:
            at = stage.shadow(frame)
            x = min(max(round(1.5 * WIDTH - at.x), 0), 2 * WIDTH)
            y = min(max(round(1.5 * HEIGHT - at.y), 0), 2 * HEIGHT)
            light = cv2.multiply(light, cv2.merge([self._shadow[y : y + HEIGHT, x : x + WIDTH]] * 3))
        soft = cv2.GaussianBlur(image, (0, 0), self._softness)
        lit = cv2.multiply(soft, light, scale=exposure, dtype=cv2.CV_32F)
        x, y = np.random.default_rng([self._seed, frame]).integers(0, _NOISE_MARGIN + 1, 2)
        return np.asarray(cv2.add(lit, self._noise[y : y + HEIGHT, x : x + WIDTH], dtype=cv2.CV_8U))


class _SeenDigit:
    """A digit in the frame: its ink `points` in pixels of the frame, and which are `clear`, not hidden."""

    def __init__(self, digit: WrittenDigit, points: Points, clear: NDArray[np.bool_], share: float) -> None:
        self._digit, self._points, self._clear, self._share = digit, points, clear, share

    def cover(self, alpha: Image, left: int, top: int) -> None:
        """Note the points that are hidden below a layer with its top left corner at (left, top)."""
        x, y = np.rint(self._points - (left, top)).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < alpha.shape[1]) & (y < alpha.shape[0])
        self._clear[inside] &= alpha[y[inside], x[inside]] < 128

    def label(self) -> LabelledDigit:
        """The digit as it is labelled in the frame."""
        visible = float(self._clear.mean()) * self._share
        digit = self._digit
        return LabelledDigit(digit.id, digit.value, _box(self._points), visible, digit.number)


def _see(digit: WrittenDigit, matrix: NDArray[np.float64], frame: int, turned: float) -> _SeenDigit | None:
    """A digit as it appears in a frame; None if it is not written yet or outside the frame."""
    points = cv2.perspectiveTransform(digit.points[None], matrix)[0]
    clear = ((points > -0.5) & (points < (WIDTH - 0.5, HEIGHT - 0.5))).all(axis=1)
    written = np.broadcast_to(digit.due, len(points)) <= frame
    if not (clear & written).any():
        return None
    return _SeenDigit(digit, points[written], clear[written], float(turned * written.mean()))


def _box(points: Points) -> Box:
    left, top = np.maximum(np.rint(points.min(axis=0)), 0).astype(int).tolist()
    right, bottom = np.minimum(np.rint(points.max(axis=0)) + 1, (WIDTH, HEIGHT)).astype(int).tolist()
    return Box(left, top, right - left, bottom - top)


def _blur_motion(part: Image, step: NDArray[np.float64]) -> Image:
    """Blur an image along `step`, a movement (x, y) in pixels."""
    if np.hypot(*step) < 1:
        return part
    size = 2 * int(np.ceil(np.abs(step).max() / 2)) + 1
    kernel = np.zeros((size, size), np.uint8)
    ends = [np.rint((size // 2 + side * step / 2) * 16).astype(int).tolist() for side in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 255, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(part, -1, kernel.astype(np.float32) / kernel.sum()))


def blend(below: Image, above: Image) -> None:
    """Lay `above`, uint8 `(H, W, 4)` with premultiplied alpha, over `below`, `(H, W, 3 or 4)`, in place."""
    channels = below.shape[2]
    through = cv2.merge([255 - above[:, :, 3]] * channels)
    below[:] = cv2.add(cv2.multiply(below, through, scale=1 / 255), above[:, :, :channels])
