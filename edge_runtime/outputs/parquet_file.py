"""Parquet results files, through pyarrow (extra `parquet`)."""

from __future__ import annotations

import json
import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import MissingDependencyError, OutputError
from edge_runtime.outputs.locked_file import open_locked
from edge_runtime.outputs.rows import ALL, TEXT, Rows, kind_of
from edge_runtime.outputs.run_record import RunRecord
from edge_runtime.outputs.table_file import TableFile
from edge_runtime.whole_file import whole_file

if TYPE_CHECKING:
    import pyarrow

ROW_GROUP = 50_000  # rows in memory at a time
RECORD = b"edge-digits"  # key of the run record in the metadata of the file


class ParquetFile(TableFile):
    """Apache Parquet.

    A Parquet file is unreadable until it is complete. Rows are therefore collected as JSON lines beside it,
    in `NAME.partial.jsonl`, and converted at the end. After an interruption, that file is kept and
    the run can be resumed. A finished file can be resumed, too: its rows become JSON lines again. `format` is
    that of these lines.
    """

    journal_suffix = ".partial.jsonl"

    def _check_dependencies(self) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(
                "Parquet needs pyarrow: pip install 'edge-digits[parquet]', or use a .csv or .jsonl file"
            ) from error

    def _open(self, *, new: bool) -> None:
        self._is_new = not os.path.exists(self._real)
        super()._open(new=new)

    def _reopen(self) -> None:
        import pyarrow
        import pyarrow.parquet

        if not os.path.exists(self._real) or os.path.exists(self._journal):
            return
        with open_locked(self._real):
            try:
                finished = pyarrow.parquet.ParquetFile(self._real)
                schema = finished.schema_arrow
                rows = next((rows for rows in ALL if schema.equals(schema_of(rows))), None)
                if rows is None:
                    raise ValueError("it has other columns")
                recorded = (schema.metadata or {}).get(RECORD)
                record = RunRecord.parse(recorded) if recorded is not None else None
                if finished.metadata.num_rows:
                    self._check_continues(rows, record)
                with whole_file(self._journal) as partial:
                    with partial.open("w", encoding="utf-8") as lines:
                        for batch in finished.iter_batches(ROW_GROUP):
                            lines.writelines(map(_as_line, batch.to_pylist()))
                    if record is None:
                        self._meta.unlink(missing_ok=True)
                    else:
                        record.save(self._meta)
            except (ValueError, pyarrow.ArrowException) as error:
                reason = str(error).splitlines()[0]
                raise OutputError(
                    f"{self.path} is not a results file of edge-digits; choose another name ({reason})"
                ) from error

    def _finish(self, *, complete: bool) -> None:
        if complete:
            if self._is_new and os.path.exists(self._real):
                raise OutputError(
                    f"another program created {self.path} while results were written; all rows are in "
                    f"{self._journal}"
                )
            self._convert()
            self._allow_replacing()
            self._journal.unlink()
            self._meta.unlink(missing_ok=True)

    def _convert(self) -> None:
        import pyarrow
        import pyarrow.parquet

        schema = schema_of(self.format.rows)
        if self._record:
            schema = schema.with_metadata({RECORD: self._record.as_json()})
        try:
            with whole_file(self._real) as partial, self._reader() as journal:
                rows = iter(self._contents.current(self.format.read(journal)))
                with pyarrow.parquet.ParquetWriter(partial, schema) as writer:
                    while lines := b"".join(islice(rows, ROW_GROUP)):
                        writer.write_table(to_table(lines, self.format.rows))
                with partial.open("r+b") as file:
                    os.fsync(file.fileno())
        except (OSError, ValueError, pyarrow.ArrowException) as failure:
            raise OutputError(
                f"cannot write {self.path}: {failure}; all rows are in {self._journal}"
            ) from failure


def to_table(lines: bytes, rows: Rows) -> pyarrow.Table:
    """Rows that `Rows.to_json_lines` has rendered, as a table of pyarrow."""
    import pyarrow
    import pyarrow.json

    schema = schema_of(rows)
    if not lines:
        return schema.empty_table()
    return pyarrow.json.read_json(
        pyarrow.BufferReader(lines),
        pyarrow.json.ReadOptions(use_threads=False, block_size=len(lines)),
        pyarrow.json.ParseOptions(explicit_schema=schema),
    )


def schema_of(rows: Rows) -> pyarrow.Schema:
    """The columns of a Parquet file with such rows."""
    import pyarrow

    def kind(column: str) -> pyarrow.DataType:
        if column in TEXT:
            return pyarrow.string()
        if column.endswith("confidence"):
            return pyarrow.float32()
        return pyarrow.int8() if column == "digit" else pyarrow.int32()

    return pyarrow.schema([(column, kind(column)) for column in rows.columns])


def _as_line(row: dict[str, Any]) -> str:
    """A row as a JSON line. Raises `ValueError` if its status is that of no row."""
    kind_of(row["status"])
    # Numbers of 32 bits have more places as JSON.
    return json.dumps({key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()}) + "\n"
