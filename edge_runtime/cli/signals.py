"""Ctrl-C and SIGTERM: end the command properly, or stop what runs until it is stopped."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM has arrived. It ends the command as Ctrl-C does, so that everything is closed properly."""


def raise_on_sigterm() -> None:
    """Make SIGTERM raise `Terminated`, unless the process ignores it. Only the main thread may call this.

    The first process of a container has no default handling of signals: without a handler, SIGTERM would do
    nothing.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        raise Terminated

    if signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:
        signal.signal(signal.SIGTERM, handle)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code of a command that Ctrl-C or SIGTERM has ended: 130 or 143."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first Ctrl-C or SIGTERM; a second one raises `KeyboardInterrupt`, or `Terminated`.

    What the process ignores stays ignored. Only the main thread receives signals: in any other thread, this
    does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle_first(number: int, frame: FrameType | None) -> None:
        if signal.SIGINT in numbers:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        raise_on_sigterm()
        stop()

    both = (signal.SIGINT, signal.SIGTERM)
    numbers = [each for each in both if signal.getsignal(each) != signal.SIG_IGN]
    before = [signal.signal(each, handle_first) for each in numbers]
    try:
        yield
    finally:
        for each, handler in zip(numbers, before, strict=True):
            signal.signal(each, handler)
