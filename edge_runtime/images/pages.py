"""Pages: what is to be read of an input, and how each page is named in the results."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from edge_runtime.errors import ImageError
from edge_runtime.images import inputs
from edge_runtime.images.document import Document, check_page
from edge_runtime.images.documents import open_document
from edge_runtime.images.header import TOO_LARGE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PageOf(NamedTuple):
    """One page of a document on its way to be read.

    `source` names it in results; `more` is whether the document has others that are left out; `seconds` is
    the time that it took to open the document, if this is its first page.
    """

    source: str
    document: Document
    position: int
    more: bool = False
    seconds: float = 0.0

    def decode(self, *, colour: bool = False) -> NDArray[np.uint8]:
        """Decode the page, as `Document.decode` does."""
        return self.document.decode(self.position, colour=colour)


class Pages:
    """The pages of an input that are to be read: all of `document`, or the one that its path names."""

    def __init__(self, image: object, *, frames: bool = False) -> None:
        """Read and open an input. Raises `ImageError`."""
        start = time.perf_counter()
        self._name = inputs.name_of(image)
        try:
            data, page = inputs.load(image)
            self.document = open_document(data, frames=frames or page is not None)
        except MemoryError as error:
            raise ImageError(TOO_LARGE) from error
        self._only = None if page is None else check_page(self.document, page)
        self._seconds = time.perf_counter() - start

    def __len__(self) -> int:
        return 1 if self._only is not None else len(self.document)

    def __iter__(self) -> Iterator[PageOf]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> PageOf:
        seconds = 0.0 if index else self._seconds
        if self._only is not None:
            return PageOf(self._name, self.document, self._only, seconds=seconds)
        several = len(self) > 1
        source = f"{self._name}#{index + 1}" if several else self._name
        return PageOf(source, self.document, index, self.document.more, seconds)

    @property
    def first(self) -> PageOf:
        """The first page, under the name of the whole file."""
        page = self[0]
        return PageOf(self._name, page.document, page.position, page.more or len(self) > 1, page.seconds)
