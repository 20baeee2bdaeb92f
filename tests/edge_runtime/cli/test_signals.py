"""Signals: the first stops what runs, the second ends the command, and ignored ones stay ignored."""

from __future__ import annotations

import os
import signal

import pytest

from edge_runtime.cli.signals import Terminated, exit_code, stop_on_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_the_second_signal_ends_the_command(number, code):
    stopped = []
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as raised, stop_on_signals(lambda: stopped.append(True)):
        signal.raise_signal(number)
        assert stopped == [True]
        signal.raise_signal(number)
    assert isinstance(raised.value, Terminated) == (number == signal.SIGTERM)
    assert exit_code(raised.value) == code
    assert stopped == [True]
    assert signal.getsignal(number) == before


def test_signals_that_the_process_ignores_do_not_stop_it():
    """As the shell has it for Ctrl-C and a command in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        stopped = []
        with stop_on_signals(lambda: stopped.append(True)):
            signal.raise_signal(signal.SIGINT)
            assert not stopped
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
        assert stopped == [True]
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
