"""TODO."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.live.processes import _camera, _measured


# Delay, cost, memory: in processes of their own -----------------------------------------------------------
def delays(seconds: float) -> Iterator[dict[str, Any]]:
    """From a frame's arrival to its result, and the share of one core, at 30 frames/s and 640x480.

    The frames come from a camera of another process, as a Motion JPEG stream; receiving and decoding it is
    part of the cost. Where the system can do that, the process is held to one core.
    """
    for kind in ("still", "moving", "hand", "crowd"):
        with _camera(kind) as url:
            yield {"kind": "delay", "video": kind, **_measured("paced", url, str(seconds))}


def memory(frames: int) -> Iterator[dict[str, Any]]:
    """Memory over many frames, of a video that is shown again and again, as fast as it can be read (Linux)."""
    yield {"kind": "memory", **_measured("endless", str(frames))}
