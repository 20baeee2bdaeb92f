"""The base of all results files: appends whole images, survives interruptions and can be continued.

Rows are on disk as soon as they are written. Whatever ends the process, the rows written before are complete
and kept. One process at a time writes a file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

from edge_runtime.errors import OutputError
from edge_runtime.images.lists import is_new_each_time
from edge_runtime.images.paths import split_page
from edge_runtime.outputs.contents import Contents
from edge_runtime.outputs.identity import absolute, identity
from edge_runtime.outputs.locked_file import check_regular, open_locked
from edge_runtime.outputs.rows import FORMER, Rows, kind_of
from edge_runtime.outputs.run_record import RunRecord
from edge_runtime.outputs.table_format import TableFormat
from edge_runtime.results import Reading
from edge_runtime.whole_file import whole_file

Table = TypeVar("Table", bound="TableFile")


class TableFile:
    """A file of rows that grows by whole images; a context manager.

    Beside the file, `NAME.meta.json` records what its rows are from, and a run of another version or model
    does not continue it.

    When a file is resumed, the images that it contains need not be read again, except two kinds. Images that
    failed may be readable now: write them again, and their earlier rows are replaced. `last`, if not None, is
    the source of the last rows, of which a killed process may have written only some: write that image before
    all others, and it replaces these rows.

    `format` is the one of new files; a file that an earlier version began keeps its columns. `warnings` are
    lines to show to the user.
    """

    journal_suffix = ""  # of the file beside it that collects the rows; "" if the file itself does

    def __init__(
        self,
        path: Path,
        run: RunRecord,
        format: TableFormat,
        *,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self._check_dependencies()
        self.path, self.run, self.format, self.warnings = path, run, format, list[str]()
        self.last: str | None = None
        self._last_start = 0  # byte at which the rows of `last` begin
        self._end = 0  # byte at which the next rows begin
        self._intact = True  # whether nothing else has changed the file
        self._record: RunRecord | None = run  # what its rows are from, None if that is not recorded
        self._contents = Contents(run.folder)
        self._resumed = resume
        # If the path is a link, all files lie beside the one that it leads to.
        self._real = Path(os.path.realpath(path)) if os.path.islink(path) else path
        suffix = self.journal_suffix
        self._journal = self._real.with_name(self._real.name + suffix) if suffix else path
        self._meta = self._real.with_name(self._real.name + ".meta.json")
        for file in (path, self._journal, self._meta):
            check_regular(file)
        for file in (path, self._journal):
            if os.path.exists(file) and not (overwrite or resume):
                raise OutputError(f"{file} exists; continue it with --resume or replace it with --overwrite")
        try:
            self._real.parent.mkdir(parents=True, exist_ok=True)
            if resume:
                self._reopen()
            self._open(new=not (overwrite or resume))
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error

    @property
    def rows_path(self) -> Path | None:
        """The file that contains the rows at the moment; None if they have been removed or changed."""
        if not self._intact:
            return None
        return self._journal if self.journal_suffix and self._journal.exists() else self.path

    def contains(self, source: str) -> bool:
        """Whether the file has the rows of an image, which then need not be read again.

        What comes through standard input or a pipe of the shell is another image each time.
        """
        return not is_new_each_time(source) and self._contents.has_read(source, self.run.folder)

    def forget_failure(self, page: str) -> None:
        """Supersede the row that says that the file of this page failed: all its pages have rows."""
        self._contents.forget_failure(split_page(page)[0], self.run.folder)

    def is_last(self, source: str) -> bool:
        """Whether an image is `last`, perhaps with another spelling."""
        if self.last is None or is_new_each_time(source):
            return False
        return identity(source, self.run.folder) == identity(self.last, self._contents.folder)

    def path_of_last(self) -> str:
        """A path of `last` that is valid in the working directory."""
        return self.last or "" if self._same_folder() else absolute(self.last or "", self._contents.folder)

    def write(self, readings: list[Reading]) -> None:
        """Append the rows of readings: all of them, or none if this raises `OutputError`."""
        try:
            self._check()
            start, rows = self._end, list(map(self._relocate, readings))
            if rows and self.last is not None:
                if self.is_last(readings[0].source):
                    start, rows = self._replace_last(rows)
                self.last = None
            rows = [reading for reading in rows if not self._repeats(reading)]
            self._replace_from(start, self.format.render(rows))
            if self._resumed:  # a new file may have an image twice
                for reading in rows:
                    self._contents.add(reading.source, reading.status)
            self._check()
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; earlier results are kept; "
                "free some space and continue with --resume"
            ) from error

    def _check_dependencies(self) -> None:
        """Raise `MissingDependencyError` if a package that the format needs is missing."""

    def _reopen(self) -> None:
        """Make a finished file one that can be continued. Raises `OutputError` and `OSError`."""

    def _finish(self, *, complete: bool) -> None:
        """Finish the file, which is `complete` or interrupted. Raises `OutputError` and `OSError`."""
        if self._contents.superseded:
            with whole_file(self._real) as partial:
                with partial.open("wb") as file, self._reader() as old:
                    file.write(self.format.header().encode())
                    file.writelines(self._contents.current(self.format.read(old)))
                    file.flush()
                    os.fsync(file.fileno())
                shutil.copymode(self._real, partial)
                self._allow_replacing()

    def _allow_replacing(self) -> None:
        """Close the file on Windows, which does not replace or delete open files."""
        if os.name == "nt":
            self._file.close()

    def _open(self, *, new: bool) -> None:
        try:
            self._file = open_locked(self._journal, new=new)
        except FileExistsError:
            raise OutputError(f"{self._journal} has just been created by another process") from None
        with contextlib.ExitStack() as stack:
            if self._file.created:
                for path in (self._journal, self._meta):
                    stack.callback(path.unlink, missing_ok=True)
            stack.callback(self._file.close)
            if self._file.warning:
                self.warnings.append(self._file.warning)
            if not (self._resumed and self._scan()):
                with whole_file(self._meta) as partial:
                    partial.write_text(self.run.as_json(), encoding="utf-8")
                    self._file.truncate(0)
                self._replace_from(0, self.format.header())
            stack.pop_all()

    def _scan(self) -> bool:
        """Take stock of the rows of the file and remove a last one that is incomplete; False without rows.

        Raises `OutputError`, and leaves the file alone, if it is of another program, kind or run.
        """
        record = RunRecord.load(self._meta)
        contents = Contents(record.folder if record else self.run.folder)
        count = 0
        try:
            with self._reader() as file:
                found = self.format.of_file(file) or self.format
                end = len(found.header())
                for row, source, status in found.read(file):
                    if kind_of(status) != "digit" or found.rows.unit == "image":  # the only row of its image
                        self.last = None
                        contents.add(source, status)
                    elif source != self.last:
                        self.last, self._last_start = source, end
                        contents.add(source, status)
                    end += len(row)
                    count += 1
        except ValueError as error:
            raise OutputError(
                f"{self.path} is not a results file of edge-digits; choose another name "
                f"(row {count + 1}: {error})"
            ) from error
        if not count:
            return False
        self._check_continues(found.rows, record)
        if record is None:
            self.warnings.append(
                f"{self.path} does not record what its rows are from; now rows of {self.run} are added"
            )
        if found.rows is FORMER:
            self.warnings.append(
                f"{self.path} was begun by an earlier version and keeps its columns; a new file has more"
            )
        self.format, self._record, self._contents = found, record, contents
        self._file.truncate(end)
        self._end = end
        return True

    def _check_continues(self, rows: Rows, record: RunRecord | None) -> None:
        """Raise `OutputError` unless a file with such rows, of such a run, may be continued."""
        others = "write to another file, or replace it with --overwrite"
        if rows.unit != self.format.rows.unit:
            raise OutputError(
                f"{self.path} has one row per {rows.unit}, not one per {self.format.rows.unit}; continue it "
                f"with --rows {rows.unit}, {others}"
            )
        if record is not None and (difference := record.difference(self.run)):
            raise OutputError(f"{self.path} {difference}; continue it with the original settings, {others}")

    def _reader(self) -> BinaryIO:
        """The file for buffered reading; closing it leaves the file open."""
        return os.fdopen(self._file.fileno(), "rb", closefd=False)

    def _repeats(self, reading: Reading) -> bool:
        """Whether an image has failed again for the same reason, so that it has its row already."""
        return reading.failed and self._contents.has_failed(reading.source, reading.status)

    def _replace_last(self, readings: list[Reading]) -> tuple[int, list[Reading]]:
        """Where the rows of these readings begin, the first of them of `last`, and which of them to write."""
        first, *others = readings
        if first.failed:  # the existing rows are better than none
            return self._end, others
        return self._last_start, [replace(first, source=self.last or ""), *others]

    def _relocate(self, reading: Reading) -> Reading:
        """A reading whose source is the same image in a file that was begun in another folder."""
        if self._same_folder():
            return reading
        return replace(reading, source=absolute(reading.source, self.run.folder))

    def _same_folder(self) -> bool:
        return self._contents.folder == self.run.folder

    def _check(self) -> None:
        """Raise `OutputError` if another program has removed or changed the file."""
        self._intact = False
        self._file.check()
        if os.fstat(self._file.fileno()).st_size != self._end:
            raise OutputError(
                f"another program changed {self.path} while results were written; the file is left as it is"
            )
        self._intact = True

    def _replace_from(self, start: int, text: str) -> None:
        """Replace everything from byte `start`, usually the end of the file: completely, or not at all."""
        try:
            self._file.replace_from(start, text.encode("utf-8"))
        finally:
            self._end = self._file.tell()

    def __enter__(self: Table) -> Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                if kind is None or isinstance(error, KeyboardInterrupt):
                    self._check()
                    self._file.sync()
                    self._finish(complete=kind is None)
        except OSError as failure:
            raise OutputError(f"cannot write {self.path}: {failure.strerror or failure}") from failure
