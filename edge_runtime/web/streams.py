"""Endless responses: the newest image or event, produced once and sent to any number of viewers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from edge_runtime.web import limits
from edge_runtime.web.errors import RequestError
from edge_runtime.web.worker import Worker

_log = logging.getLogger(__name__)


class Channel:
    """The newest image or event, produced once for all viewers, and only while there are any.

    `produce` runs in `worker`, after each `notify` but at most `max_rate` times a second, and at least
    every `keepalive` seconds. It returns the bytes to send, or b"" when there is nothing yet. All methods
    except `notify` must be called in the event loop's thread.
    """

    def __init__(
        self, produce: Callable[[], bytes], worker: Worker, *, max_rate: float, keepalive: float
    ) -> None:
        self._produce, self._worker = produce, worker
        self._interval, self._keepalive = 1 / max_rate, keepalive
        self.viewers = 0
        self._watched, self._notified, self._produced = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._newest: bytes | None = None
        self._wants_notice = self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def notify(self) -> None:
        """Report that there is something new. Callable from any thread; costs nothing without viewers."""
        if self._wants_notice and self._loop is not None:
            self._wants_notice = False
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._notified.set)

    async def run(self) -> None:
        """Produce until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._watched.wait()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._notified.wait(), self._keepalive)
            self._notified.clear()
            self._wants_notice = True  # before producing, so that nothing that arrives meanwhile is missed
            started = self._loop.time()
            try:
                produced = await self._worker.run(self._produce)
            except Exception:
                _log.exception("cannot produce a part of a stream")
                produced = b""
            if produced:
                self._newest = produced
                self._wake_viewers()
            await asyncio.sleep(max(0.0, started + self._interval - self._loop.time()))

    def close(self) -> None:
        """End the streams of all viewers."""
        self._closed = True
        self._wake_viewers()

    def _wake_viewers(self) -> None:
        self._produced.set()
        self._produced = asyncio.Event()

    @contextlib.contextmanager
    def viewer(self) -> Iterator[None]:
        """Count a viewer inside the `with` block. Raises `RequestError` if `MAX_VIEWERS` are watching."""
        if self.viewers >= limits.MAX_VIEWERS:
            raise RequestError(
                503,
                "viewers",
                f"there are {limits.MAX_VIEWERS} viewers already; try again later",
                retry_after=5,
            )
        self.viewers += 1
        self._watched.set()
        self._notified.set()  # send the newest at once: the source may be silent for a while
        try:
            yield
        finally:
            self.viewers -= 1
            if not self.viewers:
                self._watched.clear()
                self._newest = None

    async def follow(self) -> AsyncIterator[bytes]:
        """Yield the newest bytes whenever they change; a slow viewer skips what it missed."""
        last = None
        while not self._closed:
            if self._newest is last:
                await self._produced.wait()
            elif self._newest is not None:
                last = self._newest
                yield last


class Stream(StreamingResponse):
    """An endless response: `opening`, then whatever the channel produces."""

    def __init__(self, channel: Channel, opening: bytes, media_type: str) -> None:
        self._channel = channel

        async def content() -> AsyncIterator[bytes]:
            yield opening
            async for part in channel.follow():
                yield part

        super().__init__(content(), media_type=media_type, headers={"x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, counted as a viewer."""
        # From ASGI 2.4 on, starlette expects send() to raise when the client has disconnected. uvicorn 0.30
        # claims 2.4 but does not raise. With 2.3, starlette listens for the disconnect itself, which always
        # works.
        scope = {**scope, "asgi": {**scope.get("asgi", {}), "spec_version": "2.3"}}
        with self._channel.viewer():
            await super().__call__(scope, receive, send)
