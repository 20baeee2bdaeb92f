"""Programs that run in processes of their own: `python -m benchmarks.live.programs NAME ARGUMENTS`."""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.live import attack
from benchmarks.live.frames import SEEDS, LoopedVideo, RepeatedFrames
from edge_runtime.live.loop import Live
from edge_runtime.live.sources import open_frames
from edge_runtime.live.view import View
from edge_runtime.reading.switch import SwitchableReader
from train.synthetic import http_camera, videos


class DelayCounter:
    """Counts frames and, for those that were read, the seconds from their arrival to the result."""

    def __init__(self) -> None:
        self.frames, self.delays = 0, list[float]()
        self._last = -1

    def add(self, view: View) -> None:
        """Count a view; views that repeat a frame do not count."""
        if view.frame == self._last:
            return
        self._last = view.frame
        self.frames += 1
        if view.fresh:
            self.delays.append(sum(view.stages[stage] for stage in ("capture", "detect", "classify")))


def measure_delay(url: str, seconds: float) -> dict[str, Any]:
    """Read a stream for `seconds` on one core: delays in ms, frames per second and the share of the core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    with open_frames(url) as frames:
        counter = DelayCounter()
        start: tuple[float, float] | None = None
        for view in Live(frames, SwitchableReader("int8"), lambda _: None).views():
            if start is None:
                # The first second warms up the networks.
                if view.frame >= videos.FPS:
                    start = time.perf_counter(), time.process_time()
                continue
            counter.add(view)
            if counter.delays and time.perf_counter() - start[0] > seconds:
                break
        assert start
        passed, used = time.perf_counter() - start[0], time.process_time() - start[1]
    delays = np.array(counter.delays) * 1000
    return {
        "frames": counter.frames,
        "read": len(delays),
        "fps": round(counter.frames / passed, 2),
        **{f"p{share}_ms": round(float(np.percentile(delays, share)), 2) for share in (50, 90, 99)},
        "max_ms": round(float(delays.max()), 2),
        "share_of_core": round(used / passed, 3),
    }


def measure_memory(count: int) -> dict[str, Any]:
    """Read `count` frames, 20 or more, and return the resident memory at 20 points, in MB.

    Growth is counted from the second point on, as the first one may come before all memory is in use.
    """
    video = itertools.islice(videos.Video("moving", SEEDS[0]), count)
    frames = RepeatedFrames(video, count)
    sizes = [
        _resident_mb()
        for view in Live(frames, SwitchableReader("int8"), lambda _: None).views()
        if view.frame % max(1, count // 20) == 0
    ]
    return {"frames": count, "resident_mb": sizes, "growth_mb": round(sizes[-1] - sizes[1], 1)}


def _resident_mb() -> float:
    """Resident memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def serve(url: str) -> None:
    """Read a stream and serve the HTTP API until standard input closes.

    Prints the port. For every line of input, prints frames per second and p99 of the delay in ms since the
    line before, as a JSON list.
    """
    from edge_runtime.web.server import Server

    cv2.setNumThreads(1)
    with open_frames(url) as frames:
        live = Live(frames, SwitchableReader("int8"), lambda _: None)
        with Server(live.reader, "127.0.0.1:0", live=True) as server:
            server.start()
            start, counter = time.perf_counter(), DelayCounter()

            def read_stream() -> None:
                for view in live.views():
                    server.publish(view)
                    counter.add(view)

            thread = threading.Thread(target=read_stream)
            thread.start()
            print(server.port, flush=True)
            for _ in sys.stdin:
                done, counter = counter, DelayCounter()
                passed, start = time.perf_counter() - start, time.perf_counter()
                p99 = float(np.percentile(done.delays or [0], 99)) * 1000
                print(json.dumps([round(done.frames / passed, 2), round(p99, 1)]), flush=True)
            live.stop()
            thread.join()


def stream(kind: str) -> None:
    """Stream a synthetic video in a loop until standard input closes; prints the URL."""
    with http_camera.StreamServer(LoopedVideo(videos.Video(kind, SEEDS[0]))) as server:
        print(server.url, flush=True)
        sys.stdin.read()


def attack_server(port: int, count: int) -> None:
    """Attack a server until standard input closes; prints a line when it begins."""
    attack.start_attackers(port, count)
    print("attacking", flush=True)
    sys.stdin.read()


PROGRAMS = {
    "delay": lambda url, seconds: print(json.dumps(measure_delay(url, float(seconds)))),
    "memory": lambda count: print(json.dumps(measure_memory(int(count)))),
    "device": serve,
    "camera": stream,
    "attackers": lambda port, count: attack_server(int(port), int(count)),
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
