"""Messages on standard error, for the person at the terminal or the log of a service, and failing output."""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def print_message(message: str) -> None:
    """Print "edge-digits: " and a message on one line of standard error; does nothing if that is closed."""
    if sys.stderr is not None:  # print would use standard output instead
        with contextlib.suppress(OSError):
            print(f"edge-digits: {one_line(message)}", file=sys.stderr, flush=True)


def output_failed(error: OSError) -> int:
    """Give up standard output, the usual cause of an `OSError` of a command, and return the exit code."""
    # Keep the interpreter from writing to it again when it flushes at exit.
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        # The program that read our output has ended, such as `head`.
        return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
    print_message(f"stopped: {error}")
    return 1


def terminal_width() -> int:
    """The characters in a line of the terminal; 80 where there is none. `shutil` is slow to load."""
    with contextlib.suppress(KeyError, ValueError):
        if (columns := int(os.environ["COLUMNS"])) > 0:
            return columns
    with contextlib.suppress(AttributeError, ValueError, OSError):  # closed, or no terminal
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


def one_line(text: str) -> str:
    """Escape line breaks and terminal control characters, which file names may contain."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
