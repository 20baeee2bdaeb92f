"""What every command says and opens: words on standard error, and the reader that was asked for."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.reader import DigitReader


def complain(message: str) -> None:
    """Say something to the person at the terminal, or to the log, in one line; nobody need be there."""
    if sys.stderr is not None:  # where it is closed, print would take standard output
        with contextlib.suppress(OSError):
            print(f"edge-digits: {one_line(message)}", file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Escape what would move the cursor: file names may hold anything."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def open_reader(options: argparse.Namespace) -> DigitReader:
    """The reader that the arguments ask for. Raises `ModelError`."""
    import cv2

    from edge_runtime.reader import DigitReader

    # Threads read pictures side by side; within one, OpenCV's own would only get into their way.
    cv2.setNumThreads(1)
    return DigitReader(options.model, threads=options.threads)
