"""Child processes of tests: they start with default signal handling, and always end with the test."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

COMMAND = (sys.executable, "-m", "edge_runtime")

_DEADLINE = 120  # s after which a process that hangs is killed


@contextmanager
def started(*command: object, deadline: float = _DEADLINE, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a process with text pipes and yield it; in the end it is killed, reaped and its pipes are closed.

    `options` are those of `subprocess.Popen`. A process that hangs is killed after `deadline` seconds, so
    that reading from it ends.
    """
    # A child inherits an ignored SIGINT, as pytest has it under nohup, but not a handler of Python's.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen([str(part) for part in command], text=True, **options)
    finally:
        signal.signal(signal.SIGINT, before)
    watchdog = threading.Timer(deadline, process.kill)
    with process:
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            watchdog.join()
            process.kill()
