"""The contents of a results file: which images it has rows of, and which of these failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge_runtime.images.paths import escape_source, split_page
from edge_runtime.outputs.fingerprints import Fingerprints
from edge_runtime.outputs.identity import identity
from edge_runtime.outputs.rows import kind_of


class Contents:
    """Keeps count of the images of a results file.

    Relative sources refer to `folder`. `superseded` is whether there are rows of failed images that have
    other rows as well, or a later row for another reason.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.superseded = False
        self._read = Fingerprints()  # there may be millions
        self._failed: dict[str, str] = {}  # images with no other row, and the status of their latest

    def add(self, source: str, status: str) -> None:
        """Add a row. Raises `ValueError` for a status that no row has, or a source that is no path."""
        key = identity(source, self.folder)
        earlier = self._failed.pop(key, None)
        if kind_of(status) != "error":
            self._read.add(key)
            file, page = split_page(key)
            if page and self._failed:  # the file failed as a whole before
                earlier = self._failed.pop(file, None) or earlier
            self.superseded |= earlier is not None
        elif key in self._read:
            self.superseded = True
        else:
            self._failed[key] = escape_source(status)
            self.superseded |= earlier is not None

    def has_read(self, source: str, folder: str) -> bool:
        """Whether there are rows of an image, given relative to `folder`, that did not fail."""
        return bool(self._read) and identity(source, folder) in self._read

    def forget_failure(self, file: str, folder: str) -> None:
        """Supersede the row that says that a file, relative to `folder`, failed: all its pages have rows."""
        if self._failed and self._failed.pop(identity(file, folder), None) is not None:
            self.superseded = True

    def has_failed(self, source: str, status: str) -> bool:
        """Whether the row of an image is that it failed for this reason."""
        return bool(self._failed) and self._failed.get(identity(source, self.folder)) == escape_source(status)

    def current(self, rows: Iterable[tuple[bytes, str, str]]) -> Iterator[bytes]:
        """Of the rows of the file, with their sources and statuses, yield those that are not superseded."""
        failed = dict(self._failed)
        for row, source, status in rows:
            if self.superseded and kind_of(status) == "error":
                key = identity(source, self.folder)
                if failed.get(key) != status:
                    continue
                del failed[key]
            yield row
