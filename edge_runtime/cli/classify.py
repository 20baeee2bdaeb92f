"""`edge-digits classify`: images in, a table, rows in a file and annotated images out."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.cli.terminal import one_line, print_message
from edge_runtime.errors import ImageError, OutputError, SourceError

if TYPE_CHECKING:
    from edge_runtime.outputs.annotated import AnnotatedImages
    from edge_runtime.outputs.tables import TableFile
    from edge_runtime.results import Reading


def classify(options: argparse.Namespace) -> int:
    """Read images, and print, keep and draw what is in them."""
    import cv2

    from edge_runtime.reading.reader import DigitReader

    if (options.resume or options.overwrite) and not options.out:
        raise SourceError("--resume and --overwrite speak of a results file: name it with --out")
    if options.tiles and options.annotate is None:
        raise SourceError("--tiles speaks of annotated images: name their folder with --annotate")
    # Threads read images side by side; within one, OpenCV's own would only get into their way.
    cv2.setNumThreads(1)
    reader = DigitReader(options.model, threads=options.threads)
    counts = _Counts()
    try:
        with contextlib.ExitStack() as stack:
            table: TableFile | None = None
            if options.out:
                from edge_runtime.outputs import tables

                table = tables.open_output(options.out, overwrite=options.overwrite, resume=options.resume)
            # Said last, when the table is closed and known to be whole or not.
            stack.callback(lambda: print_message(counts.summary(table.held_in if table else None)))
            if table:
                stack.enter_context(table)
            batches = reader.read_batches(_todo(options, table, counts))
            _keep(_with_progress(batches, options, table), options, table, counts)
    except OutputError as error:
        if not counts.images:
            raise
        print_message(str(error))
        return 1
    return 1 if counts.failed or counts.undrawn else 0


def _keep(
    batches: Iterable[list[Reading]], options: argparse.Namespace, table: TableFile | None, counts: _Counts
) -> None:
    """Write, print and draw every batch of readings."""
    show = _print_json if options.json else _print_nothing if options.out else _TablePrinter()
    images = None
    if options.annotate is not None:
        from edge_runtime.outputs import annotated

        images = annotated.AnnotatedImages(options.annotate, tiles=options.tiles)
    for batch in batches:
        if table:
            table.write(batch)
        counts.add(batch)
        show(batch)
        if images:
            counts.undrawn += sum(not _drawn(images, reading) for reading in batch if not reading.failed)


def _drawn(images: AnnotatedImages, reading: Reading) -> bool:
    """Draw on one image; False, and a word about it, where that cannot be done."""
    try:
        images.write(reading)
    except ImageError as error:
        print_message(f"{reading.source} cannot be drawn on: {error}")
        return False
    return True


def _todo(
    options: argparse.Namespace, table: TableFile | None, counts: _Counts | None = None
) -> Iterator[str | None]:
    """The images to read: as they were named, without those that the results file holds."""
    from edge_runtime.images import paths

    named = paths.expand(_named(options.sources), recursive=not options.no_recursive, skip=options.annotate)
    if not table:
        yield from named
        return
    from edge_runtime.outputs.rows import printable

    # The last image of the file comes first, where it is among those that are named now.
    unsure = table.unsure
    if unsure is not None and "-" not in options.sources:
        unsure = next((path for path in _todo(options, None) if path and printable(path) == unsure), None)
    if unsure is not None:
        yield unsure
    for path in named:
        if path is None or printable(path) not in table.done:
            yield path
        elif counts and path != unsure:
            counts.skipped += 1


def _named(arguments: list[str]) -> Iterator[str | None]:
    """The sources as given, with `-` replaced by the lines of standard input."""
    from edge_runtime.images import paths

    for argument in arguments:
        if argument != "-":
            yield argument
        elif sys.stdin is not None:
            yield from paths.listed(sys.stdin.fileno())


def _with_progress(
    batches: Iterator[list[Reading]], options: argparse.Namespace, table: TableFile | None
) -> Iterator[list[Reading]]:
    """Show a progress bar to a person at a terminal, unless the results themselves run over it."""
    if not sys.stderr.isatty() or (sys.stdout.isatty() and (options.json or not options.out)):
        yield from batches
        return
    from tqdm import tqdm

    total = None if "-" in options.sources else sum(1 for _ in _todo(options, table))
    with tqdm(total=total, unit=" images", delay=0.5, leave=False) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


class _Counts:
    """How a run went, for its last line and its exit code."""

    def __init__(self) -> None:
        self.images = self.digits = self.rejected = self.empty = self.failed = 0
        self.undrawn = self.skipped = 0

    def add(self, batch: list[Reading]) -> None:
        for reading in batch:
            self.digits += len(reading.digits)
            if not reading.digits:
                self.failed += reading.failed
                self.empty += not reading.failed
            else:
                self.rejected += sum(digit.value is None for digit in reading.digits)
        self.images += len(batch)

    def summary(self, out: Path | None) -> str:
        parts = [f"{self.images} images, {self.digits - self.rejected} digits"]
        for count, words in (
            (self.rejected, "rejected"),
            (self.empty, "without a digit"),
            (self.failed, "that could not be read"),
            (self.undrawn, "that could not be drawn on"),
            (self.skipped, "passed over as done before"),
        ):
            if count:
                parts.append(f"{count} {words}")
        return ", ".join(parts) + (f"; results in {out}" if out else "")


def _print_nothing(batch: list[Reading]) -> None:
    """Results are in a file: the terminal keeps to the summary."""


def _print_json(batch: list[Reading]) -> None:
    from edge_runtime.outputs import rows

    sys.stdout.write(rows.json_rows(batch))
    sys.stdout.flush()


class _TablePrinter:
    """A line an image. The columns' widths follow the first names and digits that come."""

    def __init__(self) -> None:
        self._widths: tuple[int, int] | None = None

    def __call__(self, batch: list[Reading]) -> None:
        rows = [self._cells(reading) for reading in batch]
        if self._widths is None:
            names, digits = (max(len(row[column]) for row in rows) for column in (0, 1))
            self._widths = min(max(names, 8), 60), min(max(digits, 8), 40)
            rows.insert(0, ("image", "digits", "lowest confidence"))
        wide, narrow = self._widths
        lines = [f"{name:<{wide}}  {digits:<{narrow}}  {rest}" for name, digits, rest in rows]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()

    def _cells(self, reading: Reading) -> tuple[str, str, str]:
        name = one_line(reading.source)
        if not reading.digits:
            return name, "-", one_line(reading.status)
        lowest = min(digit.confidence for digit in reading.digits)
        rejected = any(digit.value is None for digit in reading.digits)
        return name, " / ".join(reading.lines), f"{lowest:.3f}" + ("  (? rejected)" if rejected else "")
