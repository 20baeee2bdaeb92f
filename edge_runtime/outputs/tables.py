"""Tables: opens a results file in the format that its name calls for."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import OutputError
from edge_runtime.outputs.csv_format import CsvFormat
from edge_runtime.outputs.json_lines_format import JsonLinesFormat
from edge_runtime.outputs.parquet_file import ParquetFile
from edge_runtime.outputs.rows import DIGIT, Rows
from edge_runtime.outputs.run_record import RunRecord
from edge_runtime.outputs.table_file import TableFile
from edge_runtime.outputs.table_format import TableFormat

_FILES: dict[str, tuple[type[TableFile], type[TableFormat]]] = {
    ".csv": (TableFile, CsvFormat),
    ".jsonl": (TableFile, JsonLinesFormat),
    ".parquet": (ParquetFile, JsonLinesFormat),
}


def open_table(
    path: Path, run: RunRecord, rows: Rows = DIGIT, *, overwrite: bool = False, resume: bool = False
) -> TableFile:
    """Open a results file for writing: .csv, .jsonl or .parquet.

    An existing file is replaced with `overwrite` and continued with `resume`; without either it is an error.
    Raises `OutputError`, also if another process is writing the file, or if it is of another kind of rows,
    version or model, and `MissingDependencyError` for Parquet without pyarrow.
    """
    if path.suffix.lower() not in _FILES:
        *others, last = _FILES
        known = f"{', '.join(others)} or {last}"
        raise OutputError(f"{path}: unknown results format; use a name that ends in {known}")
    table, text_format = _FILES[path.suffix.lower()]
    return table(path, run, text_format(rows), overwrite=overwrite, resume=resume)
