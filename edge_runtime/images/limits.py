"""Limits of what is read and decoded, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BYTES = 1_000_000_000  # larger files are not read: no image within MAX_PIXELS needs as much
MAX_PIXELS = 200_000_000  # the largest phone cameras; 600 MB in colour; a small board cannot hold more

MAX_RENDERED_PIXELS = 40_000_000  # of a page of a PDF: A1 at 200 dpi
MAX_HEIC_PIXELS = 50_000_000  # the largest phone photos; decoding takes 7 bytes per pixel

# What an image may take while it is decoded, with its file: this much, and three bytes per pixel. Ordinary
# images take two; those that take more are limited to fewer pixels.
SPARE_MEMORY = 90_000_000
MEMORY_PER_PIXEL = 3

# Bounds on the time that it takes to parse a header.
MAX_SEGMENTS = 1000  # of a JPEG before its first scan; photographs have dozens
MAX_TEXT_HEADER = 2**15  # bytes; the size is in the first few, but comments and digits may go on for ever

# Bounds on the time that decoding takes. Each scan of a progressive JPEG goes over the whole image.
MAX_SCANS = 100  # ordinary files have about 10
MAX_SCANNED_PIXELS = 3_000_000_000  # pixels times scans: 15 scans at MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest image to decode.

    `pixels` is width times height; `seconds` is what decoding one page of a PDF or a HEIC photo may take.
    """

    pixels: int
    seconds: float = 60.0


FILES = Limits(pixels=MAX_PIXELS)  # files that the user names
