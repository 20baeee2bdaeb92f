"""Frames of animated GIF, WebP and PNG files, decoded a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_runtime.errors import ImageError
from edge_runtime.images import decode, gif, png, webp
from edge_runtime.images.document import Document
from edge_runtime.images.header import DAMAGED, TOO_LARGE, check_size
from edge_runtime.images.limits import MAX_SCANNED_PIXELS
from edge_runtime.images.quiet import quiet
from edge_runtime.images.upright import upright

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_runtime.images.header import Header

_TOGETHER = 48_000_000  # bytes of frames that are decoded together
_MAX_PIXELS = 10_000_000  # of a frame; the decoder keeps several
_COUNT = {"GIF": gif.count_frames, "animated WebP": webp.count_frames, "PNG": png.count_frames}


class Frames(Document):
    """An animation. Its frames are read in order: the decoder starts each time at the first one."""

    noun = "frame"

    def __init__(self, data: bytes, header: Header) -> None:
        """Count the frames. Raises `ImageError` if it would take too long to decode them."""
        super().__init__(data, header)
        self.more = False
        if not hasattr(cv2, "imdecodeanimation"):
            raise ImageError("an animation; to read its frames, OpenCV 4.12 or later is needed")
        check_size(header.width, header.height, _MAX_PIXELS, " for the frames of an animation")
        self._count = max(1, _COUNT[header.format](data))
        pixels = header.width * header.height
        self._together = max(1, _TOGETHER // (4 * pixels))
        passes = -(-self._count // self._together)
        if pixels * self._count * (passes + 1) // 2 > MAX_SCANNED_PIXELS:
            raise ImageError(
                f"an animation of {self._count} frames, which would take too long to decode one by one; "
                "use edge-digits camera FILE instead"
            )
        if header.format == "PNG":
            self._data = png.plain(data, animated=True)
        self._lock = threading.Lock()
        self._first = 0
        self._decoded: Sequence[NDArray[Any]] = ()  # from `_first` on

    def __len__(self) -> int:
        return self._count

    def decode(self, index: int, *, colour: bool = False) -> NDArray[np.uint8]:
        """Decode a frame, counted from 0."""
        with self._lock:
            if not self._first <= index < self._first + len(self._decoded):
                self._decoded = ()
                self._first, self._decoded = index, self._load(index)
            frame = self._decoded[index - self._first]
        return upright(decode.to_colour(frame) if colour else decode.to_grey(frame), self._header)

    def _load(self, first: int) -> Sequence[NDArray[Any]]:
        try:
            with quiet:
                good, animation = cv2.imdecodeanimation(
                    np.frombuffer(self._data, np.uint8), first, self._together
                )
        except cv2.error as error:
            if error.code == decode.OUT_OF_MEMORY:
                raise ImageError(TOO_LARGE) from error
            raise ImageError(DAMAGED) from error
        found = animation.frames if good else ()
        size = (self._header.height, self._header.width)
        if not len(found) or any(frame.shape[:2] != size for frame in found):
            raise ImageError(DAMAGED)
        return list(found)
