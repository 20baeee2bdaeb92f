"""The sources of `edge-digits read`: what its arguments name, less what a resumed table contains."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from edge_runtime.images import suffixes

if TYPE_CHECKING:
    from edge_runtime.outputs.table_file import TableFile

_COUNTING = 0.5  # s for which images are counted before the first is read


class Sources:
    """The images to read: all that the arguments name, except those that the resumed table contains.

    Counts in `skipped` the images that the table contains, in `more_pages` the pages that files turn out to
    have besides the first, and in `not_images`, by suffix, the files of folders that are no images.
    """

    def __init__(self, options: argparse.Namespace, table: TableFile | None) -> None:
        self._options, self._table = options, table
        self.skipped = self.more_pages = 0
        self.not_images: Counter[str] = Counter()
        self._guard = threading.Lock()  # of the counts: workers ask for pages from threads

    def __iter__(self) -> Iterator[str | None]:
        """Yield paths. None means that the next one on standard input has not been written yet."""
        if not self._table:
            yield from self._expand(self.not_images)
            return
        last = self._path_of_last(self._table)
        if last is not None:
            yield last
        for path in self._expand(self.not_images):
            if path is None or not self._table.contains(path):
                yield path
            elif path != last:
                with self._guard:
                    self.skipped += 1

    def count(self) -> int | None:
        """How many images there are, without those pages.

        None if they come through standard input, or if there are too many to count them first.
        """
        if "-" in self._options.sources:
            return None
        table, deadline = self._table, time.monotonic() + _COUNTING
        left = int(table is not None and self._path_of_last(table) is not None)
        for number, path in enumerate(self._expand(Counter()), 1):
            left += not (table and path and table.contains(path))
            if number % 1000 == 0 and time.monotonic() > deadline:
                return None
        return left

    def names(self) -> Iterator[str]:
        """What the arguments name, as far as it is known beforehand: nothing of standard input.

        How many pages a file has is not known: one that may have some is named as if by its tenth.
        """
        several = suffixes.OF_PAGES + (suffixes.OF_FRAMES if self._options.frames else ())
        if "-" not in self._options.sources:
            for path in filter(None, self._expand(Counter())):
                yield f"{path}#10" if path.lower().endswith(several) else path

    def choose(self, names: list[str]) -> list[int]:
        """The indices of those pages of a file that the resumed table does not contain.

        It may be called from any thread.
        """
        found = [bool(self._table and self._table.contains(name)) for name in names]
        with self._guard:
            if self._table and len(names) > 1 and all(found):
                self._table.forget_failure(names[0])
            self.more_pages += len(names) - 1
            self.skipped += sum(
                done and not (self._table and self._table.is_last(name))
                for name, done in zip(names, found, strict=True)
            )
        return [index for index, done in enumerate(found) if not done]

    def _path_of_last(self, table: TableFile) -> str | None:
        """The path of the last image of a resumed table, if its rows may be incomplete.

        None if the arguments do not name it; for paths on standard input, which are not known yet, if there
        is no such file.
        """
        if table.last is None:
            return None
        from edge_runtime.images import paths

        path = table.path_of_last()
        file, page = (path, None) if os.path.lexists(path) else paths.split_page(path)
        if "-" in self._options.sources:
            return path if paths.is_remote(path) or os.path.exists(file) else None
        name = os.path.normcase(os.path.split(file)[1])
        for each in self._expand(Counter()):
            # Comparing the names alone is faster, and there may be millions.
            if each and name not in paths.escape_source(os.path.normcase(each)):
                continue
            if each and table.is_last(each):
                return each
            if each and page and table.is_last(f"{each}#{page}"):
                return f"{each}#{page}"
        return None

    def _expand(self, skipped: Counter[str]) -> Iterator[str | None]:
        """The images that the arguments name, with folders and globs expanded."""
        from edge_runtime.images import files, inputs, lists

        options = self._options
        expand = partial(
            inputs.expand_paths, recursive=not options.no_recursive, skip=options.annotate, skipped=skipped
        )
        for argument in options.sources:
            if argument != lists.STANDARD_INPUT:
                found = expand([argument])
            elif sys.stdin is not None:
                found = expand(lists.read_list(sys.stdin.fileno()), listed=True)
            else:
                continue
            for path in found:
                if path and lists.is_standard_input(path) and not isinstance(path, files.Received):
                    path = f"./{path}"  # a file of that name, listed or found by a glob
                yield path
