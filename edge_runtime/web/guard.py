"""Who may ask: rates, hosts, origins and the token; and the headers that every answer carries."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_runtime.web import limits
from edge_runtime.web.answers import Refusal
from edge_runtime.web.pages import Pages

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

_log = logging.getLogger(__name__)


class Guard:
    """What every request passes: who may ask, the security headers, and an answer even to a fault.

    `token` is what requests must bring, "" for none; `count` is told the reason of every refusal.
    """

    def __init__(
        self, port: int, token: str, *, loopback: bool, pages: Pages, count: Callable[[str], None]
    ) -> None:
        self.token = token
        self._port, self._loopback, self._pages, self._count = port, loopback, pages, count
        self._cookie = hmac.new(token.encode(), b"cookie", hashlib.sha256).hexdigest()
        self._buckets = Buckets()

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, with what every request passes first."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            begun = False

            async def secured(message: MutableMapping[str, Any]) -> None:
                nonlocal begun
                if message["type"] == "http.response.start":
                    begun = True
                    message["headers"] = [*message.get("headers", ()), *_HEADERS]
                await send(message)

            try:
                await (self._check(scope) or app)(scope, receive, secured)
            except Exception:
                _log.exception("%r %r failed", scope.get("method"), scope.get("path"))
                if not begun:
                    fault = Refusal(500, "fault", "a fault of this program; its log says more")
                    await fault.response()(scope, receive, secured)

        return guarded

    def _check(self, scope: Scope) -> Response | None:
        """What to answer in place of a request that is not to be carried out; None lets it through."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        wait = self._buckets.take(scope["client"][0] if scope["client"] else "")
        if wait:
            return self._refused(429, "rate", "too many requests; slow down", 1 + int(wait))
        host = headers.get("host", "")
        # A page from elsewhere whose name leads to this machine (DNS rebinding) comes with that name.
        # With a token that gives it nothing, and a proxy before this address may call it by any name.
        if self._loopback and not self.token and not _is_loopback(host):
            return self._refused(
                403, "host", f"this address answers to localhost alone: open http://localhost:{self._port}/"
            )
        if _is_foreign(scope["method"], headers, host):
            return self._refused(403, "origin", "a page of another origin may not ask this; open this one")
        if self.token and scope["method"] == "GET" and scope["path"] == "/":
            sent = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if sent:
                return self._welcome(sent)
        if scope["path"] in _OPEN or self.knows(scope):
            return None
        if scope["method"] == "GET" and scope["path"] in ("/", "/docs"):
            return self._ask("")
        told = "send the token that the command printed: Authorization: Bearer TOKEN"
        return self._refused(401, "token", told, extra={"www-authenticate": "Bearer"})

    def knows(self, scope: Scope) -> bool:
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
        return f"edge-digits-{self._port}"  # browsers keep one jar for all ports of a host

    def _welcome(self, sent: str) -> Response:
        """The page for a token in the address: gives the cookie for it and goes on to a clean address.

        A redirect would not do: a browser that followed a link from elsewhere keeps a strict cookie back
        until a page of this origin sends it on.
        """
        if not _same(sent, self.token):
            return self._ask("This is not the token. It changes when the device starts anew.")
        response = Response(
            self._pages["/welcome"][0], media_type="text/html", headers={"refresh": "0;url=/"}
        )
        response.set_cookie(
            self._cookie_name, self._cookie, max_age=limits.COOKIE_SECONDS, httponly=True, samesite="strict"
        )
        return response

    def _ask(self, word: str) -> Response:
        self._count("token")
        page = self._pages["/token"][0].replace(b"<!--word-->", word.encode())
        return Response(page, 401, media_type="text/html", headers={"www-authenticate": "Bearer"})

    def _refused(
        self, status: int, reason: str, text: str, wait: int = 0, extra: dict[str, str] | None = None
    ) -> Response:
        self._count(reason)
        return Refusal(status, reason, text, wait, extra).response()


class Buckets:
    """How many requests each address has left: `limits.RATE` more every second, up to `limits.BURST`."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take one of a client's requests; the seconds until it has one again where it has none."""
        now = time.monotonic()
        left, since = self._left.pop(client, (limits.BURST, now))
        left = min(limits.BURST, left + (now - since) * limits.RATE)
        self._left[client] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > limits.MAX_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / limits.RATE


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
    return (origin != "" and origin.partition("://")[2] != host) or site not in ("none", "same-origin")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
