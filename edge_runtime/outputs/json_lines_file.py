"""JSON lines results files."""

from __future__ import annotations

import json
from collections.abc import Iterator

from edge_runtime.outputs.rows import to_json_lines
from edge_runtime.outputs.table_file import TableFile
from edge_runtime.results import Reading


class JsonLinesFile(TableFile):
    """One JSON object per row."""

    opening = '{"source": '

    def render(self, readings: list[Reading]) -> str:
        """The rows of readings as JSON lines."""
        return to_json_lines(readings)

    def parse(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        """Yield source and status of every complete row."""
        for line in lines:
            row = json.loads(line)
            yield row["source"], row["status"]
