"""Connections: how many there may be, and how long they may keep the server waiting."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import types

import pytest

from edge_runtime.web import limits
from tests.edge_runtime.web.client import connect, exchange, needs_addresses, receive, request, wait_until
from tests.processes import started


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


UPLOAD = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc"


def is_open(connection):
    """Whether the server has left a connection open, which it is not writing to."""
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def opened(served):
    """The number of connections that the server has."""
    return len(served._uvicorn.server_state.connections)


def test_too_many_busy_connections_of_a_client_are_rejected(fresh, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CONNECTIONS_PER_CLIENT", 3)
    busy = [connect(fresh, UPLOAD) for _ in range(3)]
    wait_until(lambda: len(fresh.intake._uploads) == 3)
    head, _, body = exchange(fresh, b"").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503") and "too many connections" in json.loads(body)["error"]
    for connection in busy:
        connection.close()
    wait_until(lambda: opened(fresh) == 0)
    assert request(fresh, "/health").status == 200


def test_idle_connections_of_a_client_make_room(fresh, monkeypatch):
    """The one that has been idle for longest goes first."""
    monkeypatch.setattr(limits, "MAX_CONNECTIONS_PER_CLIENT", 3)
    with connect(fresh, UPLOAD) as upload, connect(fresh) as first, connect(fresh) as second:
        wait_until(lambda: opened(fresh) == 3 and fresh.intake._uploads)
        first.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")  # now second is idle for longer
        receive(first, until=b"}")
        assert request(fresh, "/health").status == 200
        assert receive(second) == b""
        assert is_open(first) and is_open(upload)


@needs_addresses
@pytest.mark.parametrize(
    "sent", [b"", b"GET /health HT", UPLOAD], ids=["idle", "slow headers", "slow uploads"]
)
def test_the_client_with_most_connections_makes_room_for_others(fresh, monkeypatch, connect_from, sent):
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 6)
    monkeypatch.setattr(limits, "MODEST_CONNECTIONS", 2)
    modest = connect_from(fresh, "127.0.0.3")
    greedy = [connect_from(fresh, "127.0.0.2", sent) for _ in range(5)]
    wait_until(lambda: opened(fresh) == 6)
    if sent is UPLOAD:
        wait_until(lambda: len(fresh.intake._uploads) == 5)
    for _ in range(3):
        assert request(fresh, "/health").status == 200
    assert is_open(modest)
    assert not all(is_open(connection) for connection in greedy)


@needs_addresses
def test_a_client_with_most_connections_takes_none_from_others(fresh, monkeypatch, connect_from):
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 5)
    monkeypatch.setattr(limits, "MODEST_CONNECTIONS", 2)
    modest = connect_from(fresh, "127.0.0.3")
    greedy = [connect_from(fresh, "127.0.0.2", UPLOAD) for _ in range(4)]
    wait_until(lambda: len(fresh.intake._uploads) == 4)
    assert receive(connect_from(fresh, "127.0.0.2")).startswith(b"HTTP/1.1 503")
    assert is_open(modest) and all(is_open(connection) for connection in greedy)


@needs_addresses
def test_rejected_connections_leave_room_for_other_clients(fresh, page, connect_from):
    """One address opens more and more connections, another one sends requests."""
    for _ in range(100):
        connect_from(fresh, "127.0.0.2")
    for _ in range(10):
        assert request(fresh, "/read", "POST", page).status == 200


def test_responses_are_sent_without_delay(fresh):
    """With Nagle's algorithm, every response on an open connection takes 40 ms."""
    with connect(fresh):
        wait_until(lambda: opened(fresh) == 1)
        (connection,) = fresh._uvicorn.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


SERVE_WITH_FEW_DESCRIPTORS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
from edge_runtime.cli import main
sys.exit(main(["serve", "127.0.0.1:0"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sockets take no descriptors")
def test_connections_leave_descriptors_for_files(page):
    """More idle connections than there are descriptors: the server answers, and logs one line."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(sys.executable, "-c", SERVE_WITH_FEW_DESCRIPTORS, **pipes) as process:
        served = types.SimpleNamespace(port=int(process.stderr.readline().rpartition(":")[2].rstrip("/\n")))
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(connect(served))
            for _ in range(3):
                assert request(served, "/health").status == 200
                assert request(served, "/read", "POST", page).status == 200
        process.terminate()
        output, errors = process.communicate()
    assert output == ""
    (line,) = errors.splitlines()
    assert "idle ones are closed" in line and "further occasions are not logged" in line


def test_a_failure_to_accept_is_logged_once(fresh, monkeypatch, caplog):
    """Something else has taken all descriptors: an idle connection is closed, and accepting goes on."""
    failures = iter([OSError(24, "Too many open files"), OSError(24, "Too many open files")])
    loop = asyncio.ProactorEventLoop if sys.platform == "win32" else asyncio.SelectorEventLoop
    accept = loop.sock_accept

    async def failing(self, listening):
        for failure in failures:
            raise failure
        return await accept(self, listening)

    with connect(fresh) as idle:
        wait_until(lambda: opened(fresh) == 1)
        monkeypatch.setattr(loop, "sock_accept", failing)
        with connect(fresh):  # this one was being waited for already
            assert request(fresh, "/health").status == 200
        assert receive(idle) == b""
    assert [record.message for record in caplog.records] == [
        "cannot accept connections: Too many open files (further occasions are not logged)"
    ]
