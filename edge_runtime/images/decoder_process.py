"""The process that decodes PDF and HEIC files for `isolated`: requests come in, pixels go out.

A request is one line of JSON, and what it announces: `{"open": "pdf", "id": 1, "size": 9}` and 9 bytes, or
`{"page": 0, "id": 1, "colour": false, "pixels": 1000}`. Either may have `close`, ids that are no longer
needed. The answer is a line as well: the number of pages, or width, height, channels, stride and size of the
pixels that follow, or an error.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from typing import Any, Protocol

_MEMORY = 1_000_000_000  # bytes for data, and the stacks of threads
_STACK = 16_000_000
_POINTS_PER_INCH = 72
_DPI = 200  # of rendered pages: digits of 3 mm are 24 px high
_MAX_SIDE = 30_000  # px of a rendered page
_MAX_PICTURES = 200_000_000  # px of all pictures on a page
_CHANNELS = {"L": 1, "BGR": 3, "BGRA": 4}
_MIN_DPI = 20
_REOPENED = 50  # pages after which a document is opened again, because PDFium keeps what it has parsed

_TOO_LARGE = "too large for this machine's memory"


class _Decoder(Protocol):
    def __len__(self) -> int: ...

    def page(self, index: int, colour: bool, pixels: int) -> tuple[dict[str, int], Any]:
        """Width, height, channels and stride of a page, and its pixels. Raises `ValueError`."""


class _Pdf:
    def __init__(self, data: bytes) -> None:
        self._data, self._rendered = data, 0
        self._document = self._open()

    def _open(self) -> Any:
        import pypdfium2

        try:
            document = pypdfium2.PdfDocument(self._data)
            document.init_forms()
            return document
        except pypdfium2.PdfiumError as error:
            # PDFium may still report the error of an earlier file.
            if "password" in str(error).lower() and b"/Encrypt" in self._data:
                raise ValueError("a PDF with a password; save it without one") from error
            raise ValueError("a damaged PDF") from error

    def __len__(self) -> int:
        return len(self._document)

    def page(self, index: int, colour: bool, pixels: int) -> tuple[dict[str, int], Any]:
        import pypdfium2

        self._rendered += 1
        if self._rendered % _REOPENED == 0:
            self._document.close()
            self._document = self._open()
        try:
            page = self._document[index]
            width, height = page.get_size()
            _check_pictures(page)
            scale = min(
                _DPI / _POINTS_PER_INCH,
                math.sqrt(pixels / max(1.0, width * height)),
                _MAX_SIDE / max(1.0, width, height),
            )
            if scale < _MIN_DPI / _POINTS_PER_INCH:
                inches = f"{width / _POINTS_PER_INCH:.0f}x{height / _POINTS_PER_INCH:.0f}"
                raise ValueError(f"a page of {inches} inches, too large to be rendered")
            bitmap = page.render(scale=scale, grayscale=not colour)
            page.close()
        except pypdfium2.PdfiumError as error:
            raise ValueError("a damaged page") from error
        size = {"width": bitmap.width, "height": bitmap.height}
        return {**size, "channels": bitmap.n_channels, "stride": bitmap.stride}, bitmap.buffer


def _check_pictures(page: Any) -> None:
    """Raise `ValueError` if the pictures on a page claim more pixels than may be decoded."""
    from ctypes import byref, c_uint

    from pypdfium2 import raw

    total = 0
    for item in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
        width, height = c_uint(), c_uint()
        if raw.FPDFImageObj_GetImagePixelSize(item, byref(width), byref(height)):
            total += width.value * height.value
    if total > _MAX_PICTURES:
        raise ValueError(
            f"its pictures have {total / 1e6:.0f} megapixels, over the limit of {_MAX_PICTURES / 1e6:.0f}"
        )


class _Heic:
    def __init__(self, data: bytes) -> None:
        self._data = data
        file = self._open()
        first = file.primary_index
        self._order = [first, *(index for index in range(len(file)) if index != first)]

    def _open(self) -> Any:
        import pillow_heif

        try:
            return pillow_heif.open_heif(self._data, convert_hdr_to_8bit=True, bgr_mode=True)
        except (ValueError, EOFError, SyntaxError, RuntimeError) as error:
            raise ValueError("a damaged HEIC photo") from error

    def __len__(self) -> int:
        return len(self._order)

    def page(self, index: int, colour: bool, pixels: int) -> tuple[dict[str, int], Any]:
        image = self._open()[self._order[index]]  # an image keeps its pixels for as long as the file is open
        width, height = image.size
        if width * height > pixels:
            raise ValueError(
                f"{width}x{height} pixels, over the limit of {pixels / 1e6:.0f} megapixels for this kind of "
                "image; scale the image down first"
            )
        try:
            data = image.data
        except (ValueError, EOFError, SyntaxError, RuntimeError) as error:
            raise ValueError("a damaged HEIC photo") from error
        if image.mode not in _CHANNELS or image.size != (width, height):
            raise ValueError("a HEIC photo of an unusual kind; save it as JPEG")
        size = {"width": width, "height": height}
        return {**size, "channels": _CHANNELS[image.mode], "stride": image.stride}, data


_DECODERS: dict[str, Any] = {"pdf": _Pdf, "heic": _Heic}


def main() -> None:
    """Answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    _limit_memory()
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is no reply
    decoders: dict[int, _Decoder] = {}
    while line := requests.readline():
        request, pixels = json.loads(line), b""
        reply: dict[str, Any]
        try:
            for number in request.get("close", ()):
                decoders.pop(number, None)
            if "open" in request:
                decoder: _Decoder = _DECODERS[request["open"]](requests.read(request["size"]))
                decoders[request["id"]] = decoder
                reply = {"pages": len(decoder)}
            else:
                decoder = decoders[request["id"]]
                reply, pixels = decoder.page(request["page"], request["colour"], request["pixels"])
        except ValueError as error:
            reply = {"error": str(error)}
        except (MemoryError, OSError):
            reply = {"error": _TOO_LARGE}
        view = memoryview(pixels).cast("B")
        replies.write(json.dumps({**reply, "size": len(view)}).encode() + b"\n")
        replies.write(view)
        replies.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    most = _MEMORY + _STACK * (os.cpu_count() or 1)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > most:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
