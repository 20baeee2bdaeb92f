"""Event files: what appears, changes and leaves in front of a camera, one JSON line per event."""

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

_LINE_START = b'{"event": '  # of every line of an event file
_TAIL = 1 << 16  # bytes at the end of a file that contain its last line


class EventFile:
    """A .jsonl file to which events are appended; a context manager.

    Existing events are kept, so a service that restarts continues its file. The file may be rotated by
    copying and truncating while it is open. Raises `OutputError` when it cannot be written or is not an event
    file.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != ".jsonl":
            raise OutputError(f"{path}: events are written as JSON lines; use a name that ends in .jsonl")
        if os.path.exists(path) and not os.path.isfile(path):
            raise OutputError(f"{path} is not a regular file; choose another name")
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
            try:
                self._repair()
            except BaseException:
                self._file.close()
                raise
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error

    def _repair(self) -> None:
        """Make the file end with a complete line: delete one that a killed process left incomplete."""
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        start = self._file.read(len(_LINE_START))
        self._file.seek(max(0, end - _TAIL))
        last = self._file.read(_TAIL).rpartition(b"\n")[2]
        # The file, and its last line, may be empty, or cut off within `_LINE_START`.
        if not all(part.startswith(_LINE_START[: len(part)]) for part in (start, last)):
            raise OutputError(f"{self.path} is not an event file; choose another name")
        if not last:
            return
        try:
            json.loads(last)
        except ValueError:
            self._file.truncate(end - len(last))
        else:
            self._file.write(b"\n")

    def write(self, events: Iterable[Event]) -> None:
        """Append events: all of them, or none if this raises `OutputError`."""
        rest = memoryview("".join(event.as_json() + "\n" for event in events).encode())
        before = os.fstat(self._file.fileno()).st_size
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(before)
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; earlier events are kept"
            ) from error

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
