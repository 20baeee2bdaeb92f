"""A thread that does one thing after the other for the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any


class Worker:
    """Does what it is handed, in its order; what nobody waits for any more is not begun.

    Its thread is a daemon, unlike an executor's: what takes long does not keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, work: Callable[[], Any]) -> Any:
        """What `work` returns or raises."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._queue.put((work, loop, future))
        return await future

    def close(self) -> None:
        """End the thread, after what it is doing."""
        self._queue.put(None)

    def _work(self) -> None:
        _step_back()
        while (item := self._queue.get()) is not None:
            work, loop, future = item
            if future.cancelled():
                continue
            result, error = None, None
            try:
                result = work()
            except Exception as caught:
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _step_back() -> None:
    """Let the camera's thread go first: on Linux every thread has a priority of its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
