"""`edge-digits scale`: folders and object stores in, Parquet files out, read by the workers of a cluster."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from edge_runtime.cli.signals import raise_on_sigterm
from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError, OutputError
from edge_runtime.outputs.counts import Counts

if TYPE_CHECKING:
    from edge_runtime.scale.listing import Job
    from edge_runtime.scale.partitions import Part
    from edge_runtime.scale.stores import Store


_PARTITION = 1000  # images

_KILLED = "edge-digits: Ray has lost its cluster, or this process was killed; continue with --resume"
_WATCHER = "import sys; sys.stdin.read() or sys.exit(sys.argv[1])"  # prints its argument if it reads nothing


def scale(options: argparse.Namespace) -> int:
    """Read images on all cores of a machine or of a cluster, and save the results."""
    from edge_runtime.scale import ray_engine
    from edge_runtime.scale.stores import open_store

    ray_engine.require()
    if "-" in options.sources:
        raise EdgeDigitsError("scale does not read standard input; give files, folders or addresses")
    folder, sources = open_store(options.out), tuple(map(open_store, options.sources))
    not_images = Counter[str]()
    job = _begin(options, folder, sources, not_images)
    run = _Run(uuid4().hex, options.quiet)
    try:
        with _say_if_killed(), ray_engine.connected():
            raise_on_sigterm()  # Ray has replaced the handler
            parts = ray_engine.read(folder, sources, run.id, job.partitions)
            run.follow(parts, job, folder)
    except OutputError as error:
        print_message(f"{error}; continue with --resume")
        return 1
    finally:
        run.print_summary(folder, not_images)
    return 1 if run.counts.unreadable or run.before.unreadable else 0


def _begin(
    options: argparse.Namespace, folder: Store, sources: tuple[Store, ...], not_images: Counter[str]
) -> Job:
    """Begin or continue the job in a folder. Raises `EdgeDigitsError`."""
    from edge_runtime.outputs.run_record import RunRecord
    from edge_runtime.reading.reader import DigitReader
    from edge_runtime.scale import job

    reader = DigitReader(options.model, rotate=options.rotate, min_confidence=options.min_confidence)
    asked = job.Job(
        sources=tuple(source.address for source in sources),
        unit=options.rows or "digit",
        recursive=not options.no_recursive,
        size=options.partition or _PARTITION,
        record=RunRecord.of(reader, options.model, frames=options.frames),
    )
    images = job.list_images(asked, sources, not_images)
    try:
        with _progress(options.quiet, "listed") as advance:
            images = _counted(images, advance)
            begun = job.begin(folder, asked, images, resume=options.resume, overwrite=options.overwrite)
    except OSError as error:
        raise OutputError(f"cannot write {folder.address}: {error.strerror or error}") from error
    if options.partition not in (None, begun.size):
        raise OutputError(f"{folder.address} was begun with --partition {begun.size}; continue it without")
    return begun


@contextmanager
def _say_if_killed() -> Iterator[None]:
    """Have another process print `_KILLED` if this one ends inside the block without leaving it.

    Ray ends the process when it loses its cluster: at once, in C++, where Python learns nothing of it.
    """
    message = "\n" * (sys.stderr is not None and sys.stderr.isatty()) + _KILLED  # below the progress bar
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCHER, message],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is not for it
    )
    try:
        yield
    finally:
        watcher.communicate(b"done")


class _Run:
    """One run of the command: what it has read, and what was read before."""

    def __init__(self, run: str, quiet: bool) -> None:
        self.id, self.counts, self.before = run, Counts(), Counts()
        self._quiet, self._started = quiet, time.perf_counter()

    def follow(self, parts: Iterable[Part], job: Job, folder: Store) -> None:
        """Count the parts of a job as they are finished. Raises `OutputError`, also if one is not there."""
        from edge_runtime.scale.job import finish

        with _progress(self._quiet, "read", job.images) as advance:
            for part in parts:
                (self.counts if part.run == self.id else self.before).include(part.counts)
                advance(part.counts.images)
        try:
            finish(folder, job)
        except OSError as error:
            raise OutputError(f"cannot read {folder.address}: {error.strerror or error}") from error

    def print_summary(self, folder: Store, not_images: Counter[str]) -> None:
        from edge_runtime.images import paths

        if self._quiet:
            return
        seconds = time.perf_counter() - self._started
        summary = self.counts.summary(
            seconds,
            (self.before.images, "skipped as already read"),
            (self.before.unreadable, "of these unreadable"),
        )
        print_message("; ".join([*summary, f"results in {folder.address}"]))
        if skipped := paths.describe_skipped(not_images):
            print_message(skipped)


def _counted(images: Iterable[str], advance: Callable[[int], object]) -> Iterator[str]:
    for image in images:
        yield image
        advance(1)


@contextmanager
def _progress(quiet: bool, verb: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """Show a progress bar on a terminal; give the function that advances it by a number of images."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=f" images {verb}", delay=0.5, leave=False) as bar:
        yield bar.update
