"""TODO."""

from __future__ import annotations

import time

from edge_runtime.live.sources.base import Frame, Frames
from train.synthetic import videos

SEEDS = tuple(
    range(200, 205)
)  # of the videos that are reported; nothing was tuned on these (100 to 104 were seen)


class SyntheticFrames(Frames):
    """A video as a source; `scene` is the truth of the frame that was given last."""

    def __init__(self, video: videos.Video) -> None:
        self.name = f"{video.name} {video.seed}"
        self.video, self._scenes = video, enumerate(video)

    def next(self, timeout: float) -> Frame | None:
        """The next frame, at once."""
        number, self.scene = next(self._scenes, (-1, None))
        if self.scene is None:
            self.ended = True
            return None
        return Frame(self.scene.image, number, number / self.video.fps, time.perf_counter())

    def close(self) -> None:
        """Nothing is held open."""
