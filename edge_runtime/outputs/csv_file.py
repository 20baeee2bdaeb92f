"""CSV results files, for spreadsheets and pandas."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from edge_runtime.outputs.rows import COLUMNS, to_csv
from edge_runtime.outputs.table_file import TableFile
from edge_runtime.results import Reading


class CsvFile(TableFile):
    """Comma-separated values with a header line."""

    header = opening = ",".join(COLUMNS) + "\n"

    def render(self, readings: list[Reading]) -> str:
        """The rows of readings as CSV."""
        return to_csv(readings)

    def parse(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        """Yield source and status of every complete row."""
        records = csv.reader(lines)
        next(records, None)  # the header
        for record in records:
            if len(record) != len(COLUMNS):
                if next(records, None) is None:
                    return  # the file ends inside a path that contains a line break
                raise ValueError(f"a row has {len(record)} columns instead of {len(COLUMNS)}")
            yield record[0], record[-1]
