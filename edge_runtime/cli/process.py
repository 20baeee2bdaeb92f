"""The process of the command `edge-digits`: runs the command and ends with its exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn

from edge_runtime.cli import main
from edge_runtime.cli.signals import exit_code, raise_on_sigterm
from edge_runtime.cli.terminal import output_failed


def run() -> NoReturn:
    """Run the command with the arguments of the process, and end the process.

    By now all files are closed and the summary is printed, so the process ends at once, without the clean-up
    of Python and C++. That takes as long as reading a few images, and it would abort the process while daemon
    threads are still running ("terminate called without an active exception"): one that captures may be
    blocked inside FFmpeg or a driver, perhaps forever, and one of the web server may be reading an image.

    Programs that call `main` are not affected: it returns an exit code.
    """
    code = 1
    try:
        _open_standard_streams()
        raise_on_sigterm()
        code = main()
    except SystemExit as stop:  # argparse: --help, --version and invalid arguments
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt as interrupt:  # before or after the command itself
        code = exit_code(interrupt)
    except BaseException:
        traceback.print_exc()
    try:
        sys.stdout.flush()
    except OSError as error:
        code = output_failed(error)
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def _open_standard_streams() -> None:
    """Open the null device in place of the standard streams that the parent process has closed.

    The next file that is opened would otherwise become one of them, such as a results file that receives what
    libraries print on standard error.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", closefd=False))
