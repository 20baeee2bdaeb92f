"""The listing of a job: every image, in partitions that never change once it is written.

It is a Parquet file in the folder of the results, with one row group for each partition. Its metadata tell
what the job is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from edge_runtime.errors import OutputError
from edge_runtime.outputs.parquet_file import RECORD
from edge_runtime.outputs.run_record import RunRecord
from edge_runtime.scale.stores import Store

if TYPE_CHECKING:
    import pyarrow.parquet

NAME = "_listing.parquet"
_JOB = b"edge-digits-job"  # key of the job in the metadata of the file


@dataclass(frozen=True, slots=True)
class Job:
    """What is read: `id` tells one listing from another, `unit` is that of the rows, `sources` are addresses
    without secrets, `size` is the number of images of a partition, and `images` that of all."""

    sources: tuple[str, ...]
    unit: str
    recursive: bool
    size: int
    record: RunRecord
    id: str = ""
    images: int = 0
    partitions: int = 0

    def check_continues(self, other: Job, folder: str) -> None:
        """Raise `OutputError` unless `other` asks for the rows that this job, in `folder`, has begun."""
        way_out = (
            "continue it with the original settings, write to another folder, or replace it with --overwrite"
        )
        if difference := self.record.difference(other.record):
            raise OutputError(f"{folder} {difference}; {way_out}")
        for name, option in _OPTIONS.items():
            mine, others = (_describe(option, getattr(job, name)) for job in (self, other))
            if mine != others:
                raise OutputError(f"{folder} was begun {mine}, but this run is {others}; {way_out}")


# What decides which rows there are.
_OPTIONS = {"sources": "of", "unit": "with --rows", "recursive": "subfolders"}


def _describe(option: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{'with' if value else 'without'} {option}"
    return f"{option} {' '.join(value) if isinstance(value, tuple) else value}"


class Listing:
    """The listing in a folder. Raises `OutputError` if it is damaged, and `OSError`."""

    def __init__(self, file: pyarrow.parquet.ParquetFile, job: Job) -> None:
        self._file, self.job = file, job

    @classmethod
    def load(cls, store: Store) -> Listing | None:
        """The listing in a folder; None if it has none."""
        import pyarrow
        import pyarrow.parquet

        try:
            opened = store.system.open_input_file(store.child(NAME))
        except FileNotFoundError:
            return None
        try:
            file = pyarrow.parquet.ParquetFile(opened)
            metadata = file.metadata.metadata
            record = RunRecord.parse(metadata[RECORD])
            values = json.loads(metadata[_JOB])
            job = Job(**{**values, "sources": tuple(values["sources"])}, record=record)
        except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException) as error:
            opened.close()
            reason = " ".join(str(error).split())[:200]
            raise OutputError(
                f"{store.address}/{NAME} cannot be read ({reason}); if it is damaged, begin again with "
                "--overwrite"
            ) from error
        counted = replace(job, images=file.metadata.num_rows, partitions=file.metadata.num_row_groups)
        return cls(file, counted)

    def partition(self, index: int) -> list[str]:
        """The images of a partition, counted from 0."""
        column = self._file.read_row_group(index).column(0)
        return [os.fsdecode(source) for source in column.to_pylist()]

    def close(self) -> None:
        """Close the file."""
        self._file.close(force=True)


def write(store: Store, job: Job, sources: Iterable[str]) -> None:
    """List the images of a job in a folder. Raises `OutputError`, and `OSError`."""
    import pyarrow
    import pyarrow.parquet

    values: dict[str, Any] = {name: getattr(job, name) for name in ("sources", "unit", "recursive", "size")}
    metadata = {RECORD: job.record.as_json(), _JOB: json.dumps({**values, "id": uuid4().hex})}
    schema = pyarrow.schema([("source", pyarrow.binary())], metadata=metadata)
    with (
        store.whole_file(NAME) as partial,
        pyarrow.parquet.ParquetWriter(
            partial, schema, filesystem=store.system, compression="zstd", write_statistics=False
        ) as writer,
    ):
        for part in _slices(sources, job.size):
            column = pyarrow.array([os.fsencode(source) for source in part], pyarrow.binary())
            writer.write_table(pyarrow.table([column], schema), row_group_size=job.size)


def _slices(sources: Iterable[str], size: int) -> Iterator[list[str]]:
    sources = iter(sources)
    while part := list(islice(sources, size)):
        yield part
