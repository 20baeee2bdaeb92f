"""What is answered: the API's shapes, and refusals with their reasons."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import cv2
from fastapi import Response
from fastapi.responses import JSONResponse

from edge_runtime.results import Digit, Reading
from edge_runtime.web import limits


@dataclass
class DigitAnswer:
    """One thing found: `value` is null where the reader rejected to name a digit; the box is in pixels."""

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
    """What was read: `lines` from the top, "?" for a rejected digit; `ms` is what the reading took."""

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
    capture_format: str
    problem: str


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


REFUSALS = {
    400: "The body did not arrive whole",
    408: "The body did not arrive in time",
    413: f"More than {limits.MAX_BODY // 2**20} MB",
    415: "A form where an image's bytes belong",
    422: f"Not what can be read, or more than {limits.MAX_PIXELS // 10**6} megapixels",
    429: "Too many requests; Retry-After says when to try again",
    503: "Too much to do; Retry-After says when to try again",
}


def described(media_type: str, text: str) -> dict[int | str, dict[str, Any]]:
    """An answer that is no JSON, as OpenAPI describes it."""
    return {200: {"content": {media_type: {}}, "description": text}}


class Refusal(Exception):
    """A request is not carried out: the HTTP status, the reason for the metrics, a line for the sender."""

    def __init__(
        self, status: int, reason: str, text: str, wait: int = 0, extra: dict[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.status, self.reason = status, reason
        self.headers = (extra or {}) | ({"retry-after": str(wait)} if wait else {})

    def response(self) -> Response:
        """The refusal as an answer."""
        return JSONResponse({"error": str(self)}, self.status, headers=self.headers)


def answer(reading: Reading, width: int, height: int, seconds: float, tiles: bool) -> dict[str, Any]:
    """A reading as an `Answer`, for an image of `width` by `height` px that took `seconds`."""
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
