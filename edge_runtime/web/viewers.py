"""Those who watch: the newest of something for any number of them, made once, while there are any."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from edge_runtime.web import limits
from edge_runtime.web.answers import Refusal
from edge_runtime.web.worker import Worker

_log = logging.getLogger(__name__)


class Channel:
    """The newest of something for any number of viewers: made once for all of them, only while there are any.

    `make` runs in `worker`, at most `pace` times a second when something new was announced by `wake`, and
    `at_least` every so many seconds. Everything but `wake` belongs to the event loop's thread.
    """

    def __init__(self, make: Callable[[], bytes], worker: Worker, pace: float, at_least: float) -> None:
        self._make, self._worker, self._gap, self._at_least = make, worker, 1 / pace, at_least
        self.viewers = 0
        self._watched, self._arrived, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._newest: bytes | None = None
        self._awaited = self._ended = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake(self) -> None:
        """Say that there is something new; from any thread, and at no cost while nobody waits for it."""
        if self._awaited and self._loop is not None:
            self._awaited = False
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._arrived.set)

    async def run(self) -> None:
        """Make what is new, for ever."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._watched.wait()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), self._at_least)
            self._arrived.clear()
            self._awaited = True  # before it is made: what arrives meanwhile is not missed
            began = self._loop.time()
            try:
                made = await self._worker.run(self._make)
            except Exception:
                _log.exception("cannot show a view")
                made = b""
            if made:
                self._newest = made
                self._tell()
            await asyncio.sleep(max(0.0, began + self._gap - self._loop.time()))

    def end(self) -> None:
        """Let all viewers go."""
        self._ended = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Count a viewer for as long as it is there; raises `Refusal` when there are enough."""
        if self.viewers >= limits.MAX_VIEWERS:
            raise Refusal(503, "viewers", f"{limits.MAX_VIEWERS} viewers watch already; try again later", 5)
        self.viewers += 1
        self._watched.set()
        self._arrived.set()  # a source may be silent: do not wait for it
        try:
            yield
        finally:
            self.viewers -= 1
            if not self.viewers:
                self._watched.clear()
                self._newest = None

    async def follow(self) -> AsyncIterator[bytes]:
        """The newest, again and again; a slow viewer misses what is in between."""
        last = None
        while not self._ended:
            if self._newest is last:
                await self._news.wait()
            elif self._newest is not None:
                last = self._newest
                yield last


class Stream(StreamingResponse):
    """An answer without an end: `opening`, and then what a channel brings."""

    def __init__(self, channel: Channel, opening: bytes, media_type: str) -> None:
        self._channel = channel

        async def content() -> AsyncIterator[bytes]:
            yield opening
            async for part in channel.follow():
                yield part

        super().__init__(content(), media_type=media_type, headers={"x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, counted as a viewer."""
        # By 2.4 a server tells by an error that nobody listens any more; uvicorn 0.30 promises that and keeps
        # silent. By 2.3 the response itself listens for it, which works with all of them.
        scope = {**scope, "asgi": {**scope.get("asgi", {}), "spec_version": "2.3"}}
        with self._channel.watching():
            await super().__call__(scope, receive, send)
