"""Isolated decoders: PDF and HEIC files are decoded in processes of their own.

Their libraries can neither be bounded nor called from several threads, and may crash on damaged files. In a
process, memory is limited, one that takes too long is killed, and the others go on.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import sys
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ImageError
from edge_runtime.images import child, decode, kinds, suffixes
from edge_runtime.images.document import Document
from edge_runtime.images.limits import MAX_HEIC_PIXELS, MAX_RENDERED_PIXELS, Limits

_PIXELS = {"pdf": MAX_RENDERED_PIXELS, "heic": MAX_HEIC_PIXELS}
_MOST_PROCESSES = 4


def kind_of(data: bytes) -> str | None:
    """The kind of a file that is decoded here, if its package is installed."""
    kind = "pdf" if kinds.is_pdf(data) else "heic" if kinds.is_heic(data) else None
    return kind if kind and suffixes.is_available(kind) else None


class _Failed(Exception):
    """The process has ended or was killed. The text says why."""


class _Gone(_Failed):
    """The process had ended before the request, because of another one."""


class _Process:
    """A decoding process. It answers one request at a time."""

    def __init__(self) -> None:
        if not sys.executable:
            raise ImageError(
                "PDF and HEIC files are decoded in a separate Python process, but sys.executable is empty"
            )
        self.owner, self.lock = os.getpid(), threading.Lock()
        self.closed: list[int] = []  # files that are no longer needed
        self._popen = child.start("edge_runtime.images.decoder_process")

    @property
    def alive(self) -> bool:
        """Whether the process runs, and was started by this one, not by one from which this was forked."""
        return self.owner == os.getpid() and self._popen.poll() is None

    def ask(self, request: dict[str, Any], data: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Send a request and wait for the reply and the bytes that follow it. Raises `_Failed`."""
        assert self._popen.stdin and self._popen.stdout
        with self.lock:
            if not self.alive:  # what another request did to it while this one waited
                raise _Gone
            late = threading.Event()

            def give_up() -> None:
                late.set()
                self._popen.kill()

            timer = threading.Timer(seconds, give_up)
            timer.daemon = True
            timer.start()
            try:
                closed = self.closed[:]
                del self.closed[: len(closed)]
                self._popen.stdin.write(json.dumps({**request, "close": closed}).encode() + b"\n")
                self._popen.stdin.write(data)
                self._popen.stdin.flush()
                reply = json.loads(self._popen.stdout.readline())
                pixels = self._popen.stdout.read(reply["size"])
                if len(pixels) < reply["size"]:
                    raise EOFError
            except (OSError, ValueError, EOFError) as error:
                self.end()
                slow = f"it takes more than {seconds:g} s to decode"
                raise _Failed(slow if late.is_set() else "damaged: its decoder crashed") from error
            except BaseException:  # Ctrl-C: the reply that is still to come belongs to no other request
                self.end()
                raise
            finally:
                timer.cancel()
        return reply, pixels

    def end(self) -> None:
        """Kill the process."""
        child.end(self._popen)


_processes: list[_Process] = []
_others: list[_Process] = []  # of a process from which this one was forked
_guard = threading.Lock()
_numbers = itertools.count()


def _process() -> _Process:
    """A process that does nothing at the moment, or one of the four if all are busy.

    Raises `ImageError` if there is none and none can be started.
    """
    with _guard:
        for each in [each for each in _processes if not each.alive]:
            each.end()  # closes its pipes
            _processes.remove(each)
        idle = next((each for each in _processes if not each.lock.locked()), None)
        if idle is None and len(_processes) < _MOST_PROCESSES:
            try:
                _processes.append(idle := _Process())
            except OSError as error:  # too many open files or processes, or no memory
                if not _processes:
                    reason = (error.strerror or str(error)).lower()
                    raise ImageError(f"its decoder cannot be started: {reason}") from error
        return idle or _processes[next(_numbers) % len(_processes)]


def _end_all() -> None:
    for each in _processes:
        if each.owner == os.getpid():
            each.end()
    _processes.clear()


def _forked() -> None:
    global _guard
    _guard = threading.Lock()
    _others.extend(_processes)
    _processes.clear()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Isolated(Document):
    """A PDF or HEIC file."""

    def __init__(self, kind: str, data: bytes, limits: Limits) -> None:
        """Open the file. Raises `ImageError` if it is damaged, or has a password."""
        self._kind, self._data = kind, data
        self._pixels, self._seconds = min(_PIXELS[kind], limits.pixels), limits.seconds
        self._lock = threading.Lock()
        self._open()

    def __len__(self) -> int:
        return self._count

    def _open(self) -> None:
        number = next(_numbers)
        request = {"open": self._kind, "id": number, "size": len(self._data)}
        while True:
            process = _process()
            try:
                reply, _ = process.ask(request, self._data, self._seconds)
                break
            except _Gone:
                continue
            except _Failed as error:
                raise ImageError(str(error)) from error
        if "error" in reply:
            raise ImageError(reply["error"])
        if not reply["pages"]:
            raise ImageError("a PDF without pages")
        self._process, self._number, self._count = process, number, int(reply["pages"])
        weakref.finalize(self, process.closed.append, number)

    def decode(self, index: int, *, colour: bool = False) -> NDArray[np.uint8]:
        """Decode a page, counted from 0, as grey or BGR. Raises `ImageError`."""
        with self._lock:
            while True:
                if not self._process.alive:  # another page, or another file, was too much for it
                    self._open()
                request = {"page": index, "id": self._number, "colour": colour, "pixels": self._pixels}
                try:
                    reply, pixels = self._process.ask(request, b"", self._seconds)
                    break
                except _Gone:
                    continue
                except _Failed as error:
                    raise ImageError(str(error)) from error
        if "error" in reply:
            raise ImageError(reply["error"])
        width, height, channels, stride = (reply[name] for name in ("width", "height", "channels", "stride"))
        rows = np.frombuffer(pixels, np.uint8, stride * height).reshape(height, stride)
        image = rows[:, : width * channels].reshape(height, width, channels)
        return decode.to_colour(image) if colour else decode.to_grey(image)
