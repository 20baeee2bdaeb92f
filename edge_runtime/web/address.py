"""The address to serve on: parsing it, listening on it, and how other machines reach it."""

from __future__ import annotations

import contextlib
import socket

from edge_runtime.errors import SourceError
from edge_runtime.web import limits


def parse(address: str) -> tuple[str, int]:
    """Split an address into its host ("" for all interfaces) and its port.

    Accepts PORT, HOST:PORT, [IPV6]:PORT and :PORT. Raises `SourceError` for anything else.
    """
    host, colon, port = address.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon, port = "", ""  # an IPv6 address without brackets is ambiguous
    if not colon and port == address.strip():
        host = "127.0.0.1"  # a port alone
    if not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise SourceError(
            f"{address!r} is not an address to serve on; use PORT or HOST:PORT, such as 8000 or 0.0.0.0:8000"
        )
    return host, int(port)


def listen(host: str, port: int, address: str) -> socket.socket:
    """Return a listening socket; errors name the `address`. Raises `SourceError` when it cannot be used."""
    try:
        if host in ("", "::") and socket.has_dualstack_ipv6():
            listener = socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=limits.BACKLOG
            )
        else:
            found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)
            family, resolved = found[0][0], found[0][4]
            listener = socket.create_server(resolved[:2], family=family, backlog=limits.BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot serve on {address}: {reason}; try another one, such as 8001") from error
    # Accepted connections inherit both options. With Nagle's algorithm, the end of a response would wait
    # until the client acknowledges its beginning, which takes 40 ms. asyncio turns it off only for sockets
    # whose protocol number is set, and that of `create_server` is 0.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.SEND_BUFFER_BYTES)
    return listener


def reachable_host(host: str) -> str:
    """Return the host as other machines write it in a URL: for all interfaces, this machine's own address."""
    if host not in ("", "0.0.0.0", "::"):
        return f"[{host}]" if ":" in host else host
    # Connecting a UDP socket sends nothing, but makes the system choose the address it would send from.
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return socket.gethostname()
