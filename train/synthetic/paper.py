"""Pages for examples and videos: blank paper, ink on it, photographs of it. Scenes use `surfaces`."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def blank(
    width: int, height: int, generator: np.random.Generator, *, level: float = 205
) -> NDArray[np.float32]:
    """A blank page lit from one side: float32 `(H, W)`, about 0..255, `level` on average."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = generator.uniform(0, 2 * np.pi)
    slope = (columns / width - 0.5) * np.cos(angle) + (rows / height - 0.5) * np.sin(angle)
    fibres = cv2.GaussianBlur(generator.normal(size=(height, width)).astype(np.float32), (0, 0), 1.2)
    return np.asarray(level * (1 + 0.35 * slope) + 6 * fibres, np.float32)


def place(page: NDArray[np.float32], ink: NDArray[np.uint8], x: int, y: int, *, shade: float) -> None:
    """Put ink, uint8 `(H, W)`, on a page, in place, with its top left corner at (x, y) px.

    `shade` is the brightness of the ink relative to the paper: 0.3 for a dark pen, 4 for chalk on a
    blackboard. Ink beyond the right and lower edges of the page is cut off; x and y must not be negative.
    """
    part = page[y : y + ink.shape[0], x : x + ink.shape[1]]
    cover = ink[: part.shape[0], : part.shape[1]].astype(np.float32) / 255
    part *= 1 + cover * (shade - 1)


def photograph(
    page: NDArray[np.float32], generator: np.random.Generator, *, blur: float = 0.7, noise: float = 3.0
) -> NDArray[np.uint8]:
    """Photograph a page: uint8 `(H, W)`.

    `blur` and `noise` are standard deviations, in pixels and grey levels.
    """
    soft = cv2.GaussianBlur(page, (0, 0), blur) if blur else page
    return np.asarray(np.clip(soft + noise * generator.normal(size=page.shape), 0, 255)).astype(np.uint8)
