"""Endless responses: the newest image or event, produced once and sent to any number of viewers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from edge_runtime.web import clients, limits
from edge_runtime.web.errors import RequestError
from edge_runtime.web.worker import Worker

_log = logging.getLogger(__name__)


class Viewer:
    """Somebody who follows a channel; `given_up` when the place went to another client."""

    def __init__(self, owner: str) -> None:
        self.owner, self.given_up = owner, False


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
        self._viewers: list[Viewer] = []
        self._watched, self._notified, self._produced = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._newest: bytes | None = None
        self._wants_notice = self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def viewers(self) -> int:
        """Number of viewers."""
        return len(self._viewers)

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
    def viewer(self, client: str) -> Iterator[Viewer]:
        """Count a viewer inside the `with` block.

        If there are `MAX_VIEWERS` already, the client that has most gives one up. Raises `RequestError` if
        no client has more than this one would have.
        """
        if len(self._viewers) >= limits.MAX_VIEWERS:
            last = clients.most_demanding(self._viewers, client)
            if last is None:
                raise RequestError(
                    503,
                    "viewers",
                    f"there are {limits.MAX_VIEWERS} viewers already; try again later",
                    retry_after=5,
                )
            last.given_up = True
            self._viewers.remove(last)
            self._wake_viewers()
        viewer = Viewer(client)
        self._viewers.append(viewer)
        self._watched.set()
        self._notified.set()  # send the newest at once: the source may be silent for a while
        try:
            yield viewer
        finally:
            if not viewer.given_up:
                self._viewers.remove(viewer)
            if not self._viewers:
                self._watched.clear()
                self._newest = None

    async def follow(self, viewer: Viewer) -> AsyncIterator[bytes]:
        """Yield the newest bytes whenever they change; a slow viewer skips what it missed."""
        last = None
        while not (self._closed or viewer.given_up):
            if self._newest is last:
                await self._produced.wait()
            elif self._newest is not None:
                last = self._newest
                yield last


class Stream(StreamingResponse):
    """An endless response: `opening`, then whatever the channel produces."""

    def __init__(self, channel: Channel, opening: bytes, media_type: str) -> None:
        self._channel, self._opening = channel, opening
        super().__init__((), media_type=media_type, headers={"x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, counted as a viewer."""
        # From ASGI 2.4 on, starlette expects send() to raise when the client has disconnected. uvicorn 0.30
        # claims 2.4 but does not raise. With 2.3, starlette listens for the disconnect itself, which always
        # works.
        scope = {**scope, "asgi": {**scope.get("asgi", {}), "spec_version": "2.3"}}
        with self._channel.viewer(clients.identify(scope["client"])) as viewer:
            self.body_iterator = self._content(viewer)
            await super().__call__(scope, receive, send)

    async def _content(self, viewer: Viewer) -> AsyncIterator[bytes]:
        yield self._opening
        async for part in self._channel.follow(viewer):
            yield part
