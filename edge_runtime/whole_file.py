"""Whole files: written completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to: it replaces `path` at the end, or is deleted on an error.

    Creates missing folders. Raises `OSError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Nobody has a file of this name, and it is short enough beside the longest names.
    partial = path.with_name(f".{os.urandom(8).hex()}.partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
