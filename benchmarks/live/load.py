"""TODO."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from benchmarks.live.frames import SEEDS
from benchmarks.live.processes import _CHECKOUT, _camera
from train.synthetic import videos


# Load -----------------------------------------------------------------------------------------------------
def load(clients: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Many clients have images read by a device whose camera runs: their answers, and the camera's rate.

    Every client has an address of its own, sends the next image as soon as it has an answer, and waits as
    long as it is told when it is rejected.
    """
    with (
        _camera("moving") as url,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live", "served", url],
            cwd=_CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as device,
    ):
        assert device.stdin and device.stdout
        port = int(device.stdout.readline())

        def rate() -> list[float]:
            device.stdin.write("rate\n")  # type: ignore[union-attr]
            device.stdin.flush()  # type: ignore[union-attr]
            values: list[float] = json.loads(device.stdout.readline())  # type: ignore[union-attr]
            return values

        rate()
        time.sleep(min(10.0, seconds))
        alone = rate()
        answers = _crowd(port, clients, seconds)
        loaded = rate()
        device.stdin.close()
        device.wait(20)
    statuses = Counter(status for status, _ in answers)
    good = np.array([taken for status, taken in answers if status == 200]) * 1000
    every = np.array([taken for _, taken in answers]) * 1000
    yield {
        "kind": "load",
        "clients": clients,
        "seconds": seconds,
        "statuses": {str(status): count for status, count in sorted(statuses.items(), key=str)},
        "read_per_second": round(len(good) / seconds, 1),
        **{f"p{share}_ms": round(float(np.percentile(good, share)), 1) for share in (50, 90, 99)},
        "all_p99_ms": round(float(np.percentile(every, 99)), 1),
        "camera_fps": {"alone": alone[0], "loaded": loaded[0]},
        "camera_p99_ms": {"alone": alone[1], "loaded": loaded[1]},
    }


def _crowd(port: int, clients: int, seconds: float) -> list[tuple[int | str, float]]:
    images = [
        cv2.imencode(".jpg", scene.image)[1].tobytes()
        for scene in (next(iter(videos.Video(kind, SEEDS[1]))) for kind in ("still", "crowd", "writing"))
    ]
    answers: list[tuple[int | str, float]] = []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        # Each has its own address, as it would have on a network (Linux has the whole of 127/8).
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=30, source_address=(f"127.0.0.{number + 2}", 0)
        )
        while time.perf_counter() < end:
            start = time.perf_counter()
            try:
                connection.request("POST", "/read", images[number % len(images)])
                response = connection.getresponse()
                body = response.read()
                answers.append((response.status, time.perf_counter() - start))
                if response.status == 200:
                    json.loads(body)
                else:
                    time.sleep(float(response.headers.get("Retry-After", 1)))
            except (OSError, http.client.HTTPException, ValueError) as error:
                answers.append((type(error).__name__, time.perf_counter() - start))
                connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
