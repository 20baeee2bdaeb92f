"""Addresses to serve on, and connections: in time, not too many, and none that is held for nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_runtime.errors import SourceError
from edge_runtime.web import limits

# What is answered before there is a request to answer.
_RAW = b'HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"error": "%s"}'

_BUSY = _RAW % (b"503 Service Unavailable\r\nRetry-After: 1", b"too many connections; close some")

_NO_REQUEST = _RAW % (b"400 Bad Request", b"this is no HTTP request; use http:// and a browser, or curl")


class Connection(H11Protocol):
    """A connection that must send its requests' heads in time, take its answers, and have a place."""

    _overdue: asyncio.TimerHandle | None = None  # ends the wait for a head, or for a rejected sender's rest
    _stalled: asyncio.TimerHandle | None = None
    _turned_away = _lingers = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give it a place, or turn it away."""
        super().connection_made(transport)
        self._overdue = self.loop.call_later(limits.HEAD_SECONDS, transport.abort)
        held = [other for other in self.connections if not getattr(other, "_turned_away", False)]
        same = sum(_peer(other) == _peer(self) for other in held)
        if len(held) <= limits.MAX_CONNECTIONS and same <= limits.MAX_PER_CLIENT:
            return
        self._turned_away = True
        # They take nobody's place while they are told why, and only so many are told.
        if len(self.connections) - len(held) > limits.MAX_TOLD:
            transport.abort()
            return
        transport.write(_BUSY)
        transport.write_eof()
        self._end_in(limits.LINGER_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self.transport.write(_NO_REQUEST)
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take what comes, and note whether a head is complete."""
        if self._turned_away:
            return
        super().data_received(data)
        state = self.conn.their_state
        if self._lingers and state is h11.SEND_BODY:
            return
        if state is not h11.IDLE:
            self._in_time()
        elif self._overdue is None or self._lingers:
            self._end_in(limits.HEAD_SECONDS)
        self._lingers = False

    def on_response_complete(self) -> None:
        """Let a rejected sender finish, for a moment."""
        self._lingers = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if self._lingers:
            self._end_in(limits.LINGER_SECONDS)

    def pause_writing(self) -> None:
        """The other side takes nothing: not for long."""
        super().pause_writing()
        self._stalled = self.loop.call_later(limits.STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It takes again."""
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind."""
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


def parse(address: str) -> tuple[str, int]:
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


def listen(host: str, port: int, address: str) -> socket.socket:
    """A socket that listens; `address` is what messages call it. Raises `SourceError`."""
    try:
        if host in ("", "::") and socket.has_dualstack_ipv6():
            listening = socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=limits.MAX_CONNECTIONS
            )
        else:
            found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)
            family, where = found[0][0], found[0][4]
            listening = socket.create_server(where[:2], family=family, backlog=limits.MAX_CONNECTIONS)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot serve on {address}: {reason}; name another, such as 8001") from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.SEND_BUFFER)  # of its connections
    return listening


def reachable(host: str) -> str:
    """The host as another machine would write it in an address."""
    if host not in ("", "0.0.0.0", "::"):
        return f"[{host}]" if ":" in host else host
    # Which address leads to others is known by asking for the way to one; nothing is sent.
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect(("192.0.2.1", 9))
        return str(way.getsockname()[0])
    return socket.gethostname()
