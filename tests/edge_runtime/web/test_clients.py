"""Which addresses are one client, and who gives something up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from edge_runtime.web import clients


@pytest.mark.parametrize(
    ("host", "client"),
    [
        pytest.param("192.0.2.7", "192.0.2.7", id="IPv4"),
        pytest.param("::ffff:192.0.2.7", "192.0.2.7", id="IPv4 on an IPv6 socket"),
        pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", id="IPv6"),
        pytest.param("2001:db8:1:2::9", "2001:db8:1:2::/64", id="the same network"),
        pytest.param("2001:db8:1:3::9", "2001:db8:1:3::/64", id="another network"),
        pytest.param("fe80::1%eth0", "fe80::/64", id="with an interface"),
        pytest.param("testclient", "testclient", id="no address"),
    ],
)
def test_addresses_are_attributed_to_clients(host, client):
    assert clients.identify((host, 1234)) == client


def test_a_socket_without_an_address_has_a_client_too():
    assert clients.identify(None) == ""


@pytest.mark.parametrize(
    ("owners", "client", "given_up"),
    [
        pytest.param("", "a", None, id="nothing to give up"),
        pytest.param("aaa", "b", 2, id="the newest"),
        pytest.param("abbab", "c", 4, id="of the client with most"),
        pytest.param("aab", "b", None, id="it would only change places"),
        pytest.param("aaab", "b", 2, id="still more"),
        pytest.param("aaa", "a", None, id="the client itself"),
    ],
)
def test_the_client_with_most_gives_up_its_newest(owners, client, given_up):
    holders = [SimpleNamespace(owner=owner) for owner in owners]
    chosen = clients.most_demanding(holders, client)
    assert chosen is (None if given_up is None else holders[given_up])
