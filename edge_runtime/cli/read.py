"""`edge-digits read`: images in; a table, a results file and annotated images out."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from edge_runtime.cli.sources import Sources
from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError, ImageError, OutputError
from edge_runtime.outputs.counts import Counts

if TYPE_CHECKING:
    from edge_runtime.outputs.annotated import AnnotatedImages
    from edge_runtime.outputs.rows import Rows
    from edge_runtime.outputs.table_file import TableFile
    from edge_runtime.reading.reader import DigitReader
    from edge_runtime.results import Reading


def read(options: argparse.Namespace) -> int:
    """Read images, and print, save and annotate the results."""
    import cv2

    from edge_runtime.reading.reader import DigitReader
    from edge_runtime.reading.turn import AUTO

    _check_options(options)
    # Images are read in parallel; OpenCV's own threads would compete with that.
    cv2.setNumThreads(1)
    reader = DigitReader(
        options.model,
        threads=options.threads or AUTO,
        rotate=options.rotate,
        min_confidence=options.min_confidence,
    )
    table = _open_table(options, reader) if options.out else None
    counts, sources = _Counts(), Sources(options, table)
    try:
        with contextlib.ExitStack() as stack:
            if not options.quiet:
                # Runs last, after the table is closed, when it is known which file contains the rows.
                stack.callback(lambda: _print_summary(counts, sources, options, table))
            if table:
                stack.enter_context(table)
            batches = reader.read_batches(sources, frames=options.frames, choose=sources.choose)
            _process(_with_progress(batches, options, sources), options, sources, table, counts)
    except OutputError as error:
        print_message(str(error))
        return 1
    return 1 if counts.unreadable or counts.not_annotated else 0


def _check_options(options: argparse.Namespace) -> None:
    """Raise `EdgeDigitsError` for an option that would have no effect."""
    if (options.resume or options.overwrite) and not options.out:
        raise EdgeDigitsError("--resume and --overwrite need a results file; add --out FILE")
    if options.rows and not (options.out or options.json):
        raise EdgeDigitsError("--rows is for results files and JSON; add --out FILE or --json")
    if options.tiles and options.annotate is None:
        raise EdgeDigitsError("--tiles needs a folder for annotated images; add --annotate DIR")
    _check_annotate(options)


def _check_annotate(options: argparse.Namespace) -> None:
    """Refuse to read a folder inside that of the annotated copies: it would be left out as a whole."""
    from edge_runtime.images import paths

    for source in options.sources if options.annotate else ():
        folder = paths.folder_of_glob(source) if paths.is_glob(source) else source
        if os.path.isdir(folder) and paths.is_under(folder, options.annotate):
            raise EdgeDigitsError(
                f"--annotate {options.annotate} contains {source}, which is to be read; choose another folder"
            )


def _print_summary(
    counts: _Counts, sources: Sources, options: argparse.Namespace, table: TableFile | None
) -> None:
    from edge_runtime.images import paths

    results = table.rows_path if table else None
    copies = options.annotate if counts.annotated else None
    places = [f"results in {results}"] * bool(results) + [f"annotated images in {copies}"] * bool(copies)
    print_message("; ".join([*counts.lines(sources.skipped), *places]))
    if skipped := paths.describe_skipped(sources.not_images):
        print_message(skipped)


def _rows(options: argparse.Namespace) -> Rows:
    """The kind of rows for results files and JSON."""
    from edge_runtime.outputs import rows

    return rows.BY_UNIT[options.rows or "digit"]


def _open_table(options: argparse.Namespace, reader: DigitReader) -> TableFile:
    from edge_runtime.outputs import tables
    from edge_runtime.outputs.run_record import RunRecord

    table = tables.open_table(
        options.out,
        RunRecord.of(reader, options.model, frames=options.frames),
        _rows(options),
        overwrite=options.overwrite,
        resume=options.resume,
    )
    for warning in table.warnings if not options.quiet else ():
        print_message(warning)
    return table


def _process(
    batches: Iterable[list[Reading]],
    options: argparse.Namespace,
    sources: Sources,
    table: TableFile | None,
    counts: _Counts,
) -> None:
    """Save, print and annotate readings, batch by batch."""
    show = _printer(options, sources)
    images = None
    if options.annotate is not None:
        from edge_runtime.outputs.annotated import AnnotatedImages

        images = AnnotatedImages(options.annotate, tiles=options.tiles, again=options.resume)
    for batch in batches:
        # Before the rows: what a resumed table contains is not annotated again.
        for reading in batch:
            if images and not reading.failed:
                counts.add_annotated(_annotate(images, reading))
        if table:
            table.write(batch)
        counts.add(batch)
        if show:
            show(batch)
        for reading in batch:
            if options.quiet and reading.failed:
                print_message(f"{reading.source}: {reading.status.removeprefix('error: ')}")


def _annotate(images: AnnotatedImages, reading: Reading) -> bool:
    """Save an annotated image; False, after a message, if this image cannot be annotated."""
    try:
        images.write(reading)
    except ImageError as error:
        print_message(f"{reading.source} cannot be annotated: {error}")
        return False
    return True


def _with_progress(
    batches: Iterator[list[Reading]], options: argparse.Namespace, sources: Sources
) -> Iterator[list[Reading]]:
    """Show a progress bar on a terminal, unless the results are printed on the same one."""
    prints = options.json or not options.out
    hidden = options.quiet or (prints and sys.stdout.isatty())
    if hidden or sys.stderr is None or not sys.stderr.isatty():
        yield from batches
        return
    from tqdm import tqdm

    total = sources.count()
    with tqdm(total=total, unit=" images", delay=0.5, leave=False) as bar:
        for batch in batches:
            yield batch
            if total is not None:
                bar.total = total + sources.more_pages
            bar.update(len(batch))


class _Counts(Counts):
    """Counts for the summary and the exit code, and the time that reading takes."""

    def __init__(self) -> None:
        super().__init__()
        self.annotated = self.not_annotated = 0
        self._started = time.perf_counter()

    def add_annotated(self, saved: bool) -> None:
        self.annotated += saved
        self.not_annotated += not saved

    def lines(self, skipped: int) -> list[str]:
        """What was read, and in which time; `skipped` images were read before."""
        return self.summary(
            time.perf_counter() - self._started,
            (self.not_annotated, "not annotated"),
            (skipped, "skipped as already read"),
        )


def _printer(options: argparse.Namespace, sources: Sources) -> Callable[[list[Reading]], None] | None:
    """What prints results on standard output; None when they go to a file only."""
    if options.json:
        rows = _rows(options)

        def print_json(batch: list[Reading]) -> None:
            sys.stdout.write(rows.to_json_lines(batch))
            sys.stdout.flush()

        return print_json
    if options.out or options.quiet:
        return None
    from edge_runtime.cli.table import TablePrinter

    return TablePrinter(sources.names()).print
