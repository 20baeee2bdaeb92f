"""The command `edge-digits`: arguments in, exit codes out. Nothing else in the runtime prints."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from edge_runtime.cli.parser import build_parser
from edge_runtime.cli.signals import exit_code
from edge_runtime.cli.terminal import output_failed, print_message
from edge_runtime.errors import EdgeDigitsError

__all__ = ["build_parser", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, with the arguments of the process by default, and return its exit code.

    Raises `SystemExit` as argparse does: for invalid arguments, --help and --version.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = build_parser(*arguments[:1]).parse_args(arguments)
    # We report damaged files ourselves, in one line. OpenCV reads these settings once, when it is loaded.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    if sys.stdout is None:  # the parent process closed it
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    with contextlib.suppress(AttributeError):
        # A file name that the terminal cannot encode must not end the run.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        module = import_module(f"edge_runtime.cli.{options.command}")
        return int(getattr(module, options.command)(options))
    except EdgeDigitsError as error:
        print_message(str(error))
        return 2
    except ImportError as error:
        if interrupt := _interrupt_behind(error):
            return _interrupted(options, interrupt)
        print_message(
            f"{error}; a package or a system library is missing. On Debian and Raspberry Pi OS: sudo apt "
            "install libgl1 libglib2.0-0. On a machine without a screen: pip uninstall opencv-python "
            "opencv-python-headless, then pip install opencv-python-headless"
        )
        return 2
    except KeyboardInterrupt as interrupt:
        return _interrupted(options, interrupt)
    except OSError as error:
        return output_failed(error)


def _interrupted(options: argparse.Namespace, interrupt: KeyboardInterrupt) -> int:
    resumable = options.command in ("read", "scale") and options.out
    print_message("interrupted; continue with --resume" if resumable else "interrupted")
    return exit_code(interrupt)


def _interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt that caused an error, if one did.

    Extension modules that are interrupted while they load raise their own errors.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error
