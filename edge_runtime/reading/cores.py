"""Cores: how many this process may use, and for how many workers its memory suffices."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

WORKER_MEMORY = 200_000_000  # bytes; the libraries and models take half of it, large images the rest
_GROUP = Path("/sys/fs/cgroup")  # limits of a container


def cores() -> int:
    """Number of cores that this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read(_GROUP / "cpu.max").partition(" ")  # microseconds per period
    if quota.isdigit() and period.strip().isdigit():
        count = min(count, max(1, int(quota) // int(period)))
    return count


def cores_for_workers() -> int:
    """Number of cores that worker processes may use, as far as the memory suffices, at least 1.

    It is 1 in the process of a pool, which shares the machine with the others.
    """
    pool = sys.modules.get("multiprocessing.process")
    if pool is not None and pool.parent_process() is not None:
        return 1
    memory = _available_memory()
    return cores() if memory is None else max(1, min(cores(), memory // WORKER_MEMORY))


def _available_memory() -> int | None:
    """Bytes of memory that are available to this process; None where it is unknown."""
    found = re.search(r"^MemAvailable:\s*(\d+) kB", _read(Path("/proc/meminfo")), re.MULTILINE)
    known = [int(found.group(1)) * 1024] if found else []
    most, used = (_read(_GROUP / name).strip() for name in ("memory.max", "memory.current"))
    cache = re.search(r"^inactive_file (\d+)", _read(_GROUP / "memory.stat"), re.MULTILINE)
    if most.isdigit() and used.isdigit():
        known.append(int(most) - int(used) + (int(cache.group(1)) if cache else 0))
    return min(known, default=None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
