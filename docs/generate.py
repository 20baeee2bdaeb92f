"""Writes docs/cli.md from the help of the command: `python docs/generate.py`; a test checks that it did."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from edge_runtime.cli import _parser

PAGE = Path(__file__).with_name("cli.md")


def render() -> str:
    """The whole page."""
    # argparse wraps lines to the terminal's width, and colours them from Python 3.14 on.
    os.environ.update(COLUMNS="100", NO_COLOR="1")
    parser = _parser()
    (commands,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    parts = [
        "# The command `edge-digits`",
        "Written by `python docs/generate.py` from the command's own help.",
        _block(parser),
    ]
    for name, command in commands.choices.items():
        parts += [f"## `edge-digits {name}`", _block(command)]
    return "\n\n".join(parts) + "\n"


def _block(parser: argparse.ArgumentParser) -> str:
    return f"```text\n{parser.format_help().rstrip()}\n```"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
