"""Clients: which addresses are one client, and which client gives something up when there is not enough."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

_IPV6_NETWORK = 64  # bits; every machine can choose the rest of its address


class _Holder(Protocol):
    owner: str


Holder = TypeVar("Holder", bound=_Holder)


def identify(address: tuple[Any, ...] | None) -> str:
    """Return the client that an address, (host, port, ...), belongs to: its host, or its IPv6 network."""
    host = str(address[0]).partition("%")[0] if address else ""
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(parsed, ipaddress.IPv4Address):
        return host
    if parsed.ipv4_mapped:  # IPv4 on a socket for both
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_NETWORK), strict=False))


def most_demanding(holders: Sequence[Holder], client: str) -> Holder | None:
    """Return what has to go so that `client` can have one more: the newest of the client that has most.

    Each of the `holders`, in the order in which they came, has the client it belongs to as its `owner`. None
    if no client has more than `client` would have then.
    """
    counts = Counter(holder.owner for holder in holders)
    newest = max(reversed(holders), key=lambda holder: counts[holder.owner], default=None)
    return newest if newest and counts[newest.owner] > counts[client] + 1 else None
