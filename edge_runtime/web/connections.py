"""HTTP connections, with limits on how long a client may keep the server waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_runtime.web import clients, limits

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
    """A connection that is rejected when there are too many, or closed when the client is too slow.

    `admit` is called with the connection and returns whether it may stay. A client must send its request
    headers within `HEADER_TIMEOUT` and accept data within `WRITE_TIMEOUT`. `owner` is the client;
    `opened_at` and `idle_since`, when its last request was answered, are times of the event loop.
    """

    _deadline: asyncio.TimerHandle | None = None  # for request headers, or the rest of a rejected body
    _write_deadline: asyncio.TimerHandle | None = None
    _discarding = False  # the response is sent, but the client is still sending its body
    is_rejected = False  # does not count against the limits while it is being closed
    owner = ""

    def __init__(self, admit: Callable[[Connection], bool], **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._admit = admit
        self.opened_at = self.idle_since = self.loop.time()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being received or answered."""
        return self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or reject it when there are too many."""
        super().connection_made(transport)
        self.owner = clients.identify(self.client)
        self._close_after(limits.HEADER_TIMEOUT)
        if self._admit(self):
            return
        self.is_rejected = True
        rejected = sum(getattr(other, "is_rejected", False) for other in self.connections)
        if rejected > limits.MAX_BUSY_REPLIES:
            transport.abort()
            return
        transport.write(_TOO_MANY)
        transport.write_eof()
        self._close_after(limits.LINGER)

    def give_up(self) -> None:
        """Close the connection at once, to make room for another one."""
        self.is_rejected = True
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Reply to a request that is not valid HTTP."""
        self.transport.write(_NOT_HTTP)
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse the data; lift the deadline once the request headers are complete."""
        if self.is_rejected:
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
        self.idle_since = self.loop.time()
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
