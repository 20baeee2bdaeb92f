"""The live path, from frames to events: steadiness on drawn videos, delay, cost, memory, load, lost streams.

What is timed runs in processes of its own, the programs at the end.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

import cv2
import numpy as np

from benchmarks.live.drops import _Loop
from benchmarks.live.frames import SEEDS
from benchmarks.live.processes import _Gauge, _resident
from edge_runtime.live.loop import Live
from edge_runtime.live.sources import open_frames
from edge_runtime.live.sources.base import Frame, Frames
from edge_runtime.reading.switch import SwitchableReader
from train.synthetic import http_camera, videos
from train.synthetic.videos import stage


def _paced(url: str, seconds: float) -> dict[str, Any]:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    with open_frames(url) as frames:
        gauge = _Gauge()
        began: tuple[float, float] | None = None
        for view in Live(frames, SwitchableReader("int8"), lambda _: None).views():
            if began is None:
                # The first frames warm the networks up.
                if view.frame >= stage.FPS:
                    began = time.perf_counter(), time.process_time()
                continue
            gauge.take(view)
            if time.perf_counter() - began[0] > seconds:
                break
        assert began
        passed, used = time.perf_counter() - began[0], time.process_time() - began[1]
    waits = np.array(gauge.waits) * 1000
    return {
        "frames": gauge.frames,
        "read": len(waits),
        "fps": round(gauge.frames / passed, 2),
        **{f"p{share}_ms": round(float(np.percentile(waits, share)), 2) for share in (50, 90, 99)},
        "max_ms": round(float(waits.max()), 2),
        "share_of_core": round(used / passed, 3),
    }


def _endless(count: int) -> dict[str, Any]:
    images = [scene.image for scene in videos.Video("moving", SEEDS[0])]

    class Looped(Frames):
        name = "looped"

        def __init__(self) -> None:
            self._number = 0

        def next(self, timeout: float) -> Frame | None:
            if self._number == count:
                self.ended = True
                return None
            # A copy, as a camera's frames are new memory too.
            image = images[self._number % len(images)].copy()
            self._number += 1
            return Frame(image, self._number, self._number / stage.FPS, time.perf_counter())

        def close(self) -> None:
            pass

    sizes = []
    for view in Live(Looped(), SwitchableReader("int8"), lambda _: None).views():
        if view.frame % max(1, count // 20) == 0:
            sizes.append(_resident())
    return {"frames": count, "resident_mb": sizes, "growth_mb": round(sizes[-1] - sizes[1], 1)}


def _served(url: str) -> None:
    """A device with a camera and a server; tells the camera's rate and delay when it is asked."""
    from edge_runtime.web.server import Server

    cv2.setNumThreads(1)
    with open_frames(url) as frames:
        live = Live(frames, SwitchableReader("int8"), lambda _: None)
        with Server(live.readers, "127.0.0.1:0", live=True) as server:
            server.start()
            started, gauge = time.perf_counter(), _Gauge()

            def look() -> None:
                for view in live.views():
                    server.publish(view)
                    gauge.take(view)

            thread = threading.Thread(target=look)
            thread.start()
            print(server.port, flush=True)
            for _ in sys.stdin:
                seen, gauge = gauge, _Gauge()
                passed, started = time.perf_counter() - started, time.perf_counter()
                p99 = float(np.percentile(seen.waits or [0], 99)) * 1000
                print(json.dumps([round(seen.frames / passed, 2), round(p99, 1)]), flush=True)
            live.stop()
            thread.join()


def _stream(kind: str) -> None:
    """A camera: streams a video until its standard input is closed."""
    with http_camera.StreamServer(_Loop(videos.Video(kind, SEEDS[0]))) as server:
        print(server.url, flush=True)
        sys.stdin.read()


_PROGRAMS = {
    "paced": lambda url, seconds: print(json.dumps(_paced(url, float(seconds)))),
    "endless": lambda count: print(json.dumps(_endless(int(count)))),
    "served": _served,
    "camera": _stream,
}

if __name__ == "__main__":
    _PROGRAMS[sys.argv[1]](*sys.argv[2:])
