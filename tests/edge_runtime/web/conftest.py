"""Servers for the tests of the web page and the HTTP API."""

from __future__ import annotations

import contextlib
import socket
from importlib.util import find_spec

import cv2
import pytest

from edge_runtime.reading.switch import SwitchableReader
from tests import drawing
from tests.edge_runtime.web.client import TIMEOUT

if not all(find_spec(package) for package in ("fastapi", "uvicorn", "prometheus_client")):
    collect_ignore_glob = ["test_*.py"]  # the extra web is not installed


@pytest.fixture(scope="session", autouse=True)
def environment():
    """No token from outside, and limits on rates and times that tests on a busy machine do not reach."""
    from edge_runtime.web import guard, limits

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(guard.TOKEN_VARIABLE, raising=False)
        patch.setattr(limits, "MAX_BURST", 1e6)
        for name in ("HEADER_TIMEOUT", "BODY_TIMEOUT", "PACE_INTERVAL"):
            patch.setattr(limits, name, 60)
        yield


@pytest.fixture(scope="session")
def page():
    """An image file with two lines of digits: 408 and 1356."""
    return cv2.imencode(".png", drawing.page("408 1356"))[1].tobytes()


@pytest.fixture(scope="session")
def loaded_readers():
    return SwitchableReader()


@pytest.fixture
def readers(loaded_readers):
    """Readers with the INT8 model active."""
    yield loaded_readers
    loaded_readers.switch("int8")


@pytest.fixture(scope="session")
def shared_server(loaded_readers):
    from edge_runtime.web.server import Server

    with Server(loaded_readers, "127.0.0.1:0", live=False) as served:
        served.start()
        yield served


@pytest.fixture
def still(shared_server, readers):
    """A running server without a camera. It is shared: leave it as it was."""
    return shared_server


@pytest.fixture
def fresh(readers):
    """A running server without a camera, for one test alone."""
    from edge_runtime.web.server import Server

    with Server(readers, "127.0.0.1:0", live=False) as served:
        served.start()
        yield served


@pytest.fixture
def live(readers):
    """A running server with a camera, before its first frame."""
    from edge_runtime.web.server import Server

    with Server(readers, "127.0.0.1:0", live=True) as served:
        served.start()
        yield served


@pytest.fixture
def connect_from():
    """A function that connects from an address of 127.0.0.0/8 and sends bytes; for Linux.

    The connections are closed in the end.
    """
    with contextlib.ExitStack() as stack:

        def connect_from(served, address, sent=b""):
            connection = stack.enter_context(socket.socket())
            connection.settimeout(TIMEOUT)
            connection.bind((address, 0))
            connection.connect(("127.0.0.1", served.port))
            connection.sendall(sent)
            return connection

        yield connect_from
