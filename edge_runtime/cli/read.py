"""`edge-digits read`: images in; a table, a results file and annotated images out."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.cli.terminal import one_line, print_message
from edge_runtime.errors import EdgeDigitsError, ImageError, OutputError

if TYPE_CHECKING:
    from edge_runtime.outputs.annotated import AnnotatedImages
    from edge_runtime.outputs.table_file import TableFile
    from edge_runtime.reading.reader import DigitReader
    from edge_runtime.results import Reading


def read(options: argparse.Namespace) -> int:
    """Read images, and print, save and annotate the results."""
    import cv2

    from edge_runtime.reading.reader import DigitReader

    if (options.resume or options.overwrite) and not options.out:
        raise EdgeDigitsError("--resume and --overwrite need a results file; add --out FILE")
    if options.tiles and options.annotate is None:
        raise EdgeDigitsError("--tiles needs a folder for annotated images; add --annotate DIR")
    _check_annotate(options)
    # The reader's threads read images in parallel; OpenCV's own threads would compete with them.
    cv2.setNumThreads(1)
    reader = DigitReader(options.model, threads=options.threads, rotate=options.rotate)
    table = _open_table(options, reader) if options.out else None
    counts = _Counts()
    try:
        with contextlib.ExitStack() as stack:
            # Runs last, after the table is closed, when it is known which file contains the rows.
            stack.callback(lambda: _print_summary(counts, table))
            if table:
                stack.enter_context(table)
            batches = reader.read_batches(_pending(options, table, counts))
            _process(_with_progress(batches, options, table), options, table, counts)
    except OutputError as error:
        print_message(str(error))
        return 1
    return 1 if counts.unreadable or counts.not_annotated else 0


def _check_annotate(options: argparse.Namespace) -> None:
    """Refuse to read a folder inside that of the annotated copies: it would be left out as a whole."""
    from edge_runtime.images import paths

    for source in options.sources if options.annotate else ():
        if os.path.isdir(source) and paths.is_under(source, options.annotate):
            raise EdgeDigitsError(
                f"--annotate {options.annotate} contains {source}, which is to be read; choose another folder"
            )


def _print_summary(counts: _Counts, table: TableFile | None) -> None:
    from edge_runtime.images import paths

    print_message(counts.summary(table.rows_path if table else None))
    if skipped := paths.describe_skipped(counts.not_images):
        print_message(skipped)


def _open_table(options: argparse.Namespace, reader: DigitReader) -> TableFile:
    from edge_runtime.outputs import tables
    from edge_runtime.outputs.run_record import RunRecord

    run = RunRecord.of(reader, options.model)
    table = tables.open_table(options.out, run, overwrite=options.overwrite, resume=options.resume)
    for warning in table.warnings:
        print_message(warning)
    return table


def _process(
    batches: Iterable[list[Reading]], options: argparse.Namespace, table: TableFile | None, counts: _Counts
) -> None:
    """Save, print and annotate readings, batch by batch."""
    show = _printer(options)
    images = None
    if options.annotate is not None:
        from edge_runtime.outputs.annotated import AnnotatedImages

        images = AnnotatedImages(options.annotate, tiles=options.tiles)
    for batch in batches:
        if table:
            table.write(batch)
        counts.add(batch)
        if show:
            show(batch)
        if images:
            readable = (reading for reading in batch if not reading.failed)
            counts.not_annotated += sum(not _annotate(images, reading) for reading in readable)


def _annotate(images: AnnotatedImages, reading: Reading) -> bool:
    """Save an annotated image; False, after a message, if this image cannot be annotated."""
    try:
        images.write(reading)
    except ImageError as error:
        print_message(f"{reading.source} cannot be annotated: {error}")
        return False
    return True


def _pending(
    options: argparse.Namespace, table: TableFile | None, counts: _Counts | None = None
) -> Iterator[str | None]:
    """The images to read: all that the arguments name, except those that the resumed table contains.

    Counts the latter in `counts`. None means that the next path on standard input has not been written yet.
    """
    not_images = counts.not_images if counts else None
    if not table:
        yield from _expand(options, not_images)
        return
    last = _path_of_last(options, table)
    if last is not None:
        yield last
    for path in _expand(options, not_images):
        if path is None or not table.contains(path):
            yield path
        elif counts and path != last:
            counts.skipped += 1


def _path_of_last(options: argparse.Namespace, table: TableFile) -> str | None:
    """The path of the last image of a resumed table, if its rows may be incomplete.

    None if the arguments do not name it; for paths on standard input, which are not known yet, if there is no
    such file.
    """
    if table.last is None:
        return None
    if "-" in options.sources:
        path = table.path_of_last()
        return path if os.path.exists(path) else None
    return next((path for path in _expand(options) if path and table.is_last(path)), None)


def _expand(options: argparse.Namespace, skipped: Counter[str] | None = None) -> Iterator[str | None]:
    """The images that the arguments name, with folders and globs expanded.

    Counts in `skipped`, by suffix, the files of folders that are no images.
    """
    from edge_runtime.images import lists, paths

    expand = partial(paths.expand, recursive=not options.no_recursive, skip=options.annotate, skipped=skipped)
    for argument in options.sources:
        if argument != lists.STANDARD_INPUT:
            found = expand([argument])
        elif sys.stdin is not None:
            found = expand(lists.read_list(sys.stdin.fileno()), listed=True)
        else:
            continue
        for path in found:
            if path == lists.STANDARD_INPUT and not isinstance(path, paths.Received):
                path = f"./{path}"  # a file of that name, listed or found by a glob
            yield path


def _with_progress(
    batches: Iterator[list[Reading]], options: argparse.Namespace, table: TableFile | None
) -> Iterator[list[Reading]]:
    """Show a progress bar on a terminal, unless the results are printed on the same one."""
    prints = options.json or not options.out
    if sys.stderr is None or not sys.stderr.isatty() or (prints and sys.stdout.isatty()):
        yield from batches
        return
    from tqdm import tqdm

    total = None if "-" in options.sources else sum(1 for _ in _pending(options, table))
    with tqdm(total=total, unit=" images", delay=0.5, leave=False) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


class _Counts:
    """Counts for the summary and the exit code."""

    def __init__(self) -> None:
        self.images = self.digits = self.rejected = self.empty = self.unreadable = 0
        self.not_annotated = self.skipped = self.first_only = 0
        self.not_images: Counter[str] = Counter()  # by suffix

    def add(self, batch: list[Reading]) -> None:
        for reading in batch:
            self.unreadable += reading.failed
            self.first_only += reading.first_only
            self.empty += not reading.failed and not reading.digits
            self.rejected += sum(digit.value is None for digit in reading.digits)
            self.digits += sum(digit.value is not None for digit in reading.digits)
        self.images += len(batch)

    def summary(self, out: Path | None) -> str:
        parts = [_plural(self.images, "image"), _plural(self.digits, "digit")]
        for count, label in (
            (self.rejected, "rejected"),
            (self.empty, "without digits"),
            (self.unreadable, "unreadable"),
            (self.first_only, "read only on the first of several pages or frames"),
            (self.not_annotated, "not annotated"),
            (self.skipped, "skipped as already read"),
        ):
            if count:
                parts.append(f"{count} {label}")
        return ", ".join(parts) + (f"; results in {out}" if out else "")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _printer(options: argparse.Namespace) -> Callable[[list[Reading]], None] | None:
    """What prints results on standard output; None when they go to a file only."""
    if options.json:
        return _print_json
    return None if options.out else _TablePrinter()


def _print_json(batch: list[Reading]) -> None:
    from edge_runtime.outputs import rows

    sys.stdout.write(rows.to_json_lines(batch))
    sys.stdout.flush()


class _TablePrinter:
    """Prints one line per image. The first batch decides the widths of the columns."""

    def __init__(self) -> None:
        self._widths: tuple[int, int] | None = None

    def __call__(self, batch: list[Reading]) -> None:
        lines = [self._cells(reading) for reading in batch]
        if self._widths is None:
            name, digit = (max(len(line[column]) for line in lines) for column in (0, 1))
            self._widths = min(max(name, 8), 60), min(max(digit, 8), 40)
            lines.insert(0, ("image", "digits", "lowest confidence"))
        first, second = self._widths
        text = [f"{name:<{first}}  {digits:<{second}}  {rest}\n" for name, digits, rest in lines]
        sys.stdout.write("".join(text))
        sys.stdout.flush()

    def _cells(self, reading: Reading) -> tuple[str, str, str]:
        name = one_line(reading.source)
        if not reading.digits:
            return name, "-", one_line(reading.status)
        lowest = min(digit.confidence for digit in reading.digits)
        notes = ["? rejected"] if any(digit.value is None for digit in reading.digits) else []
        if reading.turn:
            notes.append(f"turned by {reading.turn}")
        if reading.first_only:
            notes.append("only the first page or frame")
        return name, " / ".join(reading.lines), f"{lowest:.3f}" + "".join(f"  ({note})" for note in notes)
