"""Tables: opens a results file in the format that its name calls for."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.errors import OutputError
from edge_runtime.outputs.csv_file import CsvFile
from edge_runtime.outputs.json_lines_file import JsonLinesFile
from edge_runtime.outputs.parquet_file import ParquetFile
from edge_runtime.outputs.run_record import RunRecord
from edge_runtime.outputs.table_file import TableFile

_FORMATS: dict[str, type[TableFile]] = {".csv": CsvFile, ".jsonl": JsonLinesFile, ".parquet": ParquetFile}


def open_table(path: Path, run: RunRecord, *, overwrite: bool = False, resume: bool = False) -> TableFile:
    """Open a results file for writing: .csv, .jsonl or .parquet.

    An existing file is replaced with `overwrite` and continued with `resume`; without either it is an error.
    Raises `OutputError`, also if another process is writing the file or if `run` is of another version or
    model than the file, and `MissingDependencyError` for Parquet without pyarrow.
    """
    table = _FORMATS.get(path.suffix.lower())
    if table is None:
        raise OutputError(f"{path}: unknown results format; use a name that ends in {', '.join(_FORMATS)}")
    return table(path, run, overwrite=overwrite, resume=resume)
