"""TODO."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_runtime.live.view import View

_CHECKOUT = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def _camera(kind: str) -> Iterator[str]:
    """A process that streams a video, again and again; its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.live", "camera", kind],
        cwd=_CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


def _measured(what: str, *arguments: str) -> dict[str, Any]:
    """Run one of the programs at the end of this file in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.live", what, *arguments],
        cwd=_CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


class _Gauge:
    """Counts a source's frames, and of those that were read the seconds from arrival to result."""

    def __init__(self) -> None:
        self.frames, self.waits = 0, list[float]()
        self._last = -1

    def take(self, view: View) -> None:
        # Views come without a new frame too.
        if view.frame == self._last:
            return
        self._last = view.frame
        self.frames += 1
        if view.fresh:
            self.waits.append(sum(view.stages[stage] for stage in ("capture", "detect", "classify")))


def _resident() -> float:
    """Memory of this process, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
