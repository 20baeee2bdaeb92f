"""A job in a folder of results: begins or continues it, and looks in the end whether every file is there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from edge_runtime.errors import OutputError
from edge_runtime.scale import listing
from edge_runtime.scale.listing import Job, Listing
from edge_runtime.scale.partitions import file_name
from edge_runtime.scale.stores import PARTIAL, Store, expand
from edge_runtime.scale.suspects import ATTEMPTS

__all__ = ["Job", "begin", "finish", "list_images"]

# The names of the files that this package writes, besides the listing.
_PART, _LEFTOVER = re.compile(r"part-\d{5,}\.parquet"), re.compile(rf"(?:{PARTIAL}|{ATTEMPTS}).*")


def list_images(job: Job, stores: Sequence[Store], skipped: Counter[str]) -> Iterator[str]:
    """The images that the sources of a job stand for, source by source.

    `stores` are those of the sources; files that are no images are counted in `skipped`, by suffix. Raises
    `SourceError` if a store cannot be listed.
    """
    for store in stores:
        yield from expand(store, skipped, recursive=job.recursive)


def begin(folder: Store, job: Job, images: Iterable[str], *, resume: bool, overwrite: bool) -> Job:
    """Begin a job in a folder, or continue one that was begun there; return it with its numbers.

    The images are listed only if it is begun. Raises `OutputError`, also if the folder is in use for
    something else, and `OSError`.
    """
    try:
        names = folder.names()
    except NotADirectoryError as error:
        raise OutputError(f"{folder.address} is a file, not a folder") from error
    if listing.NAME not in names and not all(map(_LEFTOVER.fullmatch, names)):
        raise OutputError(f"{folder.address} contains other files; choose another folder")
    if listing.NAME in names and not (resume or overwrite):
        raise OutputError(
            f"{folder.address} contains results; continue them with --resume or replace them with --overwrite"
        )
    if not (resume and listing.NAME in names):
        folder.system.create_dir(folder.path)
        for name in names:
            if _PART.fullmatch(name) or _LEFTOVER.fullmatch(name):
                folder.delete(name)
        listing.write(folder, job, images)
    found = Listing.load(folder)
    assert found is not None
    found.close()
    found.job.check_continues(job, folder.address)
    return found.job


def finish(folder: Store, job: Job) -> None:
    """Delete what lost workers have left. Raises `OutputError` unless the file of each partition is there."""
    names = folder.names()
    missing = [name for name in map(file_name, range(job.partitions)) if name not in names]
    if missing:
        raise OutputError(
            f"{folder.address} lacks {len(missing)} of {job.partitions} files, such as {missing[0]}; every "
            "machine must share this folder"
        )
    for name in names:
        if _LEFTOVER.fullmatch(name):
            folder.delete(name)
