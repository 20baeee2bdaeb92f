"""Orientation: whether an image must be turned by 90, 180 or 270 degrees so that its digits stand upright.

What decides is how well the image reads at each turn. If its digits are read with confidence, they are
upright or upside down, but not sideways. Upside down, 0, 1 and 8 look the same, 6 and 9 change places, and 2
and 5 are similar, but the others look less like digits than after half a turn. Most upright images are
recognised as such in this way and read only once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import BACKGROUND
from edge_runtime.digits import Digit
from edge_runtime.reading.pipeline import CELL, Page, Pipeline

_SAMPLE = 16  # tiles of an image that are also classified upside down; more of them decide no better
_PREVIEW = 1400  # px, longer side: a larger image is tried at other turns at this size

# Fitted on half of the development photographs, by project, on 500 simulated scenes and on 400 without
# digits, each at all four turns.
_CONFIDENT = 2.25  # mean log odds of digits that are upright or upside down; sideways it is lower
_UPRIGHT = 1.05  # factor by which upright tiles look more like digits than after half a turn
_LONE = 1.0  # objectness at which the only candidate of an image is a lone digit
# What justifies a turn: the number of digits, the sum of their log odds, and their mean; and the factor by
# which the sum must exceed that of the image as given. Letters upside down are read as digits, too, but with
# lower log odds.
_LEAST_DIGITS, _LEAST_TOTAL, _LEAST_MEAN = 3, 5.0, 1.6
_BETTER = 1.3
_ONE = 0.25  # weight of a 1, which any line looks like
_MOST = 6.0  # log odds of a single digit, at most


def turn_upright(page: Page, pipeline: Pipeline) -> Page:
    """A page whose tiles are cropped, or the same image as it is read at another turn.

    An image is turned only if it certainly reads better then, and never if it is likely to show at most one
    digit. Raises `ImageError` if it does not fit into memory.
    """
    if _may_be_lone(page):
        return page
    given = _Look.at(page, pipeline)
    if given.is_upright or given.count == len(page.crops) == 1:
        return page
    best, turn = given, 0
    tried: dict[int, Page] = {}
    for other in (180,) if given.is_level else (180, 90, 270):
        tried[other] = pipeline.search_turned(page, other, _PREVIEW)
        look = _Look.at(tried[other], pipeline)
        if look.total > best.total:
            best, turn = look, other
        if look.is_upright and look.justifies_turn(given):
            break
    if not best.justifies_turn(given):
        return page
    if max(page.size) <= _PREVIEW:
        return tried[turn]
    turned = pipeline.search_turned(page, turn)
    return turned if _Look.at(turned, pipeline).justifies_turn(given) else page


def _may_be_lone(page: Page) -> bool:
    """Whether there is at most one digit, as far as can be told without classifying anything."""
    if page.candidates is None or not len(page.candidates) or max(page.size) <= CELL:
        return True
    return len(page.candidates) == 1 and float(page.candidates.objectness[0]) > _LONE


@dataclass(frozen=True, slots=True)
class _Look:
    """How well an image reads at one turn.

    `count` is the number of digits, `total` and `mean` are the sum and the mean of their log odds. `as_is`
    and `flipped` say how much a sample of the tiles looks like digits, as they are and after half a turn.
    """

    count: int
    total: float
    mean: float
    as_is: float
    flipped: float

    @classmethod
    def at(cls, page: Page, pipeline: Pipeline) -> _Look:
        """Classify a page, and look at its result."""
        pipeline.classify([page])
        read = [digit for digit in page.digits or () if digit.value is not None]
        weights = [_ONE if digit.value == 1 else 1.0 for digit in read]
        total = sum(weight * _log_odds(digit) for weight, digit in zip(weights, read, strict=True))
        flipped = pipeline.probabilities([tile[::-1, ::-1] for tile in page.tiles[:_SAMPLE]])
        likeness = _likeness(page.probabilities[:_SAMPLE]), _likeness(flipped)
        return cls(len(read), total, total / max(_ONE, sum(weights)), *likeness)

    @property
    def is_level(self) -> bool:
        """Whether the digits are certainly upright or upside down, not sideways."""
        return self.mean >= _CONFIDENT

    @property
    def is_upright(self) -> bool:
        """Whether the digits are certainly upright."""
        return self.is_level and self.as_is >= _UPRIGHT * self.flipped

    def justifies_turn(self, given: _Look) -> bool:
        """Whether the image certainly reads better than as it was given."""
        return (
            self.count >= _LEAST_DIGITS
            and self.mean >= _LEAST_MEAN
            and self.total >= max(_LEAST_TOTAL, _BETTER * given.total)
        )


def _log_odds(digit: Digit) -> float:
    """Log odds of a digit's confidence, within 0..`_MOST`."""
    doubt = max(1 - digit.confidence, 1e-9)
    return min(_MOST, max(0.0, math.log(max(digit.confidence, 1e-9) / doubt)))


def _likeness(probabilities: NDArray[np.float32]) -> float:
    """How many digits tiles look like, given their probabilities `[N, 11]`."""
    return float(probabilities[:, :BACKGROUND].sum() - (1 - _ONE) * probabilities[:, 1].sum())
