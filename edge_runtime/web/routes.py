"""The routes of the HTTP API."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from edge_runtime import __version__
from edge_runtime.errors import EdgeDigitsError
from edge_runtime.outputs.snapshot import NAME as SNAPSHOT_NAME
from edge_runtime.web import limits, pages, strokes
from edge_runtime.web.errors import RequestError, openapi_errors
from edge_runtime.web.guard import Guard
from edge_runtime.web.intake import Intake
from edge_runtime.web.metrics import Metrics
from edge_runtime.web.responses import Health, ModelName, ReadResult
from edge_runtime.web.state import DeviceState, health_json
from edge_runtime.web.streams import Channel, Stream
from edge_runtime.web.worker import Worker

Probability = Annotated[float, Query(ge=0, le=1)]

router = APIRouter()
live_router = APIRouter()  # only with a camera or video

Rotate = Literal["auto", "0", "90", "180", "270"]


@dataclass(frozen=True)
class Services:
    """What the handlers need; the application keeps it in its `state`."""

    models: tuple[str, ...]
    state: DeviceState
    images: Channel
    events: Channel
    drawing: Worker
    intake: Intake
    metrics: Metrics
    guard: Guard


def create_app(services: Services, files: pages.Pages, *, live: bool) -> FastAPI:
    """Create the application: the API, and the files of the web page."""
    app = FastAPI(
        title="edge-digits",
        version=__version__,
        description="Handwritten digits read on this device.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            RequestError: _on_request_error,
            HTTPException: _on_http_exception,
            RequestValidationError: _on_invalid_parameter,
            Exception: _on_internal_error,
        },
    )
    app.state.services = services
    app.include_router(router)
    if live:
        app.include_router(live_router)
    for path, (content, media_type) in files.items():
        app.add_route(path, pages.endpoint(content, media_type), include_in_schema=False)
    return app


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


# How OpenAPI describes requests and responses -------------------------------------------------------------


def _content(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    """Describe a response that is not JSON."""
    return {200: {"content": {media_type: {}}, "description": description}}


def _body(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a required request body."""
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


# Reading --------------------------------------------------------------------------------------------------


def _refuse_unknown(request: Request) -> None:
    """Raise `RequestError` for a misspelt query parameter, which would have no effect."""
    known = [name for name in signature(request.scope["endpoint"]).parameters if name != "request"]
    for name in request.query_params:
        if name not in known:
            message = f"unknown query parameter {name}; choose {', '.join(known[:-1])} or {known[-1]}"
            raise RequestError(422, "parameter", message)


@router.post(
    "/read",
    response_model=ReadResult,
    response_description="The digits of the image",
    responses=openapi_errors(400, 401, 408, 413, 415, 422, 500, 503),
    dependencies=[Depends(_refuse_unknown)],
    openapi_extra=_body("image/*", {"type": "string", "format": "binary"}),
)
async def read(
    request: Request,
    tiles: bool = False,
    image: bool = False,
    rotate: Rotate = "auto",
    min_confidence: Probability = 0.0,
    page: Annotated[int | None, Query(ge=1, le=10**9)] = None,
) -> Response:
    """Read the digits in an image. The body is the image file, of any kind that the command reads.

    With `page=2`, the second page or frame of a file is read, otherwise the first. With `tiles=1` each digit
    includes the classifier's input, a 28x28 PNG in base64. With `image=1` the result includes the image in
    grey, a JPEG in base64: browsers cannot show every file. `rotate` turns the image clockwise by so many
    degrees before it is read; `auto` does so if it clearly reads better that way. Digits whose confidence is
    below `min_confidence` are rejected.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise RequestError(
            415,
            "type",
            "send the image's bytes as the body instead of a form: "
            f"curl --data-binary @photo.jpg {_base(request)}/read",
        )
    intake = _services(request).intake
    async with intake.body(request, limits.MAX_BODY_BYTES, "send a smaller image") as data:
        job = partial(
            intake.read,
            data,
            tiles=tiles,
            image=image,
            rotate=rotate,
            min_confidence=min_confidence,
            page=page,
        )
        return JSONResponse(await intake.run(request, job))


@router.post(
    "/strokes",
    response_model=ReadResult,
    response_description="The digits of the strokes",
    responses=openapi_errors(400, 401, 408, 413, 422, 500, 503),
    dependencies=[Depends(_refuse_unknown)],
    openapi_extra=_body("application/json", strokes.SCHEMA),
)
async def read_strokes(request: Request, tiles: bool = False, min_confidence: Probability = 0.0) -> Response:
    """Read the digits that a finger, a pen or a mouse has written on a screen.

    The body contains the strokes, each a list of points [x, y] in pixels: x to the right and y down. The size
    of the writing does not matter. The result is that of an image that reaches from [0, 0] to the ends of the
    strokes.
    """
    intake = _services(request).intake
    async with intake.body(request, limits.MAX_STROKES_BYTES, "send fewer strokes") as data:
        job = partial(intake.read_strokes, data, tiles=tiles, min_confidence=min_confidence)
        return JSONResponse(await intake.run(request, job))


@router.post(
    "/model",
    response_model=ModelName,
    response_description="The active model",
    responses=openapi_errors(400, 401, 408, 413, 422, 503),
    openapi_extra=_body("application/json", {"$ref": "#/components/schemas/ModelName"}),
)
async def switch_model(request: Request) -> Response:
    """Switch to another model, for the live view and for uploaded images."""
    services = _services(request)
    intake = services.intake
    advice = "send " + " or ".join(json.dumps({"model": model}) for model in services.models)
    try:
        async with intake.body(request, limits.MAX_COMMAND_BYTES, advice) as data:
            name = json.loads(data)["model"]
    except (ValueError, TypeError, KeyError, RecursionError):
        name = None
    if name not in services.models:
        raise RequestError(422, "model", f"unknown model; {advice}")
    try:
        await intake.run(request, lambda: intake.readers.switch(name))
    except EdgeDigitsError as error:
        raise RequestError(503, "model", str(error), retry_after=60) from error
    services.events.notify()
    return JSONResponse({"model": intake.readers.model})


# State ----------------------------------------------------------------------------------------------------


@router.head("/health", include_in_schema=False)
@router.get(
    "/health",
    response_model=Health,
    response_description="The device works",
    responses=openapi_errors() | {503: {"model": Health, "description": "The source is lost"}},
)
async def health(request: Request) -> Response:
    """Return the health of the device: 200, or 503 while its source is lost."""
    services = _services(request)
    current = services.state.health()
    details = services.guard.is_authorised(request.scope)
    return JSONResponse(health_json(current, details=details), 200 if current.ok else 503)


@router.get(
    "/metrics", response_class=Response, responses=_content("text/plain", "The metrics") | openapi_errors(401)
)
async def metrics(request: Request) -> Response:
    """Return counters and gauges for Prometheus."""
    text = _services(request).metrics.render()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get(
    "/events",
    response_class=Response,
    responses=_content("text/event-stream", "One JSON object per event") | openapi_errors(401, 503),
)
async def events(request: Request) -> Response:
    """Stream the state of the device as Server-Sent Events: numbers, frame rate, stage times and model."""
    return Stream(_services(request).events, b"retry: 1000\n\n", "text/event-stream")


# Images of the live view ----------------------------------------------------------------------------------


@live_router.get(
    "/live.mjpg",
    response_class=Response,
    responses=_content("multipart/x-mixed-replace", "Motion JPEG") | openapi_errors(401, 503),
)
async def live_image(request: Request) -> Response:
    """Stream the live image with boxes and digits, for an <img> element or a video player."""
    services = _services(request)
    return Stream(services.images, services.state.BOUNDARY, services.state.MEDIA_TYPE)


@live_router.get(
    "/snapshot.jpg",
    response_class=Response,
    responses=_content("image/jpeg", "The image") | openapi_errors(401, 503),
)
async def snapshot(request: Request) -> Response:
    """Return the newest frame with boxes and digits, in full size."""
    services = _services(request)
    data = await services.drawing.run(services.state.snapshot)
    if not data:
        raise RequestError(503, "source", "no frame has arrived yet; try again", retry_after=1)
    name = time.strftime(f"{SNAPSHOT_NAME}.jpg")
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type="image/jpeg", headers=headers)


# Errors ---------------------------------------------------------------------------------------------------


async def _on_request_error(request: Request, error: RequestError) -> Response:
    _services(request).metrics.count_rejected(error.reason)
    return error.response()


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    messages = {404: "not found", 405: f"{request.method} is not allowed here"}
    message = f"{messages.get(error.status_code, error.detail)}; see {_base(request)}/docs"
    return JSONResponse({"error": message}, error.status_code, headers=error.headers)


async def _on_invalid_parameter(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    name, problem = first["loc"][-1], first["msg"]
    message = f"invalid query parameter {name}: {problem}; see {_base(request)}/docs"
    return JSONResponse({"error": message}, 422)


async def _on_internal_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "internal error; see the log on the device"}, 500)


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")
