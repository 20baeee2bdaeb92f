"""TODO."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

Colour = tuple[int, int, int]  # BGR

_FONT = cv2.FONT_HERSHEY_SIMPLEX

# Dark and quiet, one colour for what was read, another for what is wrong or recorded.
_GROUND = (26, 22, 20)
_FINE = 4  # letters are drawn this many times larger, and made small as a whole

# OpenCV 5 draws with a real font that is regular, 1, or bold; before, a weight is the width of a stroke.
_REAL_FONT = int(cv2.__version__.split(".")[0]) >= 5


# Text
@lru_cache(maxsize=512)
def _letter(character: str, size: int, bold: bool) -> Image:
    """A letter, white on black, for capitals of `_FINE` times `size` px, as wide as its place in a text."""
    scale = _FINE * size / 21
    weight = 1 + bold if _REAL_FONT else round(_FINE * size * (0.19 if bold else 0.12))

    def reach(text: str) -> int:
        return int(cv2.getTextSize(text, _FONT, scale, weight)[0][0])

    nought = reach("00") - reach("0")
    advance = reach(f"0{character}0") - reach("00")
    sheet = np.zeros((_FINE * sum(_rise_and_fall(size)), advance), np.uint8)
    cv2.putText(
        sheet, character, (0, _FINE * _rise_and_fall(size)[0]), _FONT, scale, 255, weight, cv2.LINE_AA
    )
    # The letters that OpenCV had before 5 are very wide: the digits of both are made about as wide.
    narrow = min(1.0, 0.8 * _FINE * size / nought)
    place = (max(1, round(advance * narrow)), sheet.shape[0])
    return np.asarray(cv2.resize(sheet, place, interpolation=cv2.INTER_AREA), np.uint8)


def _rise(size: int) -> int:
    """Rows above the capitals that a slash takes."""
    return 3 + size // 10


def _rise_and_fall(size: int) -> tuple[int, int]:
    """Rows above and below the base line that letters may take."""
    return size + _rise(size), 1 + round(0.42 * size)


@lru_cache(maxsize=2048)
def _width(text: str, size: int, bold: bool) -> int:
    fine = sum(_letter(character, size, bold).shape[1] for character in text)
    return max(1, -(-int(fine) // _FINE))


@lru_cache(maxsize=1024)
def _text(text: str, size: int, bold: bool, colour: Colour, ground: Colour) -> Image:
    """A text as an image on ground of one colour, `size` px the height of its capitals."""
    width, height = _width(text, size, bold), sum(_rise_and_fall(size))
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    letters = np.hstack([_letter(character, size, bold) for character in text])
    fine[:, : letters.shape[1]] = letters
    strength = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(_ramp(colour, ground)[strength], np.uint8)


@lru_cache(maxsize=64)
def _ramp(colour: Colour, ground: Colour) -> Image:
    """From ground to colour in 256 steps: `uint8 (256, 3)`."""
    steps = np.linspace(0, 1, 256)[:, None]
    return np.rint(steps * colour + (1 - steps) * ground).astype(np.uint8)


def _paste(canvas: Image, image: Image, x: int, y: int) -> None:
    """Put an image onto the canvas; ValueError where it would reach beyond."""
    canvas[y : y + image.shape[0], x : x + image.shape[1]] = image


def _write(
    canvas: Image,
    text: str,
    x: int,
    y: int,
    size: int,
    colour: Colour,
    *,
    bold: bool = False,
    ground: Colour = _GROUND,
    right: bool = False,
) -> int:
    """Write a text, the top of its capitals at `y`, its left (or right) end at `x`; returns its width."""
    image = _text(text, size, bold, colour, ground)
    width = int(image.shape[1])
    _paste(canvas, image, x - width if right else x, y - _rise(size))
    return width


@lru_cache(maxsize=256)
def _shorten(text: str, size: int, bold: bool, width: int) -> str:
    """The text in plain characters, its middle left out where it is wider than `width` px."""
    text = _plain(text)
    kept = len(text)
    short = text
    while kept > 1 and _width(short, size, bold) > width:
        kept -= 1
        short = f"{text[: (kept + 1) // 2]}..{text[len(text) - kept // 2 :]}"
    return short


def _plain(text: str) -> str:
    """The text as one line of printable ASCII, which is all that OpenCV draws everywhere."""
    return "".join(c if " " <= c <= "~" else "?" for c in " ".join(text.split())) or "-"


@lru_cache(maxsize=64)
def _wrap(text: str, size: int, width: int, most: int) -> tuple[str, ...]:
    """The text in lines of at most `width` px, no more than `most` of them."""
    lines: list[str] = []
    words = _plain(text).split(" ")
    while words and len(lines) < most:
        last = len(lines) == most - 1
        count = len(words)
        while count > 1 and not last and _width(" ".join(words[:count]), size, False) > width:
            count -= 1
        lines.append(_shorten(" ".join(words[:count]), size, False, width))
        words = words[count:]
    return tuple(lines)


@lru_cache(maxsize=512)
def _tag(text: str, size: int, colour: Colour, ground: Colour) -> Image:
    """A text on a filled rectangle a little larger than itself."""
    tag = np.full((2 * size, _width(text, size, True) + size, 3), ground, np.uint8)
    letters = _text(text, size, True, colour, ground)
    _paste(tag, letters[_rise(size) : _rise(size) + size + size // 2], size // 2, size // 2)
    return tag
