"""Where results go: CSV, JSON lines and Parquet, as context managers, and annotated images.

Rows are appended as they come and are on disk at once: whatever ends the process, the rows written
before are whole and stay. One row a digit; an image without one has a row with the reason in `status`.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType

from edge_runtime.errors import MissingDependencyError, OutputError
from edge_runtime.outputs.rows import COLUMNS, csv_rows, json_rows, printable
from edge_runtime.results import Reading

_ROW_GROUP = 50_000  # rows of a Parquet file that are in memory at a time


def open_output(path: Path, *, overwrite: bool = False, resume: bool = False) -> TableFile:
    """Open a results file by its suffix: .csv, .jsonl or .parquet.

    A file that exists is replaced only with `overwrite`, and continued with `resume`. Raises `OutputError`,
    or `MissingDependencyError` where Parquet is asked for without pyarrow.
    """
    kinds: dict[str, type[TableFile]] = {".csv": CsvFile, ".jsonl": JsonLinesFile, ".parquet": ParquetFile}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path}: results are written as {', '.join(kinds)}; name a file that ends so")
    return kind(path, overwrite=overwrite, resume=resume)


class TableFile:
    """A file of rows that grows in whole images.

    `done` names the images that it held when it was opened to be continued, without those that failed:
    they may be there now. `unsure` is its last image, of which a killed process may have written only
    some rows; read again as the first one, it takes their place.
    """

    header = ""
    opening = ""  # how every file of this kind begins
    journal_suffix = ""  # of the file beside it in which rows gather, where that is another one

    def __init__(self, path: Path, *, overwrite: bool = False, resume: bool = False) -> None:
        self.path = path
        self.done: set[str] = set()
        self.unsure: str | None = None
        self._unsure_start = 0
        self._journal = path.with_name(path.name + self.journal_suffix)
        if resume and os.path.exists(path) and not os.path.exists(self._journal):
            raise OutputError(f"{path} is finished, there is nothing to resume; --overwrite replaces it")
        for file in (path, self._journal):
            if os.path.exists(file) and not (overwrite or resume):
                raise OutputError(
                    f"{file} exists; add --resume to go on with it, or --overwrite to replace it"
                )
            if os.path.exists(file) and not os.path.isfile(file):
                raise OutputError(f"{file} is not a regular file; name another")
        try:
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            end = self._find_end() if resume and os.path.exists(self._journal) else 0
            self._file = self._journal.open("r+b" if end else "w+b", buffering=0)
            self._file.truncate(end)
            self._file.seek(end)
            if not end:
                self._put(self.header, at=0)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error

    @property
    def held_in(self) -> Path:
        """The file that holds the rows now."""
        return self._journal if self._journal.exists() else self.path

    def _render(self, readings: list[Reading]) -> str:
        raise NotImplementedError

    def _records(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        """Yield source and status of every whole record."""
        raise NotImplementedError

    def _find_end(self) -> int:
        """Where the last whole row ends; fills `done` and `unsure`."""
        with self._journal.open("rb") as file:
            begins = file.read(len(self.opening)).decode("utf-8", "replace")
        if not self.opening.startswith(begins):
            raise OutputError(f"{self.path} is not a results file that can be continued; name another")
        position = 0

        def whole_lines() -> Iterator[str]:
            nonlocal position
            with self._journal.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    position += len(line)
                    yield line.decode("utf-8")

        end = len(self.header.encode()) if begins == self.header else 0
        try:
            for source, status in self._records(whole_lines()):
                if source != self.unsure:
                    self.unsure, self._unsure_start = source, end
                if status.startswith("error"):
                    self.done.discard(source)
                else:
                    self.done.add(source)
                end = position
        except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
            raise OutputError(
                f"{self.path} is not a results file that can be continued ({error}); name another"
            ) from error
        return end

    def write(self, readings: list[Reading]) -> None:
        """Append the rows of `readings`. Raises `OutputError` and leaves whole rows when the disk is full."""
        try:
            end = self._file.tell()
            if readings and self.unsure is not None:
                first, unsure, self.unsure = readings[0], self.unsure, None
                if printable(first.source) == unsure:
                    if first.failed:  # the rows that are there are better than none
                        readings = readings[1:]
                    else:
                        end = self._unsure_start
            self._put(self._render(readings), at=end)
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; the results so far are whole, "
                "make room and go on with --resume"
            ) from error

    def _put(self, text: str, *, at: int) -> None:
        """Put text in the place of what begins at `at`, the end as a rule: the whole of it, or nothing."""
        self._file.seek(at)
        replaced = self._file.read()
        try:
            self._rewrite(at, text.encode("utf-8"))
        except BaseException:  # a full disk, or Ctrl-C half-way through
            self._rewrite(at, replaced)
            raise

    def _rewrite(self, at: int, content: bytes) -> None:
        self._file.truncate(at)
        self._file.seek(at)
        data = memoryview(content)
        while data:
            data = data[self._file.write(data) :]

    def __enter__(self) -> TableFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class CsvFile(TableFile):
    """Comma-separated values with a header line, as spreadsheets and pandas read them."""

    header = opening = ",".join(COLUMNS) + "\n"

    def _render(self, readings: list[Reading]) -> str:
        return csv_rows(readings)

    def _records(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        records = csv.reader(lines)
        next(records, None)  # the header
        for record in records:
            if len(record) != len(COLUMNS):
                if next(records, None) is None:
                    return  # cut within a name that holds a line break
                raise ValueError(f"a row of {len(record)} columns")
            yield record[0], record[-1]


class JsonLinesFile(TableFile):
    """One JSON object a line."""

    opening = '{"source": '

    def _render(self, readings: list[Reading]) -> str:
        return json_rows(readings)

    def _records(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        for line in lines:
            row = json.loads(line)
            yield row["source"], row["status"]


class ParquetFile(JsonLinesFile):
    """Apache Parquet, through pyarrow.

    A Parquet file is of use only once it is finished, so the rows gather as JSON lines beside it, in
    `NAME.partial.jsonl`, and become Parquet at the end. What was cut short stays there and can be resumed.
    """

    journal_suffix = ".partial.jsonl"

    def __init__(self, path: Path, *, overwrite: bool = False, resume: bool = False) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(
                "Parquet needs pyarrow: pip install 'edge-digits[parquet]', or name a .csv or .jsonl file"
            ) from error
        super().__init__(path, overwrite=overwrite, resume=resume)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            try:
                self._convert()
            except OSError as failure:
                raise OutputError(
                    f"cannot write {self.path}: {failure}; all rows are in {self._journal}"
                ) from failure
            self._journal.unlink()

    def _convert(self) -> None:
        import pyarrow
        import pyarrow.parquet

        whole, fraction, text = pyarrow.int32(), pyarrow.float32(), pyarrow.string()
        kinds = (text, pyarrow.int8(), fraction, whole, whole, whole, whole, text)
        schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
        partial = self.path.with_name(self.path.name + ".partial")
        with pyarrow.parquet.ParquetWriter(partial, schema) as writer, self._journal.open("rb") as lines:
            while group := [json.loads(line) for line in islice(lines, _ROW_GROUP)]:
                writer.write_batch(pyarrow.RecordBatch.from_pylist(group, schema))
        partial.replace(self.path)
