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
    cells = regions.find_ink(grey)
    # At half the resolution, a cell is 4 px wide.
    assert cells[40 // 4 : 60 // 4, 100 // 4].all()
    assert not cells[:, :15].any()
    assert not cells[:, 40:].any()


def test_a_large_area_is_no_ink_but_its_edge_may_be():
    grey = paper(noise=0)
    grey[:, 120:] = 60
    assert not regions.find_ink(grey)[:, 40:].any()


def test_regions_cover_all_ink_and_are_bounded():
    cells = np.random.default_rng(3).random((90, 200)) < 0.02
    covered = np.zeros_like(cells)
    for left, top, right, bottom in regions.group_cells(cells):
        assert right - left <= regions._RUN
        assert bottom - top <= regions._ROW
        covered[top:bottom, left:right] = True
    assert (covered >= cells).all()
    assert regions.group_cells(np.zeros((5, 5), bool)) == []
