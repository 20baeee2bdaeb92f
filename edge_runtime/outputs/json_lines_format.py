"""JSON lines, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from edge_runtime.outputs import rows
from edge_runtime.outputs.rows import Rows
from edge_runtime.outputs.table_format import TableFormat
from edge_runtime.results import Reading

_OPENING = b'{"source": '  # of every row
_LIMIT = 2**31  # of numbers: Parquet files hold 32 bits


class JsonLinesFormat(TableFormat):
    """One JSON object per row."""

    def render(self, readings: list[Reading]) -> str:
        """The rows of readings as JSON lines."""
        return self.rows.to_json_lines(readings)

    @classmethod
    def recognise(cls, line: str) -> Rows | None:
        """The kind of rows in a file that begins with this line, None if that is incomplete."""
        if not line.endswith("\n"):
            return None
        columns = tuple(_load(line))
        for kind in rows.ALL:
            if columns == kind.columns:
                return kind
        raise ValueError("other keys")

    def parse(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        """Yield source and status of every complete row."""
        for line in lines:
            row = _load(line)
            if tuple(row) != self.rows.columns:
                raise ValueError(f"other keys than {', '.join(self.rows.columns)}")
            if row["source"] is None or row["status"] is None or not all(map(_fits, row, row.values())):
                raise ValueError("a value of the wrong type")
            yield row["source"], row["status"]

    def check_rest(self, lines: list[bytes], rest: bytes) -> None:
        """Raise `ValueError` unless a killed process may have left this at the end of the file."""
        if not rest.isascii() or not rest.startswith(_OPENING[: len(rest)]):
            raise ValueError("other data at its end")


def _load(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except RecursionError:
        raise ValueError("too deeply nested") from None
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    return row


def _fits(column: str, value: Any) -> bool:
    """Whether a value, or the None of an empty cell, fits into the column of any results file."""
    if value is None:
        return True
    if column in rows.TEXT:
        return isinstance(value, str)
    return isinstance(value, (int, float)) and abs(value) < _LIMIT
