"""Limits of what is read and decoded, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PIXELS = 200_000_000  # the largest phone cameras; 600 MB in colour; a small board cannot hold more
MAX_SIDE = 100_000  # px; JPEG allows 65,535

MAX_RENDERED_PIXELS = 40_000_000  # of a page of a PDF: A1 at 200 dpi
MAX_HEIC_PIXELS = 50_000_000  # the largest phone photos; decoding takes 7 bytes per pixel

# What an image may take while it is decoded, with its file: this much, and three bytes per pixel. Ordinary
# images take two; those that take more are limited to fewer pixels.
SPARE_MEMORY = 90_000_000
MEMORY_PER_PIXEL = 3
MAX_BYTES = SPARE_MEMORY + MEMORY_PER_PIXEL * MAX_PIXELS  # larger files are not read

# Bounds on the time that it takes to parse a header.
MAX_PARTS = 2**16  # chunks, blocks and so on of a file; libpng makes them 8 kB long
MAX_SEGMENTS = 1000  # of a JPEG before its first scan, and after it; photographs have dozens
MAX_TEXT_HEADER = 2**15  # bytes; the size is in the first few, but comments and digits may go on for ever

# Bounds on the time that decoding takes. Each scan of a progressive JPEG goes over the whole image.
MAX_SCANS = 100  # ordinary files have about 10
MAX_SCANNED_PIXELS = 3_000_000_000  # pixels times scans: 15 scans at MAX_PIXELS
SPARE_SCAN_BYTES, MAX_SCAN_BYTES_PER_PIXEL = 1_000_000, 2  # of all scans; the best quality takes about one


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest image to decode.

    `pixels` is width times height; `seconds` is what decoding one page of a PDF or a HEIC photo may take.
    """

    pixels: int
    seconds: float = 60.0


FILES = Limits(pixels=MAX_PIXELS)  # files that the user names
