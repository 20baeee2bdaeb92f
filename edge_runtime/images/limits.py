"""Limits of what is read and decoded, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BYTES = 1_000_000_000  # larger files are not read: no image within MAX_PIXELS needs as much
MAX_PIXELS = 200_000_000  # the largest phone cameras; 600 MB in colour; a small board cannot hold more

# Bounds on the time that it takes to find the size in a header.
MAX_SEGMENTS = 1000  # of a JPEG before its size; photographs have dozens
MAX_NETPBM_HEADER = 2**15  # bytes; the size is in the first few, but comments and digits may go on for ever


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest image to decode; None means no limit.

    `pixels` is width times height; `memory` is what decoding takes, in bytes; `scans` is how many passes over
    the whole image a JPEG may take; `formats` are the allowed ones, as `headers.Header` names them.
    """

    pixels: int
    memory: int | None = None
    scans: int | None = None
    formats: tuple[str, ...] | None = None


FILES = Limits(pixels=MAX_PIXELS)  # files that the user names: every format that OpenCV decodes
