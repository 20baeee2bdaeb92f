"""Synthetic videos: the same seed gives the same frames, and the labels match the images."""

from __future__ import annotations

import functools
from itertools import pairwise

import cv2
import numpy as np
import pytest

from train.synthetic import videos
from train.synthetic.videos import kinds

pytestmark = pytest.mark.slow


@functools.cache
def video(kind, seed):
    """A video; setting up its stage takes longer than rendering a frame."""
    return videos.Video(kind, seed)


@pytest.mark.parametrize("kind", videos.KINDS)
def test_every_kind_has_images_and_labels(kind):
    drawn = video(kind, 5)
    assert (drawn.kind, drawn.fps, len(drawn)) == (kind, 30, videos.FRAMES)
    digits = []
    for frame in (drawn[0], drawn[100], drawn[299]):
        assert frame.image.shape == (480, 640, 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.std() > 3
        digits += frame.digits
        for digit in frame.digits:
            box = digit.box
            assert 0 <= digit.value <= 9
            assert 0 <= digit.visible <= 1
            assert 0 <= box.x < box.x + box.width <= 640
            assert 0 <= box.y < box.y + box.height <= 480
    assert bool(digits) == (kind != "empty")


def test_the_seed_determines_every_frame():
    first, again, other = videos.Video("moving", 1), videos.Video("moving", 1), videos.Video("moving", 2)
    later = first[80]  # rendered before the frames that precede it
    for index, frame in zip(range(3), again, strict=False):
        assert np.array_equal(first[index].image, frame.image)
        assert first[index].digits == frame.digits
    assert np.array_equal(again[80].image, later.image)
    assert again[80].digits == later.digits
    assert not np.array_equal(other[80].image, later.image)


@pytest.mark.parametrize("index", [-1, videos.FRAMES])
def test_frames_outside_the_video_are_rejected(index):
    with pytest.raises(IndexError, match="0 to 299"):
        video("still", 0)[index]


def test_noise_differs_between_frames():
    images = [video("empty", 0)[index].image.astype(float) for index in (0, 1, 2)]
    for before, after in pairwise(images):
        assert 2 < (after - before).std() < 8


@pytest.mark.parametrize("index", [0, 120])
@pytest.mark.parametrize(("kind", "seed"), [("still", 0), ("still", 1), ("changing", 3), ("crowd", 4)])
def test_boxes_fit_the_ink(kind, seed, index):
    frame = video(kind, seed)[index]
    grey = cv2.GaussianBlur(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), (0, 0), 0.8).astype(float)
    complete = [digit for digit in frame.digits if digit.visible == 1]
    assert complete
    for digit in complete:
        box, edge = digit.box, 4
        top, left = max(0, box.y - edge), max(0, box.x - edge)
        part = grey[top : box.y + box.height + edge, left : box.x + box.width + edge]
        rim = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
        contrast = np.abs(part - np.median(rim))
        ink = contrast > 0.5 * np.percentile(contrast, 98)
        rows, columns = np.flatnonzero(ink.any(axis=1)) + top, np.flatnonzero(ink.any(axis=0)) + left
        found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        labelled = np.array([box.x, box.y, box.x + box.width, box.y + box.height])
        assert np.abs(found - labelled).max() <= 2, digit


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_apart_and_ordered_from_left_to_right(seed):
    digits = video("crowd", seed)[200].digits
    assert len(digits) > 5
    for before, after in pairwise(digits):
        assert before.id < after.id
        gap = after.box.x - before.box.x - before.box.width
        if before.number == after.number:
            assert 0 < gap < 0.5 * max(before.box.height, after.box.height)
        else:
            assert gap < 0 or gap > 1.5 * min(before.box.height, after.box.height)


def ids(digits):
    return {digit.id for digit in digits}


def test_numbers_are_replaced_at_the_stated_frames():
    drawn = video("changing", 0)
    for change in kinds.CHANGES:
        assert ids(drawn[change + 16].digits) - ids(drawn[change - 1].digits)


@pytest.mark.parametrize("change", kinds.CHANGES[:-1])
def test_a_card_is_flipped_within_three_frames(change):
    drawn = video("changing", 0)
    before, turning, turned, after = (drawn[change + step].digits for step in (-2, -1, 0, 2))
    assert all(digit.visible == 1 for digit in (*before, *after))
    assert [digit.value for digit in before] != [digit.value for digit in after]
    assert ids(before) == ids(turning) != ids(turned) == ids(after)
    assert min(digit.visible for digit in turning) < 0.6
    assert min(digit.visible for digit in turned) < 0.6


def test_a_hand_covers_digits_and_uncovers_them():
    drawn = video("hand", 1)
    least = [min(digit.visible for digit in drawn[index].digits) for index in (0, 100, 185, 240, 299)]
    assert (least[0], least[2], least[4]) == (1, 1, 1)
    assert max(least[1], least[3]) < 0.6


def test_digits_are_written_stroke_by_stroke():
    drawn = video("writing", 0)
    assert not drawn[0].digits
    for count, start in enumerate((25, 87, 149, 211), 1):
        states = [drawn[start + step].digits for step in (6, 14, 22, 55)]
        assert len(states[-1]) == count
        newest = [digits[-1] for digits in states]
        assert len(ids(newest)) == 1
        visible = [digit.visible for digit in newest]
        assert visible[0] < 0.5
        assert visible == sorted(visible)
        assert visible[-1] == 1
    assert len({digit.number for digit in drawn[299].digits}) == 1


def test_a_sheet_comes_in_rests_moves_and_leaves():
    drawn = video("moving", 0)
    assert not drawn[0].digits
    assert not drawn[299].digits
    resting, later, elsewhere = (drawn[index].digits[0].box for index in (75, 95, 160))
    assert abs(resting.x - later.x) <= 2
    assert abs(resting.x - elsewhere.x) > 60
