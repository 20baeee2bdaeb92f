"""Addresses to serve on."""

from __future__ import annotations

import pytest

from edge_runtime import SourceError
from edge_runtime.web import address
from edge_runtime.web.server import Server


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8000", "127.0.0.1", 8000),
        (" 8000 ", "127.0.0.1", 8000),
        ("0.0.0.0:80", "0.0.0.0", 80),
        ("[::1]:8000", "::1", 8000),
        ("pi.local:8000", "pi.local", 8000),
        (":8000", "", 8000),
    ],
)
def test_addresses_are_parsed(text, host, port):
    assert address.parse(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", "localhost", "::1:8000", "1.2.3.4:x", "host:70000", "host:-1", ":", "host:\u0663"]
)
def test_invalid_addresses_are_rejected(readers, text):
    with pytest.raises(SourceError, match="is not an address to serve on; use PORT or HOST:PORT"):
        Server(readers, text, live=False)


@pytest.mark.parametrize(
    ("host", "shown"), [("pi.local", "pi.local"), ("::1", "[::1]"), ("127.0.0.1", "127.0.0.1")]
)
def test_named_hosts_are_shown_as_they_are(host, shown):
    assert address.reachable_host(host) == shown


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])
def test_all_interfaces_are_shown_as_one_host(host):
    assert address.reachable_host(host) not in ("", "0.0.0.0", "::")


def test_a_port_in_use_is_reported_at_once(readers, still):
    with pytest.raises(SourceError, match=f"cannot serve on 127.0.0.1:{still.port}: .*try another one"):
        Server(readers, f"127.0.0.1:{still.port}", live=False)


def test_an_address_of_another_machine_is_reported(readers):
    with pytest.raises(SourceError, match=r"cannot serve on 192\.0\.2\.1:8000: "):
        Server(readers, "192.0.2.1:8000", live=False)
