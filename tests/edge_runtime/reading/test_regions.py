"""Regions: which parts of an image may contain writing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime.reading import regions


def paper(level=230.0, noise=3.0, shape=(160, 240)):
    grey = level + np.random.default_rng(0).normal(0, noise, shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def test_paper_has_no_ink():
    assert not regions.find_ink(paper()).any()


@pytest.mark.parametrize(
    ("level", "shade", "width"),
    [
        pytest.param(230, 40, 3, id="dark pen"),
        pytest.param(230, 205, 2, id="faint pencil"),
        pytest.param(40, 230, 3, id="chalk"),
        pytest.param(230, 40, 1, id="fine pen"),
    ],
)
def test_strokes_are_ink(level, shade, width):
    grey = paper(level)
    cv2.line(grey, (100, 40), (104, 60), shade, width)
    ((left, top, right, bottom),) = regions.group_cells(regions.find_ink(grey))
    # At half the resolution, a cell is 4 px wide.
    assert 15 < left <= 100 // 4 < right < 40
    assert top <= 40 // 4
    assert bottom >= 60 // 4


def test_rules_are_no_ink_but_what_is_written_on_them_is():
    grey = paper()
    grey[70:72] = 90
    grey[:, 30:32] = 90
    cv2.line(grey, (40, 120), (230, 122), 90, 2)
    assert not regions.find_ink(grey).any()
    cv2.line(grey, (120, 60), (124, 80), 40, 3)
    rows, columns = np.nonzero(regions.find_ink(grey))
    assert 0 < len(rows) < 12
    assert 110 // 4 <= columns.min() <= 120 // 4 <= columns.max() < 135 // 4


def test_a_stroke_that_ends_at_the_border_is_ink():
    grey = paper()
    cv2.line(grey, (100, 0), (100, 30), 40, 3)
    assert regions.find_ink(grey)[:8].any()


def test_a_large_area_is_no_ink_but_its_edge_may_be():
    grey = paper(noise=0)
    grey[:, 120:] = 60
    assert not regions.find_ink(grey)[:, 40:].any()


def test_regions_cover_all_ink_and_are_bounded():
    cells = np.random.default_rng(3).random((90, 200)) < 0.02
    covered = np.zeros_like(cells)
    for left, top, right, bottom in regions.group_cells(cells):
        assert (right - left) * (bottom - top) <= regions._LARGEST
        covered[top:bottom, left:right] = True
    assert (covered >= cells).all()
    assert regions.group_cells(np.zeros((5, 5), bool)) == []


@pytest.mark.parametrize(
    ("cells", "count"),
    [
        pytest.param([(slice(22, 27), slice(10, 14))], 1, id="one digit across two rows of regions"),
        pytest.param([(slice(0, 3), slice(0, 4)), (slice(5, 8), slice(6, 9))], 1, id="close to each other"),
        pytest.param([(slice(0, 3), slice(0, 4)), (slice(80, 83), slice(80, 83))], 2, id="far apart"),
        pytest.param([(slice(0, 90), slice(0, 90))], 1, id="a page of writing"),
    ],
)
def test_regions_are_joined_where_one_call_costs_less(cells, count):
    ink = np.zeros((100, 100), bool)
    for part in cells:
        ink[part] = True
    assert len(regions.group_cells(ink)) == count
