"""What every command says on standard error."""

from __future__ import annotations

import contextlib
import sys


def print_message(message: str) -> None:
    """Say something to the person at the terminal, or to the log, in one line; nobody need be there."""
    if sys.stderr is not None:  # where it is closed, print would take standard output
        with contextlib.suppress(OSError):
            print(f"edge-digits: {one_line(message)}", file=sys.stderr, flush=True)


def one_line(text: str) -> str:
    """Escape what would move the cursor: file names may hold anything."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
