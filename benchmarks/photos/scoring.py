"""Scoring: reads labelled images and compares what was read with the labels."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.errors import BenchmarkError
from benchmarks.photos.labels import LabelledImage
from benchmarks.photos.stability import Variations
from edge_runtime import DigitReader
from edge_runtime.boxes import area, corners, iou
from edge_runtime.results import Box, Digit, Reading

# Two boxes match if their IoU is at least this, or if one contains the other's centre and its area is at most
# this many times as large.
_MIN_IOU = 0.4
_MAX_AREA = 3
_COMMON_IOU = 0.5  # with which others report F1


@dataclass(frozen=True)
class Score:
    """How well one image was read.

    `digits` of the reading are those that count, and `is_correct` says of each whether it matches a label in
    place and value; if only the text of the image is known, whether it has so many digits of this value.
    `read_as` holds for each label the value that was read in its place, or None. `detected` is the number of
    digits that match a label in place, whatever the value; `correct_at_half` is that of digits with the right
    value and an IoU of 0.5 or more. `numbers` are those of the reading: for each digit that counts, the label
    that it matches in place and value, or None. `longer_side` of the image is in pixels. `varied` are the
    readings of `stability.Variations`, if there are any.
    """

    image: LabelledImage
    longer_side: int
    reading: Reading
    digits: tuple[Digit, ...]
    is_correct: tuple[bool, ...]
    read_as: tuple[int | None, ...]
    detected: int
    correct_at_half: int
    numbers: tuple[tuple[int | None, ...], ...]
    varied: Mapping[str, Reading] = field(default_factory=dict)

    @property
    def correct(self) -> int:
        """Labelled digits that were read."""
        return sum(self.is_correct)

    @property
    def false(self) -> int:
        """Digits that match no label in place and value."""
        return len(self.digits) - self.correct

    @property
    def missed(self) -> int:
        """Labelled digits that were not read, or were read as another digit."""
        return len(self.image.values) - self.correct

    @property
    def perfect(self) -> bool:
        """Whether no digit is missed and none is false."""
        return self.missed == 0 and self.false == 0


def read_all(images: Sequence[LabelledImage], model: str, *, stability: bool = False) -> list[Score]:
    """Read every image with `DigitReader` on one thread; with `stability`, read it again in each variation.

    Raises `BenchmarkError` for an unreadable image, and for a label outside its image.
    """
    reader = DigitReader(model)
    variations = Variations(reader, model) if stability else None
    scores = []
    for image in tqdm(images, desc="reading", leave=False, disable=not sys.stderr.isatty()):
        decoded = cv2.imread(str(image.path))
        if decoded is None:
            raise BenchmarkError(f"{image.path} is missing or not an image that OpenCV can decode")
        pixels = np.asarray(decoded, np.uint8)
        image.check_boxes(pixels.shape[1], pixels.shape[0])
        reading = reader.read(pixels)
        varied = variations.read(image.path, pixels) if variations else {}
        scores.append(score(image, reading, longer_side=max(pixels.shape[:2]), varied=varied))
    return scores


def score(
    image: LabelledImage, reading: Reading, *, longer_side: int, varied: Mapping[str, Reading] | None = None
) -> Score:
    """Compare a reading with the labels. Rejected digits and those in an `ignore` box do not count."""
    accepted = [digit for digit in reading.digits if digit.value is not None]
    ignored = _contains_centre(corners(image.ignore), corners(digit.box for digit in accepted)).any(axis=0)
    digits = tuple(digit for digit, skip in zip(accepted, ignored, strict=True) if not skip)
    if image.text is not None:
        right = tuple(count_right([digit.value for digit in digits], image.values))
        return Score(image, longer_side, reading, digits, right, (), 0, 0, (), varied or {})
    overlaps, matches = _compare((digit.box for digit in digits), (box for _, box in image.digits))
    same = _same_value(digits, image)
    correct = _pair(overlaps, matches & same)
    # A label that is not read correctly is misread if one of the other digits has its place.
    rest = matches.copy()
    rest[list(correct)] = False
    rest[:, list(correct.values())] = False
    misread = _pair(overlaps, rest)
    read_as: list[int | None] = [None] * len(image.digits)
    for index, label in (correct | misread).items():
        read_as[label] = digits[index].value
    label_of = {id(digit): correct.get(index) for index, digit in enumerate(digits)}
    return Score(
        image=image,
        longer_side=longer_side,
        reading=reading,
        digits=digits,
        is_correct=tuple(index in correct for index in range(len(digits))),
        read_as=tuple(read_as),
        detected=len(_pair(overlaps, matches)),
        correct_at_half=len(_pair(overlaps, same & (overlaps >= _COMMON_IOU))),
        numbers=tuple(
            tuple(label_of[id(digit)] for digit in number.digits if id(digit) in label_of)
            for number in reading.numbers
        ),
        varied=varied or {},
    )


def count_right(found: Iterable[int | None], labelled: Iterable[int]) -> list[bool]:
    """Whether each digit that was found is among the labelled ones, wherever these are."""
    left = Counter(labelled)
    right = []
    for value in found:
        right.append(value is not None and left[value] > 0)
        left[value if value is not None else -1] -= right[-1]
    return right


def failed(scores: Sequence[Score]) -> list[Score]:
    """The images that were not read perfectly, worst first."""
    imperfect = (one for one in scores if not one.perfect)
    return sorted(imperfect, key=lambda one: one.missed + one.false, reverse=True)


def _same_value(digits: Sequence[Digit], image: LabelledImage) -> NDArray[np.bool_]:
    """Whether each of N digits has the value of each of M labels: bool `[N, M]`."""
    values = np.array([digit.value for digit in digits], np.int64)
    labels = np.array([label for label, _ in image.digits], np.int64)
    return np.equal.outer(values, labels)


def _compare(found: Iterable[Box], labelled: Iterable[Box]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """IoU `[N, M]` of N found with M labelled boxes, and whether they match."""
    a, b = corners(found), corners(labelled)
    overlaps = iou(a, b)
    matches = overlaps >= _MIN_IOU
    matches |= _contains_centre(a, b) & (area(a)[:, None] <= _MAX_AREA * area(b)[None])
    matches |= _contains_centre(b, a).T & (area(b)[None] <= _MAX_AREA * area(a)[:, None])
    return overlaps, matches


def _contains_centre(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of N boxes `[N, 4]` contains the centre of each of M boxes `[M, 4]`: bool `[N, M]`."""
    centre = (inner[None, :, :2] + inner[None, :, 2:]) / 2
    return ((outer[:, None, :2] <= centre) & (centre <= outer[:, None, 2:])).all(axis=2)


def _pair(overlaps: NDArray[np.float64], allowed: NDArray[np.bool_]) -> dict[int, int]:
    """Pair N found with M labelled boxes one to one, largest IoU first: the label's index by the digit's."""
    pairs = sorted(((overlaps[i, j], i, j) for i, j in np.argwhere(allowed).tolist()), reverse=True)
    paired: dict[int, int] = {}
    labelled: set[int] = set()
    for _, i, j in pairs:
        if i not in paired and j not in labelled:
            paired[i] = j
            labelled.add(j)
    return paired
