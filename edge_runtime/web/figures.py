"""What the device tells of itself: its share of the machine, and counters and gauges for Prometheus."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import prometheus_client

from edge_runtime import __version__


class Process:
    """What this process takes of the machine."""

    def __init__(self) -> None:
        self._last = (time.monotonic(), time.process_time())
        self._share = 0.0

    def figures(self) -> tuple[float, float | None]:
        """The share of one core over the last second or more, and MB of memory, None where not known."""
        now, then = (time.monotonic(), time.process_time()), self._last
        if now[0] - then[0] >= 1:
            self._share = (now[1] - then[1]) / (now[0] - then[0])
            self._last = now
        try:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            return round(self._share, 3), None
        return round(self._share, 3), round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


class Metrics:
    """The figures for Prometheus, in a registry of their own; `gauges` are read when they are asked for."""

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self.registry = registry = prometheus_client.CollectorRegistry()
        self.frames = prometheus_client.Counter(
            "edge_digits_frames", "Frames that the source gave", registry=registry
        )
        self._refusals = prometheus_client.Counter(
            "edge_digits_refusals", "Requests not carried out", ["reason"], registry=registry
        )
        # Reads are this one's count.
        self.read_seconds = prometheus_client.Histogram(
            "edge_digits_read_seconds",
            "Decoding and reading an image that was sent",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        for name, (text, value) in gauges.items():
            prometheus_client.Gauge(f"edge_digits_{name}", text, registry=registry).set_function(value)
        prometheus_client.Info("edge_digits_build", "What runs here", registry=registry).info(
            {"version": __version__, "python": platform.python_version(), "machine": platform.machine()}
        )
        prometheus_client.ProcessCollector(registry=registry)

    def rejected(self, reason: str) -> None:
        """Count a request that was not carried out."""
        self._refusals.labels(reason).inc()
