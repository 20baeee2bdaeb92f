"""Metrics: Prometheus counters and gauges, and the CPU and memory use of this process."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import prometheus_client

from edge_runtime import __version__


class ProcessUsage:
    """CPU and memory use of this process."""

    def __init__(self) -> None:
        self._last = (time.monotonic(), time.process_time())
        self._cpu = 0.0

    def sample(self) -> tuple[float, float | None]:
        """Return the CPU use in cores, averaged over at least a second, and the memory in MB.

        The memory is known on Linux only; elsewhere it is None.
        """
        now, then = (time.monotonic(), time.process_time()), self._last
        if now[0] - then[0] >= 1:
            self._cpu = (now[1] - then[1]) / (now[0] - then[0])
            self._last = now
        try:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            return round(self._cpu, 3), None
        return round(self._cpu, 3), round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


class Metrics:
    """The metrics of one server, in a Prometheus registry of their own.

    `gauges` maps names to a description and a function that returns the current value.
    """

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self._registry = registry = prometheus_client.CollectorRegistry()
        self.frames = prometheus_client.Counter(
            "edge_digits_frames", "New frames from the source", registry=registry
        )
        self._rejected = prometheus_client.Counter(
            "edge_digits_rejected_requests", "Rejected requests by reason", ["reason"], registry=registry
        )
        # Its count is also the number of images read.
        self.read_seconds = prometheus_client.Histogram(
            "edge_digits_read_seconds",
            "Time to decode and read an uploaded image",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        for name, (description, value) in gauges.items():
            gauge = prometheus_client.Gauge(f"edge_digits_{name}", description, registry=registry)
            gauge.set_function(value)
        prometheus_client.Info("edge_digits_build", "Version and platform", registry=registry).info(
            {"version": __version__, "python": platform.python_version(), "machine": platform.machine()}
        )
        prometheus_client.ProcessCollector(registry=registry)

    def count_rejected(self, reason: str) -> None:
        """Count a rejected request."""
        self._rejected.labels(reason).inc()

    def render(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return prometheus_client.generate_latest(self._registry)
