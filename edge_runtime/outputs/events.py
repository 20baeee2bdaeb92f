"""TODO."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from edge_runtime.errors import OutputError

if TYPE_CHECKING:
    from edge_runtime.live.events import Event


_EVENT = b'{"event": '  # how every line of a file of events begins

_BLOCK = 1 << 16  # bytes, more than any line of it


class EventFile:
    """A file of JSON lines, one an event, that a camera's events are added to.

    What it holds stays: a service that starts again goes on with it, and it may be rotated meanwhile. Raises
    `OutputError` when it cannot be written, or is another kind of file.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != ".jsonl":
            raise OutputError(f"{path}: events are written as JSON lines; name a file that ends in .jsonl")
        if os.path.exists(path) and not os.path.isfile(path):
            raise OutputError(f"{path} is not a regular file; name another")
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
            self._mend()
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error

    def _mend(self) -> None:
        """See that the file ends with a whole line: what a killed process began is cut off."""
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        begins = self._file.read(len(_EVENT))
        self._file.seek(max(0, end - _BLOCK))
        last = self._file.read(_BLOCK).rpartition(b"\n")[2]
        if not last:
            return
        if not _EVENT.startswith(begins) or not (last.startswith(_EVENT) or _EVENT.startswith(last)):
            self._file.close()
            raise OutputError(f"{self.path} is not a file of events; name another")
        try:
            json.loads(last)
        except ValueError:
            self._file.truncate(end - len(last))
        else:
            self._file.write(b"\n")

    def write(self, events: Iterable[Event]) -> None:
        """Append the events, all of them or none."""
        rest = memoryview("".join(event.as_json() + "\n" for event in events).encode())
        before = os.fstat(self._file.fileno()).st_size
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(before)
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; the events so far are whole"
            ) from error

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
