"""Progress of long measurements on standard error, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any


def reported(results: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Pass results on; on a terminal, report the progress."""
    names = (
        "contender",
        "cpu",
        "batch",
        "images",
        "disturbance",
        "negatives",
        "video",
        "page",
        "pad",
        "files",
    )
    for result in results:
        if sys.stderr.isatty():
            name = next((result[key] for key in names if key in result), "")
            sys.stderr.write(f"{result['kind']} {name}\n")
        yield result


def show_share(share: float) -> None:
    """On a terminal, show which share of a measurement is done."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{share:.0%}\r")
        sys.stderr.flush()
