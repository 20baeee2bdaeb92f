"""Child processes: parts of this package that run beside this process and answer through pipes."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

# Begins every program that `python -c` runs: otherwise, it would import files of the current folder.
SAFE_PATH = "import sys; sys.path[:] = filter(None, sys.path)\n"

# The packages of this process, wherever they come from.
_PROGRAM = f"{SAFE_PATH}import json; sys.path[:] = json.loads(sys.argv[1]); from {{}} import main; main()"


def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `main` of a module, with `arguments` as `sys.argv[2:]`. Raises `OSError`.

    The main module of this process is not run again, whatever it is. Ctrl-C does not reach the child: it is
    for the process that started it, and the child ends when its standard input does.
    """
    import subprocess  # takes 3 ms, and few runs start a process

    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(module), json.dumps(list(map(str, sys.path))), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a child."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if stream:
                stream.close()
