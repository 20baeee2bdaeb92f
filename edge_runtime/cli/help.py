"""What the help texts of all commands share: their form, as wide as the terminal, and the exit codes."""

from __future__ import annotations

import argparse

from edge_runtime.cli.terminal import terminal_width

EXIT_CODES = """exit codes:
  0    success
  1    some images could not be read, or the run stopped early; results so far are kept
  2    invalid usage, or something that the command needs is missing
  130  interrupted by Ctrl-C; results so far are kept
  143  ended by SIGTERM; results so far are kept
Since camera and serve run until they are stopped, stopping them counts as success.
"""


class Formatter(argparse.HelpFormatter):
    """Knows the width. argparse makes a formatter for every argument, and would load `shutil` to ask."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=terminal_width() - 2)


class DescriptionFormatter(Formatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions and epilogs."""
