"""The table of results: a line per image as soon as it is read, in columns that fit the whole run."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from itertools import islice, zip_longest

from edge_runtime.cli.terminal import one_line, terminal_width
from edge_runtime.results import OK, Reading

_HEADER = ("image", "confidence", "digits")  # the confidence is that of the least confident digit

# Widths in characters. The last column has none: digits and messages may be of any length. A name that is
# too long moves the cells after it. On a terminal, both are wrapped instead.
_NAME = (8, 40, 60)  # at least, if the names are unknown, and at most
_CONFIDENCE = len(_HEADER[1])
_LAST = (16, 24)  # on a terminal, at least, and if that leaves half of the room for the names

_NAMES = 10_000  # whose lengths are looked at: listing a large archive takes a while


class TablePrinter:
    """Prints readings on standard output.

    `names` are those of the images to come, as far as they are known. How an image is printed does not depend
    on the results before it. Two spaces or more separate the cells of a line.
    """

    def __init__(self, names: Iterable[str]) -> None:
        least, default, most = _NAME
        longest = max((len(one_line(name)) for name in islice(names, _NAMES)), default=default)
        self._name, self._last = min(max(longest, least), most), 0
        self._wraps = sys.stdout.isatty()
        if self._wraps:
            self._name, self._last = _fit(self._name, terminal_width())
        self._started = False

    def print(self, readings: list[Reading]) -> None:
        """Print the lines of readings, at first under a header."""
        rows = [_cells(reading) for reading in readings]
        if not self._started:
            rows.insert(0, _HEADER)
            self._started = True
        sys.stdout.write("".join([f"{line}\n" for row in rows for line in self._lines(row)]))
        sys.stdout.flush()

    def _lines(self, cells: tuple[str, str, str]) -> list[str]:
        width, (name, confidence, last) = self._name, cells
        names, lasts = [name], [last]
        if self._wraps:
            names = [name[start : start + width] for start in range(0, len(name), width)]
            lasts = textwrap.wrap(last, self._last, break_on_hyphens=False)
        parts = zip_longest(names, [confidence], lasts, fillvalue="")
        return [f"{a:<{width}}  {b:<{_CONFIDENCE}}  {c}".rstrip() for a, b, c in parts]


def _cells(reading: Reading) -> tuple[str, str, str]:
    name = one_line(reading.source)
    if not reading.digits:
        return name, "-", one_line(reading.status)
    notes = ["? rejected"] if any(digit.value is None for digit in reading.digits) else []
    if reading.turn:
        notes.append(f"turned clockwise by {reading.turn} degrees")
    if status := reading.status.removeprefix(OK).removeprefix("; "):
        notes.append(status)
    last = " / ".join(reading.lines) + "".join(f"  ({note})" for note in notes)
    return name, f"{reading.confidence:.3f}", last


def _fit(name: int, terminal: int) -> tuple[int, int]:
    """The widths of the first and the last column on a terminal; `name` is that of the names."""
    least, last = _LAST
    room = max(_NAME[0] + least, terminal - 1 - _CONFIDENCE - 4)  # the last column of some terminals wraps
    name = min(name, max(room - last, room // 2))
    return name, room - name
