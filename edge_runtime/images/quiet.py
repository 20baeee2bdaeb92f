"""Quiet: keeps what OpenCV, libpng, libjpeg and libtiff print about damaged files off standard error.

The libraries print through C's `stderr`, which is a variable: while a file is decoded, it names a stream to
nowhere. The file descriptor stays as it is, so that nothing is lost that Python writes meanwhile.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import lru_cache
from typing import Any

import cv2

_SILENT = 0  # OpenCV's log level
# OpenCV 4 and 5 have this function in different places.
_set_log_level = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel


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
        library = ctypes.pythonapi  # all that the process has loaded, C's library included
        fopen = library["fopen"]
        fopen.restype = ctypes.c_void_p
        nowhere = fopen(os.fsencode(os.devnull), b"we")  # "e": programs that are started do not inherit it
        variable = ctypes.c_void_p.in_dll(library, name)
    except (OSError, ValueError, AttributeError):
        return None
    return (variable, nowhere) if nowhere else None


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):  # not a Unix, or another library
        return ""


class _Quiet:
    """A context: what OpenCV and C libraries print to standard error inside the `with` block is discarded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0  # threads that decode now
        self._level = self._stream = 0  # OpenCV's log level and C's stream outside

    def __enter__(self) -> None:
        streams = _streams()
        with self._lock:
            if not self._inside:
                self._level = _set_log_level(_SILENT)
                if streams:
                    self._stream, streams[0].value = streams[0].value, streams[1]
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        streams = _streams()
        with self._lock:
            self._inside -= 1
            if not self._inside:
                _set_log_level(self._level)
                if streams:
                    streams[0].value = self._stream


quiet = _Quiet()
