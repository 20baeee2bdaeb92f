"""Opens documents: each kind of image file with what decodes its pages."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

from edge_runtime.errors import ImageError
from edge_runtime.images import decode, headers
from edge_runtime.images.document import Document
from edge_runtime.images.headers import TIFF_STARTS
from edge_runtime.images.limits import FILES, Limits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TiffPages(Document):
    """A TIFF with several pages. Each is checked when it is decoded."""

    def __init__(self, data: bytes, pages: list[int], limits: Limits) -> None:
        self._bytes, self._pages, self._limits = bytearray(data), pages, limits
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._pages)

    def decode(self, index: int, *, colour: bool = False) -> NDArray[np.uint8]:
        """Decode a page, counted from 0."""
        from edge_runtime.images import tiff

        decoder = decode.decode_colour if colour else decode.decode
        with self._lock:
            # Decoders take the first page of a file. A copy for each page would double the memory.
            tiff.start_at(self._bytes, self._pages[index])
            return decoder(cast("bytes", self._bytes), self._limits)


def open_document(data: bytes, limits: Limits = FILES, *, frames: bool = False) -> Document:
    """Check an image file and find its pages; with `frames`, also those of animations.

    Raises `ImageError` if the data is not an image, is damaged, or exceeds the limits.
    """
    try:
        header = headers.check(data, limits)
    except ImageError:
        from edge_runtime.images import isolated

        if kind := isolated.kind_of(data):
            return isolated.Isolated(kind, data, limits)
        if data[:4] in TIFF_STARTS:
            from edge_runtime.images import tiff

            # That its first page cannot be read says nothing about the others.
            if len(pages := tiff.find_pages(data)) > 1:
                return TiffPages(data, pages, limits)
        raise
    if header.more and header.format == "TIFF":
        from edge_runtime.images import tiff

        return TiffPages(data, tiff.find_pages(data), limits)
    if header.more and frames:
        from edge_runtime.images.frames import Frames

        return Frames(data, header)
    return Document(data, header)
