"""Connections: how many there may be, and how long they may keep the server waiting."""

from __future__ import annotations

import json
import socket

import pytest

from edge_runtime.web import limits
from tests.edge_runtime.web.client import connect, exchange, receive, request, wait_until


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /read HTTP/1.1\r\nHost: local", id="incomplete headers"),
    ],
)
def test_clients_with_slow_headers_are_disconnected(still, monkeypatch, sent):
    monkeypatch.setattr(limits, "HEADER_TIMEOUT", 0.2)
    assert exchange(still, sent) == b""


def test_slow_headers_of_a_second_request_disconnect_too(still, monkeypatch):
    with connect(still, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
        assert receive(connection, until=b"}").startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(limits, "HEADER_TIMEOUT", 0.2)
        connection.sendall(b"GET /health HT")
        assert receive(connection) == b""


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n", id="TLS"),
        pytest.param(b"HELLO\r\n\r\n", id="not HTTP"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + bytes(99_999), id="huge headers"),
        pytest.param(
            b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
            id="a length of 5000 digits",
        ),
        pytest.param(
            b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", id="a negative length"
        ),
    ],
)
def test_invalid_http_is_rejected(still, sent):
    head, _, body = exchange(still, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and "HTTP" in json.loads(body)["error"]


def test_too_many_connections_of_a_client_are_rejected(fresh, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CONNECTIONS_PER_CLIENT", 3)
    idle = [connect(fresh) for _ in range(3)]
    wait_until(lambda: len(fresh._uvicorn.server_state.connections) == 3)
    head, _, body = exchange(fresh, b"").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503") and "too many connections" in json.loads(body)["error"]
    for connection in idle:
        connection.close()
    wait_until(lambda: not fresh._uvicorn.server_state.connections)
    assert request(fresh, "/health").status == 200


def test_rejected_connections_leave_room_for_other_clients(fresh, page):
    """One address opens more and more connections, another one sends requests."""
    connections = []
    try:
        for _ in range(100):
            connection = socket.socket()
            connections.append(connection)
            connection.bind(("127.0.0.2", 0))
            connection.connect(("127.0.0.1", fresh.port))
        for _ in range(10):
            assert request(fresh, "/read", "POST", page).status == 200
    finally:
        for connection in connections:
            connection.close()
