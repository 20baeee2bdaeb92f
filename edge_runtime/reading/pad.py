"""The pad: reads what was written on a screen, given its strokes.

The strokes tell where a digit is. So it needs no detector: it is drawn by itself, as large and with the pens
that the classifier knows, whatever the screen, its pen, and however large the writing. The detector only sees
what may be several digits that touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import BACKGROUND, CLASSES, TILE
from edge_runtime.reading import rejection, segmentation, strokes
from edge_runtime.reading.crop import Crop
from edge_runtime.reading.pipeline import in_reading_order
from edge_runtime.reading.reader import DigitReader
from edge_runtime.reading.strokes import MARGIN, Stroke
from edge_runtime.reading.surroundings import Surroundings
from edge_runtime.reading.tile import make_tile
from edge_runtime.results import NOTHING_FOUND, OK, Box, Digit, Reading

# The page: all strokes, drawn as if every pad had the same resolution and everybody wrote at one size.
_HEIGHT = 64.0  # px, of the writing
_LEAST_HEIGHT = 8.0  # px of the screen; smaller writing stays smaller
_LONGEST = 2000.0  # px
_PEN = 5  # px
_EDGES = np.array([[-_PEN / 2], [_PEN / 2]])  # of the ink, from the ends of the strokes
_PAPER, _INK, _BLUR = 205.0, 140.0, 1.0  # grey levels, and px: more like a photograph than like a screen

# A digit by itself.
_DIGIT = 80.0  # px, longer side
_PENS = (6, 10)  # px; the classifier's opinions of the same strokes in several pens are averaged
_WIDEST = 1.5  # width over height; anything wider may be several digits
_ACCEPTED = 0.35  # least confidence; lower than for photographs, as most of what is written here is digits
_SLASHES = ((24.0, 1.15),)  # `marks.SLASHES`, but who writes on a pad mostly writes digits, also leaning ones


def read_strokes(reader: DigitReader, written: Sequence[Stroke]) -> Reading:
    """Read strokes, each float64 `[N, 2]` with at least one point: x to the right and y down, in px.

    The result is that of an image from (0, 0) to the ends of the strokes, with lines, numbers and marks. The
    boxes do not include the width of the pen. It does not tell how long the stages took.
    """
    if not written:
        return Reading("", (), NOTHING_FOUND)
    low, high = strokes.span(written)
    height = max(_LEAST_HEIGHT, strokes.writing_height(written))
    scale = min(_HEIGHT / height, _LONGEST / max(*(high - low), 1.0))
    page = strokes.at_corner(written, scale)
    digits, image = _read_page(reader, page, scale * height), _image(page)
    ordered = in_reading_order(digits, [_surroundings(image, digit) for digit in digits], _SLASHES)

    def on_screen(box: Box) -> Box:
        corners = np.array([(box.x, box.y), (box.x + box.width, box.y + box.height)])
        return _box((corners - _EDGES - MARGIN) / scale + low)

    placed = tuple(replace(digit, box=on_screen(digit.box)) for digit in ordered)
    right, bottom = np.maximum(np.ceil(high), 0).astype(int).tolist()
    return Reading("", placed, OK if placed else NOTHING_FOUND, width=right, height=bottom)


def _read_page(reader: DigitReader, page: Sequence[Stroke], height: float) -> list[Digit]:
    """The digits of a page, whose writing is `height` px high."""
    groups = [segmentation.in_order(group) for group in strokes.group(page, height)]
    runs = [segmentation.runs(len(group)) for group in groups]
    parts = [group[slice(*run)] for group, found in zip(groups, runs, strict=True) for run in found]
    tiles = _draw_tiles(parts)
    probabilities = _opinions(reader, tiles)
    chosen: list[int] = []
    first = 0
    for group, found in zip(groups, runs, strict=True):
        of_digits = probabilities[first : first + len(found), :BACKGROUND]
        certainties = dict(zip(found, of_digits.max(axis=1).tolist(), strict=True))
        places = [found.index(run) for run in segmentation.segment(group, certainties, height)]
        only_ones = len(places) > 1 and bool((of_digits[places].argmax(axis=1) == 1).all())
        chosen += [first] if only_ones else [first + place for place in places]  # such as the strokes of an M
        first += len(found)
    digits: list[Digit] = []
    for place, fused in zip(chosen, _in_context(probabilities[chosen]), strict=True):
        digits += _digits(reader, parts[place], tiles[place, -1], fused)
    return digits


def _digits(
    reader: DigitReader, part: Sequence[Stroke], tile: NDArray[np.uint8], probabilities: NDArray[np.float32]
) -> list[Digit]:
    """The digit of a part of the page; several if the pen was not lifted in between; none for background."""
    value, confidence, status = rejection.decide(probabilities, _ACCEPTED)
    box = _box(np.array(strokes.span(part)) + _EDGES)
    digit = Digit(value, confidence, box, status, tile=tile, probabilities=probabilities)
    width, height = strokes.size(part)
    wide = width > _WIDEST * height
    ignored = bool(rejection.is_background(probabilities[None])[0])
    if wide or ignored or value is None:
        several = _detect(reader, part)
        if sum(each.value is not None for each in several) > (0 if wide else 1):
            return several
    return [] if ignored or (wide and value is None) else [digit]


def _draw_tiles(parts: Sequence[Sequence[Stroke]]) -> NDArray[np.uint8]:
    """Each of the parts as tiles, in all pens: uint8 `[N, pens, 28, 28]`."""
    tiles = np.empty((len(parts), len(_PENS), TILE, TILE), np.uint8)
    for part, drawn in zip(parts, tiles, strict=True):
        longer = max(*strokes.size(part), 1.0)
        for index, pen in enumerate(_PENS):
            drawn[index] = make_tile(strokes.draw(strokes.at_corner(part, (_DIGIT - pen) / longer), pen))
    return tiles


def _opinions(reader: DigitReader, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The probabilities of tiles `[N, pens, 28, 28]`: the geometric mean over the pens, float32 `[N, 11]`."""
    opinions = reader.classifier.probabilities(tiles.reshape(-1, TILE, TILE)).reshape(-1, len(_PENS), CLASSES)
    means = np.exp(np.log(np.maximum(opinions, 1e-7)).mean(axis=1))
    return np.asarray(means / means.sum(axis=1, keepdims=True))


def _in_context(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities `[N, 11]` of groups, given how many of the others are digits.

    What was written among digits is more likely to be a digit than what was written among letters.
    """
    digits = 1 - probabilities[:, BACKGROUND]
    share = (digits.sum() - digits + 1) / (len(digits) + 1)  # Laplace's rule of succession
    weighted = probabilities.copy()
    weighted[:, BACKGROUND] *= (1 - share) / share
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))


def _detect(reader: DigitReader, group: Sequence[Stroke]) -> list[Digit]:
    """What the detector finds in a group of strokes."""
    reading = reader.read(_image(strokes.at_corner(group, 1.0)), rotate=0)
    x, y = np.rint(strokes.span(group)[0] - MARGIN).astype(int).tolist()
    return [
        replace(digit, box=replace(digit.box, x=digit.box.x + x, y=digit.box.y + y))
        for digit in reading.digits
    ]


def _image(drawn: Sequence[Stroke]) -> NDArray[np.uint8]:
    """Strokes in the corner of an image, as ink on paper: uint8 `(H, W)`."""
    ink = cv2.GaussianBlur(strokes.draw(drawn, _PEN).astype(np.float32), (0, 0), _BLUR)
    return np.asarray(np.rint(_PAPER + (_INK - _PAPER) / 255 * ink), np.uint8)


def _surroundings(image: NDArray[np.uint8], digit: Digit) -> Surroundings:
    """The surroundings of a digit in the image of the page."""
    assert digit.tile is not None
    box = digit.box
    corners = (box.x, box.y, box.x + box.width, box.y + box.height)
    return Surroundings.of(image, Crop(digit.tile, corners, _PAPER - _INK, 0.0, whole=False))


def _box(corners: NDArray[np.float64]) -> Box:
    """The box with these corners: top left and bottom right, `[2, 2]`."""
    (left, top), (right, bottom) = np.rint(corners).astype(int).tolist()
    return Box(left, top, max(1, right - left), max(1, bottom - top))
