"""The process of the command: exit codes, and the exit while threads are still running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from edge_runtime import __version__
from edge_runtime.reading import cores
from tests import drawing
from tests.processes import COMMAND, started

# Replaces the command. A daemon thread may run on, as one does that captures from a driver that hangs.
PROGRAM = """
import atexit, sys, threading, time
from edge_runtime.cli import process

def main():
    atexit.register(print, "cleaned up")  # which does not happen
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


@pytest.mark.parametrize("thread", ["", "daemon"], ids=["no thread", "daemon thread"])
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
def test_the_process_ends_at_once_with_its_exit_code_and_all_of_its_output(thread, end, code, error):
    status, output, errors = run(sys.executable, "-c", PROGRAM.format(end=end), thread)
    assert (status, output) == (code, "not flushed\n")
    assert (errors.splitlines() or [""])[-1] == error


posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and a shell")


@posix
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"]
)
def test_signals_end_every_command_properly(number, code):
    """As the first process of a container, one without a handler would ignore SIGTERM."""
    end = f"""
    import os
    try:
        os.kill(os.getpid(), {number.value})
        time.sleep(600)
    finally:
        print("closed")
    """
    assert run(sys.executable, "-c", PROGRAM.format(end=end)) == (code, "not flushed\nclosed\n", "")


@posix
def test_an_ignored_sigterm_stays_ignored():
    end = "import os, signal; os.kill(os.getpid(), signal.SIGTERM); return 0"
    line = 'trap "" TERM; exec "$@"'
    status = run("sh", "-c", line, "sh", sys.executable, "-c", PROGRAM.format(end=end))[0]
    assert status == 0


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_place_of_a_closed_standard_stream(tmp_path, closed):
    end = f"""
    import os
    file = open({str(tmp_path / "results")!r}, "w")
    os.write(2, b"from a library")
    print("to a person", file=sys.stderr)
    print(file.fileno() > 2, sys.stdin.read(), file=file, flush=True)
    return 0
    """
    program = PROGRAM.format(end=end)
    line = f'"$@" {closed}'
    with started(
        *("sh", "-c", line, "sh", sys.executable, "-c", program),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        output, errors = process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "results").read_text() == "True \n"
    assert (output == "") == (">&-" in closed.replace("2>&-", ""))
    assert ("from a library" in errors) == ("2>&-" not in closed)


# The command with workers that read all images but the first.
WITH_WORKERS = """
from edge_runtime.cli import process
from edge_runtime.reading import workers

def start_and_wait(self, start=workers.Workers._start):
    start(self)
    self._ready.wait()

workers._PATIENCE = -1
workers.Workers._start = start_and_wait
process.run()
"""


@pytest.mark.skipif(cores.cores() == 1 or sys.platform != "linux", reason="needs two cores and /proc")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_workers_end_with_the_command_and_nothing_is_lost(tmp_path, monkeypatch, number, code):
    """The signal goes to the command, or from the terminal to the whole process group."""
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    page = cv2.imencode(".png", drawing.page("31 4"))[1].tobytes()
    names = [f"scans/{index:03}.png" for index in range(60)]
    for name in names:
        Path(name).write_bytes(page)
    command = (sys.executable, "-c", WITH_WORKERS, "read", "-", "--out", "r.csv", "--threads", "2")
    options = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    with started(*command, **options) as process:
        process.stdin.write("".join(f"{name}\n" for name in names))
        process.stdin.flush()  # and stays open, so only the signal can end the process
        while not (Path("r.csv").exists() and names[5] in Path("r.csv").read_text()):
            assert process.poll() is None
            time.sleep(0.01)
        found = workers_of(process)
        os.killpg(process.pid, number)
        assert "Traceback" not in process.stderr.read()
        assert process.wait() == code
    assert len(found) == 2
    while any(Path(f"/proc/{child}/fd/0").exists() for child in found):  # not so for a zombie
        time.sleep(0.01)
    assert run(*COMMAND, "read", "scans", "--out", "r.csv", "--resume")[0] == 0
    rows = Path("r.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == [each for name in names for each in [name] * 3]


def workers_of(process):
    """The processes that a process has started in any of its threads."""
    return [
        child
        for path in Path(f"/proc/{process.pid}/task").glob("*/children")
        for child in path.read_text().split()
    ]


@posix
@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"]], ids=" ".join)
def test_a_closed_pipe_ends_every_command_silently(arguments):
    reading, writing = os.pipe()
    os.close(reading)  # before the command starts, however late that is
    with started(*COMMAND, *arguments, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        errors = process.stderr.read()
        assert process.wait() == 128 + signal.SIGPIPE
    assert errors == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_standard_output_is_reported_by_every_command():
    with (
        Path("/dev/full").open("w") as full,
        started(*COMMAND, "models", stdout=full, stderr=subprocess.PIPE) as process,
    ):
        errors = process.stderr.read()
        assert process.wait() == 1
    assert errors == "edge-digits: stopped: [Errno 28] No space left on device\n"
