"""The containers of video files: whether a file ends before what it contains does."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_MOST_BOXES = 10_000  # at the top level; a recording in fragments has two for each
_TAIL = 1024  # bytes at the end of a file


def is_cut_off(path: str) -> bool:
    """Whether a video file is shorter than its container claims, or ends in nothing but zeros.

    A download that was interrupted does one or the other. False for containers other than MP4 and QuickTime,
    Matroska and WebM, and AVI, unless they end in zeros, and for live recordings, which claim no length.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            size = os.fstat(file.fileno()).st_size
            head = file.read(12)
            if head[:4] == b"RIFF":
                end = _riff_end(file, size)
            elif head[:4] == b"\x1a\x45\xdf\xa3":
                end = _matroska_end(file)
            elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
                end = _boxes_end(file, size)
            else:
                end = size
            file.seek(max(0, size - _TAIL))
            return end > size or not any(file.read(_TAIL))
    except (OSError, struct.error, IndexError):
        return False


def _riff_end(file: BinaryIO, size: int) -> int:
    """Where the last of the chunks ends: a large AVI has several."""
    end = 0
    for _ in range(_MOST_BOXES):
        file.seek(end)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            break
        end += 8 + struct.unpack_from("<I", head, 4)[0]
    return end


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last of the boxes ends."""
    end = 0
    for _ in range(_MOST_BOXES):
        file.seek(end)
        head = file.read(16)
        if len(head) < 8:
            break
        (length,) = struct.unpack_from(">I", head)
        if length == 1:
            (length,) = struct.unpack_from(">Q", head, 8)
        if length < 8:  # 0: to the end of the file
            return size
        end += length
    return end


def _matroska_end(file: BinaryIO) -> int:
    """Where the segment ends; 0 if it claims no length."""
    file.seek(4)
    header = _variable_size(file)
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    length = _variable_size(file)
    return file.tell() + length if length else 0


def _variable_size(file: BinaryIO) -> int:
    """Read a size of 1 to 8 bytes; 0 if it is the value for "unknown"."""
    first = file.read(1)[0]
    width = 9 - first.bit_length()
    value = int.from_bytes(bytes([first & (0xFF >> width)]) + file.read(width - 1), "big")
    return 0 if value == (1 << 7 * width) - 1 else value
