"""The view: one frame together with everything that live reading knows about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_runtime.live.events import Event, TrackedNumber
from edge_runtime.live.track import Track
from edge_runtime.results import Digit

STAGES = ("capture", "detect", "classify", "draw")


@dataclass(frozen=True, slots=True)
class View:
    """A frame, what was read in it, and the state of the source.

    The window, the page, the command line and recordings all show views. While no new frame comes, the last
    one is repeated with a current `problem` and `paused`.
    """

    image: NDArray[np.uint8]  # the frame, BGR uint8 (H, W, 3), without drawings; do not write to it
    frame: int  # number of the frame, from 0
    seconds: float  # the source's time since its first frame
    time: float  # time of reading, in seconds since the epoch
    digits: tuple[Digit, ...] = ()  # digits of all numbers, in reading order
    numbers: tuple[TrackedNumber, ...] = ()  # in reading order
    tracks: tuple[Track, ...] = ()  # in no particular order
    events: tuple[Event, ...] = ()  # what has happened since the previous view
    stages: dict[str, float] = field(default_factory=dict)  # seconds per stage; "draw": previous view
    rate: float = 0.0  # frames per second
    fresh: bool = True  # whether this frame was read; if not, the reading is that of an earlier frame
    problem: str = ""  # why no new frames come, or ""
    paused: bool = False
    ended: bool = False  # whether this is the last frame of a video or folder, which stays on the page
    model: str = "int8"  # name of the active model
    source: str = ""  # name of the source in messages, such as "camera 0"
    capture_format: str = ""  # what the source delivers: "640x480 at 30 fps (requested 1280x720)"
