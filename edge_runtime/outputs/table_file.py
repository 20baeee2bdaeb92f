"""The base of all results files: appends whole images, survives interruptions and can be continued.

Rows are on disk as soon as they are written. Whatever ends the process, the rows written before are complete
and kept.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from edge_runtime.errors import OutputError
from edge_runtime.outputs.rows import escape_source
from edge_runtime.results import Reading


class TableFile:
    """A file of rows that grows by whole images; a context manager.

    When a file is resumed, `completed` holds the sources it already contains, except those that failed: they
    may be readable now. `last` is its last source, of which a killed process may have written only some
    rows: read that source again first, and the new rows replace the old ones.
    """

    header = ""  # first line
    opening = ""  # first characters of every file of this format
    journal_suffix = ""  # of the file beside it that collects the rows; "" if the file itself does

    def __init__(self, path: Path, *, overwrite: bool = False, resume: bool = False) -> None:
        self.path = path
        self.completed: set[str] = set()
        self.last: str | None = None
        self._last_start = 0  # byte at which the rows of `last` begin
        self._journal = path.with_name(path.name + self.journal_suffix)
        if resume and os.path.exists(path) and not os.path.exists(self._journal):
            raise OutputError(f"{path} is complete: there is nothing to resume; replace it with --overwrite")
        for file in (path, self._journal):
            if os.path.exists(file) and not (overwrite or resume):
                raise OutputError(f"{file} exists; continue it with --resume or replace it with --overwrite")
            if os.path.exists(file) and not os.path.isfile(file):
                raise OutputError(f"{file} is not a regular file; choose another name")
        try:
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            end = self._scan() if resume and os.path.exists(self._journal) else 0
            self._file = self._journal.open("r+b" if end else "w+b", buffering=0)
            self._file.truncate(end)
            self._file.seek(end)
            if not end:
                self._replace_from(0, self.header)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error

    @property
    def rows_path(self) -> Path:
        """The file that contains the rows at the moment."""
        return self._journal if self._journal.exists() else self.path

    def render(self, readings: list[Reading]) -> str:
        """The rows of readings as text."""
        raise NotImplementedError

    def parse(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        """Yield source and status of every complete row. Raises `ValueError` or the like for other rows."""
        raise NotImplementedError

    def write(self, readings: list[Reading]) -> None:
        """Append the rows of readings: all of them, or none if this raises `OutputError`."""
        try:
            start = self._file.tell()
            if readings and self.last is not None:
                first, last, self.last = readings[0], self.last, None
                if escape_source(first.source) == last:
                    if first.failed:  # the existing rows are better than none
                        readings = readings[1:]
                    else:
                        start = self._last_start
            self._replace_from(start, self.render(readings))
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; earlier results are kept; "
                "free some space and continue with --resume"
            ) from error

    def _scan(self) -> int:
        """Set `completed` and `last` from the file; return the byte at which its last complete row ends."""
        not_resumable = f"{self.path} is not a results file of edge-digits; choose another name"
        with self._journal.open("rb") as file:
            start = file.read(len(self.opening)).decode("utf-8", "replace")
        if not self.opening.startswith(start):
            raise OutputError(not_resumable)
        position = 0

        def complete_lines() -> Iterator[str]:
            nonlocal position
            with self._journal.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    position += len(line)
                    yield line.decode("utf-8")

        end = len(self.header.encode()) if start == self.header else 0
        try:
            for source, status in self.parse(complete_lines()):
                if source != self.last:
                    self.last, self._last_start = source, end
                if status.startswith("error"):
                    self.completed.discard(source)
                else:
                    self.completed.add(source)
                end = position
        except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
            raise OutputError(f"{not_resumable} ({error})") from error
        return end

    def _replace_from(self, start: int, text: str) -> None:
        """Replace everything from byte `start`, usually the end of the file: completely, or not at all."""
        self._file.seek(start)
        replaced = self._file.read()
        try:
            self._rewrite(start, text.encode("utf-8"))
        except BaseException:  # a full disk, or Ctrl-C half-way through
            self._rewrite(start, replaced)
            raise

    def _rewrite(self, start: int, content: bytes) -> None:
        self._file.truncate(start)
        self._file.seek(start)
        data = memoryview(content)
        while data:
            data = data[self._file.write(data) :]

    def __enter__(self) -> TableFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
