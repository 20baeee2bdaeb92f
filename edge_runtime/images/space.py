"""The free space of a canvas: places for labels and insets beside boxes, where they cover nothing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import boxes
from edge_runtime.images.text import Image

_INK = 24  # grey levels between neighbouring pixels that are writing rather than noise


class Space:
    """What is free on a canvas of `size` (width, height) px around boxes `[N, 4]`.

    A place for something beside a box is free if it is on the canvas and covers neither another box nor
    anything placed before.
    """

    def __init__(self, size: tuple[int, int], outer: NDArray[np.floating]) -> None:
        self._width, self._height = size
        self._boxes = np.rint(outer).astype(int)
        self._taken = np.zeros((3 * len(outer), 4))  # the boxes, then up to two things beside each
        self._taken[: len(outer)] = self._boxes
        self._count = len(outer)
        self._ink: NDArray[np.int32] | None = None

    def avoid_ink(self, image: Image) -> None:
        """From now on, a place with writing in it is not free either; `image`, BGR, is what was drawn on."""
        grey = cv2.blur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (3, 3))  # with less noise
        edges = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        for left, top, right, bottom in self._taken[: len(self._boxes)].astype(int).tolist():
            near = max(3, (bottom - top) // 16)  # ink of a box may spread beyond it
            rows = slice(max(0, top - near), max(0, bottom + near))
            edges[rows, max(0, left - near) : max(0, right + near)] = 0
        self._ink = np.asarray(cv2.integral((edges > _INK).astype(np.uint8)), np.int32)

    def place(self, index: int, size: tuple[int, int], sides: Sequence[str]) -> tuple[int, int] | None:
        """Take the first free place for something of `size` (width, height) px beside a box.

        `sides`, best first, are "above", "below", "right", "left" and "inside". What has been placed beside a
        box before counts as a part of it. Returns the top left corner of the place, or None if none is free.
        """
        width, height = size
        left, top = corners = self._corners(self._boxes[index].tolist(), width, height, sides)
        places = np.stack([left, top, left + width, top + height], axis=1)
        inside = (corners >= 0).all(axis=0) & (places[:, 2] <= self._width) & (places[:, 3] <= self._height)
        covered = boxes.intersection(places, self._taken[: self._count]) > 0
        covered[:, index] = False  # its own box
        for choice in np.flatnonzero(inside & ~covered.any(axis=1)).tolist():
            x, y = int(left[choice]), int(top[choice])
            if not self._has_ink(x, y, width, height):
                self._add(index, places[choice])
                return x, y
        return None

    def place_all(self, indices: Sequence[int], size: tuple[int, int], side: str) -> list[tuple[int, int]]:
        """Take places for several boxes, all at the same side; none if there is not room for all."""
        before = self._count, self._boxes.copy()
        places = [self.place(index, size, (side,)) for index in indices]
        taken = [place for place in places if place is not None]
        if len(taken) < len(places):
            self._count, self._boxes = before
            return []
        return taken

    def _add(self, index: int, place: NDArray[np.int64]) -> None:
        """Take a place beside a box."""
        self._taken[self._count] = place
        self._count += 1
        box = self._boxes[index]
        box[:2], box[2:] = np.minimum(box[:2], place[:2]), np.maximum(box[2:], place[2:])

    def _corners(
        self, box: Sequence[int], width: int, height: int, sides: Sequence[str]
    ) -> NDArray[np.int64]:
        """The top left corners of places beside a box, best first: `[2, K]`."""
        left, top, right, bottom = box
        along = [
            max(0, min(x, self._width - width)) for x in (left, right - width, (left + right - width) // 2)
        ]
        corners: dict[str, list[tuple[int, int]]] = {
            "above": [(x, top - height) for x in along],
            "below": [(x, bottom) for x in along],
            "right": [(right, max(0, top))],
            "left": [(left - width, max(0, top))],
            "inside": [(along[0], max(0, top))] if bottom - top > 3 * height else [],
        }
        found = np.array([corner for side in sides for corner in corners[side]], np.int64)
        return np.asarray(found.reshape(-1, 2).T)

    def _has_ink(self, x: int, y: int, width: int, height: int) -> bool:
        if self._ink is None:
            return False
        (a, b), (c, d) = self._ink[y : y + height + 1 : height, x : x + width + 1 : width].tolist()
        return bool(a + d - b - c)
