"""Requests that are answered with an HTTP error."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from edge_runtime.web import limits
from edge_runtime.web.responses import ErrorMessage

_DESCRIPTIONS = {
    400: "The body is incomplete",
    401: "The token is missing or wrong",
    403: "The origin or the host name is not allowed",
    408: f"The body arrived too slowly, or not within {limits.BODY_TIMEOUT} s",
    413: "The body is too large",
    415: "The body is a form; send the image's bytes",
    422: "The body or a parameter is invalid",
    429: "Too many requests; see Retry-After",
    500: "The model failed",
    503: "Busy or not ready; see Retry-After",
}


class RequestError(Exception):
    """A request that cannot be carried out.

    `status` is the HTTP status, `reason` a short label for the metrics. The message is sent to the client:
    one line that says how to fix it. `retry_after`, in seconds, adds a Retry-After header.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        retry_after: int = 0,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason
        self.headers = dict(headers or {})
        if retry_after:
            self.headers["retry-after"] = str(retry_after)

    def response(self) -> Response:
        """Return the HTTP response: `{"error": message}`."""
        return JSONResponse({"error": str(self)}, self.status, headers=self.headers)


def incomplete_body() -> RequestError:
    """Return the error for a client that disconnected before its body, or its answer, was complete."""
    return RequestError(
        400, "cut off", "the connection closed before the request was complete; send it again"
    )


def openapi_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route for OpenAPI; 403 and 429 are possible for all of them."""
    return {
        status: {"model": ErrorMessage, "description": _DESCRIPTIONS[status]}
        for status in sorted((*statuses, 403, 429))
    }
