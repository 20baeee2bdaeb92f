"""Text: draws strings as images.

OpenCV is too slow to draw text anew for every frame. Every string has a plain background, so it is
drawn once, cached, and pasted from then on: forty strings take a millisecond or two.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3), BGR, except for the single letters, which are (H, W)
Colour = tuple[int, int, int]  # BGR, 0..255

Function = TypeVar("Function", bound=Callable[..., Image])

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_OVERSAMPLING = 4  # letters are drawn this many times larger; whole strings are then scaled down

# OpenCV 5 has an outline font, with weight 1 for regular and 2 for bold. Older versions draw strokes, and the
# weight is their width in pixels.
_OUTLINE_FONT = int(cv2.__version__.split(".")[0]) >= 5

_LARGEST_CACHED = 40  # px, capitals: larger text, on photographs, would fill the memory


def _cached(function: Function) -> Function:
    """Cache the images of a function of a string, the height of its capitals, and so on."""
    cached = lru_cache(maxsize=512)(function)

    @wraps(function)
    def draw(string: str, size: int, *options: object, **named: object) -> Image:
        return (cached if size <= _LARGEST_CACHED else function)(string, size, *options, **named)

    return draw  # type: ignore[return-value]


def write(
    canvas: Image,
    string: str,
    x: int,
    y: int,
    size: int,
    colour: Colour,
    background: Colour,
    *,
    bold: bool = False,
    right: bool = False,
) -> int:
    """Write a string onto a canvas and return its width in pixels.

    `size` is the height of capitals and `y` their top; `x` is the left end of the string, or with `right` its
    right end. Raises `ValueError` if the string does not fit onto the canvas.
    """
    image = render(string, size, bold, colour, background)
    across = int(image.shape[1])
    paste(canvas, image, x - across if right else x, y - rise(size))
    return across


def paste(canvas: Image, image: Image, x: int, y: int) -> None:
    """Copy an image onto a canvas; raises `ValueError` if it does not fit there."""
    down, across = image.shape[:2]
    if not (0 <= x <= canvas.shape[1] - across and 0 <= y <= canvas.shape[0] - down):
        raise ValueError(f"an image of {across}x{down} px does not fit onto the canvas at ({x}, {y})")
    canvas[y : y + down, x : x + across] = image


@_cached
def tag(string: str, size: int, colour: Colour, background: Colour) -> Image:
    """A bold string on a filled rectangle slightly larger than itself; `size` is the height of capitals."""
    pad = max(2, size // 4)
    letters = render(string, size, True, colour, background)
    over, under = min(pad, rise(size)), min(pad, letters.shape[0] - rise(size) - size)
    image = np.full((size + 2 * pad, letters.shape[1] + size, 3), background, np.uint8)
    paste(image, letters[rise(size) - over : rise(size) + size + under], size // 2, pad - over)
    return image


@lru_cache(maxsize=256)
def shorten(string: str, size: int, width_limit: int, *, bold: bool = False) -> str:
    """The string in printable ASCII, its middle replaced by ".." if it is wider than `width_limit` px."""
    string = _printable(string)
    kept = len(string)
    short = string
    while kept > 1 and width(short, size, bold=bold) > width_limit:
        kept -= 1
        short = f"{string[: (kept + 1) // 2]}..{string[len(string) - kept // 2 :]}"
    return short


@lru_cache(maxsize=64)
def wrap(string: str, size: int, width_limit: int, line_limit: int) -> tuple[str, ...]:
    """The string in printable ASCII, as at most `line_limit` lines of at most `width_limit` px each."""
    lines: list[str] = []
    words = _printable(string).split(" ")
    while words and len(lines) < line_limit:
        last = len(lines) == line_limit - 1
        count = len(words)
        while count > 1 and not last and width(" ".join(words[:count]), size) > width_limit:
            count -= 1
        lines.append(shorten(" ".join(words[:count]), size, width_limit))
        words = words[count:]
    return tuple(lines)


def percent(confidence: float) -> str:
    """A confidence 0..1 as text, rounded down, "99%" at most."""
    return f"{min(99, int(confidence * 100))}%"


def _printable(string: str) -> str:
    """The string as one line of printable ASCII: every version of OpenCV can draw that."""
    return "".join(c if " " <= c <= "~" else "?" for c in " ".join(string.split())) or "-"


@_cached
def render(string: str, size: int, bold: bool, colour: Colour, background: Colour) -> Image:
    """A string as an image on a plain background; `size` is the height of capitals in pixels.

    The capitals start `rise(size)` rows below the top of the image.
    """
    across, down = width(string, size, bold=bold), sum(_rise_and_fall(size))
    large = np.zeros((down * _OVERSAMPLING, across * _OVERSAMPLING), np.uint8)
    letters = np.hstack([_letter(character, size, bold) for character in string])
    large[:, : letters.shape[1]] = letters
    strength = cv2.resize(large, (across, down), interpolation=cv2.INTER_AREA)
    return np.asarray(_ramp(colour, background)[strength], np.uint8)


@lru_cache(maxsize=2048)
def width(string: str, size: int, *, bold: bool = False) -> int:
    """Width in pixels of a string whose capitals are `size` px high."""
    large = sum(_letter(character, size, bold).shape[1] for character in string)
    return max(1, -(-int(large) // _OVERSAMPLING))


def rise(size: int) -> int:
    """Rows above the capitals, for characters that are higher, such as a slash."""
    return 3 + size // 10


def _rise_and_fall(size: int) -> tuple[int, int]:
    """Rows above and below the baseline that characters may occupy."""
    return size + rise(size), 1 + round(0.42 * size)


@_cached
def _letter(character: str, size: int, bold: bool) -> NDArray[np.uint8]:
    """A character, white on black: `_OVERSAMPLING` times as large as `size` px, as wide as its advance."""
    scale = _OVERSAMPLING * size / 21
    weight = 1 + bold if _OUTLINE_FONT else round(_OVERSAMPLING * size * (0.19 if bold else 0.12))

    def extent(string: str) -> int:
        return int(cv2.getTextSize(string, _FONT, scale, weight)[0][0])

    nought = extent("00") - extent("0")
    advance = extent(f"0{character}0") - extent("00")
    above, below = _rise_and_fall(size)
    sheet = np.zeros((_OVERSAMPLING * (above + below), advance), np.uint8)
    cv2.putText(sheet, character, (0, _OVERSAMPLING * above), _FONT, scale, 255, weight, cv2.LINE_AA)
    # The stroke font of OpenCV 4 is very wide: narrow it so that its digits are as wide as OpenCV 5's.
    narrow = min(1.0, 0.8 * _OVERSAMPLING * size / nought)
    shape = (max(1, round(advance * narrow)), sheet.shape[0])
    return np.asarray(cv2.resize(sheet, shape, interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=64)
def _ramp(colour: Colour, background: Colour) -> NDArray[np.uint8]:
    """The 256 colours from `background` to `colour`: uint8 `(256, 3)`."""
    steps = np.linspace(0, 1, 256)[:, None]
    return np.rint(steps * colour + (1 - steps) * background).astype(np.uint8)
