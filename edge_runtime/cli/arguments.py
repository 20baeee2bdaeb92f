"""Argument types of the commands, as argparse calls them: text in, a checked value out."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def whole_number(least: int, most: int = 1_000_000) -> Callable[[str], int]:
    """The type of a whole number from `least` to `most`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return parse


def probability(text: str) -> float:
    """A probability, 0 to 1."""
    value = _number(text)
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
    """Parse a number; return NaN, which lies in no range, for any other text."""
    try:
        return float(text)
    except ValueError:
        return math.nan
