"""Standard input: a list of paths, or the bytes of an image."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import select
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

from edge_runtime.errors import ImageError
from edge_runtime.images.files import CHUNK, Received
from edge_runtime.images.limits import MAX_BYTES
from edge_runtime.images.paths import split_page

# The name of an image that comes through standard input.
STANDARD_INPUT = "-"
_is_descriptor = re.compile(r"/dev/stdin|/(dev|proc/[^/]+)/fd/\d+").fullmatch  # the shell's <(...) is one


def is_standard_input(source: str) -> bool:
    """Whether a source is what comes through standard input, or a page of it."""
    return split_page(source)[0] == STANDARD_INPUT


def is_new_each_time(source: str) -> bool:
    """Whether a source, or a page of it, is another image each time: standard input, or a descriptor."""
    return is_standard_input(source) or _is_descriptor(split_page(source)[0]) is not None


def check_again(source: str) -> None:
    """Raise `ImageError` for a source that cannot be read again: standard input or a pipe."""
    is_pipe = False
    with contextlib.suppress(OSError, ValueError):
        is_pipe = Path(source).is_fifo()
    if is_pipe or is_standard_input(source):
        raise ImageError("it came through a pipe, which cannot be read twice; save it to a file")


_MARKS = (  # the longer marks first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# Lists have hardly any control characters, and no empty names between null bytes.
_ODD = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]|\0\0")
_HEAD = 512  # bytes in which these are counted
_MOST_ODD = 0.01  # of those bytes, in a list
# Images in which they may come late or not at all: JPEG, PNG, GIF, TIFF, PDF, HEIC, WebP, Radiance, Netpbm.
_IMAGE = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8[79]a|II\*\0|MM\0\*|%PDF-|.{4}ftyp|RIFF.{4}WEBP|#\?R"
    rb"|P(?:[1-6Ff](?:\s+#.*)*\s+\d+\s+\d+\s|7\s+(?:#|WIDTH|HEIGHT))"
)


def read_list(stream: int) -> Iterator[str | None]:
    """Read names from a file descriptor: one per line, or separated by null bytes as by `find -print0`.

    A byte-order mark and UTF-16 are recognised. Anything that is no text is taken for an image and yielded as
    one `Received`. Yields None when the next name has not been written yet, because the writer may be waiting
    for results. Raises `ImageError` if the descriptor cannot be read.
    """
    try:
        start = yield from _read_start(stream)
        mark, encoding = _encoding(start)
        if _IMAGE.match(start) or (encoding is None and _is_binary(start)):
            yield _receive(stream, start)
        else:
            yield from _read_names(stream, start[len(mark) :], encoding)
    except OSError as error:
        raise ImageError(
            f"standard input cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error


def _read_start(stream: int) -> Generator[None, None, bytes]:
    """Read until it can be told what comes: to the end of the first name."""
    start = b""
    while len(start) < CHUNK and (not re.search(rb"[\n\0]", start) or _may_be_cut(start)):
        if not _ready(stream):
            yield None
        part = os.read(stream, CHUNK)
        if not part:
            break
        start += part
    return start


def _may_be_cut(start: bytes) -> bool:
    """Whether the first bytes end within a mark, or too early to tell UTF-16 from names of one letter."""
    return len(start) < 4 and (b"\0" in start or any(mark.startswith(start) for mark, _ in _MARKS))


def _encoding(start: bytes) -> tuple[bytes, str | None]:
    """The byte-order mark, b"" if there is none, and the encoding that it stands for or that can be seen."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return mark, encoding
    # In UTF-16, most characters of a path have a null byte on the same side.
    first, second = start[::2], start[1::2]
    if 2 * second.count(0) > len(second) and 0 not in first:
        return b"", "utf-16-le"
    if 2 * first.count(0) > len(first) and 0 not in second:
        return b"", "utf-16-be"
    return b"", None


def _is_binary(start: bytes) -> bool:
    head = start[:_HEAD]
    too_long = len(start) >= CHUNK and not re.search(rb"[\n\0]", start)
    return too_long or len(_ODD.findall(head)) > _MOST_ODD * len(head)


def _receive(stream: int, start: bytes) -> Received:
    received = io.BytesIO()
    received.write(start)
    # One byte too many is enough to reject it.
    while received.tell() <= MAX_BYTES and (part := os.read(stream, CHUNK)):
        received.write(part)
    image = Received(STANDARD_INPUT)
    image.data = received.getvalue()
    return image


def _read_names(stream: int, start: bytes, encoding: str | None) -> Iterator[str | None]:
    decoder = codecs.getincrementaldecoder(encoding or sys.getfilesystemencoding())(
        "replace" if encoding and encoding != "utf-8" else "surrogateescape"
    )
    data, rest, end, ended = start, "", "\n", False
    while True:
        text = decoder.decode(data, final=ended)
        if "\0" in text and encoding is None:
            end = "\0"
        *names, rest = (rest + text).split(end)
        if ended or len(rest) > CHUNK:  # no path is that long
            names, rest = [*names, rest], ""
        for name in names:
            if name := name.removesuffix("\r") if end == "\n" else name:
                yield name
        if ended:
            return
        if not _ready(stream):
            yield None
        data = os.read(stream, CHUNK)
        ended = not data


def _ready(stream: int) -> bool:
    try:
        return bool(select.select([stream], [], [], 0)[0])
    except OSError:  # on Windows, select works for sockets only
        return True
