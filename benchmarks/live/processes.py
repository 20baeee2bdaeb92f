"""Processes that run the programs of `benchmarks.live.programs`, so that no measurement disturbs another."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError

_CHECKOUT = Path(__file__).resolve().parents[2]
_COMMAND = (sys.executable, "-m", "benchmarks.live.programs")


def run_program(name: str, *arguments: str) -> dict[str, Any]:
    """Run a program to its end and return the JSON object that it prints.

    Raises `subprocess.CalledProcessError` if the program fails.
    """
    done = subprocess.run(
        [*_COMMAND, name, *arguments], cwd=_CHECKOUT, capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


class Program:
    """A running program, which answers on its standard output and ends when its standard input closes."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self._name, self._process = name, process

    def read_line(self) -> str:
        """Wait for its next line of output. Raises `BenchmarkError` if it ends instead."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError(f"the benchmark process {self._name!r} ended early; its error is above")
        return line.strip()

    def ask(self, question: str) -> str:
        """Send a line and wait for the answer. Raises `BenchmarkError` if the program has ended."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(question + "\n")
            self._process.stdin.flush()
        return self.read_line()


@contextlib.contextmanager
def start_program(name: str, *arguments: str) -> Iterator[Program]:
    """Start a program and, on leaving the `with` block, wait for its end."""
    with subprocess.Popen(
        [*_COMMAND, name, *arguments],
        cwd=_CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Program(name, process)


@contextlib.contextmanager
def start_camera(kind: str) -> Iterator[str]:
    """Start a process that streams a synthetic video in a loop; gives the URL of the stream."""
    with start_program("camera", kind) as camera:
        yield camera.read_line()
