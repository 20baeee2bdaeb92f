"""Drawn videos: the same every time, and their truth is what is in the image."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from train.synthetic import videos
from train.synthetic.videos import kinds, stage


@pytest.mark.parametrize("name", sorted(videos.KINDS))
def test_every_kind_has_images_and_a_truth(name):
    video = videos.Video(name, 5)
    assert (video.name, video.fps, len(video)) == (name, 30, stage.FRAMES)
    shown = []
    for scene in (video[0], video[100], video[299]):
        assert scene.image.shape == (480, 640, 3)
        assert scene.image.dtype == np.uint8
        assert scene.image.std() > 3
        shown += scene.shown
        for digit in scene.shown:
            box = digit.box
            assert 0 <= digit.value <= 9
            assert 0 <= digit.visible <= 1
            assert 0 <= box.x < box.x + box.width <= 640
            assert 0 <= box.y < box.y + box.height <= 480
    assert bool(shown) == (name != "empty")


def test_a_seed_is_a_video():
    first, again, other = videos.Video("moving", 1), videos.Video("moving", 1), videos.Video("moving", 2)
    later = first[80]  # picked before the frames that come before it
    for frame, scene in zip(range(3), again, strict=False):
        assert np.array_equal(first[frame].image, scene.image)
        assert first[frame].shown == scene.shown
    assert np.array_equal(again[80].image, later.image)
    assert again[80].shown == later.shown
    assert not np.array_equal(other[80].image, later.image)
    with pytest.raises(IndexError):
        first[stage.FRAMES]


def test_every_frame_has_noise_of_its_own():
    video = videos.Video("empty", 0)
    images = [video[frame].image.astype(float) for frame in (0, 1, 2)]
    for before, after in pairwise(images):
        assert 2 < (after - before).std() < 8


@pytest.mark.parametrize("frame", [0, 120])
@pytest.mark.parametrize(("name", "seed"), [("still", 0), ("still", 1), ("changing", 3), ("crowd", 4)])
def test_boxes_fit_the_ink(name, seed, frame):
    scene = videos.Video(name, seed)[frame]
    grey = cv2.GaussianBlur(cv2.cvtColor(scene.image, cv2.COLOR_BGR2GRAY), (0, 0), 0.8).astype(float)
    for digit in scene.shown:
        if digit.visible < 1:
            continue
        box, edge = digit.box, 4
        top, left = max(0, box.y - edge), max(0, box.x - edge)
        part = grey[top : box.y + box.height + edge, left : box.x + box.width + edge]
        rim = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
        contrast = np.abs(part - np.median(rim))
        ink = contrast > 0.5 * np.percentile(contrast, 98)
        rows, columns = np.flatnonzero(ink.any(axis=1)) + top, np.flatnonzero(ink.any(axis=0)) + left
        found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        stated = np.array([box.x, box.y, box.x + box.width, box.y + box.height])
        assert np.abs(found - stated).max() <= 2, digit


@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_told_apart_and_go_from_left_to_right(seed):
    shown = videos.Video("crowd", seed)[200].shown
    for before, after in pairwise(shown):
        assert before.id < after.id
        gap = after.box.x - before.box.x - before.box.width
        if before.number == after.number:
            assert 0 < gap < 0.5 * max(before.box.height, after.box.height)
        else:
            assert gap < 0 or gap > 1.5 * min(before.box.height, after.box.height)


def test_numbers_change_at_the_stated_frames():
    video = videos.Video("changing", 0)
    for change in kinds.CHANGES:
        before, after = ({digit.id for digit in video[frame].shown} for frame in (change - 1, change + 16))
        assert after - before
    for change in kinds.CHANGES[:-1]:
        flat = [video[frame].shown for frame in (change - 2, change + 2)]
        assert all(digit.visible == 1 for shown in flat for digit in shown)
        assert [digit.value for digit in flat[0]] != [digit.value for digit in flat[1]]
        turned = [video[frame].shown for frame in (change - 1, change)]
        ids = [{digit.id for digit in shown} for shown in (flat[0], *turned, flat[1])]
        assert ids[0] == ids[1] != ids[2] == ids[3]
        assert all(min(digit.visible for digit in shown) < 0.6 for shown in turned)


def test_a_hand_covers_digits_and_lets_them_be_seen_again():
    video = videos.Video("hand", 1)
    least = [min(digit.visible for digit in video[frame].shown) for frame in (0, 100, 185, 240, 299)]
    assert (least[0], least[2], least[4]) == (1, 1, 1)
    assert max(least[1], least[3]) < 0.6


def test_digits_are_written_stroke_by_stroke():
    video = videos.Video("writing", 0)
    counts = []
    for start in (25, 87, 149, 211):
        drawn = [video[start + when].shown[-1] for when in (6, 14, 22, 55)]
        counts.append(len(video[start + 55].shown))
        assert len({digit.id for digit in drawn}) == 1
        assert drawn[0].visible < 0.5
        assert [digit.visible for digit in drawn] == sorted(digit.visible for digit in drawn)
        assert drawn[-1].visible == 1
    assert not video[0].shown
    assert counts == [1, 2, 3, 4]
    assert len({digit.number for digit in video[299].shown}) == 1


def test_a_sheet_comes_in_moves_and_leaves():
    video = videos.Video("moving", 0)
    assert not video[0].shown
    assert not video[299].shown
    still, later, away = (video[frame].shown[0].box for frame in (75, 95, 160))
    assert abs(still.x - later.x) <= 2
    assert abs(still.x - away.x) > 60


def test_a_video_can_be_written_to_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(videos, "FRAMES", 20)
    video, path = videos.Video("still", 0), tmp_path / "still.avi"
    videos.write(video, path)
    video = cv2.VideoCapture(str(path))
    read = 0
    while True:
        good, image = video.read()
        if not good:
            break
        assert np.abs(image.astype(int) - video[read].image).mean() < 6
        read += 1
    assert read == len(video) == 20
    assert video.get(cv2.CAP_PROP_FPS) == 30
    with pytest.raises(OSError, match="cannot write"):
        videos.write(video, tmp_path / "nowhere" / "still.avi")
