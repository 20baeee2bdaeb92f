"""The web server: binds an address, publishes views and closes."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp

from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.web import limits, pages
from edge_runtime.web.address import listen, parse, reachable_host
from edge_runtime.web.guard import Guard, token_from_environment
from edge_runtime.web.intake import Intake
from edge_runtime.web.listener import Listener
from edge_runtime.web.metrics import Metrics
from edge_runtime.web.routes import Services, create_app
from edge_runtime.web.state import DeviceState
from edge_runtime.web.streams import Channel
from edge_runtime.web.worker import Worker

if TYPE_CHECKING:
    from edge_runtime.live.view import View


class Server:
    """The web page and the HTTP API on one address.

    `address` is "8000", "0.0.0.0:8000", "[::1]:8000" or, for all interfaces, ":8000". It is bound at once;
    requests are answered from `start` to `close`. Requests must carry `token`, if there is one: that of the
    environment variable EDGE_DIGITS_TOKEN, or a random one unless the address is loopback. `url` opens the
    page. It contains a random token, but not the operator's, since URLs end up in logs.

    `readers` read the uploads, and `models` are those to switch between. With `live` there is a source whose
    views are published, and its live loop must use the same readers. Raises `SourceError` when the address or
    the token cannot be used.
    """

    def __init__(
        self,
        readers: SwitchableReader,
        address: str,
        *,
        live: bool,
        models: tuple[str, ...] = ("int8", "float"),
    ) -> None:
        host, port = parse(address)
        token = token_from_environment()
        self._socket = listen(host, port, address)
        bound, self.port = self._socket.getsockname()[:2]
        loopback = ipaddress.ip_address(bound).is_loopback
        self.url = f"http://{reachable_host(host)}:{self.port}/"
        if not (token or loopback):
            token = secrets.token_urlsafe(16)
            self.url += f"?token={token}"
        self.token = token

        self.live = live
        self.state = DeviceState(readers, live=live)
        # Drawing has a thread of its own, so that reading a large upload does not stop the live image.
        self._drawing = Worker("draw")
        self.images = Channel(
            self.state.stream_part,
            self._drawing,
            max_rate=limits.MAX_IMAGE_RATE,
            keepalive=limits.IMAGE_KEEPALIVE,
        )
        self.events = Channel(
            self.state.event, self._drawing, max_rate=limits.MAX_EVENT_RATE, keepalive=limits.EVENT_KEEPALIVE
        )
        self._metrics = Metrics(
            {
                "frame_rate": ("Frames per second", self.state.frame_rate),
                "viewers": ("Viewers of the live image", lambda: self.images.viewers),
                "waiting": ("Uploads being read or waiting", lambda: self.intake.pending),
                "source_up": (
                    "0 while the source is lost, or without one; otherwise 1",
                    self.state.source_up,
                ),
            }
        )
        self.intake = Intake(readers, self._metrics, live=live)
        choice = tuple(dict.fromkeys((*models, readers.model)))
        self._uvicorn = _uvicorn(self._create_app(choice, loopback))
        self._started = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Answer requests in a thread of its own, until `close`."""
        if self.live:
            # This affects the whole process: the camera's thread gets its turn sooner.
            sys.setswitchinterval(limits.THREAD_SWITCH_INTERVAL)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="serve", daemon=True)
        self._thread.start()
        self._started.wait()

    def publish(self, view: View) -> None:
        """Show a view to all viewers. Takes microseconds: other threads do the work."""
        if self.state.update(view):
            self._metrics.frames.inc()
        self.images.notify()
        self.events.notify()

    def close(self) -> None:
        """Disconnect all clients and end the server's threads. Takes two seconds at most."""
        self._uvicorn.should_exit = True
        if self._thread:
            self._thread.join(2)
        self._socket.close()
        self.intake.close()
        self._drawing.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _create_app(self, models: tuple[str, ...], loopback: bool) -> ASGIApp:
        files = pages.load(live=self.live, models=models)
        guard = Guard(
            self.port,
            self.token,
            loopback=loopback,
            pages=files,
            count_rejected=self._metrics.count_rejected,
        )
        services = Services(
            models=models,
            state=self.state,
            images=self.images,
            events=self.events,
            drawing=self._drawing,
            intake=self.intake,
            metrics=self._metrics,
            guard=guard,
        )
        return guard.wrap(create_app(services, files, live=self.live))

    async def _serve(self) -> None:
        channels = (self.images, self.events)
        tasks = [asyncio.create_task(channel.run()) for channel in channels]
        accepting = asyncio.create_task(Listener(self._socket, self._uvicorn).run())
        self._started.set()
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[]))
        while not (self._uvicorn.should_exit or serving.done()):
            await asyncio.sleep(0.1)
        accepting.cancel()
        for channel in channels:
            channel.close()
        await serving
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(accepting, *tasks, return_exceptions=True)


def _uvicorn(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,  # otherwise clients could choose the address that the rate limit sees
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
        )
    )
