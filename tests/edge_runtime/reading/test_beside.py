"""Writing beside a candidate: letters count, digits, lines, specks and other writing do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime.reading.beside import writing_beside
from edge_runtime.reading.crop import crop_tiles
from edge_runtime.reading.surroundings import Surroundings

CANDIDATE = (100, 60, 20, 40)  # left, top, width, height


def read(*others, p_others=0.0, dark=True, candidates=()):
    """What is read beside a candidate drawn among other rectangles: left, top, width, height, grey level."""
    page = np.full((160, 240), 210, np.uint8)
    for left, top, width, height, *grey in [CANDIDATE, *others]:
        cv2.rectangle(page, (left, top), (left + width - 1, top + height - 1), grey[0] if grey else 40, 3)
    if not dark:
        page = 255 - page
    boxes = np.float32([(x, y, x + w, y + h) for x, y, w, h, *_ in (CANDIDATE, *candidates)])
    (crop,) = crop_tiles(page, boxes[:1].tolist())
    p_digit = np.float32([0.5] + [p_others] * len(candidates))
    return writing_beside(Surroundings.of(page, crop), 0, boxes, p_digit)


@pytest.mark.parametrize("dark", [True, False])
def test_letters_on_either_side_count(dark):
    left, right = (70, 65, 22, 35), (128, 62, 22, 38)
    assert read(dark=dark) == 0
    one, other, both = read(left, dark=dark), read(right, dark=dark), read(left, right, dark=dark)
    assert 0.5 < one <= 1
    assert 0.5 < other <= 1
    assert both == pytest.approx(one + other, abs=0.05)


def test_near_letters_count_more():
    near, far = read((128, 62, 22, 38)), read((145, 62, 22, 38))
    assert near > far > 0


@pytest.mark.parametrize(
    "other",
    [
        (165, 62, 22, 38),  # too far away
        (128, 62, 4, 6),  # a point
        (128, 10, 22, 38),  # on another line
        (128, 0, 4, 159),  # the line of a form
        (126, 62, 80, 38),  # a box
        (128, 62, 22, 38, 170),  # in a fainter ink
    ],
    ids=["far", "point", "line above", "rule", "box", "faint"],
)
def test_other_things_do_not_count(other):
    assert read(other) == 0


def test_digits_do_not_count():
    neighbour = (128, 62, 22, 38)
    box = (127, 61, 25, 40)
    unexplained = read(neighbour)
    assert read(neighbour, candidates=[box], p_others=0.0) == unexplained
    assert 0 < read(neighbour, candidates=[box], p_others=0.4) < unexplained
    assert read(neighbour, candidates=[box], p_others=0.95) == 0
