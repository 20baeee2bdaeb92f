"""A frame of a synthetic video, with the digits in it as ground truth; the size and rate of all videos."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.results import Box

FPS = 30
FRAMES = 300  # per video
HEIGHT, WIDTH = 480, 640  # px


@dataclass(frozen=True, slots=True)
class LabelledDigit:
    """One digit in one frame.

    Attributes:
        id: Identifies the digit throughout the video.
        value: 0 to 9.
        box: Around its ink, in pixels, clipped to the frame.
        visible: Share of its ink, 0 to 1, that can be seen: written already, inside the frame, not covered.
            On a card that is being flipped, it is also scaled by how much of the card's width is in view.
        number: Identifies the written number that the digit belongs to.
    """

    id: int
    value: int
    box: Box
    visible: float
    number: int


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """A frame, BGR uint8 `(480, 640, 3)`, and the digits in it, lowest layer first."""

    image: NDArray[np.uint8]
    digits: tuple[LabelledDigit, ...]
