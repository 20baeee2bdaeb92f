"""Marks: what stands between two digits of a line, such as the point of 12.50 or the slashes of a date.

A mark is told by its shape and by where it stands between the digits: no network is involved. A mark that
has none of the known shapes is not lost, but has no name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.reading.layout import MARKED_GAP
from edge_runtime.reading.surroundings import HEIGHT, Surroundings
from edge_runtime.results import UNNAMED, Box, Digit

# Degrees by which a straight stroke leans, and its height compared with that of the digits beside it.
Slashes: TypeAlias = Sequence[tuple[float, float]]

_FAINTEST = 0.4  # contrast of a mark, compared with the digit's
# Lengths are shares of the height of the digits.
_MINUS_GAP = 0.5  # between a leading minus and its digit
_LEAST_AREA = 0.005  # of the square of the height; anything smaller is a speck or the point of a fine pen:
_LEAST_POINT, _POINT_CONTRAST = 0.0012, 0.75  # its area, and its contrast compared with the digit's
_LEAST_UNNAMED = 0.03
_STRAIGHT = 0.07  # standard deviation of a straight stroke across its direction
# A straight stroke is a slash rather than a 1 from any of these on. Of the writers in the training data, one
# in fifteen ones leans by more than 20 degrees, and four in five slashes. The height tells steeper ones.
SLASHES: Slashes = ((10, 1.35), (20, 1.05), (26, 0.95))
_SLASH_GAP = 0.9
_FAINT_STROKE = 0.25  # contrast of a stroke that still connects the parts of a digit
_FAINT_RULE, _RULE_SHARE = 0.15, 0.85  # contrast of a rule, and the share of the rows that show it
_RULE_SLACK = 3  # px; rules may be tilted
_LEAST_RULE = 4  # px of a rule that must be seen beside digits and marks
_REACH = 0.12  # by which the centre of a mark may overlap a digit
_SMALL = 0.4  # a part of this size may be a mark although it lies in the box of a digit


class _Part(NamedTuple):
    """A connected component between two digits.

    Lengths are in heights of the digits, with 0 at the top of the digits and 1 at their foot. `area` is the
    share of the square of the height, `lean` the angle in degrees from the vertical, positive to the right,
    and `spread` the standard deviation across the direction of the stroke.
    """

    x: float
    top: float
    bottom: float
    width: float
    area: float
    lean: float
    spread: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def filled(self) -> float:
        return self.area / (self.width * self.height)


def find_marks(
    lines: Sequence[Sequence[int]],
    digits: Sequence[Digit],
    around: Sequence[Surroundings],
    slashes: Slashes = SLASHES,
) -> list[str | None]:
    """The mark before every digit, given the lines as indices of the digits, and their surroundings.

    "" where there is none, and None for a digit that is a mark itself: a slash that was read as a 1.
    `slashes` are the least leans and heights of a slash, the smallest lean first.
    """
    around = [each.before for each in around]
    marks: list[str | None] = [""] * len(digits)
    for line in lines:
        previous: int | None = None
        for place, index in enumerate(line):
            following = line[place + 1] if place + 1 < len(line) else None
            if previous is not None and following is not None and digits[index].value == 1:
                neighbours = digits[previous].box, digits[following].box
                if _is_written_slash(around[index], digits[index].box, *neighbours, slashes):
                    marks[index], marks[following] = None, "/"
                    continue
            if not marks[index]:
                marks[index] = _mark_before(index, previous, digits, around)
            previous = index
    return marks


def _mark_before(
    index: int, previous: int | None, digits: Sequence[Digit], around: Sequence[Surroundings]
) -> str:
    """The mark between a digit and the one before it on its line; "" for none.

    Without a digit close before it, only a minus counts.
    """
    box, own = digits[index].box, around[index]
    before = None if previous is None else digits[previous].box
    if before is not None and _gap(before, box) > MARKED_GAP:
        before = None
    whole = own.whole and (previous is None or around[previous].whole)
    if whole and _is_blank(own, box, before):
        return ""
    parts = _parts(own, box, before)
    if before is None:
        return "-" if len(parts) == 1 and _is_minus(parts[0]) else ""
    return _name(parts)


def _is_blank(around: Surroundings, box: Box, previous: Box | None) -> bool:
    """Whether there is no ink between two boxes, or where a minus would stand before the first one."""
    left, top, _, bottom = around.inside(box)
    start, end = max(0, left - round((_MINUS_GAP + 0.5) * HEIGHT)), left - 1
    if previous is not None:
        start, bottom = around.inside(previous)[2] + 1, len(around.patch)
    strip = around.patch[top:bottom, start:end]
    if not strip.size:
        return True
    darkest, brightest, _, _ = cv2.minMaxLoc(strip)
    return brightest - darkest < 0.9 * _FAINTEST * around.contrast


def _is_written_slash(
    around: Surroundings, box: Box, previous: Box, following: Box, slashes: Slashes
) -> bool:
    """Whether a stroke that was read as a 1 is a slash between two digits: straight, tall and leaning."""
    upright = box.width < box.height * math.tan(math.radians(slashes[0][0]))
    if upright or max(_gap(previous, box), _gap(box, following)) > _SLASH_GAP:
        return False
    inside = around.inside(box)
    ink = around.ink(box)
    if ink is None:
        return False
    count, labels = cv2.connectedComponents(cv2.compare(ink, _FAINTEST, cv2.CMP_GT), connectivity=8)
    rows, columns = np.nonzero(labels == _largest(labels, inside, count))
    lean, spread = _direction(columns, rows)
    taller = box.height / max(previous.height, following.height)
    return spread <= _STRAIGHT * HEIGHT and any(
        lean >= least and taller >= height for least, height in slashes
    )


def _gap(left: Box, right: Box) -> float:
    return (right.x - left.x - left.width) / max(left.height, right.height)


def _name(parts: list[_Part]) -> str:
    large = [part for part in parts if part.area >= _LEAST_AREA]
    if not large and len(parts) == 1:
        return "." if _is_point(parts[0]) else ""
    if len(parts) == 2 and _is_colon(*parts):
        return ":"
    parts = large
    if len(parts) == 1:
        (part,) = parts
        for name, matches in (("-", _is_minus), (".", _is_point), (",", _is_comma), ("/", _is_slash)):
            if matches(part):
                return name
    return UNNAMED if any(part.area >= _LEAST_UNNAMED for part in parts) else ""


# The limits of the shapes below were chosen by looking at marks of the writers of the validation split.


def _is_colon(one: _Part, other: _Part) -> bool:
    apart, lower = abs(one.middle - other.middle), max(one.middle, other.middle)
    dots = all(
        max(part.width, part.height) <= 0.42 and part.width <= 2 * part.height and part.filled >= 0.55
        for part in (one, other)
    )
    return dots and abs(one.x - other.x) < 0.3 and 0.25 < apart < 0.8 and lower > 0.55


def _is_point(part: _Part) -> bool:
    short, long = sorted((part.width, part.height))
    dot = long <= min(0.36, 2 * short) and part.filled >= 0.5
    # The point of a fine pen has few pixels: one more or less is no other shape.
    return dot and part.middle > 0.75 and part.bottom < 1.15 and part.height < 1.35 * part.width + 1 / HEIGHT


def _is_comma(part: _Part) -> bool:
    low = 0.5 < part.top < 1.15 and part.bottom > 1.05
    return low and 0.12 <= part.height <= 0.7 and part.width <= 0.42


def _is_minus(part: _Part) -> bool:
    # A single stroke that is thick or rises may be higher than two that run together, as in an equals sign.
    flat = part.width > 1.6 * part.height and part.height <= (0.4 if part.spread <= 0.062 else 0.3)
    return flat and 0.2 <= part.width <= 1.0 and 0.25 < part.middle < 0.8


def _is_slash(part: _Part) -> bool:
    return part.height >= 0.7 and 12 <= part.lean <= 60 and part.spread <= _STRAIGHT


def _parts(around: Surroundings, box: Box, previous: Box | None) -> list[_Part]:
    """The connected components between the digits that belong to neither, and are no rules."""
    boxes = [around.inside(each) for each in (box, previous) if each is not None]
    ink = around.ink(box)
    if ink is None:
        return []
    count, labels, stats, centres = cv2.connectedComponentsWithStats(
        cv2.compare(ink, _FAINTEST, cv2.CMP_GT), connectivity=8
    )
    top, foot = (sum(each[side] for each in boxes) / len(boxes) for side in (1, 3))
    high = max(foot - top, 1.0)
    # A mark that is close to a digit may lie in its box.
    digits = [_largest(labels, inside, count) for inside in boxes]
    left, _, width, _, _ = stats[digits[0]].tolist() if digits[0] else (boxes[0][0], 0, 0, 0, 0)
    end, start = left, left - (_MINUS_GAP + 0.7) * high
    if previous is not None:
        left, _, width, _, _ = stats[digits[1]].tolist() if digits[1] else (boxes[1][2], 0, 0, 0, 0)
        start = left + width
    between = (stats[:, cv2.CC_STAT_AREA] >= _LEAST_POINT * high * high) & (stats[:, cv2.CC_STAT_LEFT] > 0)
    between &= (centres[:, 0] >= start - _REACH * high) & (centres[:, 0] <= end + _REACH * high)
    between[[0, *digits]] = False
    found = [int(label) for label in np.flatnonzero(between)]
    if not found:
        return []
    faint = cv2.connectedComponents(cv2.compare(ink, _FAINT_STROKE, cv2.CMP_GT), connectivity=8)[1]
    strokes = {int(faint[labels == digit].max()) for digit in digits if digit}
    parts = []
    for label in found:
        x, y, width, height, area = stats[label].tolist()
        if area < _LEAST_AREA * high * high and (
            ink[y : y + height, x : x + width].max() < _POINT_CONTRAST or previous is None
        ):
            continue  # a speck, not the point of a fine pen
        if y == 0 or y + height == len(ink) or width > 1.3 * high:
            continue  # a rule, the frame of a box, or another line of writing
        across = np.ones(ink.shape[1], bool)
        for left, _, right, _ in (*boxes, (x, y, x + width, y + height)):
            across[left:right] = False
        if _is_rule(ink.T, x, x + width) or _is_rule(ink[:, across], y, y + height):
            continue
        rows, columns = np.nonzero(labels[y : y + height, x : x + width] == label)
        lean, spread = _direction(columns, rows)
        if height > 0.8 * high and abs(lean) < 12 and spread <= 0.1 * high:
            continue  # the line between two boxes of a form
        if int(faint[y + rows[0], x + columns[0]]) in strokes:
            continue  # the end of a stroke that is faint in between
        if max(width, height) > _SMALL * high and any(
            _shared(stats[digit], x, x + width) > _REACH * high for digit in digits
        ):
            continue  # a detached stroke of a digit
        place = float(centres[label][0]) / high, (y - top) / high, (y + height - top) / high
        parts.append(_Part(*place, width / high, area / (high * high), lean, spread / high))
    return parts


def _largest(labels: NDArray[np.int32], inside: tuple[int, int, int, int], count: int) -> int:
    """The component with the most pixels in a box of the patch; 0 if there is none."""
    left, top, right, bottom = inside
    pixels = np.bincount(labels[top:bottom, left:right].ravel(), minlength=count)
    pixels[0] = 0
    return int(pixels.argmax())


def _is_rule(lines: NDArray[np.float32], start: int, end: int) -> bool:
    """Whether these rows of pixels contain a line, even a faint one, from edge to edge."""
    strongest = lines[max(0, start - _RULE_SLACK) : end + _RULE_SLACK].max(axis=0, initial=0)
    return len(strongest) >= _LEAST_RULE and bool((strongest > _FAINT_RULE).mean() > _RULE_SHARE)


def _shared(digit: NDArray[np.int32], left: int, right: int) -> int:
    """Width that the columns from `left` to `right` share with a component, given its statistics."""
    start, end = digit[cv2.CC_STAT_LEFT], digit[cv2.CC_STAT_LEFT] + digit[cv2.CC_STAT_WIDTH]
    return int(min(right, end) - max(left, start))


def _direction(x: NDArray[np.int64], y: NDArray[np.int64]) -> tuple[float, float]:
    """Angle in degrees from the vertical, positive to the right, and standard deviation across, of pixels."""
    across, down = x - x.mean(), y - y.mean()
    wide, high, mixed = (float(a @ b) / len(x) for a, b in ((across, across), (down, down), (across, down)))
    axis = 0.5 * math.atan2(2 * mixed, wide - high)  # of the largest variance, from the horizontal
    lean = math.degrees(axis) + 90 if axis < 0 else math.degrees(axis) - 90
    return lean, math.sqrt(max((wide + high) / 2 - math.hypot((wide - high) / 2, mixed), 0.0))
