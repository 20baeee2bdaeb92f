"""Messages on standard error, for the person at the terminal or the log of a service."""

from __future__ import annotations

import contextlib
import sys


def print_message(message: str) -> None:
    """Print "edge-digits: " and a message on one line of standard error; does nothing if that is closed."""
    if sys.stderr is not None:  # print would use standard output instead
        with contextlib.suppress(OSError):
            print(f"edge-digits: {one_line(message)}", file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Escape line breaks and terminal control characters, which file names may contain."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
