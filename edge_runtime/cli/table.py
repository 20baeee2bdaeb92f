"""The table of results: a line per image as soon as it is read, in columns that fit the whole run."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from itertools import islice, zip_longest

from edge_runtime.cli.terminal import one_line, terminal_width
from edge_runtime.results import OK, Reading

# Widths in characters. Cells that need more move the others of their line or, on a terminal, are wrapped.
_NAME = (8, 40, 60)  # at least, if the names are unknown, and at most
_DIGITS = 24
_DIGITS_ON_TERMINAL = 40  # if it is wide enough
_LAST = len("0.410  (? rejected)")

_NAMES = 10_000  # whose lengths are looked at: listing a large archive takes a while


class TablePrinter:
    """Prints readings on standard output.

    `names` are those of the images to come, as far as they are known. How an image is printed does not depend
    on the results before it. Two spaces or more separate the cells of a line.
    """

    def __init__(self, names: Iterable[str]) -> None:
        least, default, most = _NAME
        longest = max((len(one_line(name)) for name in islice(names, _NAMES)), default=default)
        self._widths: tuple[int, int, int] = (min(max(longest, least), most), _DIGITS, _LAST)
        self._wraps = sys.stdout.isatty()
        if self._wraps:
            self._widths = _fit(self._widths[0], terminal_width())
        self._started = False

    def print(self, readings: list[Reading]) -> None:
        """Print the lines of readings, at first under a header."""
        rows = [_cells(reading) for reading in readings]
        if not self._started:
            rows.insert(0, ("image", "digits", "lowest confidence"))
            self._started = True
        sys.stdout.write("".join([f"{line}\n" for row in rows for line in self._lines(row)]))
        sys.stdout.flush()

    def _lines(self, cells: tuple[str, str, str]) -> list[str]:
        name, digits, last = self._widths
        parts = [[cell] for cell in cells]
        if self._wraps:
            names = [cells[0][start : start + name] for start in range(0, len(cells[0]), name)]
            parts = [names, _wrap(cells[1], digits), _wrap(cells[2], last)]
        return [f"{a:<{name}}  {b:<{digits}}  {c}".rstrip() for a, b, c in zip_longest(*parts, fillvalue="")]


def _cells(reading: Reading) -> tuple[str, str, str]:
    name = one_line(reading.source)
    if not reading.digits:
        return name, "-", one_line(reading.status)
    notes = ["? rejected"] if any(digit.value is None for digit in reading.digits) else []
    if reading.turn:
        notes.append(f"turned clockwise by {reading.turn} degrees")
    if status := reading.status.removeprefix(OK).removeprefix("; "):
        notes.append(status)
    last = f"{reading.confidence:.3f}" + "".join(f"  ({note})" for note in notes)
    return name, " / ".join(reading.lines), last


def _fit(name: int, terminal: int) -> tuple[int, int, int]:
    """The widths of the columns on a terminal; `name` is that of the names."""
    least = _NAME[0]
    room = max(2 * least, terminal - 1 - _LAST - 4)  # the last column of some terminals wraps
    name = min(name, max(room - _DIGITS, room // 2))
    digits = min(room - name, _DIGITS_ON_TERMINAL)
    return name, digits, max(_LAST, terminal - 1 - name - digits - 4)


def _wrap(cell: str, width: int) -> list[str]:
    return textwrap.wrap(cell, width, break_on_hyphens=False)
