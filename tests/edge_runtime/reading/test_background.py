"""The background of a crop: uneven paper is subtracted, ruled lines are erased."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime.reading.background import erase_lines, subtract_background


def test_a_slope_of_brightness_is_subtracted():
    paper = np.linspace(120, 220, 60) * np.ones((50, 1))
    ink = np.zeros((50, 60), bool)
    ink[10:40, 28:33] = True
    difference = subtract_background(np.where(ink, 0.5 * paper, paper).astype(np.uint8))
    assert difference.dtype == np.float32
    assert np.abs(difference[~ink]).max() < 6  # the slope of the paper is 100 levels
    # Half of the paper's brightness is missing, however bright the paper is there.
    assert np.ptp(difference[ink]) < 5
    assert -90 < difference[ink].mean() < -80


def test_a_rule_is_erased_but_not_the_stroke_that_crosses_it():
    ink = np.zeros((56, 56), np.uint8)
    ink[8:48, 26:30] = 255
    expected = ink.copy()
    ink[30:32] = 255
    erase_lines(ink, 8, 8, 48, 48)
    assert (ink[8:48, 26:30] == 255).all()
    assert (ink != expected).sum() <= 8  # the ends of the crossing stay ragged


def test_lines_that_do_not_reach_both_margins_are_kept():
    ink = np.zeros((56, 56), np.uint8)
    ink[30:32, :40] = 255
    before = ink.copy()
    erase_lines(ink, 8, 8, 48, 48)
    assert (ink == before).all()


def walls(bottom=52, wall=slice(27, 30)):
    """A patch of a row of boxes: rules above and below, and an upright line down to a row."""
    ink = np.zeros((56, 56), np.uint8)
    ink[[2, 3]] = ink[[52, 53]] = 255
    ink[2:bottom, wall] = 255
    return ink


@pytest.mark.parametrize(
    "ink", [walls(), walls()[:50], walls()[10:]], ids=["whole", "lower rule out of sight", "upper one"]
)
def test_the_wall_between_two_boxes_is_erased(ink):
    erase_lines(ink, 8, 8, 48, len(ink) - 8)
    assert not ink[8:40].any()


@pytest.mark.parametrize(
    "ink", [walls(40), walls(wall=slice(20, 32))], ids=["a 1 that touches one rule", "a thick stroke"]
)
def test_strokes_that_are_no_walls_are_kept(ink):
    before = ink.copy()
    erase_lines(ink, 8, 8, 48, 48)
    assert (ink[8:40] == before[8:40]).all()


def test_an_8_that_touches_two_rules_is_kept():
    ink = walls(0)
    for middle in (15, 40):
        cv2.ellipse(ink, (28, middle), (9, 12), 0, 0, 360, 255, 3)
    before = ink.copy()
    erase_lines(ink, 8, 8, 48, 48)
    assert (ink[8:48] == before[8:48]).all()
