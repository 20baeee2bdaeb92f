"""The process of the command `edge-digits`: runs the command and ends with its exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from typing import NoReturn

from edge_runtime.cli import main


def run() -> NoReturn:
    """Run the command with the arguments of the process, and end the process.

    Daemon threads may still be running when the command is done: one that captures may be blocked inside
    FFmpeg or a driver, perhaps forever, and one of the web server may be reading an image. A normal exit
    would abort the process ("terminate called without an active exception"), because it stops these threads
    in the middle of C++ code and destroys static objects that they use. By now all files are closed and the
    summary is printed, so the process ends at once, without the clean-up of Python and C++.

    Programs that call `main` are not affected: it returns an exit code.
    """
    code = 1
    try:
        code = main()
    except SystemExit as stop:  # argparse: --help, --version and invalid arguments
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:  # before or after the command itself
        code = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
    if any(thread.daemon for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):  # it may be None or closed
                stream.flush()
        os._exit(code)
    sys.exit(code)
