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
from edge_runtime.outputs.locked_file import open_locked

if TYPE_CHECKING:
    from edge_runtime.live.events import Event

_LINE_START = b'{"event": "'  # of every line of an event file
_TAIL = 1 << 16  # bytes at the end of a file that contain its last line


class EventFile:
    """A .jsonl file to which events are appended; a context manager.

    Existing events are kept, so a service that restarts continues its file. The file may be rotated by
    copying and truncating while it is open, but not by renaming it. `warning` is one line to show to the
    user, or "".

    Raises `OutputError` when the file cannot be written, is not an event file, or is being written by another
    process.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != ".jsonl":
            raise OutputError(f"{path}: events are written as JSON lines; use a name that ends in .jsonl")
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open_locked(path, append=True)
            self.warning = self._file.warning
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
        except RecursionError as error:
            raise OutputError(f"{self.path} is not an event file; choose another name") from error
        except ValueError:
            self._file.truncate(end - len(last))
        else:
            self._file.write(b"\n")

    def write(self, events: Iterable[Event]) -> None:
        """Append events: all of them, or none if they cannot be written.

        Raises `OutputError` if they cannot, or if the file has been removed, renamed or replaced.
        """
        lines = "".join(event.as_json() + "\n" for event in events).encode()
        before = os.fstat(self._file.fileno()).st_size
        try:
            self._file.write_all(lines)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(before)
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; earlier events are kept"
            ) from error
        self.check()

    def check(self) -> None:
        """Raise `OutputError` if the file has been removed, renamed or replaced."""
        self._file.check()

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
