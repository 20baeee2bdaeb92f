"""The checks that every request must pass: rate, host, origin and token. Also adds the security headers."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import os
import re
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from fastapi import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_runtime.errors import SourceError
from edge_runtime.web import clients, limits
from edge_runtime.web.errors import RequestError
from edge_runtime.web.pages import Pages
from edge_runtime.web.rate_limit import RateLimit

TOKEN_VARIABLE = "EDGE_DIGITS_TOKEN"

# Answered without the token: the style and icon of the token form, and a health check without details.
_PUBLIC_PATHS = {"/style.css", "/icon.svg", "/health"}

_SECURITY_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),  # the URL may contain the token
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]

# A name or an IPv4 address, or an IPv6 address in brackets, and a port: nothing else that URLs may contain.
_HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII)

_log = logging.getLogger(__name__)


def token_from_environment() -> str:
    """Return the token in EDGE_DIGITS_TOKEN, "" if it is not set. Raises `SourceError` if it is invalid."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if token and not (len(token) >= limits.MIN_TOKEN_LENGTH and token.isascii() and token.isprintable()):
        raise SourceError(
            f"the token in {TOKEN_VARIABLE} must be at least {limits.MIN_TOKEN_LENGTH} printable ASCII "
            "characters; choose another"
        )
    return token


class Guard:
    """Checks every request before it reaches the application; adds the security headers to every response.

    `token` is what requests must carry, "" for none; `count_rejected` is called with the reason of every
    rejection.
    """

    def __init__(
        self, port: int, token: str, *, loopback: bool, pages: Pages, count_rejected: Callable[[str], None]
    ) -> None:
        self.token = token
        self._port, self._loopback, self._pages = port, loopback, pages
        self._count_rejected = count_rejected
        self._cookie = hmac.new(token.encode(), b"cookie", hashlib.sha256).hexdigest()
        self._rate_limit = RateLimit()

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Return the application with the checks in front. Unexpected exceptions are logged and answered."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            started = False

            async def send_secured(message: MutableMapping[str, Any]) -> None:
                nonlocal started
                if message["type"] == "http.response.start":
                    started = True
                    message["headers"] = [*message.get("headers", ()), *_SECURITY_HEADERS]
                await send(message)

            try:
                await (self._check(scope) or app)(scope, receive, send_secured)
            except Exception:
                _log.exception("%r %r failed", scope.get("method"), scope.get("path"))
                if not started:
                    error = RequestError(500, "internal", "internal error; see the log on the device")
                    await error.response()(scope, receive, send_secured)

        return guarded

    def is_authorised(self, scope: Scope) -> bool:
        """Whether a request carries the token, or the cookie that stands for it."""
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
        return _equal(sent, self.token) or _equal(cookie, self._cookie)

    def _check(self, scope: Scope) -> Response | None:
        """Return the response to a request that must not reach the application, None for any other."""
        try:
            self._check_rate_and_origin(scope)
            return self._check_token(scope)
        except RequestError as error:
            self._count_rejected(error.reason)
            return error.response()

    def _check_rate_and_origin(self, scope: Scope) -> None:
        wait = self._rate_limit.take(clients.identify(scope["client"]))
        if wait:
            raise RequestError(429, "rate", "too many requests; slow down", retry_after=1 + int(wait))
        host = "".join(_values(scope, b"host")).lower()  # h11 rejects requests with several
        name = _host_name(host)
        # DNS rebinding: another site whose name resolves to this machine still sends its own name. If a
        # token is required, that site gains nothing; and a proxy in front of this address may use any name.
        if self._loopback and not self.token and not _is_loopback(name):
            raise RequestError(
                403, "host", f"this server answers to localhost only; open http://localhost:{self._port}/"
            )
        if host and not name:
            raise RequestError(400, "host", "the Host header is invalid; send HOST or HOST:PORT")
        if _is_cross_origin(scope, host):
            raise RequestError(
                403,
                "origin",
                "requests from pages of another origin are rejected; use this server's own page",
            )

    def _check_token(self, scope: Scope) -> Response | None:
        page_requested = scope["method"] == "GET" and scope["path"] in ("/", "/docs")
        if self.token and page_requested and scope["path"] == "/":
            sent = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if sent:
                return self._sign_in(sent)
        if scope["path"] in _PUBLIC_PATHS or self.is_authorised(scope):
            return None
        if page_requested:
            return self._token_form("")
        raise RequestError(
            401,
            "token",
            f"send the token that the server printed when it started, or that {TOKEN_VARIABLE} contains: "
            "Authorization: Bearer TOKEN",
            headers={"www-authenticate": "Bearer"},
        )

    @property
    def _cookie_name(self) -> str:
        return f"edge-digits-{self._port}"  # browsers share cookies between all ports of a host

    def _sign_in(self, sent: str) -> Response:
        """Set the cookie for a token in the URL, and reload the page without the token.

        A redirect would not do: a browser that followed a link from another site withholds a SameSite=strict
        cookie until a page of this origin navigates.
        """
        if not _equal(sent, self.token):
            return self._token_form("Wrong token. It may have changed when the server restarted.")
        response = Response(
            self._pages["/welcome"][0], media_type="text/html", headers={"refresh": "0;url=/"}
        )
        response.set_cookie(
            self._cookie_name, self._cookie, max_age=limits.COOKIE_SECONDS, httponly=True, samesite="strict"
        )
        return response

    def _token_form(self, message: str) -> Response:
        self._count_rejected("token")
        page = self._pages["/token"][0].replace(b"<!--message-->", message.encode())
        return Response(page, 401, media_type="text/html", headers={"www-authenticate": "Bearer"})


def _values(scope: Scope, header: bytes) -> list[str]:
    """All values of a header, which may occur more than once."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == header]


def _host_name(host: str) -> str:
    """The name or address in a Host header in lower case, without the port; "" if the header is invalid."""
    match = _HOST.fullmatch(host)
    return match[1] if match and int(match[2] or 0) <= 65535 else ""


def _is_loopback(name: str) -> bool:
    """Whether a host is this machine: localhost, 127.0.0.1 or [::1]."""
    if name in ("localhost", "[::1]"):
        return True
    try:
        return ipaddress.IPv4Address(name).is_loopback
    except ValueError:
        return False


def _is_cross_origin(scope: Scope, host: str) -> bool:
    """Whether a browser sent this for a page of another origin. Following a link to this origin is fine."""
    if scope["method"] == "GET" and _values(scope, b"sec-fetch-mode") == ["navigate"]:
        return False
    own = (f"http://{host}", f"https://{host}")  # a proxy may add encryption
    return not (
        all(origin.lower() in own for origin in _values(scope, b"origin"))
        and all(site in ("none", "same-origin") for site in _values(scope, b"sec-fetch-site"))
    )


def _equal(one: str, other: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
