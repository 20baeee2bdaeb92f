"""Sources of frames: synthetic videos with their ground truth, looped videos, repeated frames."""

from __future__ import annotations

import time
from collections.abc import Iterable

from edge_runtime.live.sources.base import Frame, Frames
from train.synthetic import http_camera, videos

SEEDS = tuple(range(200, 205))  # of the videos that are reported; nothing was tuned on them


class SyntheticFrames(Frames):
    """A synthetic video as a source; `scene` is the last frame with its ground truth, None after the end."""

    def __init__(self, video: videos.Video) -> None:
        self.name = f"{video.kind} {video.seed}"
        self.video, self._scenes = video, enumerate(video)
        self.scene: videos.LabelledFrame | None = None

    def next(self, timeout: float) -> Frame | None:
        """The next frame, without waiting; None after the last one."""
        number, self.scene = next(self._scenes, (-1, None))
        if self.scene is None:
            self.ended = True
            return None
        return Frame(self.scene.image, number, number / self.video.fps, time.perf_counter())

    def close(self) -> None:
        """Do nothing: nothing is open."""


class RepeatedFrames(Frames):
    """`count` frames: the images of a video, repeated, as fast as they are read."""

    name = "repeated"

    def __init__(self, video: Iterable[videos.LabelledFrame], count: int) -> None:
        self._images = [scene.image for scene in video]
        self._number, self._count = 0, count

    def next(self, timeout: float) -> Frame | None:
        """The next frame, in memory of its own like a camera's; None after the last one."""
        if self._number == self._count:
            self.ended = True
            return None
        number, self._number = self._number, self._number + 1
        image = self._images[number % len(self._images)].copy()
        return Frame(image, number, number / videos.FPS, time.perf_counter())

    def close(self) -> None:
        """Do nothing: nothing is open."""


class LoopedVideo:
    """A video as JPEG images, played forwards and backwards so that it never jumps."""

    def __init__(self, video: Iterable[videos.LabelledFrame]) -> None:
        self._images = [http_camera.jpeg(scene.image) for scene in video]

    def __call__(self, seconds: float) -> bytes:
        """The image at a time since the start."""
        index = int(seconds * videos.FPS) % (2 * len(self._images))
        return self._images[min(index, 2 * len(self._images) - 1 - index)]
