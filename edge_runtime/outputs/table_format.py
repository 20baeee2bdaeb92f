"""The base of the text formats of results files: renders rows, and finds them in a file again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, TypeVar

from edge_runtime.outputs.rows import Rows
from edge_runtime.results import Reading

_LONGEST_LINE = 1 << 20  # bytes; no path is that long

Format = TypeVar("Format", bound="TableFormat")


class TableFormat:
    """A text format with one kind of rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    @classmethod
    def of_file(cls: type[Format], file: BinaryIO) -> Format | None:
        """The format with the kind of rows that a file has; None if its first line is incomplete.

        Raises `ValueError` for a file of another program.
        """
        file.seek(0)
        rows = cls.recognise(file.readline(_LONGEST_LINE).decode())
        return None if rows is None else cls(rows)

    def read(self, file: BinaryIO) -> Iterator[tuple[bytes, str, str]]:
        """Yield every complete row of a file: its bytes, its source and its status. Raises `ValueError`."""
        taken: list[bytes] = []
        rest = b""

        def complete_lines() -> Iterator[str]:
            nonlocal rest
            while (rest := file.readline(_LONGEST_LINE)).endswith(b"\n"):
                taken.append(rest)
                yield rest.decode()
            if len(rest) == _LONGEST_LINE:
                raise ValueError("too long")

        file.seek(len(self.header()))
        for source, status in self.parse(complete_lines()):
            yield b"".join(taken), source, status
            taken.clear()
        self.check_rest(taken, rest)

    def header(self) -> str:
        """The first line of a file, in ASCII; "" if that is a row."""
        return ""

    def render(self, readings: list[Reading]) -> str:
        """The rows of readings as text."""
        raise NotImplementedError

    @classmethod
    def recognise(cls, line: str) -> Rows | None:
        """The kind of rows in a file that begins with this line; None if the line is incomplete.

        Raises `ValueError` for any other line.
        """
        raise NotImplementedError

    def parse(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        """Yield source and status of every complete row. Raises `ValueError` for other rows."""
        raise NotImplementedError

    def check_rest(self, lines: list[bytes], rest: bytes) -> None:
        """Raise `ValueError` unless a killed process may have left this at the end of a file.

        `lines` are complete lines without a complete row, `rest` is a line without its end.
        """
        raise NotImplementedError
