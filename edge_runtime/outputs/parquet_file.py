"""Parquet results files, through pyarrow (extra `parquet`)."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from types import TracebackType

from edge_runtime.errors import MissingDependencyError, OutputError
from edge_runtime.outputs.json_lines_file import JsonLinesFile
from edge_runtime.outputs.rows import COLUMNS
from edge_runtime.outputs.whole_file import whole_file

_ROW_GROUP = 50_000  # rows in memory at a time


class ParquetFile(JsonLinesFile):
    """Apache Parquet.

    A Parquet file is unreadable until it is complete. Rows are therefore collected as JSON lines beside it,
    in `NAME.partial.jsonl`, and converted at the end. After an interruption, that file is kept and
    the run can be resumed.
    """

    journal_suffix = ".partial.jsonl"

    def __init__(self, path: Path, *, overwrite: bool = False, resume: bool = False) -> None:
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(
                "Parquet needs pyarrow: pip install 'edge-digits[parquet]', or use a .csv or .jsonl file"
            ) from error
        super().__init__(path, overwrite=overwrite, resume=resume)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            self._convert()
            self._journal.unlink()

    def _convert(self) -> None:
        import pyarrow
        import pyarrow.parquet

        whole, fraction, text = pyarrow.int32(), pyarrow.float32(), pyarrow.string()
        types = (text, pyarrow.int8(), fraction, whole, whole, whole, whole, text)
        schema = pyarrow.schema(list(zip(COLUMNS, types, strict=True)))
        try:
            with (
                whole_file(self.path) as partial,
                pyarrow.parquet.ParquetWriter(partial, schema) as writer,
                self._journal.open("rb") as lines,
            ):
                while group := [json.loads(line) for line in islice(lines, _ROW_GROUP)]:
                    writer.write_batch(pyarrow.RecordBatch.from_pylist(group, schema))
        except (OSError, pyarrow.ArrowException) as failure:
            raise OutputError(
                f"cannot write {self.path}: {failure}; all rows are in {self._journal}"
            ) from failure
