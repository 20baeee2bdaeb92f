"""The HTTP API under load: many clients send images to a device that also reads a camera."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.live.frames import SEEDS
from benchmarks.live.processes import start_camera, start_program
from train.synthetic import http_camera, videos

_ALONE_SECONDS = 10.0  # for which the camera runs without clients, at most

Answer = tuple[int | str, float]  # HTTP status or name of the error, seconds


def load(clients: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the API's response times in ms and the camera's rate, with and without clients (Linux).

    Every client has its own address, sends the next image as soon as it has an answer, and waits for
    `Retry-After` when it is rejected. Raises `BenchmarkError` if no image is read.
    """
    with start_camera("moving") as url, start_program("device", url) as device:
        port = int(device.read_line())
        device.ask("rate")  # starts the measurement
        time.sleep(min(_ALONE_SECONDS, seconds))
        alone = json.loads(device.ask("rate"))
        answers = _send_images(port, clients, seconds)
        loaded = json.loads(device.ask("rate"))
    statuses = Counter(status for status, _ in answers)
    read = np.array([taken for status, taken in answers if status == 200]) * 1000
    every = np.array([taken for _, taken in answers]) * 1000
    if not len(read):
        raise BenchmarkError(f"no image was read under load; answers by status: {dict(statuses)}")
    yield {
        "kind": "load",
        "clients": clients,
        "seconds": seconds,
        "statuses": {str(status): count for status, count in sorted(statuses.items(), key=str)},
        "read_per_second": round(len(read) / seconds, 1),
        **{f"p{share}_ms": round(float(np.percentile(read, share)), 1) for share in (50, 90, 99)},
        "all_p99_ms": round(float(np.percentile(every, 99)), 1),
        "camera_fps": {"alone": alone[0], "loaded": loaded[0]},
        "camera_p99_ms": {"alone": alone[1], "loaded": loaded[1]},
    }


def _send_images(port: int, clients: int, seconds: float) -> list[Answer]:
    """Let all clients send images for `seconds`; return their answers."""
    images = [
        http_camera.jpeg(videos.Video(kind, SEEDS[1])[0].image) for kind in ("still", "crowd", "writing")
    ]
    answers: list[Answer] = []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        # Clients on a network have different addresses; on Linux all of 127.0.0.0/8 is local.
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=30, source_address=(f"127.0.{number // 250}.{number % 250 + 2}", 0)
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
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
