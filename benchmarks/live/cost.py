"""What live reading costs: the delay of a result, the share of a core, and memory over many frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.live.processes import run_program, start_camera


def delays(seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the delay from arrival to result, in ms, and the share of one core, for several kinds of video.

    Another process streams each video as Motion JPEG, 640x480 at 30 frames per second; receiving and decoding
    the stream count as cost. On Linux the reading process may use one core only.
    """
    for kind in ("still", "moving", "hand", "crowd"):
        with start_camera(kind) as url:
            yield {"kind": "delay", "video": kind, **run_program("delay", url, str(seconds))}


def memory(frames: int) -> Iterator[dict[str, Any]]:
    """Yield the resident memory while `frames` frames, 20 or more, are read as fast as possible (Linux)."""
    yield {"kind": "memory", **run_program("memory", str(frames))}
