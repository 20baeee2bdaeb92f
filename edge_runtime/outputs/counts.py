"""Counts: how many images were read and what became of them, for summaries and exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from edge_runtime.results import INCOMPLETE, Reading


@dataclass(slots=True)
class Counts:
    """What became of a number of images."""

    images: int = 0
    digits: int = 0
    rejected: int = 0
    empty: int = 0
    incomplete: int = 0
    unreadable: int = 0
    first_only: int = 0

    def add(self, readings: Iterable[Reading]) -> None:
        """Count readings."""
        for reading in readings:
            self.images += 1
            self.unreadable += reading.failed
            self.first_only += reading.first_only
            self.empty += not reading.failed and not reading.digits
            self.incomplete += reading.status.startswith(INCOMPLETE)
            rejected = sum(digit.value is None for digit in reading.digits)
            self.rejected += rejected
            self.digits += len(reading.digits) - rejected

    def include(self, others: Counts) -> None:
        """Add the counts of other images."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(others, field.name))

    def summary(self, seconds: float, *more: tuple[int, str]) -> list[str]:
        """What was read, and in which time, as parts of a line; `more` are other counts with labels."""
        read = [plural(self.images, "image"), plural(self.digits, "digit")]
        counts = (
            (self.rejected, "rejected"),
            (self.empty, "without digits"),
            (self.incomplete, "incomplete"),
            (self.unreadable, "unreadable"),
            (self.first_only, "with only the first frame read (--frames reads all)"),
            *more,
        )
        read += [f"{count} {label}" for count, label in counts if count]
        time = f"{_short(seconds)} s"
        if self.images > self.unreadable:
            time += f", {_short(self.images / seconds)} images per second"
        return [", ".join(read), time]


def plural(count: int, noun: str) -> str:
    """A count with its noun, such as "2 images"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _short(number: float) -> str:
    """A positive number with three significant digits, or all of them before the point."""
    return f"{number:.3g}" if number < 100 else f"{number:.0f}"
