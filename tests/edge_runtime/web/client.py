"""A client for the tests: whole requests, raw bytes, and waiting for a condition."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sys
import time
from email.message import Message
from typing import Any, NamedTuple

import pytest

TIMEOUT = 60  # s; generous, because the machine may be busy

needs_addresses = pytest.mark.skipif(sys.platform != "linux", reason="needs several loopback addresses")


class Response(NamedTuple):
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The message of an error, which must be a single line."""
        message = self.json["error"]
        assert message and "\n" not in message and "Traceback" not in message
        return str(message)


def request(served, path, method="GET", body=None, **headers) -> Response:
    """Send a request; names of headers are written with _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=TIMEOUT)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())
    finally:
        connection.close()


def connect(served, sent=b"") -> socket.socket:
    """Open a connection and send these bytes."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=TIMEOUT)
    with contextlib.suppress(ConnectionError):  # the server may have closed it already
        connection.sendall(sent)
    return connection


def exchange(served, sent, *, until=None) -> bytes:
    """Send raw bytes; what `receive` returns for them."""
    with connect(served, sent) as connection:
        return receive(connection, until=until)


def receive(connection, *, until=None) -> bytes:
    """What arrives until the server closes the connection, or until it contains `until`."""
    received = b""
    while until is None or until not in received:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        received += part
    return received


def wait_until(condition) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def metric(served, name) -> float:
    """The value of a metric, 0 while it has none."""
    lines = request(served, "/metrics").body.decode().splitlines()
    values = [line.rpartition(" ")[2] for line in lines if line.startswith(f"edge_digits_{name} ")]
    return float(values[0]) if values else 0.0
