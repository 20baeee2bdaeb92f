"""CSV results files, for spreadsheets and pandas."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from typing import Any

from edge_runtime.outputs.rows import COLUMNS, to_rows
from edge_runtime.outputs.table_file import TableFile
from edge_runtime.results import Reading

# Text that spreadsheets take for a formula, and such text behind the quotes that `_escape` adds.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
# Spreadsheets may separate columns at semicolons and tabs as well.
_QUOTED = re.compile(r'[",;\t\r\n]')

_NUMBERS = re.compile(r"[-+.\deE,]*")
_NUMBERS_OF_ROW = re.compile(r"(,[-+.\deE]*){6},")


class CsvFile(TableFile):
    """Comma-separated values with a header line.

    A source that a spreadsheet would take for a formula begins with a single quote, as in `'=1.png`. To get
    the name, remove one quote wherever one of = + - @, a tab or a line break follows the quotes at the start.
    """

    header = opening = ",".join(COLUMNS) + "\n"

    def render(self, readings: list[Reading]) -> str:
        """The rows of readings as CSV."""
        return "".join(
            ",".join([_quote(_escape(source)), *map(_quote, values)]) + "\n"
            for source, *values in to_rows(readings)
        )

    def parse(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        """Yield source and status of every complete row."""
        try:
            for record in csv.reader(lines, strict=True):
                if len(record) != len(COLUMNS):
                    raise ValueError(f"{len(record)} columns instead of {len(COLUMNS)}")
                if not _NUMBERS.fullmatch(",".join(record[1:-1])):
                    raise ValueError(f"text instead of numbers: {','.join(record[1:-1])[:40]!r}")
                yield _unescape(record[0]), record[-1]
        except csv.Error as error:
            # The file may end inside a path that contains a line break.
            if str(error) != "unexpected end of data":
                raise ValueError(str(error)) from error

    def check_rest(self, lines: list[bytes], rest: bytes) -> None:
        """Raise `ValueError` unless a killed process may have left this at the end of the file."""
        text = codecs.getincrementaldecoder("utf-8")().decode(rest)
        if "\0" in text:
            raise ValueError("binary data at its end")
        if any(_NUMBERS_OF_ROW.search(line.decode()) for line in lines[1:]):
            raise ValueError("a quote that is never closed")


def _escape(source: str) -> str:
    """Keep a spreadsheet from taking a source for a formula."""
    return f"'{source}" if _FORMULA.match(source) else source


def _unescape(source: str) -> str:
    return source[1:] if source.startswith("'") and _FORMULA.match(source) else source


def _quote(value: Any) -> str:
    """A value as a cell of CSV, in double quotes where it needs them."""
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
