"""Parquet results files, through pyarrow (extra `parquet`)."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import MissingDependencyError, OutputError
from edge_runtime.outputs.json_lines_file import JsonLinesFile
from edge_runtime.outputs.locked_file import open_locked
from edge_runtime.outputs.rows import COLUMNS, kind_of
from edge_runtime.outputs.run_record import RunRecord
from edge_runtime.whole_file import whole_file

if TYPE_CHECKING:
    import pyarrow

_ROW_GROUP = 50_000  # rows in memory at a time
_RECORD = b"edge-digits"  # key of the run record in the metadata of the file


class ParquetFile(JsonLinesFile):
    """Apache Parquet.

    A Parquet file is unreadable until it is complete. Rows are therefore collected as JSON lines beside it,
    in `NAME.partial.jsonl`, and converted at the end. After an interruption, that file is kept and
    the run can be resumed. A finished file can be resumed, too: its rows become JSON lines again.
    """

    journal_suffix = ".partial.jsonl"

    def __init__(self, path: Path, run: RunRecord, *, overwrite: bool = False, resume: bool = False) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(
                "Parquet needs pyarrow: pip install 'edge-digits[parquet]', or use a .csv or .jsonl file"
            ) from error
        super().__init__(path, run, overwrite=overwrite, resume=resume)

    def _reopen(self) -> None:
        import pyarrow
        import pyarrow.parquet

        if not os.path.exists(self._real) or os.path.exists(self._journal):
            return
        with open_locked(self._real):
            try:
                finished = pyarrow.parquet.ParquetFile(self._real)
                if not finished.schema_arrow.equals(_schema()):
                    raise ValueError("it has other columns")
                record = (finished.schema_arrow.metadata or {}).get(_RECORD)
                with whole_file(self._journal) as partial:
                    with partial.open("w", encoding="utf-8") as lines:
                        for batch in finished.iter_batches(_ROW_GROUP):
                            lines.writelines(map(_as_line, batch.to_pylist()))
                    if record is None:
                        self._meta.unlink(missing_ok=True)
                    else:
                        RunRecord.parse(record).save(self._meta)
            except (ValueError, pyarrow.ArrowException) as error:
                reason = str(error).splitlines()[0]
                raise OutputError(
                    f"{self.path} is not a results file of edge-digits; choose another name ({reason})"
                ) from error

    def _finish(self, *, complete: bool) -> None:
        if complete:
            self._convert()
            self._allow_replacing()
            self._journal.unlink()
            self._meta.unlink(missing_ok=True)

    def _convert(self) -> None:
        import pyarrow
        import pyarrow.parquet

        schema = _schema()
        if self._record:
            schema = schema.with_metadata({_RECORD: self._record.as_json()})
        rows = map(json.loads, self._contents.current(self._rows()))
        try:
            with whole_file(self._real) as partial:
                with pyarrow.parquet.ParquetWriter(partial, schema) as writer:
                    while group := list(islice(rows, _ROW_GROUP)):
                        writer.write_batch(pyarrow.RecordBatch.from_pylist(group, schema))
                with partial.open("r+b") as file:
                    os.fsync(file.fileno())
        except (OSError, ValueError, pyarrow.ArrowException) as failure:
            raise OutputError(
                f"cannot write {self.path}: {failure}; all rows are in {self._journal}"
            ) from failure


def _schema() -> pyarrow.Schema:
    import pyarrow

    whole, fraction, text = pyarrow.int32(), pyarrow.float32(), pyarrow.string()
    types = (text, pyarrow.int8(), fraction, whole, whole, whole, whole, text)
    return pyarrow.schema(list(zip(COLUMNS, types, strict=True)))


def _as_line(row: dict[str, Any]) -> str:
    """A row as a JSON line. Raises `ValueError` if its status is that of no row."""
    kind_of(row["status"])
    if row["confidence"] is not None:
        row["confidence"] = round(row["confidence"], 4)  # from 32 bits
    return json.dumps(row) + "\n"
