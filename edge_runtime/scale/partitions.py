"""Partitions: reads one after another, and writes a Parquet file for each, completely or not at all.

An engine calls a `PartitionReader` in each of its workers. Whatever it repeats, there is one file for each
partition in the end: one that exists and is whole is not read again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import EdgeDigitsError, OutputError
from edge_runtime.images.paths import is_remote
from edge_runtime.outputs.counts import Counts
from edge_runtime.outputs.parquet_file import RECORD, ROW_GROUP, schema_of, to_table
from edge_runtime.outputs.rows import BY_UNIT
from edge_runtime.outputs.run_record import RunRecord
from edge_runtime.results import Reading
from edge_runtime.scale.listing import Job, Listing
from edge_runtime.scale.stores import Store, fetch_ahead
from edge_runtime.scale.suspects import LEFT_OUT, Attempt

if TYPE_CHECKING:
    from edge_runtime.reading.reader import DigitReader

_PART = b"edge-digits-part"  # key of a `Part` in the metadata of its file


def file_name(partition: int) -> str:
    """The name of the file of a partition, counted from 0."""
    return f"part-{partition:05}.parquet"


@dataclass(frozen=True, slots=True)
class Part:
    """The file of a partition: which job and which run of it wrote it, and what became of the images.

    `missed` is how many of these a store has not given; then it is read again when the job is continued.
    """

    partition: int
    job: str
    run: str
    counts: Counts
    missed: int = 0

    def as_json(self) -> str:
        """The part as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str | bytes) -> Part:
        """The part in a text that `as_json` made; a `ValueError`, `KeyError` or `TypeError` for any other."""
        values = json.loads(text)
        return cls(**{**values, "counts": Counts(**values["counts"])})


class PartitionReader:
    """Reads the partitions of the listing in a folder. Opens it, and the models, for the first of them.

    The working directory of its process becomes the folder in which the job was begun, to which paths refer.
    `stores` are the object stores of the job, and `run` tells one run of it from another.
    """

    def __init__(self, folder: Store, stores: tuple[Store, ...], run: str) -> None:
        self._folder, self._stores, self._run = folder, stores, run
        self._opened: tuple[Listing, DigitReader] | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Read the partitions in the column "item"; return the `Part` of each as JSON, or an "error"."""
        return {"part": [self._result(int(partition)) for partition in batch["item"]]}

    def _result(self, partition: int) -> str:
        import pyarrow

        try:
            return self.read(partition).as_json()
        except EdgeDigitsError as error:
            return json.dumps({"error": str(error)})
        except (OSError, pyarrow.ArrowException) as error:
            reason = " ".join(str(error).split())[:300]
            return json.dumps({"error": f"cannot write {self._folder.address}: {reason}"})

    def read(self, partition: int) -> Part:
        """Read a partition and write its file, unless it exists. Raises `EdgeDigitsError` and `OSError`."""
        listing, reader = self._open()
        part = self._written(partition, listing)
        if part is not None and (not part.missed or part.run == self._run):
            return part
        attempt, missed = Attempt(self._folder, partition), set[str]()
        images = _Images(reader, listing.job, self._stores, missed)
        part = self._write(partition, listing, images.read(listing.partition(partition), attempt), missed)
        attempt.done()
        return part

    def _open(self) -> tuple[Listing, DigitReader]:
        """The listing and the reader. Raises `EdgeDigitsError` if this machine lacks or has other ones."""
        if self._opened is not None:
            return self._opened
        import cv2

        from edge_runtime.reading.reader import DigitReader

        listing = Listing.load(self._folder)
        if listing is None:
            raise OutputError(f"a worker cannot see {self._folder.address}; every machine must share it")
        cv2.setNumThreads(1)  # there is a worker for each core
        record = listing.job.record
        with suppress(OSError):  # on another machine it may not exist; then paths have to be absolute
            os.chdir(record.folder)
        reader = DigitReader(
            record.model, threads=1, rotate=record.rotate, min_confidence=record.min_confidence
        )
        here = RunRecord.of(reader, record.model, frames=record.frames)
        if here.difference(record):
            raise OutputError(f"a worker has {here} instead of {record}; install the same on every machine")
        self._opened = (listing, reader)
        return self._opened

    def _written(self, partition: int, listing: Listing) -> Part | None:
        """The part that a file is of; None if there is no whole file of this job."""
        import pyarrow
        import pyarrow.parquet

        try:
            path = self._folder.child(file_name(partition))
            with self._folder.system.open_input_file(path) as file:
                part = Part.parse(pyarrow.parquet.ParquetFile(file).metadata.metadata[_PART])
        except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException):  # damage may be an OSError
            return None
        return part if (part.partition, part.job) == (partition, listing.job.id) else None

    def _write(
        self, partition: int, listing: Listing, batches: Iterable[list[Reading]], missed: set[str]
    ) -> Part:
        import pyarrow.parquet

        rows = BY_UNIT[listing.job.unit]
        schema = schema_of(rows).with_metadata({RECORD: listing.job.record.as_json()})
        counts = Counts()
        with (
            self._folder.whole_file(file_name(partition)) as path,
            pyarrow.parquet.ParquetWriter(path, schema, filesystem=self._folder.system) as writer,
        ):
            lines: list[str] = []
            waiting = 0
            for batch in batches:
                counts.add(batch)
                lines.append(rows.to_json_lines(batch))
                waiting += sum(max(1, len(reading.digits)) for reading in batch)
                if waiting >= ROW_GROUP:
                    writer.write_table(to_table("".join(lines).encode(), rows))
                    lines, waiting = [], 0
            writer.write_table(to_table("".join(lines).encode(), rows))
            part = Part(partition, listing.job.id, self._run, counts, len(missed))
            writer.add_key_value_metadata({_PART: part.as_json()})
        return part


@dataclass(frozen=True, slots=True)
class _Images:
    """Reads the images of a job; those that a store does not give are added to `missed`."""

    reader: DigitReader
    job: Job
    stores: tuple[Store, ...]
    missed: set[str]

    def read(self, sources: list[str], attempt: Attempt) -> Iterator[list[Reading]]:
        """Yield the readings of images in batches; a careful attempt reads them one by one."""
        if not attempt.careful:
            yield from self._read(sources)
            return
        for source in sources:
            if attempt.may_read(source):
                yield from self._read([source])
            else:
                yield [Reading(source, status=LEFT_OUT)]

    def _read(self, sources: list[str]) -> Iterator[list[Reading]]:
        for remote, group in groupby(sources, is_remote):
            images: Iterator[Any] = group
            if remote:
                images = fetch_ahead(images, self.stores, self.missed)
            yield from self.reader.read_batches(images, frames=self.job.record.frames)
