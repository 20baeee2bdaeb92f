"""The server: what it shows, what it reads, and the routes to both."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import cv2
import prometheus_client
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from edge_runtime import __version__
from edge_runtime.errors import EdgeDigitsError, ImageError, SourceError
from edge_runtime.images import annotate, decode
from edge_runtime.images.headers import check
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.web import connections, limits, pages
from edge_runtime.web.answers import REFUSALS, Answer, Health, ModelName, Problem, Refusal, answer, described
from edge_runtime.web.figures import Metrics, Process
from edge_runtime.web.guard import Guard
from edge_runtime.web.viewers import Channel, Stream
from edge_runtime.web.worker import Worker

if TYPE_CHECKING:
    from edge_runtime.live.view import View


TOKEN_VARIABLE = "EDGE_DIGITS_TOKEN"
_BOUNDARY = b"--frame\r\n"


class Server:
    """A page and an HTTP API on an address: "8000", "0.0.0.0:8000", "[::1]:8000", ":8000" (all interfaces).

    Binds when it is made, answers from `start` to `close`. `url` is what a person opens: it holds the token
    that any address but a loopback one demands, from the environment variable EDGE_DIGITS_TOKEN or made up.
    `readers` read what is sent; the page switches between those of `models`. `live` is whether there is a
    source whose views are published: then they are the live loop's too. Raises `SourceError` when the address
    cannot be used.
    """

    def __init__(
        self,
        readers: SwitchableReader,
        address: str = "127.0.0.1:8000",
        *,
        live: bool,
        models: tuple[str, ...] = ("int8", "float"),
    ) -> None:
        host, port = connections.parse(address)
        given = os.environ.get(TOKEN_VARIABLE, "").strip()
        if given and not (len(given) >= limits.LEAST_TOKEN and given.isascii() and given.isprintable()):
            raise SourceError(
                f"{TOKEN_VARIABLE} is no token of {limits.LEAST_TOKEN} or more ASCII characters; "
                "choose another"
            )
        self.readers, self.live = readers, live
        self._models = tuple(dict.fromkeys((*models, readers.model)))
        self._socket = connections.listen(host, port, address)
        self.port: int = self._socket.getsockname()[1]
        loopback = ipaddress.ip_address(self._socket.getsockname()[0]).is_loopback
        self.token = given or ("" if loopback else secrets.token_urlsafe(16))
        self.url = f"http://{connections.reachable(host)}:{self.port}/"
        if self.token:
            self.url += f"?token={quote(self.token, safe='')}"

        self._view: View | None = None
        self._framed = time.monotonic()
        self._waiting = self._held = 0
        self._metrics = Metrics(
            {
                "frame_rate": ("Frames a second", lambda: self._view.rate if self._view else 0.0),
                "viewers": ("Viewers of the live image", lambda: self._images.viewers),
                "waiting": ("Images that are read or wait for it", lambda: self._waiting),
                "source_up": ("1 while the source gives frames, or rests", self._source_up),
            }
        )
        self._process = Process()
        self._pages = pages.load(self.live, self._models)
        self._guard = Guard(
            self.port, self.token, loopback=loopback, pages=self._pages, count=self._metrics.rejected
        )
        # Reading has one thread, so that two images never take the cores and the memory of a live loop;
        # drawing has another, so that a large image does not stop the live one.
        self._reading, self._drawing = Worker("read"), Worker("draw")
        self._images = Channel(self._draw_part, self._drawing, limits.IMAGES_A_SECOND, limits.IMAGE_AT_LEAST)
        self._states = Channel(
            self._state_event, self._drawing, limits.STATES_A_SECOND, limits.STATE_AT_LEAST
        )
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                self._guard.around(self._app()),
                http=connections.Connection,
                ws="none",
                loop="asyncio",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,  # or a sender says of itself which address it has
                server_header=False,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=1,
            )
        )
        self._started = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Answer requests, in a thread of its own, until `close`."""
        if self.live:
            # For the process as a whole: the camera's thread gets its turn soon after it asks for it.
            sys.setswitchinterval(limits.SWITCH_SECONDS)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="serve", daemon=True)
        self._thread.start()
        self._started.wait()

    def publish(self, view: View) -> None:
        """Show a view to whoever watches. Takes microseconds: the work is done in other threads."""
        before, self._view = self._view, view
        if before is None or view.frame != before.frame:  # there are views without a new frame
            self._framed = time.monotonic()
            self._metrics.frames.inc()
        self._images.wake()
        self._states.wake()

    def close(self) -> None:
        """End all viewers, connections and threads; within two seconds."""
        self._uvicorn.should_exit = True
        if self._thread:
            self._thread.join(2)
        self._socket.close()
        for worker in (self._reading, self._drawing):
            worker.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _serve(self) -> None:
        channels = (self._images, self._states)
        tasks = [asyncio.create_task(channel.run()) for channel in channels]
        self._started.set()
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[self._socket]))
        while not (self._uvicorn.should_exit or serving.done()):
            await asyncio.sleep(0.1)
        for channel in channels:
            channel.end()
        await serving
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # The live image and the live state ------------------------------------------------------------------

    def _draw_part(self) -> bytes:
        """The newest view as a part of a multipart stream."""
        view = self._view
        if view is None:
            return b""
        image = annotate.annotate(view.image, view.digits)
        scale = limits.LIVE_SIDE / max(image.shape[:2])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        data = _jpeg(image, limits.LIVE_QUALITY)
        # Browsers show an image once they see the boundary behind it: it goes out with it.
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
        return head + data + b"\r\n" + _BOUNDARY

    def _snapshot(self) -> bytes:
        view = self._view
        return _jpeg(annotate.annotate(view.image, view.digits), limits.SNAPSHOT_QUALITY) if view else b""

    def _state_event(self) -> bytes:
        return b"data: " + json.dumps(self._state(), separators=(",", ":")).encode() + b"\n\n"

    def _state(self) -> dict[str, Any]:
        cpu, memory = self._process.figures()
        state: dict[str, Any] = {"live": self.live, "model": self.readers.model, "cpu": cpu, "memory": memory}
        view = self._view
        if view is not None:
            state |= {
                "frame": view.frame,
                "rate": round(view.rate, 1),
                "stages": {name: round(seconds * 1000, 2) for name, seconds in view.stages.items()},
                "numbers": [
                    {
                        "id": number.id,
                        "text": number.text,
                        "confidence": round(float(number.confidence), 3),
                        "confirmed": number.confirmed,
                    }
                    for number in view.numbers
                ],
                "problem": view.problem,
                "paused": view.paused,
                "source": view.source,
                "capture_format": view.capture_format,
            }
        return state

    def _health(self) -> dict[str, Any]:
        if not self.live:
            return {"ok": True, "model": self.readers.model, "source": None, "seconds_since_frame": None}
        view, silent = self._view, time.monotonic() - self._framed
        if view is None:
            state = "starting" if silent < limits.SOURCE_SECONDS else "lost"
        elif view.paused:
            state = "paused"
        else:
            state = "lost" if view.problem or silent > limits.SOURCE_SECONDS else "running"
        source = {
            "state": state,
            "name": view.source if view else "",
            "capture_format": view.capture_format if view else "",
            "problem": view.problem if view else "",
        }
        return {
            "ok": state != "lost",
            "model": self.readers.model,
            "source": source,
            "seconds_since_frame": round(silent, 3) if view else None,
        }

    def _source_up(self) -> float:
        return float(self.live and self._health()["ok"])

    # Reading ----------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _body(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """A request's body, whole, counted as held until the end of the block.

        What is too long or too slow is rejected as soon as that is known.
        """
        too_long = Refusal(413, "size", f"more than {limit} bytes; send a smaller image")
        claimed = request.headers.get("content-length", "0")
        if not claimed.isdecimal() or int(claimed) > limit:
            raise too_long
        body = bytearray()

        async def receive() -> None:
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise too_long
                if self._held + len(chunk) > limits.MAX_HELD:
                    raise Refusal(503, "memory", "too many images at once; try again in a second", 1)
                self._held += len(chunk)
                body.extend(chunk)

        held = 0
        try:
            try:
                await asyncio.wait_for(receive(), limits.BODY_SECONDS)
            except asyncio.TimeoutError:
                text = f"the body did not arrive within {limits.BODY_SECONDS} s; send a smaller image"
                raise Refusal(408, "slow", text) from None
            except ClientDisconnect:
                raise _cut_off() from None
            finally:
                held = len(body)
            whole = bytes(body)
            body.clear()
            yield whole
        finally:
            self._held -= held

    async def _queued(self, request: Request, work: Callable[[], Any]) -> Any:
        """Do something in the reading thread, where not too much waits for it already.

        What nobody waits for any more is not begun.
        """
        if self._waiting > limits.MAX_WAITING:
            raise Refusal(503, "busy", "too many images wait to be read; try again in a second", 1)
        self._waiting += 1
        try:
            done = asyncio.ensure_future(self._reading.run(work))
            left = asyncio.ensure_future(request.receive())  # after the body, only that the sender has gone
            await asyncio.wait((done, left), return_when=asyncio.FIRST_COMPLETED)
            left.cancel()
            if not done.done():
                done.cancel()
                raise _cut_off()
            return done.result()
        finally:
            self._waiting -= 1

    def _read(self, data: bytes, tiles: bool) -> dict[str, Any]:
        began = time.perf_counter()
        try:
            check(data)
            grey = decode.decode(data)
            reading = self.readers.reader.read(grey)
        except ImageError as error:
            raise Refusal(422, "image", str(error)) from error
        except MemoryError as error:
            raise Refusal(413, "memory", "too large for this machine's memory; reduce it") from error
        seconds = time.perf_counter() - began
        self._metrics.read_seconds.observe(seconds)
        if self.live:
            time.sleep(limits.REST * seconds)
        return answer(reading, grey.shape[1], grey.shape[0], seconds, tiles)

    # The routes -------------------------------------------------------------------------------------------

    def _app(self) -> FastAPI:
        app = FastAPI(
            title="edge-digits",
            version=__version__,
            description="Handwritten digits, read on this device.",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )
        errors: dict[int | str, dict[str, Any]] = {
            status: {"model": Problem, "description": text} for status, text in REFUSALS.items()
        }

        @app.post(
            "/read",
            response_model=Answer,
            response_description="What was read",
            responses={status: errors[status] for status in (400, 408, 413, 415, 422, 429, 503)},
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
                }
            },
        )
        async def read(request: Request, tiles: bool = False) -> Response:
            """Read the digits in an image. The body is its bytes: JPEG, PNG, WebP or BMP.

            `tiles=1` adds what the network saw of every digit, as a PNG of 28x28 in base64.
            """
            if request.headers.get("content-type", "").startswith("multipart/"):
                raise Refusal(
                    415,
                    "type",
                    "send the image's bytes as the body, not a form: "
                    f"curl --data-binary @photo.jpg {self._base(request)}/read",
                )
            async with self._body(request, limits.MAX_BODY) as data:
                return JSONResponse(await self._queued(request, lambda: self._read(data, tiles)))

        @app.post(
            "/model",
            response_model=ModelName,
            response_description="The model that reads now",
            responses={status: errors[status] for status in (422, 429, 503)},
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ModelName"}}},
                }
            },
        )
        async def switch_model(request: Request) -> Response:
            """Read with another model from now on, live and in images."""
            try:
                async with self._body(request, limits.MAX_COMMAND) as data:
                    name = json.loads(data)["model"]
            except (ValueError, TypeError, KeyError, RecursionError):
                name = None
            if name not in self._models:
                choice = " or ".join(f'{{"model": "{each}"}}' for each in self._models)
                raise Refusal(422, "model", f"send {choice}")
            try:
                await self._queued(request, lambda: self.readers.switch(name))
            except EdgeDigitsError as error:
                raise Refusal(503, "model", str(error), 60) from error
            self._states.wake()
            return JSONResponse({"model": self.readers.model})

        @app.head("/health", include_in_schema=False)
        @app.get(
            "/health",
            response_model=Health,
            response_description="It does",
            responses={503: {"model": Health, "description": "Its source is lost"}},
        )
        async def health(request: Request) -> Response:
            """Whether the device does its work: 503 while its source is lost."""
            state = self._health()
            known = {"ok": state["ok"]} if not self._guard.knows(request.scope) else state
            return JSONResponse(known, 200 if state["ok"] else 503)

        @app.get("/metrics", response_class=Response, responses=described("text/plain", "The figures"))
        async def metrics() -> Response:
            """Counters and gauges for Prometheus."""
            text = prometheus_client.generate_latest(self._metrics.registry)
            return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

        @app.get(
            "/events",
            response_class=Response,
            responses=described("text/event-stream", "One JSON object an event"),
        )
        async def events() -> Response:
            """What there is to know of every moment, as Server-Sent Events: numbers, rate, stages, model."""
            return Stream(self._states, b"retry: 1000\n\n", "text/event-stream")

        if self.live:

            @app.get(
                "/live.mjpg",
                response_class=Response,
                responses=described("multipart/x-mixed-replace", "Motion JPEG") | {503: errors[503]},
            )
            async def live() -> Response:
                """The live image with boxes and digits, without an end: for an <img>, or a video player."""
                return Stream(self._images, _BOUNDARY, "multipart/x-mixed-replace; boundary=frame")

            @app.get(
                "/snapshot.jpg",
                response_class=Response,
                responses=described("image/jpeg", "The image") | {503: errors[503]},
            )
            async def snapshot() -> Response:
                """The newest image with boxes and digits, in full size."""
                data = await self._drawing.run(self._snapshot)
                if not data:
                    raise Refusal(503, "source", "no frame has come yet; try again in a second", 1)
                name = time.strftime("edge-digits-%Y%m%d-%H%M%S.jpg")
                return Response(
                    data,
                    media_type="image/jpeg",
                    headers={"content-disposition": f'attachment; filename="{name}"'},
                )

        for path, (content, kind) in self._pages.items():
            app.add_route(path, pages.endpoint(content, kind), include_in_schema=False)

        @app.exception_handler(Refusal)
        async def reject(request: Request, error: Refusal) -> Response:
            self._metrics.rejected(error.reason)
            return error.response()

        @app.exception_handler(HTTPException)
        async def miss(request: Request, error: HTTPException) -> Response:
            told = {404: "nothing here", 405: f"{request.method} is not answered here"}
            text = (
                f"{told.get(error.status_code, error.detail)}; {self._base(request)}/docs tells what there is"
            )
            return JSONResponse({"error": text}, error.status_code, headers=error.headers)

        @app.exception_handler(RequestValidationError)
        async def misuse(request: Request, error: Exception) -> Response:
            text = f"a parameter cannot be understood; {self._base(request)}/docs tells what there is"
            return JSONResponse({"error": text}, 422)

        @app.exception_handler(Exception)
        async def fail(request: Request, error: Exception) -> Response:
            return JSONResponse({"error": "a fault of this program; its log says more"}, 500)

        return app

    def _base(self, request: Request) -> str:
        return str(request.base_url).rstrip("/")


def _cut_off() -> Refusal:
    return Refusal(400, "cut off", "the body did not arrive whole; send it again")


def _jpeg(image: Any, quality: int) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
