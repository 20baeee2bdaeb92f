"""Synthetic videos of what a webcam sees when somebody shows it handwritten digits, with ground truth.

Everything is computed from a seed; nothing comes from a data set. A video has a stage, on which flat
layers move over a desk, and a camera that records it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from train.synthetic.videos.camera import Camera
from train.synthetic.videos.frame import FPS, FRAMES, HEIGHT, WIDTH, LabelledDigit, LabelledFrame
from train.synthetic.videos.kinds import STAGES
from train.synthetic.videos.stage import Stage

__all__ = ["FPS", "FRAMES", "HEIGHT", "KINDS", "WIDTH", "LabelledDigit", "LabelledFrame", "Video"]

KINDS = tuple(STAGES)


@dataclass(frozen=True)
class Video:
    """A video of one of `KINDS`: a sequence of `FRAMES` labelled frames.

    The same kind and seed always give the same frames, in whatever order they are read. Frames are computed
    each time they are read.
    """

    kind: str
    seed: int
    fps: int = FPS

    def __len__(self) -> int:
        return FRAMES

    def __iter__(self) -> Iterator[LabelledFrame]:
        return map(self.__getitem__, range(FRAMES))

    def __getitem__(self, frame: int) -> LabelledFrame:
        if not 0 <= frame < FRAMES:
            raise IndexError(f"frame {frame} does not exist: a video has frames 0 to {FRAMES - 1}")
        stage, camera = self._set
        image, digits = camera.render(stage, frame)
        return LabelledFrame(camera.photograph(image, stage, frame), digits)

    @cached_property
    def _set(self) -> tuple[Stage, Camera]:
        generator = np.random.default_rng([self.seed, *self.kind.encode()])
        return STAGES[self.kind](generator), Camera(generator)
