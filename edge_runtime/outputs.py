"""Where results go: CSV, JSON lines and Parquet, as context managers, and annotated pictures.

Rows are appended as they come and are on disk at once: whatever ends the process, the rows written
before are whole and stay. One row a digit; a picture without one has a row with the reason in `status`.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import cv2

from edge_runtime import display, preprocess, sources
from edge_runtime.errors import MissingDependencyError, OutputError, PictureError
from edge_runtime.results import Reading

if TYPE_CHECKING:
    from edge_runtime.events import Event

COLUMNS = ("source", "digit", "confidence", "x", "y", "width", "height", "status")
Row = tuple[Any, ...]
_EVENT = b'{"event": '  # how every line of a file of events begins
_BLOCK = 1 << 16  # bytes, more than any line of it
_ROW_GROUP = 50_000  # rows of a Parquet file that are in memory at a time


def rows(reading: Reading) -> Iterator[Row]:
    """The rows of one picture, in the order of `COLUMNS`; None where a value does not apply."""
    source = printable(reading.source)
    if not reading.digits:
        yield (source, None, None, None, None, None, None, reading.status)
    for digit in reading.digits:
        box = digit.box
        confidence = round(digit.confidence, 4)
        yield (source, digit.value, confidence, box.x, box.y, box.width, box.height, digit.status)


def printable(source: str) -> str:
    """A file's name as text that every encoding holds: bytes that are no UTF-8 become escapes."""
    return source if source.isascii() else source.encode("utf-8", "backslashreplace").decode("utf-8")


def csv_rows(readings: Iterable[Reading]) -> str:
    """Render readings as CSV lines."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(chain.from_iterable(map(rows, readings)))
    return text.getvalue()


def json_rows(readings: Iterable[Reading]) -> str:
    """Render readings as JSON lines, one object a row."""
    return "".join(
        json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n"
        for reading in readings
        for row in rows(reading)
    )


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
    """A file of rows that grows in whole pictures.

    `done` names the pictures that it held when it was opened to be continued, without those that failed:
    they may be there now. `unsure` is its last picture, of which a killed process may have written only
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


class AnnotatedPictures:
    """A folder of pictures with boxes and labels drawn in, laid out as the sources are.

    `scans/a/1.jpg` becomes `FOLDER/scans/a/1.jpg`; what is neither JPEG nor PNG becomes `NAME.png`.
    """

    def __init__(self, folder: Path, *, tiles: bool = False) -> None:
        self.folder, self.tiles = folder, tiles

    def write(self, reading: Reading) -> None:
        """Draw on one picture and save it; with `tiles`, what the classifier saw is inset.

        Raises `PictureError` when this one cannot be drawn on or saved, `OutputError` when none can.
        """
        source = Path(reading.source)
        target = self.target(source)
        try:
            if os.path.exists(target) and target.samefile(source):
                raise OutputError(f"--annotate would overwrite {source}; name another folder")
            picture = preprocess.decode_colour(sources.read_file(source))
            picture = display.annotate(picture, reading.digits, tiles=self.tiles)
            good, encoded = cv2.imencode(target.suffix, picture)
            if not good:
                raise PictureError(f"OpenCV cannot save it as {target.suffix}")
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(target.name + ".partial")
            partial.write_bytes(encoded.tobytes())
            partial.replace(target)
        except cv2.error as error:
            raise PictureError(f"OpenCV cannot save it as {target.suffix}") from error
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise PictureError("its name is too long") from error
            raise OutputError(f"cannot write {target}: {error.strerror or error}") from error

    def target(self, source: Path) -> Path:
        """Where the drawing of `source` goes: inside the folder, whatever the source's path is."""
        parts = ["__" if part == ".." else part for part in source.parts if part != source.anchor]
        target = self.folder.joinpath(*parts)
        if target.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            target = target.with_name(target.name + ".png")
        return target
