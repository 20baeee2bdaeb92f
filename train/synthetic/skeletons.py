"""Skeletons: traces the strokes of a printed character, so that it can be drawn as if by hand."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import MissingDependencyError
from train.synthetic.glyph_images import InkImage
from train.synthetic.glyphs import Glyph, Stroke

_STEP = 18  # px between two points of a stroke

_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))

Pixel = tuple[int, int]  # row and column


def trace(ink: InkImage) -> Glyph:
    """The centre lines of ink, in units of its height, or of its width where that is more.

    Raises `MissingDependencyError` without scikit-image.
    """
    try:
        from skimage.morphology import skeletonize
    except ImportError as error:
        raise MissingDependencyError(
            "drawing foreign characters by hand needs scikit-image: pip install -e '.[train]'"
        ) from error

    line = np.pad(skeletonize(ink > 110), 1).astype(np.uint8)
    degree = cv2.filter2D(line, -1, np.ones((3, 3), np.float32), borderType=cv2.BORDER_CONSTANT) - line
    joints = _joints((line > 0) & (degree > 2))
    paths = _follow({(int(row), int(column)) for row, column in np.argwhere(line)}, joints)
    extent = float(max(ink.shape))
    return [_thin_out(path, joints, extent) for path in paths if len(path) > 1]


def _joints(crossing: NDArray[np.bool_]) -> dict[Pixel, tuple[float, float]]:
    """Where the strokes that meet in each pixel of a crossing meet: x and y of the crossing's middle."""
    _, groups, _, centres = cv2.connectedComponentsWithStats(crossing.astype(np.uint8), connectivity=8)
    return {
        (int(row), int(column)): (
            float(centres[groups[row, column]][0]),
            float(centres[groups[row, column]][1]),
        )
        for row, column in np.argwhere(crossing)
    }


def _follow(pixels: set[Pixel], joints: dict[Pixel, tuple[float, float]]) -> list[list[Pixel]]:
    """Split a skeleton into paths from end to end, or from crossing to crossing."""
    free = pixels - joints.keys()

    def around(pixel: Pixel, among: set[Pixel]) -> list[Pixel]:
        near = ((pixel[0] + down, pixel[1] + right) for down, right in _NEIGHBOURS)
        return [each for each in near if each in among]

    # Ends first: what is left after them are closed curves, which may start anywhere.
    ends = sorted(pixel for pixel in free if len(around(pixel, free)) < 2)
    paths = []
    for start in [*ends, *sorted(free)]:
        if start not in free:
            continue
        free.discard(start)
        path = [*around(start, set(joints))[:1], start]
        while following := around(path[-1], free):
            path.append(following[0])
            free.discard(following[0])
        meeting = [each for each in around(path[-1], set(joints)) if each != path[0] or len(path) > 4]
        if meeting:
            path.append(meeting[0])
        elif len(path) > 8 and start in around(path[-1], {start}):
            path.append(start)
        paths.append(path)
    return paths


def _thin_out(path: list[Pixel], joints: dict[Pixel, tuple[float, float]], extent: float) -> Stroke:
    """Every few points of a path, as x and y; crossings become a single point."""
    count = max(2, round(len(path) / _STEP) + 1)
    chosen = [path[round(index)] for index in np.linspace(0, len(path) - 1, count)]
    points = [joints.get(pixel, (float(pixel[1]), float(pixel[0]))) for pixel in chosen]
    return [(x / extent, y / extent) for x, y in points]
