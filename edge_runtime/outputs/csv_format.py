"""CSV, for spreadsheets and pandas."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import replace

from edge_runtime.outputs import rows
from edge_runtime.outputs.rows import Rows
from edge_runtime.outputs.table_format import TableFormat
from edge_runtime.results import Reading

# Text that spreadsheets take for a formula, and such text behind the quotes that `_escape` adds.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
# Spreadsheets may separate columns at semicolons and tabs as well.
_QUOTED = re.compile(r'[",;\t\r\n]')

_NUMBERS = re.compile(r"[-+.\deE,]*")
# Every kind of row has six columns of numbers before the status.
_END_OF_ROW = re.compile(rf'(,[-+.\deE]*){{6}},"?(?:{rows.STATUS})')


class CsvFormat(TableFormat):
    """Comma-separated values with a header line.

    A source that a spreadsheet would take for a formula begins with a single quote, as in `'=1.png`. To get
    the name, remove one quote wherever one of = + - @, a tab or a line break follows the quotes at the start.
    """

    def header(self) -> str:
        """The names of the columns."""
        return _header(self.rows)

    def render(self, readings: list[Reading]) -> str:
        """The rows of readings as CSV."""
        template = ",".join(["%s"] * len(self.rows.columns)) + "\n"
        return self.rows.render(map(_escape, readings), template, _quote, "")

    @classmethod
    def recognise(cls, line: str) -> Rows | None:
        """The kind of rows in a file that begins with this line, None if that is incomplete."""
        for kind in rows.ALL:
            if line == _header(kind):
                return kind
        if any(_header(kind).startswith(line) for kind in rows.ALL):
            return None
        raise ValueError("other columns")

    def parse(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        """Yield source and status of every complete row."""
        columns = self.rows.columns
        numeric = [index for index, column in enumerate(columns) if column not in rows.TEXT]
        try:
            for record in csv.reader(lines, strict=True):
                if len(record) != len(columns):
                    raise ValueError(f"{len(record)} columns instead of {len(columns)}")
                numbers = ",".join([record[index] for index in numeric])
                if not _NUMBERS.fullmatch(numbers):
                    raise ValueError(f"text instead of numbers: {numbers[:40]!r}")
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
        if any(_END_OF_ROW.search(line.decode()) for line in lines[1:]):
            raise ValueError("a quote that is never closed")


def _header(kind: Rows) -> str:
    return ",".join(kind.columns) + "\n"


def _escape(reading: Reading) -> Reading:
    """Keep a spreadsheet from taking a source for a formula."""
    return replace(reading, source=f"'{reading.source}") if _FORMULA.match(reading.source) else reading


def _unescape(source: str) -> str:
    return source[1:] if source.startswith("'") and _FORMULA.match(source) else source


def _quote(text: str) -> str:
    """Text as a cell of CSV, in double quotes where it needs them."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
