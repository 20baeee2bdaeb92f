"""Drawn videos of what a webcam sees when somebody shows handwritten digits, with the truth of every frame.

Everything is computed from a seed; nothing here comes from a data set. A video is a stage, flat layers over a
desk that follow their paths, and a camera that looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from train.synthetic.videos.camera import _Camera
from train.synthetic.videos.kinds import _KINDS
from train.synthetic.videos.stage import FPS, FRAMES, HEIGHT, WIDTH, Scene, _Stage

KINDS = tuple(_KINDS)


@dataclass(frozen=True)
class Video:
    """A video of one kind; the same seed gives the same frames, gone through or picked by their number."""

    name: str
    seed: int
    fps: int = FPS

    def __len__(self) -> int:
        return FRAMES

    def __iter__(self) -> Iterator[Scene]:
        return map(self.__getitem__, range(FRAMES))

    def __getitem__(self, frame: int) -> Scene:
        if not 0 <= frame < FRAMES:
            raise IndexError(f"a video has frames 0..{FRAMES - 1}, not {frame}")
        stage, camera = self._set
        image, shown = camera.look(stage, frame)
        return Scene(camera.photograph(image, stage, frame), shown)

    @cached_property
    def _set(self) -> tuple[_Stage, _Camera]:
        generator = np.random.default_rng([self.seed, *self.name.encode()])
        return _KINDS[self.name](generator), _Camera(generator)


def write(video: Video, path: str | Path) -> None:
    """Write a video's frames as a motion JPEG .avi file; raises OSError where that does not work."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), video.fps, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise OSError(f"cannot write {path}")
    for scene in video:
        writer.write(scene.image)
    writer.release()
