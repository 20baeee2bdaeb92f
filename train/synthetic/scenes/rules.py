"""Rules: the straight lines of printed documents, plain, dashed or dotted, and areas filled with grey."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.scenes.page import Page

Segment = tuple[float, float, float, float]  # x and y of one end, and of the other, in units
Path = list[tuple[float, float]]  # points, in units

_SUBPIXEL = 4  # fractional bits of the coordinates that OpenCV draws


def draw_rules(
    page: Page, segments: Sequence[Segment], width: float, *, dash: tuple[float, float] | None = None
) -> None:
    """Draw straight lines `width` px wide; less than 1 px makes them fainter.

    `dash` is the length of a dash and the distance from each to the next, in units; they stay apart by at
    least the width of the line.
    """
    if not segments:
        return
    lines = np.array(segments, np.float64).reshape(-1, 2, 2)
    if dash is not None:
        cap = (max(1, round(width)) + 1) / page.unit  # how much longer a line is drawn
        length, period = max(0.0, dash[0] - cap), max(dash[1], 2 * cap)
        lines = np.concatenate([_dashes(line, length, period) for line in lines])
    pixels = to_pixels(page, lines)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    visible = ((high > -width) & (low < np.array(page.shape[::-1]) + width)).all(axis=1)
    if visible.any():
        _draw(page, list(pixels[visible]), width)


def draw_paths(page: Page, paths: Sequence[Path], width: float) -> None:
    """Draw lines through points of the layout, as `Page.lines` does, but many of them at once."""
    if paths:
        ends = np.cumsum([len(path) for path in paths])[:-1]
        _draw(page, np.split(to_pixels(page, np.concatenate(paths)), ends), width)


def to_pixels(page: Page, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions in the image, float64 `[..., 2]`, of points of the layout; see `Page.place`."""
    height, width = page.shape
    return np.asarray(points @ (page.tilt.T * page.unit) + (width / 2, height / 2))


def _draw(page: Page, paths: list[NDArray[np.float64]], width: float) -> None:
    layer = np.zeros(page.shape, np.uint8)
    points = [np.rint(path * (1 << _SUBPIXEL)).astype(np.int32) for path in paths]
    shade = round(255 * min(1.0, width))
    cv2.polylines(layer, points, False, shade, max(1, round(width)), cv2.LINE_AA, _SUBPIXEL)
    np.maximum(page.cover, layer * np.float32(1 / 255), out=page.cover)


def _dashes(line: NDArray[np.float64], length: float, period: float) -> NDArray[np.float64]:
    """The dashes, float64 `[N, 2, 2]`, of a line `[2, 2]`."""
    whole = float(np.hypot(*(line[1] - line[0])))
    starts = np.arange(0, max(whole, period / 2), period)
    ends = np.minimum(starts + length, whole)
    shares = np.stack([starts, ends], axis=1)[:, :, None] / max(whole, 1e-6)
    return np.asarray(line[0] + shares * (line[1] - line[0]))


def fill(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    """Cover a rectangle, its corners in units, with ink."""
    fill_polygons(page, [(left, top), (right, top), (right, bottom), (left, bottom)])


def fill_polygons(page: Page, *polygons: Path) -> None:
    """Cover polygons, their corners in units, with ink."""
    layer = np.zeros(page.shape, np.uint8)
    for polygon in polygons:
        points = np.rint(to_pixels(page, np.array(polygon)) * (1 << _SUBPIXEL)).astype(np.int32)
        cv2.fillPoly(layer, [points], 255, cv2.LINE_AA, _SUBPIXEL)
    np.maximum(page.cover, layer * np.float32(1 / 255), out=page.cover)


def rectangle(left: float, top: float, right: float, bottom: float) -> list[Segment]:
    """The four sides of a rectangle."""
    return [
        (left, top, right, top),
        (right, top, right, bottom),
        (right, bottom, left, bottom),
        (left, bottom, left, top),
    ]
