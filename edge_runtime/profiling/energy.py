"""Energy: what the processor's own counter (RAPL) has used, on Linux machines that let it be read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

FOLDER = Path("/sys/class/powercap")


def per_call(call: Callable[[], object], seconds: float) -> float | None:
    """The millijoules of one call, repeated for `seconds`; None where there is no counter.

    It counts all that the processor does meanwhile, also for other programs, and when it is idle.
    """
    before = _counters()
    if not before:
        return None
    calls, end = 0, time.monotonic() + seconds
    while not calls or time.monotonic() < end:
        call()
        calls += 1
    after = _counters()
    if before.keys() != after.keys():
        return None
    # A counter that is full begins again.
    used = sum((after[name][0] - before[name][0]) % (before[name][1] + 1) for name in before)
    return round(used / 1000 / calls, 3)


def _counters() -> dict[str, tuple[int, int]]:
    """The microjoules counted by each processor, and the largest number that its counter holds."""
    found = {}
    for folder in sorted(FOLDER.glob("intel-rapl:?")):  # processors; AMD's have this name, too
        try:
            found[folder.name] = (
                int((folder / "energy_uj").read_text(encoding="ascii")),
                int((folder / "max_energy_range_uj").read_text(encoding="ascii")),
            )
        except (OSError, ValueError):
            continue  # only root may read it, on most systems
    return found
