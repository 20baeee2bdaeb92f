"""HTTP connections with limits: on their number, and on how long a client may keep the server waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_runtime.web import limits

# Replies to clients whose request is never parsed.
_RAW_RESPONSE = b'HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"error": "%s"}'
_TOO_MANY = _RAW_RESPONSE % (
    b"503 Service Unavailable\r\nRetry-After: 1",
    b"too many connections; close some and try again",
)
_NOT_HTTP = _RAW_RESPONSE % (
    b"400 Bad Request",
    b"not a valid HTTP request; open an http:// URL, or use curl",
)


class Connection(H11Protocol):
    """A connection that is closed when there are too many, or when the client is too slow.

    A client must send its request headers within `HEADER_TIMEOUT` and accept data within `WRITE_TIMEOUT`.
    """

    _deadline: asyncio.TimerHandle | None = None  # for request headers, or the rest of a rejected body
    _write_deadline: asyncio.TimerHandle | None = None
    _rejected = False  # this is one connection too many
    _discarding = False  # the response is sent, but the client is still sending its body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or reject it when there are too many."""
        super().connection_made(transport)
        self._close_after(limits.HEADER_TIMEOUT)
        accepted = [other for other in self.connections if not getattr(other, "_rejected", False)]
        same_client = sum(_host(other) == _host(self) for other in accepted)
        if len(accepted) <= limits.MAX_CONNECTIONS and same_client <= limits.MAX_CONNECTIONS_PER_CLIENT:
            return
        # A rejected connection does not count against the limit while its reply is sent.
        self._rejected = True
        if len(self.connections) - len(accepted) > limits.MAX_BUSY_REPLIES:
            transport.abort()
            return
        transport.write(_TOO_MANY)
        transport.write_eof()
        self._close_after(limits.LINGER)

    def send_400_response(self, msg: str) -> None:
        """Reply to a request that is not valid HTTP."""
        self.transport.write(_NOT_HTTP)
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse the data; lift the deadline once the request headers are complete."""
        if self._rejected:
            return
        super().data_received(data)
        state = self.conn.their_state
        if self._discarding and state is h11.SEND_BODY:
            return
        if state is not h11.IDLE:
            self._cancel_deadline()
        elif self._deadline is None or self._discarding:
            self._close_after(limits.HEADER_TIMEOUT)
        self._discarding = False

    def on_response_complete(self) -> None:
        """Give a client that is still sending its body a moment to see the response."""
        self._discarding = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if self._discarding:
            self._close_after(limits.LINGER)

    def pause_writing(self) -> None:
        """The send buffer is full: start the client's deadline."""
        super().pause_writing()
        self._write_deadline = self.loop.call_later(limits.WRITE_TIMEOUT, self.transport.abort)

    def resume_writing(self) -> None:
        """The client accepts data again."""
        super().resume_writing()
        self._cancel_write_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all timers."""
        super().connection_lost(exc)
        self._cancel_deadline()
        self._cancel_write_deadline()
        self._unset_keepalive_if_required()

    def _close_after(self, seconds: float) -> None:
        self._cancel_deadline()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _cancel_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _cancel_write_deadline(self) -> None:
        if self._write_deadline:
            self._write_deadline.cancel()
            self._write_deadline = None


def _host(connection: Any) -> str:
    return connection.client[0] if connection.client else ""
