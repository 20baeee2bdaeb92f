"""JSON lines results files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from edge_runtime.outputs.rows import COLUMNS, to_json_lines
from edge_runtime.outputs.table_file import TableFile
from edge_runtime.results import Reading

_LIMIT = 2**31  # of numbers: Parquet files hold 32 bits


class JsonLinesFile(TableFile):
    """One JSON object per row."""

    opening = '{"source": '

    def render(self, readings: list[Reading]) -> str:
        """The rows of readings as JSON lines."""
        return to_json_lines(readings)

    def parse(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        """Yield source and status of every complete row."""
        for line in lines:
            try:
                row = json.loads(line)
            except RecursionError:
                raise ValueError("too deeply nested") from None
            if not isinstance(row, dict) or tuple(row) != COLUMNS:
                raise ValueError(f"other keys than {', '.join(COLUMNS)}")
            source, *numbers, status = row.values()
            if not isinstance(source, str) or not isinstance(status, str) or not all(map(_fits, numbers)):
                raise ValueError("a value of the wrong type")
            yield source, status

    def check_rest(self, lines: list[bytes], rest: bytes) -> None:
        """Raise `ValueError` unless a killed process may have left this at the end of the file."""
        opening = self.opening.encode()
        if not rest.isascii() or not rest.startswith(opening[: len(rest)]):
            raise ValueError("other data at its end")


def _fits(value: Any) -> bool:
    """Whether a number, or the None of an empty cell, fits into any results file."""
    return value is None or (isinstance(value, (int, float)) and abs(value) < _LIMIT)
