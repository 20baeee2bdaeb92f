"""TODO."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_runtime.live.events import Event, Number
from edge_runtime.live.tracker import Track
from edge_runtime.results import Digit

STAGES = ("capture", "detect", "classify", "draw")


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show after a frame: the frame itself and all that is known of it.

    `image` is the frame, BGR uint8 `(H, W, 3)`, not drawn on and not to be written to; `frame` counts from
    0; `seconds` is the source's time since its start, `time` the moment as seconds since the epoch;
    `digits` and `numbers` are what the `tracks` say in reading order, `events` what has just confirmed, changed
    or left. `stages` are seconds by the names of `STAGES` ("draw" is that of the view before), `rate` is
    frames a second. `fresh` is whether the frame was read, rather than found to be as the one before.
    `problem` is why no new frames come ("" while they do): the image is then the last one that came.
    """

    image: NDArray[np.uint8]
    frame: int
    seconds: float
    time: float
    digits: tuple[Digit, ...] = ()
    numbers: tuple[Number, ...] = ()
    tracks: tuple[Track, ...] = ()
    events: tuple[Event, ...] = ()
    stages: dict[str, float] = field(default_factory=dict)
    rate: float = 0.0
    fresh: bool = True
    problem: str = ""
    paused: bool = False
    model: str = "int8"
    source: str = ""  # as it is called in messages: "camera 0"
    capture_format: str = ""  # what the source gives: "640x480 at 30 fps (asked for 1280x720)"
