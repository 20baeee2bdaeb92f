"""Rate limit: how often each client may send a request."""

from __future__ import annotations

import time
from collections import OrderedDict

from edge_runtime.web import limits


class RateLimit:
    """A token bucket for each client: `REQUESTS_PER_SECOND` refill it, and it holds `MAX_BURST`.

    Remembers `MAX_TRACKED_CLIENTS` clients at most.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests left, and when

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str) -> float:
        """Count one request of a client. Returns 0, or the seconds to wait when it has none left."""
        now = time.monotonic()
        left, since = self._buckets.pop(client, (limits.MAX_BURST, now))
        left = min(limits.MAX_BURST, left + (now - since) * limits.REQUESTS_PER_SECOND)
        self._buckets[client] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > limits.MAX_TRACKED_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / limits.REQUESTS_PER_SECOND
