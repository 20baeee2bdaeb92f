"""The process of the command: exit codes, and the exit while threads are still running."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge_runtime import __version__
from tests.processes import COMMAND, started

# Replaces the command. A daemon thread may run on, as one does that captures from a driver that hangs.
PROGRAM = """
import atexit, sys, threading, time
from edge_runtime.cli import process

def main():
    atexit.register(print, "cleaned up")
    if "daemon" in sys.argv:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    print("not flushed")
    {end}

process.main = main
process.run()
"""


def run(*command):
    with started(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        output, errors = process.communicate()
    return process.returncode, output, errors


def test_exit_codes_of_the_command():
    assert run(*COMMAND, "--version") == (0, f"edge-digits {__version__}\n", "")
    code, output, errors = run(*COMMAND, "nonsense")
    assert (code, output) == (2, "")
    assert "invalid choice: 'nonsense'" in errors


@pytest.mark.parametrize(
    ("thread", "cleaned"), [("", "cleaned up\n"), ("daemon", "")], ids=["no thread", "daemon thread"]
)
@pytest.mark.parametrize(
    ("end", "code", "error"),
    [
        pytest.param("return 0", 0, "", id="success"),
        pytest.param("return 2", 2, "", id="failure"),
        pytest.param("sys.exit(2)", 2, "", id="argparse"),
        pytest.param("raise KeyboardInterrupt", 130, "", id="Ctrl-C"),
        pytest.param("raise ValueError('a fault')", 1, "ValueError: a fault", id="unexpected error"),
    ],
)
def test_the_process_ends_with_its_exit_code_and_all_of_its_output(thread, cleaned, end, code, error):
    """Beside a daemon thread there is no clean-up: it could abort the process."""
    status, output, errors = run(sys.executable, "-c", PROGRAM.format(end=end), thread)
    assert (status, output) == (code, "not flushed\n" + cleaned)
    assert (errors.splitlines() or [""])[-1] == error
