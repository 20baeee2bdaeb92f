"""The HTTP API under attack: some clients try to keep the others from being answered (Linux).

All clients have an address of their own, as on a network. Honest ones ask for the health of the device and
send small images, a few times a second; the others do what their function says, over and over.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.live.processes import start_program
from edge_runtime.web.limits import MAX_BODY_BYTES
from train.synthetic import http_camera, videos

_CHECKOUT = Path(__file__).resolve().parents[2]
_PAUSE = (0.2, 0.8)  # s between the requests of an honest client
_PLANNED = {"200", "503", "health: 200"}  # 503: the queue of images is full, try again after a second
_DESCRIPTORS = 1024  # open files that the server may have
_SERVER = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({_DESCRIPTORS}, {_DESCRIPTORS}))
from edge_runtime.cli.process import run
sys.argv[1:] = ["serve", "127.0.0.1:0"]
run()
"""

_READ = b"POST /read HTTP/1.1\r\nHost: localhost\r\n"

Answer = tuple[str, float]  # HTTP status or name of the error, seconds
Attack = Callable[[str, int], None]  # address to connect from, port


def attack(clients: int, hostile: int, seconds: float) -> dict[str, Any]:
    """Return the response times in ms of the honest clients, and the lines that the server logged.

    `unplanned` counts the answers other than 200, and than 503 for an image. Raises `BenchmarkError` if the
    server does not start.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER], cwd=_CHECKOUT, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr
        line = server.stderr.readline()
        if "serving at" not in line:
            raise BenchmarkError(f"the server did not start: {line.strip()}")
        port = line.strip().rstrip("/").rpartition(":")[2]
        logged: list[str] = []
        logging = threading.Thread(target=lambda: logged.extend(server.stderr or ()))
        logging.start()
        try:
            # The attackers have a process of their own, so that they do not slow the measurement down.
            with start_program("attackers", port, str(hostile)) as attackers:
                attackers.read_line()
                answers = _be_honest(clients - hostile, int(port), seconds)
        finally:
            server.terminate()
        logging.join()
    return _sum_up(answers, logged, clients, hostile, seconds)


def _sum_up(
    answers: list[Answer], logged: list[str], clients: int, hostile: int, seconds: float
) -> dict[str, Any]:
    statuses = Counter(status for status, _ in answers)
    times = np.array([taken for _, taken in answers] or [np.nan]) * 1000
    return {
        "clients": clients,
        "hostile": hostile,
        "seconds": seconds,
        "statuses": dict(sorted(statuses.items())),
        "unplanned": sum(count for status, count in statuses.items() if status not in _PLANNED),
        **{f"p{share}_ms": round(float(np.percentile(times, share)), 1) for share in (50, 90, 99)},
        "max_ms": round(float(times.max()), 1),
        "logged": [line.strip() for line in logged],
    }


def _be_honest(count: int, port: int, seconds: float) -> list[Answer]:
    image = http_camera.jpeg(videos.Video("still", 0)[0].image)
    answers: list[Answer] = []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        pauses = random.Random(number)
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=30, source_address=(f"127.0.1.{number + 1}", 0)
        )
        time.sleep(pauses.uniform(0, _PAUSE[1]))
        while True:
            reads = pauses.random() < 0.5
            start = time.perf_counter()
            try:
                connection.request(*(("POST", "/read", image) if reads else ("GET", "/health")))
                response = connection.getresponse()
                response.read()
                # Only images may have to wait.
                status = str(response.status) if reads else f"health: {response.status}"
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
                connection.close()
            answers.append((status, time.perf_counter() - start))
            if time.perf_counter() >= end:
                break
            time.sleep(1 if status == "503" else pauses.uniform(*_PAUSE))
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def start_attackers(port: int, count: int) -> None:
    """Start a thread for each attacker. It repeats one of the attacks until the process ends."""

    def repeat(number: int) -> None:
        while True:
            with contextlib.suppress(OSError):
                ATTACKS[number % len(ATTACKS)](f"127.0.2.{number + 1}", port)

    for number in range(count):
        threading.Thread(target=repeat, args=(number,), daemon=True).start()


# What the attackers do ------------------------------------------------------------------------------------


def _connect(address: str, port: int, sent: bytes = b"") -> socket.socket:
    connection = socket.socket()
    connection.settimeout(5)
    connection.bind((address, 0))
    connection.connect(("127.0.0.1", port))
    connection.sendall(sent)
    return connection


def _open(
    stack: contextlib.ExitStack, address: str, port: int, count: int, sent: bytes
) -> list[socket.socket]:
    """Open connections and send the same over each; as many as the server accepts."""
    opened = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            opened.append(stack.enter_context(_connect(address, port, sent)))
    return opened


def _hold(address: str, port: int, count: int, sent: bytes, trickle: bytes = b"") -> None:
    """Hold connections open for two seconds, adding a few bytes now and then."""
    with contextlib.ExitStack() as stack:
        opened = _open(stack, address, port, count, sent)
        for _ in range(10):
            for connection in opened:
                with contextlib.suppress(OSError):
                    connection.sendall(trickle)
            time.sleep(0.2)


def _hold_idle(address: str, port: int) -> None:
    _hold(address, port, 500, b"")


def _hold_headers(address: str, port: int) -> None:
    _hold(address, port, 60, b"GET /health HTTP/1.1\r\nX: ", b"x")


def _hold_bodies(address: str, port: int) -> None:
    _hold(address, port, 60, _READ + b"Content-Length: 1000000\r\n\r\n", b"x")


def _fill_memory(address: str, port: int) -> None:
    _hold(
        address, port, 5, _READ + b"Content-Length: %d\r\n\r\n" % MAX_BODY_BYTES + bytes(MAX_BODY_BYTES - 1)
    )


def _hold_streams(address: str, port: int) -> None:
    _hold(address, port, 60, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")


def _send_huge_bodies(address: str, port: int) -> None:
    chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
    with _connect(address, port, _READ + b"Transfer-Encoding: chunked\r\n\r\n") as connection:
        while True:  # until the server closes the connection
            connection.sendall(chunk)


def _send_nonsense(address: str, port: int) -> None:
    """Wrong hosts, wrong JSON, and what is not HTTP at all."""
    for sent in (
        b"GET / HTTP/1.1\r\nHost: localhost#.evil.example\r\n\r\n",
        b"POST /model HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n" + b"[" * 900,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        _READ + b"Content-Length: 100000\r\n\r\n" + bytes(100_000),
    ):
        with _connect(address, port, sent) as connection:
            connection.recv(65536)


def _read_as_fast_as_possible(address: str, port: int) -> None:
    image = http_camera.jpeg(videos.Video("crowd", 0)[0].image)
    head = _READ + b"Content-Length: %d\r\n\r\n" % len(image)
    with contextlib.ExitStack() as stack:
        for connection in _open(stack, address, port, 8, head + image):
            with contextlib.suppress(OSError):
                connection.recv(65536)


ATTACKS: tuple[Attack, ...] = (
    _hold_idle,
    _hold_headers,
    _hold_bodies,
    _fill_memory,
    _hold_streams,
    _send_huge_bodies,
    _send_nonsense,
    _read_as_fast_as_possible,
)
