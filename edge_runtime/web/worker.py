"""A worker thread that runs jobs for the event loop, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


class Worker:
    """Runs jobs in order in one thread. A job that is cancelled before its turn is skipped.

    After each job, the thread rests for `rest` times as long as the job took, to leave the CPU to others.
    The thread is a daemon, unlike those of an executor: a long job does not keep the process from exiting.
    """

    def __init__(self, name: str, *, rest: float = 0.0) -> None:
        self._rest = rest
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, job: Callable[[], Any]) -> Any:
        """Run a job and return its result, or raise its exception."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._queue.put((job, loop, future))
        return await future

    def close(self) -> None:
        """Let the thread end after the jobs that it already has. Does not wait for it."""
        self._queue.put(None)

    def _work(self) -> None:
        _lower_priority()
        while (item := self._queue.get()) is not None:
            job, loop, future = item
            if future.cancelled():
                continue
            result, error = None, None
            started = time.perf_counter()
            try:
                result = job()
            except Exception as caught:
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
                loop.call_soon_threadsafe(_resolve, future, result, error)
            if self._rest:
                time.sleep(self._rest * (time.perf_counter() - started))


def _resolve(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _lower_priority() -> None:
    """Let the camera's thread go first. On Linux each thread has a priority of its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
