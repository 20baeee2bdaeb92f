"""JPEG files: size, components and scans, before anything is decoded."""

from __future__ import annotations

import re
import struct

from edge_runtime.errors import ImageError
from edge_runtime.images.header import DAMAGED, Header, aspect, check_memory
from edge_runtime.images.limits import (
    MAX_SCAN_BYTES_PER_PIXEL,
    MAX_SCANNED_PIXELS,
    MAX_SCANS,
    MAX_SEGMENTS,
    SPARE_SCAN_BYTES,
)

_next_marker = re.compile(rb"\xff([^\x00\xff])").search  # skips fill bytes and garbage, as libjpeg does
_next_segment = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])").search  # skips the restarts within a scan as well
_BARE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_NO_FRAME = {0xC4, 0xC8, 0xCC}  # markers in the range of frame headers that do not begin a frame
_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
_LARGE = 30_000_000  # pixels
_START, _END, _SCAN, _JFIF, _EXIF = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1


def measure(data: bytes) -> Header | None:
    """Parse the header of a JPEG, as far as its first scan. Raises `ImageError` if the file has no end."""
    position, exif, stretch = 2, b"", 1.0
    frame: _Frame | None = None
    for _ in range(MAX_SEGMENTS):
        match = _next_marker(data, position)
        if match is None:
            break
        marker, position = match[1][0], match.end()
        if marker == _SCAN and frame is not None:
            if data.rfind(b"\xff\xd9", position) < 0:
                raise ImageError(DAMAGED)  # it was cut off; some versions of OpenCV would read what is there
            memory = frame.memory(data[position + 2])
            capacity = 512 * _coded(data, position, frame, memory)  # 64 samples take at least one bit
            orientation = 1
            if exif:
                from edge_runtime.images.tags import exif_orientation

                orientation = exif_orientation(exif)
            return Header("JPEG", frame.width, frame.height, memory, capacity, False, orientation, stretch)
        if marker in (_START, _END, _SCAN):
            break
        if marker in _BARE:
            continue
        length = struct.unpack_from(">H", data, position)[0]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            if frame is not None:
                break
            frame = _Frame(data, marker, position)
            if marker > 0xC2:  # never decoded
                kind = "lossless JPEG" if marker in _LOSSLESS else "arithmetic JPEG"
                return Header(kind, frame.width, frame.height, 0, 0)
        elif marker == _EXIF and not exif and data[position + 2 : position + 8] == b"Exif\0\0":
            exif = data[position + 2 : position + length]
        elif marker == _JFIF and data[position + 2 : position + 7] == b"JFIF\0":
            stretch = aspect(*struct.unpack_from(">HH", data, position + 10))
        position += length
    # Without a scan, a frame holds no pixels.
    return Header("JPEG", frame.width, frame.height, 0, 0) if frame else None


class _Frame:
    """A frame header. `samples` is the number of samples per pixel, of all components."""

    def __init__(self, data: bytes, marker: int, position: int) -> None:
        self.height, self.width, self.components = struct.unpack_from(">HHB", data, position + 3)
        factors = [divmod(data[position + 9 + 3 * index], 16) for index in range(self.components)]
        full = max((x for x, _ in factors), default=1) * max((y for _, y in factors), default=1)
        self.samples = max(1.0, sum(x * y for x, y in factors) / max(1, full))
        self._progressive = marker == 0xC2

    def memory(self, together: int) -> int:
        """Peak memory of decoding if the first scan holds this many components."""
        # Unless one scan holds everything, the decoder keeps 16 bits per sample until the last scan.
        kept = 1 + 2 * self.samples if self._progressive or together < self.components else 0
        return int(self.width * self.height * max(2, kept))


def _coded(data: bytes, start: int, frame: _Frame, memory: int) -> int:
    """Length of all scans, given where they start. Raises `ImageError` if it is absurd."""
    pixels = frame.width * frame.height
    several = memory > 2 * pixels
    # Of ordinary images, looking for the end would only take time.
    end = data.find(b"\xff\xd9", start) if several or pixels > _LARGE else -1
    coded = (len(data) if end < 0 else end) - start
    if several and coded > MAX_SCAN_BYTES_PER_PIXEL * pixels + SPARE_SCAN_BYTES:
        raise ImageError("a JPEG with far more data than pixels; save it again as a baseline JPEG")
    return coded


def check(data: bytes, header: Header) -> None:
    """Raise `ImageError` if a file has so many scans or segments that decoding takes far too much."""
    pixels = header.width * header.height
    if header.memory <= 2 * pixels:
        return  # the first scan holds everything, and the decoder looks at no other
    # Until the last scan, the decoder keeps all segments of this kind.
    segments = min(len(data), 0xFFFF * data.count(bytes((0xFF, _EXIF))))
    check_memory(header._replace(memory=header.memory + segments), len(data))
    most = min(MAX_SCANS, MAX_SCANNED_PIXELS // pixels)
    # Counting the bytes is fast, but a video that a phone has appended contains them as well.
    if data.count(b"\xff\xda") > most and _has_more_scans(data, most):
        raise ImageError(f"a JPEG with more than {most} scans; save it again as a baseline JPEG")


def _has_more_scans(data: bytes, most: int) -> bool:
    position, scans = 2, 0
    for _ in range(MAX_SEGMENTS):
        match = _next_segment(data, position)
        if match is None or match[1][0] == _END:
            return False
        marker, position = match[1][0], match.end()
        scans += marker == _SCAN
        if scans > most:
            return True
        if marker not in _BARE:
            position += int.from_bytes(data[position : position + 2], "big")
    return True
