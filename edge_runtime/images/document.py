"""Documents: image files that have been read and checked, and whose pages or frames can be decoded.

Most files have one page. A file with several is read once, and its pages are decoded one by one, so that
memory does not grow with their number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_runtime.errors import ImageError
from edge_runtime.images import decode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.images.header import Header


class Document:
    """An image file with one page, or with the first of its frames."""

    noun = "page"
    more = False  # whether there are frames that are left out

    def __init__(self, data: bytes, header: Header) -> None:
        self._data, self._header = data, header
        self.more = header.more

    def __len__(self) -> int:
        return 1

    def decode(self, index: int, *, colour: bool = False) -> NDArray[np.uint8]:
        """Decode a page, counted from 0, as `decode.decode` or `decode.decode_colour` does.

        May be called from several threads. Raises `ImageError`.
        """
        return decode.decode_checked(self._data, self._header, colour=colour)


def check_page(document: Document, page: int) -> int:
    """The index of a page that is counted from 1. Raises `ImageError` if the document does not have it."""
    count, noun = len(document), document.noun
    if page > count:
        raise ImageError(f"the file has {count} {noun}{'s' if count > 1 else ''}; there is no {noun} {page}")
    return page - 1
