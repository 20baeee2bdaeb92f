"""The listener: accepts connections, and closes or rejects some when there are too many."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections import Counter

import uvicorn

from edge_runtime.web import limits
from edge_runtime.web.connections import Connection

_log = logging.getLogger(__name__)


class Listener:
    """Accepts the connections of a server, one at a time.

    When a client, or all of them together, have too many connections, the one that has been idle for longest
    is closed. Clients with more than a few connections lose them first, even busy ones. uvicorn would accept
    connections for as long as there are descriptors, and log each failure to do so.
    """

    def __init__(self, listening: socket.socket, server: uvicorn.Server) -> None:
        self._socket, self._server = listening, server
        self._warned = False

    async def run(self) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        self._socket.setblocking(False)
        while True:
            try:
                accepted, _ = await loop.sock_accept(self._socket)
            except ConnectionError:  # the client has left already
                continue
            except OSError as error:  # no descriptors or no memory, which others may have taken
                self._warn(f"cannot accept connections: {error.strerror}")
                idle = [each for each in self._accepted() if each.is_idle]
                if idle:
                    min(idle, key=lambda each: each.idle_since).give_up()
                await asyncio.sleep(limits.ACCEPT_PAUSE)
                continue
            try:
                await loop.connect_accepted_socket(self._connect, accepted)
            except OSError:
                accepted.close()

    def _connect(self) -> Connection:
        return Connection(
            self._make_room, config=self._server.config, server_state=self._server.server_state, app_state={}
        )

    def _accepted(self) -> list[Connection]:
        """The connections that count."""
        connections = self._server.server_state.connections
        return [each for each in connections if isinstance(each, Connection) and not each.is_rejected]

    def _make_room(self, newcomer: Connection) -> bool:
        """Give up a connection if there are too many now; return whether the newcomer may stay."""
        accepted = self._accepted()
        counts = Counter(each.owner for each in accepted)
        own = counts[newcomer.owner]
        if own <= limits.MAX_CONNECTIONS_PER_CLIENT and len(accepted) <= most_connections():
            return True
        self._warn(
            f"{len(accepted)} connections, {own} of them from {newcomer.owner}: idle ones are closed, and "
            "others are rejected"
        )
        others = [each for each in accepted if each is not newcomer]
        if own > limits.MAX_CONNECTIONS_PER_CLIENT:
            others = [each for each in others if each.owner == newcomer.owner]
        greedy = [each for each in others if counts[each.owner] > max(own, limits.MODEST_CONNECTIONS)]
        idle = [each for each in others if each.is_idle and counts[each.owner] >= own]
        surplus = min(
            greedy or idle,
            key=lambda each: (
                not each.is_idle,
                -counts[each.owner],
                each.idle_since if each.is_idle else -each.opened_at,
            ),
            default=None,
        )
        if surplus is None:
            return False
        surplus.give_up()
        return True

    def _warn(self, message: str) -> None:
        """Log a message, the first time only: an attack must not fill the log."""
        if not self._warned:
            self._warned = True
            _log.warning("%s (further occasions are not logged)", message)


def most_connections() -> int:
    """Return `MAX_CONNECTIONS`, or fewer where they would take more than half of the descriptors."""
    if sys.platform == "win32":  # sockets take no descriptors
        return limits.MAX_CONNECTIONS
    import resource

    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return limits.MAX_CONNECTIONS
    return max(1, min(limits.MAX_CONNECTIONS, descriptors // 2 - limits.MAX_BUSY_REPLIES))
