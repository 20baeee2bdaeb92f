"""Quiet: keeps what OpenCV, libpng, libjpeg and libtiff print about damaged files off standard error.

The libraries print through C's `stderr`, which is a variable: while a file is decoded, it names a stream to
nowhere. The file descriptor stays as it is, so that nothing is lost that Python writes meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from cv2.utils import logging

_lock = threading.Lock()
_inside = 0  # threads that decode now
_original: tuple[int, Any] | None = None  # OpenCV's log level and C's stream outside


@lru_cache(maxsize=1)
def _streams() -> tuple[Any, int] | None:
    """C's variable `stderr` and a stream to nowhere; None where the variable cannot be changed."""
    if sys.platform == "darwin":
        name = "__stderrp"
    elif "glibc" in _libc():  # in others, it is a constant
        name = "stderr"
    else:
        return None
    import ctypes  # numpy has loaded it already

    try:
        library = ctypes.CDLL(None)
        library.fopen.restype = ctypes.c_void_p
        nowhere = library.fopen(os.fsencode(os.devnull), b"w")
        variable = ctypes.c_void_p.in_dll(library, name)
    except (OSError, ValueError, AttributeError):
        return None
    return (variable, nowhere) if nowhere else None


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):  # not a Unix, or another library
        return ""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What OpenCV and C libraries print to standard error inside the `with` block is discarded."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _original
    streams = _streams()
    with _lock:
        if not _inside:
            level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
            _original = level, streams and streams[0].value
            if streams:
                streams[0].value = streams[1]
        _inside += 1


def _leave() -> None:
    global _inside
    streams = _streams()
    with _lock:
        _inside -= 1
        if not _inside and _original:
            logging.setLogLevel(_original[0])
            if streams:
                streams[0].value = _original[1]
