"""Argument types of the commands, as argparse calls them: text in, a checked value out."""

from __future__ import annotations

import argparse

from edge_runtime.reading import MAX_THREADS


def whole_number(text: str) -> int:
    """A number of threads, 1 to 1024."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_THREADS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_THREADS}")
    return int(text)


def images(text: str) -> int:
    """A number of images, 1 to a million."""
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000000")
    return int(text)


def probability(text: str) -> float:
    """A probability, 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a probability from 0 to 1, such as 0.9")
    return value


def seconds(text: str) -> float:
    """A duration in seconds, above 0 and below 3600."""
    value = _number(text)
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0 and below 3600")
    return value


def size(text: str) -> tuple[int, int]:
    """A size (width, height) in pixels, 16 to 16384 each, such as 1280x720."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and 16 <= int(side) <= 16384 for side in sides):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size such as 1280x720, with sides from 16 to 16384"
        )
    return int(sides[0]), int(sides[1])


def frame_rate(text: str) -> float:
    """A frame rate in frames per second, 0.1 to 1000."""
    value = _number(text)
    if not 0.1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a frame rate from 0.1 to 1000")
    return value


def _number(text: str) -> float:
    """Parse a number; return 0, which no argument allows, for any other text."""
    try:
        return float(text)
    except ValueError:
        return 0.0
