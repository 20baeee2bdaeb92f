"""The page and the HTTP API of a device: the live picture, a pad to draw on, and reading what is sent.

Owns every bound on what the network may ask of the device. The page's handful of files is loaded at the
start: no request ever reaches the disk, and nothing that is sent is written to it. Needs the extra `web`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import html
import ipaddress
import json
import logging
import os
import platform
import secrets
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, quote, urlsplit

import cv2

from edge_runtime import __version__, display, manifest, preprocess
from edge_runtime.errors import EdgeDigitsError, MissingDependencyError, PictureError, SourceError
from edge_runtime.reader import DigitReader

try:
    import h11
    import prometheus_client
    import uvicorn
    from fastapi import FastAPI, Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, StreamingResponse
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect
    from starlette.types import ASGIApp, Receive, Scope, Send
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as error:
    raise MissingDependencyError(
        f"serving a page needs {error.name or 'more packages'}: pip install 'edge-digits[web]'"
    ) from error

if TYPE_CHECKING:
    from edge_runtime.live import View
    from edge_runtime.results import Digit, Reading

# What is sent ---------------------------------------------------------------------------------------------
MAX_BODY = 16 * 2**20  # bytes; a phone's largest photographs are 10 MB, the page itself sends below 1 MB
MAX_COMMAND = 1000  # bytes of a body that is no picture
MAX_HELD = 4 * MAX_BODY  # bytes of all bodies that are in memory at one time
MAX_PIXELS = 64_000_000  # of a picture; most phones stop at 50 megapixels, and these take 64 MB as grey
BODY_SECONDS = 20  # a body of 16 MB takes them at 7 Mbit/s
MAX_WAITING = 4  # pictures that wait for the reading thread: about a second's work on a small device
# Who asks -------------------------------------------------------------------------------------------------
RATE, BURST = 50.0, 100.0  # requests a second of one address, and at once: a pad sends 8, a page load 10
MAX_CLIENTS = 1024  # addresses whose rate is remembered; the one that was quiet longest is forgotten
LEAST_TOKEN = 12  # characters: at `RATE` guesses a second nobody finds these
COOKIE_SECONDS = 30 * 86_400
# Connections ----------------------------------------------------------------------------------------------
MAX_CONNECTIONS = 64  # and no more than the next line of one address; a browser opens 6
MAX_PER_CLIENT = 24
HEAD_SECONDS = 10  # in which a request's head must be there
STALL_SECONDS = 10  # a viewer that takes nothing for so long is gone
LINGER_SECONDS = 1  # for which an answered sender's rest is thrown away, so that it gets to see the answer
SEND_BUFFER = 2**18  # bytes that the system holds for one viewer: more, and the slow ones see the past
# Viewers --------------------------------------------------------------------------------------------------
MAX_VIEWERS = 8  # of the live picture, and as many of the live state
PICTURES_A_SECOND = 15  # pleasant to watch; each costs a few ms of a core, whoever many watch
STATES_A_SECOND = 10
PICTURE_AT_LEAST = 5.0  # seconds after which a picture that stays is sent again: proxies cut what is silent
STATE_AT_LEAST = 1.0
LIVE_SIDE = 1280  # px, the longer side of the live picture; the snapshot has all of them
LIVE_QUALITY, SNAPSHOT_QUALITY = 80, 92  # of JPEG
SOURCE_SECONDS = 10  # without a frame after which a source that says nothing counts as lost

TOKEN_VARIABLE = "EDGE_DIGITS_TOKEN"
_FILES = Path(__file__).parent / "web"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Without a token one sees the form that asks for it, which needs these, and whether the device is well.
_OPEN = {"/style.css", "/icon.svg", "/health"}
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),  # the address may hold the token
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_BOUNDARY = b"--frame\r\n"
# What is answered before there is a request to answer.
_RAW = b'HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"error": "%s"}'
_BUSY = _RAW % (b"503 Service Unavailable\r\nRetry-After: 1", b"too many connections; close some")
_NO_REQUEST = _RAW % (b"400 Bad Request", b"this is no HTTP request; use http:// and a browser, or curl")
_log = logging.getLogger(__name__)


class Controls(Protocol):
    """What the page may change of a live loop; both are called from other threads than the loop's."""

    @property
    def model(self) -> str:
        """The name of the model that reads."""

    def switch_model(self, name: str) -> None:
        """Read with another model from now on. Raises `ModelError` when it cannot be loaded."""


class Server:
    """A page and an HTTP API on an address: "8000", "0.0.0.0:8000", "[::1]:8000", ":8000" (all interfaces).

    Binds when it is made, answers from `start` to `close`. `url` is what a person opens: it holds the token
    that any address but a loopback one demands, from the environment variable EDGE_DIGITS_TOKEN or made up.
    `controls` are those of the live loop whose views are published; None serves without a camera, and the
    page then switches between `models` itself. Raises `SourceError` when the address cannot be used.
    """

    def __init__(
        self,
        reader: DigitReader,
        address: str = "127.0.0.1:8000",
        *,
        controls: Controls | None,
        models: tuple[str, ...] = ("int8", "float"),
    ) -> None:
        host, port = _parse(address)
        given = os.environ.get(TOKEN_VARIABLE, "")
        if given and len(given) < LEAST_TOKEN:
            raise SourceError(
                f"{TOKEN_VARIABLE} is shorter than {LEAST_TOKEN} characters; choose a longer one"
            )
        self._controls = controls
        self._model = controls.model if controls else _name(reader, models)
        self._models = tuple(dict.fromkeys((*models, self._model)))
        self._readers = {self._model: reader}
        self._socket = _listen(host, port, address)
        self.port: int = self._socket.getsockname()[1]
        self._loopback = ipaddress.ip_address(self._socket.getsockname()[0]).is_loopback
        self.token = given or ("" if self._loopback else secrets.token_urlsafe(16))
        self._cookie = hmac.new(self.token.encode(), b"cookie", hashlib.sha256).hexdigest()
        self.url = f"http://{_reachable(host)}:{self.port}/"
        if self.token:
            self.url += f"?token={quote(self.token, safe='')}"

        self._view: View | None = None
        self._framed = time.monotonic()
        self._waiting = self._held = 0
        self._metrics = _Metrics(self)
        self._process = _Process()
        self._buckets = _Buckets()
        self._files = _load_files(self.live, self._models)
        # Reading has one thread, so that two pictures never take the cores and the memory of a live loop;
        # drawing has another, so that a large picture does not stop the live one.
        self._reading = ThreadPoolExecutor(1, "read")
        self._drawing = ThreadPoolExecutor(1, "draw")
        self._pictures = _Channel(self._draw_part, self._drawing, PICTURES_A_SECOND, PICTURE_AT_LEAST)
        self._states = _Channel(self._state_event, self._drawing, STATES_A_SECOND, STATE_AT_LEAST)
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                _Guard(self._app(), self),
                http=_Connection,
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

    @property
    def live(self) -> bool:
        """Whether there is a source whose views are published."""
        return self._controls is not None

    @property
    def model(self) -> str:
        """The name of the model that reads."""
        return self._controls.model if self._controls else self._model

    def start(self) -> None:
        """Answer requests, in a thread of its own, until `close`."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="serve", daemon=True)
        self._thread.start()
        self._started.wait()

    def publish(self, view: View) -> None:
        """Show a view to whoever watches. Takes microseconds: the work is done in other threads."""
        self._view = view
        if not view.trouble:
            self._framed = time.monotonic()
            self._metrics.frames.inc()
        self._pictures.wake()
        self._states.wake()

    def close(self) -> None:
        """End all viewers, connections and threads; within two seconds."""
        self._uvicorn.should_exit = True
        if self._thread:
            self._thread.join(2)
        self._socket.close()
        for pool in (self._reading, self._drawing):
            pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _serve(self) -> None:
        channels = (self._pictures, self._states)
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

    # The live picture and the live state ------------------------------------------------------------------

    def _draw_part(self) -> bytes:
        """The newest view as a part of a multipart stream."""
        view = self._view
        if view is None:
            return b""
        picture = display.annotate(view.picture, view.digits)
        scale = LIVE_SIDE / max(picture.shape[:2])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        data = _jpeg(picture, LIVE_QUALITY)
        # Browsers show a picture once they see the boundary behind it: it goes out with it.
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
        return head + data + b"\r\n" + _BOUNDARY

    def _snapshot(self) -> bytes:
        view = self._view
        return _jpeg(display.annotate(view.picture, view.digits), SNAPSHOT_QUALITY) if view else b""

    def _state_event(self) -> bytes:
        return b"data: " + json.dumps(self._state(), separators=(",", ":")).encode() + b"\n\n"

    def _state(self) -> dict[str, Any]:
        cpu, memory = self._process.figures()
        state: dict[str, Any] = {"live": self.live, "model": self.model, "cpu": cpu, "memory": memory}
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
                        "settled": number.settled,
                    }
                    for number in view.numbers
                ],
                "trouble": view.trouble,
                "paused": view.paused,
                "source": view.source,
                "obtained": view.obtained,
            }
        return state

    def _health(self) -> dict[str, Any]:
        if not self.live:
            return {"ok": True, "model": self.model, "source": None, "seconds_since_frame": None}
        view, silent = self._view, time.monotonic() - self._framed
        if view is None:
            state = "starting" if silent < SOURCE_SECONDS else "lost"
        elif view.paused:
            state = "paused"
        else:
            state = "lost" if view.trouble or silent > SOURCE_SECONDS else "running"
        source = {
            "state": state,
            "name": view.source if view else "",
            "obtained": view.obtained if view else "",
            "trouble": view.trouble if view else "",
        }
        since = round(silent, 3) if view else None
        return {"ok": state != "lost", "model": self.model, "source": source, "seconds_since_frame": since}

    def _source_up(self) -> float:
        return float(self.live and self._health()["ok"])

    # Reading ----------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _body(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """A request's body, whole, counted as held until the end of the block.

        What is too long or too slow is refused as soon as that is known.
        """
        too_long = _Refusal(413, "size", f"more than {limit} bytes; send a smaller picture")
        claimed = request.headers.get("content-length", "0")
        if not claimed.isdecimal() or int(claimed) > limit:
            raise too_long
        body = bytearray()

        async def receive() -> None:
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise too_long
                if self._held + len(chunk) > MAX_HELD:
                    raise _Refusal(503, "memory", "too many pictures at once; try again in a second", 1)
                self._held += len(chunk)
                body.extend(chunk)

        try:
            await asyncio.wait_for(receive(), BODY_SECONDS)
            yield bytes(body)
        except asyncio.TimeoutError:
            text = f"the body did not arrive within {BODY_SECONDS} s; send a smaller picture"
            raise _Refusal(408, "slow", text) from None
        except ClientDisconnect:
            raise _Refusal(400, "cut off", "the body did not arrive whole; send it again") from None
        finally:
            self._held -= len(body)

    async def _queued(self, work: Callable[[], Any]) -> Any:
        """Do something in the reading thread, where not too much waits for it already."""
        if self._waiting > MAX_WAITING:
            raise _Refusal(503, "busy", "too many pictures wait to be read; try again in a second", 1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, work)
        finally:
            self._waiting -= 1

    def _reader(self) -> DigitReader:
        """The reader of the model that is switched on. Only the reading thread calls this."""
        name = self.model
        if name not in self._readers:
            self._readers[name] = DigitReader(name)
        return self._readers[name]

    def _read(self, data: bytes, tiles: bool) -> dict[str, Any]:
        began = time.perf_counter()
        try:
            grey = preprocess.decode(data, max_pixels=MAX_PIXELS)
            reading = self._reader().read(grey)
        except PictureError as error:
            hint = "" if "pixels" in str(error) else " (curl sends a file whole with --data-binary @FILE)"
            raise _Refusal(422, "picture", f"{error}{hint}") from error
        except MemoryError as error:
            raise _Refusal(413, "memory", "too large for this machine's memory; reduce it") from error
        seconds = time.perf_counter() - began
        self._metrics.read_seconds.observe(seconds)
        return _answer(reading, grey.shape[1], grey.shape[0], seconds, tiles)

    def _switch(self, name: str) -> None:
        if self._controls:
            self._controls.switch_model(name)
        else:
            previous, self._model = self._model, name
            try:
                self._reader()
            except EdgeDigitsError:
                self._model = previous
                raise

    # The routes -------------------------------------------------------------------------------------------

    def _app(self) -> FastAPI:
        app = FastAPI(
            title="edge-digits",
            version=__version__,
            description="Handwritten digits, read on this device.",
            docs_url=None,
            redoc_url=None,
        )
        errors: dict[int | str, dict[str, Any]] = {
            status: {"model": Problem, "description": text} for status, text in _REFUSALS.items()
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
            """Read the digits in a picture. The body is its bytes: JPEG, PNG, WebP, BMP, TIFF ...

            `tiles=1` adds what the network saw of every digit, as a PNG of 28x28 in base64.
            """
            if request.headers.get("content-type", "").startswith("multipart/"):
                raise _Refusal(
                    415,
                    "type",
                    "send the picture's bytes as the body, not a form: "
                    f"curl --data-binary @photo.jpg {self._base(request)}/read",
                )
            async with self._body(request, MAX_BODY) as data:
                return JSONResponse(await self._queued(lambda: self._read(data, tiles)))

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
            """Read with another model from now on, live and in pictures."""
            try:
                async with self._body(request, MAX_COMMAND) as data:
                    name = json.loads(data)["model"]
            except (ValueError, TypeError, KeyError):
                name = None
            if name not in self._models:
                choice = " or ".join(f'{{"model": "{each}"}}' for each in self._models)
                raise _Refusal(422, "model", f"send {choice}")
            try:
                await self._queued(lambda: self._switch(name))
            except EdgeDigitsError as error:
                raise _Refusal(503, "model", str(error)) from error
            self._states.wake()
            return JSONResponse({"model": self.model})

        @app.get(
            "/health",
            response_model=Health,
            response_description="It does",
            responses={503: {"model": Health, "description": "Its source is lost"}},
        )
        async def health(request: Request) -> Response:
            """Whether the device does its work: 503 while its source is lost."""
            state = self._health()
            known = {"ok": state["ok"]} if not self._knows(request.scope) else state
            return JSONResponse(known, 200 if state["ok"] else 503)

        @app.get("/metrics", response_class=Response, responses=_kind("text/plain", "The figures"))
        async def metrics() -> Response:
            """Counters and gauges for Prometheus."""
            text = prometheus_client.generate_latest(self._metrics.registry)
            return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

        @app.get(
            "/events",
            response_class=Response,
            responses=_kind("text/event-stream", "One JSON object an event"),
        )
        async def events() -> Response:
            """What there is to know of every moment, as Server-Sent Events: numbers, rate, stages, model."""
            return _Stream(self._states, b"retry: 1000\n\n", "text/event-stream")

        if self.live:

            @app.get(
                "/live.mjpg",
                response_class=Response,
                responses=_kind("multipart/x-mixed-replace", "Motion JPEG") | {503: errors[503]},
            )
            async def live() -> Response:
                """The live picture with boxes and digits, without an end: for an <img>, or a video player."""
                return _Stream(self._pictures, _BOUNDARY, "multipart/x-mixed-replace; boundary=frame")

            @app.get(
                "/snapshot.jpg",
                response_class=Response,
                responses=_kind("image/jpeg", "The picture") | {503: errors[503]},
            )
            async def snapshot() -> Response:
                """The newest picture with boxes and digits, in full size."""
                data = await asyncio.get_running_loop().run_in_executor(self._drawing, self._snapshot)
                if not data:
                    raise _Refusal(503, "source", "no frame has come yet; try again in a second", 1)
                name = time.strftime("edge-digits-%Y%m%d-%H%M%S.jpg")
                return Response(
                    data,
                    media_type="image/jpeg",
                    headers={"content-disposition": f'attachment; filename="{name}"'},
                )

        for path, (content, kind) in self._files.items():
            app.add_route(path, _page(content, kind), include_in_schema=False)

        @app.exception_handler(_Refusal)
        async def refuse(request: Request, error: _Refusal) -> Response:
            self._metrics.refusals.labels(error.reason).inc()
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

    # Who may ask ------------------------------------------------------------------------------------------

    def _check(self, scope: Scope) -> Response | None:
        """What to answer in place of a request that is not to be carried out; None lets it through."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        wait = self._buckets.take(scope["client"][0] if scope["client"] else "")
        if wait:
            return self._refused(429, "rate", "too many requests; slow down", 1 + int(wait))
        host = headers.get("host", "")
        # A page from elsewhere whose name leads to this machine (DNS rebinding) comes with that name.
        if self._loopback and not _is_loopback(host):
            return self._refused(
                403, "host", f"this address answers to localhost alone: open http://localhost:{self.port}/"
            )
        if _is_foreign(scope["method"], headers, host):
            return self._refused(403, "origin", "a page of another origin may not ask this; open this one")
        if self.token and scope["method"] == "GET" and scope["path"] == "/":
            sent = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if sent:
                return self._welcome(sent)
        if scope["path"] in _OPEN or self._knows(scope):
            return None
        if scope["method"] == "GET" and scope["path"] in ("/", "/docs"):
            return self._ask("")
        told = "send the token that the command printed: Authorization: Bearer TOKEN"
        return self._refused(401, "token", told, extra={"www-authenticate": "Bearer"})

    def _knows(self, scope: Scope) -> bool:
        """Whether a request brings the token, or the cookie that was given for it."""
        if not self.token:
            return True
        sent, cookie = "", ""
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                sent = value[7:].strip().decode("latin-1")
            elif name == b"cookie":
                for pair in value.decode("latin-1").split(";"):
                    key, _, content = pair.strip().partition("=")
                    if key == self._cookie_name:
                        cookie = content
        return _same(sent, self.token) or _same(cookie, self._cookie)

    @property
    def _cookie_name(self) -> str:
        return f"edge-digits-{self.port}"  # browsers keep one jar for all ports of a host

    def _welcome(self, sent: str) -> Response:
        """The page for a token in the address: gives the cookie for it and goes on to a clean address.

        A redirect would not do: a browser that followed a link from elsewhere keeps a strict cookie back
        until a page of this origin sends it on.
        """
        if not _same(sent, self.token):
            return self._ask("This is not the token. It changes when the device starts anew.")
        response = Response(
            self._files["/welcome"][0], media_type="text/html", headers={"refresh": "0;url=/"}
        )
        response.set_cookie(
            self._cookie_name, self._cookie, max_age=COOKIE_SECONDS, httponly=True, samesite="strict"
        )
        return response

    def _ask(self, word: str) -> Response:
        self._metrics.refusals.labels("token").inc()
        page = self._files["/token"][0].replace(b"<!--word-->", word.encode())
        return Response(page, 401, media_type="text/html", headers={"www-authenticate": "Bearer"})

    def _refused(
        self, status: int, reason: str, text: str, wait: int = 0, extra: dict[str, str] | None = None
    ) -> Response:
        self._metrics.refusals.labels(reason).inc()
        return _Refusal(status, reason, text, wait, extra).response()


# Answers --------------------------------------------------------------------------------------------------


@dataclass
class DigitAnswer:
    """One thing found: `value` is null where the reader refused to name a digit; the box is in pixels."""

    value: int | None
    confidence: float
    x: int
    y: int
    width: int
    height: int
    line: int
    status: str
    tile: str | None = None


@dataclass
class Answer:
    """What was read: `lines` from the top, "?" for a refused digit; `ms` is what the reading took."""

    lines: list[str]
    digits: list[DigitAnswer]
    width: int
    height: int
    ms: float
    status: str


@dataclass
class ModelName:
    """A model, by its name."""

    model: str


@dataclass
class Source:
    """A camera or video: `state` is "starting", "running", "paused" or "lost"."""

    state: str
    name: str
    obtained: str
    trouble: str


@dataclass
class Health:
    """How the device is; without the token only `ok` is told."""

    ok: bool
    model: str | None = None
    source: Source | None = None
    seconds_since_frame: float | None = None


@dataclass
class Problem:
    """Why something is not done: one line that says what to do."""

    error: str


_REFUSALS = {
    400: "The body did not arrive whole",
    408: "The body did not arrive in time",
    413: f"More than {MAX_BODY // 2**20} MB",
    415: "A form where a picture's bytes belong",
    422: f"Not what can be read, or more than {MAX_PIXELS // 10**6} megapixels",
    429: "Too many requests; Retry-After says when to try again",
    503: "Too much to do; Retry-After says when to try again",
}


def _kind(media_type: str, text: str) -> dict[int | str, dict[str, Any]]:
    """An answer that is no JSON, as OpenAPI describes it."""
    return {200: {"content": {media_type: {}}, "description": text}}


class _Refusal(Exception):
    """A request is not carried out: the HTTP status, the reason for the metrics, a line for the sender."""

    def __init__(
        self, status: int, reason: str, text: str, wait: int = 0, extra: dict[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.status, self.reason = status, reason
        self.headers = (extra or {}) | ({"retry-after": str(wait)} if wait else {})

    def response(self) -> Response:
        return JSONResponse({"error": str(self)}, self.status, headers=self.headers)


def _answer(reading: Reading, width: int, height: int, seconds: float, tiles: bool) -> dict[str, Any]:
    return {
        "lines": reading.lines,
        "digits": [_digit(digit, tiles) for digit in reading.digits],
        "width": width,
        "height": height,
        "ms": round(seconds * 1000, 2),
        "status": reading.status,
    }


def _digit(digit: Digit, tile: bool) -> dict[str, Any]:
    box = digit.box
    answer: dict[str, Any] = {
        "value": digit.value,
        "confidence": round(float(digit.confidence), 4),
        "x": box.x,
        "y": box.y,
        "width": box.width,
        "height": box.height,
        "line": digit.line,
        "status": digit.status,
    }
    if tile and digit.tile is not None:
        answer["tile"] = base64.b64encode(cv2.imencode(".png", digit.tile)[1].tobytes()).decode()
    return answer


def _jpeg(picture: Any, quality: int) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _page(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that always answers the same."""

    async def page(request: Request) -> Response:
        return Response(content, media_type=kind)

    return page


def _load_files(live: bool, models: tuple[str, ...]) -> dict[str, tuple[bytes, str]]:
    """The page's files by their paths, as content and type; the page is told what it serves."""
    files = {
        f"/{path.name}": (path.read_bytes(), _TYPES[path.suffix])
        for path in _FILES.iterdir()
        if path.suffix in _TYPES
    }
    page, kind = files.pop("/index.html")
    told = f'data-live="{"yes" if live else "no"}" data-models="{html.escape(json.dumps(models))}"'
    files["/"] = page.replace(b'data-live="" data-models=""', told.encode()), kind
    for name in ("docs", "token", "welcome"):
        files[f"/{name}"] = files.pop(f"/{name}.html")
    return files


# Viewers --------------------------------------------------------------------------------------------------


class _Channel:
    """The newest of something for any number of viewers: made once for all of them, only while there are any.

    `make` runs in `pool`, at most `pace` times a second when something new was announced by `wake`, and
    `at_least` every so many seconds. Everything but `wake` belongs to the event loop's thread.
    """

    def __init__(
        self, make: Callable[[], bytes], pool: ThreadPoolExecutor, pace: float, at_least: float
    ) -> None:
        self._make, self._pool, self._gap, self._at_least = make, pool, 1 / pace, at_least
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
                made = await self._loop.run_in_executor(self._pool, self._make)
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
        """Count a viewer for as long as it is there; raises `_Refusal` when there are enough."""
        if self.viewers >= MAX_VIEWERS:
            raise _Refusal(503, "viewers", f"{MAX_VIEWERS} viewers watch already; try again later", 5)
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


class _Stream(StreamingResponse):
    """An answer without an end: `opening`, and then what a channel brings."""

    def __init__(self, channel: _Channel, opening: bytes, media_type: str) -> None:
        self._channel = channel

        async def content() -> AsyncIterator[bytes]:
            yield opening
            async for part in channel.follow():
                yield part

        super().__init__(content(), media_type=media_type, headers={"x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._channel.watching():
            await super().__call__(scope, receive, send)


class _Process:
    """What this process takes of the machine."""

    def __init__(self) -> None:
        self._last = (time.monotonic(), time.process_time())
        self._share = 0.0

    def figures(self) -> tuple[float, float | None]:
        """The share of one core over the last second or more, and MB of memory, None where not known."""
        now, then = (time.monotonic(), time.process_time()), self._last
        if now[0] - then[0] >= 1:
            self._share = (now[1] - then[1]) / (now[0] - then[0])
            self._last = now
        try:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            return round(self._share, 3), None
        return round(self._share, 3), round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


class _Metrics:
    """The figures for Prometheus, in a registry of their own."""

    def __init__(self, server: Server) -> None:
        self.registry = registry = prometheus_client.CollectorRegistry()
        self.frames = prometheus_client.Counter(
            "edge_digits_frames", "Frames that the source gave", registry=registry
        )
        self.refusals = prometheus_client.Counter(
            "edge_digits_refusals", "Requests not carried out", ["reason"], registry=registry
        )
        # Reads are this one's count.
        self.read_seconds = prometheus_client.Histogram(
            "edge_digits_read_seconds",
            "Decoding and reading a picture that was sent",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "frame_rate": ("Frames a second", lambda: server._view.rate if server._view else 0.0),
            "viewers": ("Viewers of the live picture", lambda: server._pictures.viewers),
            "waiting": ("Pictures that are read or wait for it", lambda: server._waiting),
            "source_up": ("1 while the source gives frames, or rests", lambda: server._source_up()),
        }
        for name, (text, value) in gauges.items():
            prometheus_client.Gauge(f"edge_digits_{name}", text, registry=registry).set_function(value)
        prometheus_client.Info("edge_digits_build", "What runs here", registry=registry).info(
            {"version": __version__, "python": platform.python_version(), "machine": platform.machine()}
        )
        prometheus_client.ProcessCollector(registry=registry)


# Bounds ---------------------------------------------------------------------------------------------------


class _Guard:
    """What every request passes: who may ask, the security headers, and an answer even to a fault."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app, self._server = app, server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def secured(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        try:
            await (self._server._check(scope) or self._app)(scope, receive, secured)
        except Exception:
            # The sender has been told in `fail`; the log gets the rest.
            _log.exception("%s %s failed", scope.get("method"), scope.get("path"))


class _Connection(H11Protocol):
    """A connection that must send its requests' heads in time, take its answers, and have a place."""

    _overdue: asyncio.TimerHandle | None = None  # ends the wait for a head, or for a refused sender's rest
    _stalled: asyncio.TimerHandle | None = None
    _turned_away = _lingers = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._overdue = self.loop.call_later(HEAD_SECONDS, transport.abort)
        same = sum(_peer(other) == _peer(self) for other in self.connections)
        if len(self.connections) <= MAX_CONNECTIONS and same <= MAX_PER_CLIENT:
            return
        self._turned_away = True
        if len(self.connections) > 2 * MAX_CONNECTIONS:
            transport.abort()
            return
        transport.write(_BUSY)
        transport.write_eof()
        self._end_in(LINGER_SECONDS)

    def send_400_response(self, msg: str) -> None:
        self.transport.write(_NO_REQUEST)
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._turned_away:
            return
        super().data_received(data)
        state = self.conn.their_state
        if self._lingers and state is h11.SEND_BODY:
            return
        if state is not h11.IDLE:
            self._in_time()
        elif self._overdue is None or self._lingers:
            self._end_in(HEAD_SECONDS)
        self._lingers = False

    def on_response_complete(self) -> None:
        self._lingers = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if self._lingers:
            self._end_in(LINGER_SECONDS)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._in_time()
        if self._stalled:
            self._stalled.cancel()
        self._unset_keepalive_if_required()

    def _end_in(self, seconds: float) -> None:
        self._in_time()
        self._overdue = self.loop.call_later(seconds, self.transport.abort)

    def _in_time(self) -> None:
        if self._overdue:
            self._overdue.cancel()
            self._overdue = None


def _peer(connection: Any) -> str:
    return connection.client[0] if connection.client else ""


class _Buckets:
    """How many requests each address has left: `RATE` more every second, up to `BURST`."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take one of a client's requests; the seconds until it has one again where it has none."""
        now = time.monotonic()
        left, since = self._left.pop(client, (BURST, now))
        left = min(BURST, left + (now - since) * RATE)
        self._left[client] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / RATE


def _is_loopback(host: str) -> bool:
    """Whether a Host header names this machine: localhost, 127.0.0.1, [::1], with any port."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_foreign(method: str, headers: dict[str, str], host: str) -> bool:
    """Whether a browser sends this for a page of another origin; a link that is followed to here is none."""
    origin, site = headers.get("origin", ""), headers.get("sec-fetch-site", "none")
    if method == "GET" and headers.get("sec-fetch-mode") == "navigate":
        return False
    return (origin != "" and urlsplit(origin).netloc != host) or site not in ("none", "same-origin")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


# Addresses ------------------------------------------------------------------------------------------------


def _parse(address: str) -> tuple[str, int]:
    """Host, "" for all interfaces, and port of an address as it is typed."""
    host, colon, port = address.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon, port = "", ""  # an IPv6 address without brackets
    if not colon and port == address.strip():
        host = "127.0.0.1"  # a port alone
    if not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise SourceError(
            f"{address!r} is no address to serve on; give PORT or HOST:PORT, such as 8000 or 0.0.0.0:8000"
        )
    return host, int(port)


def _listen(host: str, port: int, address: str) -> socket.socket:
    try:
        if not host and socket.has_dualstack_ipv6():
            listening = socket.create_server(
                (host, port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=MAX_CONNECTIONS
            )
        else:
            found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)
            family, where = found[0][0], found[0][4]
            listening = socket.create_server(where[:2], family=family, backlog=MAX_CONNECTIONS)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot serve on {address}: {reason}; name another, such as 8001") from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # of its connections
    return listening


def _reachable(host: str) -> str:
    """The host as another machine would write it in an address."""
    if host not in ("", "0.0.0.0", "::"):
        return f"[{host}]" if ":" in host else host
    # Which address leads to others is known by asking for the way to one; nothing is sent.
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect(("192.0.2.1", 9))
        return str(way.getsockname()[0])
    return socket.gethostname()


def _name(reader: DigitReader, models: tuple[str, ...]) -> str:
    """What a reader's model is called among these, or by its file."""
    path = reader.classifier.path
    return next((name for name in models if manifest.find(name) == path), str(path))
