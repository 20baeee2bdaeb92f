"""Drawn films: the same every time, and their truth is what is in the picture."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from benchmarks import films


@pytest.mark.parametrize("name", sorted(films.FILMS))
def test_every_kind_has_pictures_and_a_truth(name):
    film = films.film(name, 5)
    assert (film.name, film.fps, len(film)) == (name, 30, films.FRAMES)
    shown = []
    for scene in (film[0], film[100], film[299]):
        assert scene.picture.shape == (480, 640, 3)
        assert scene.picture.dtype == np.uint8
        assert scene.picture.std() > 3
        shown += scene.shown
        for digit in scene.shown:
            box = digit.box
            assert 0 <= digit.value <= 9
            assert 0 <= digit.visible <= 1
            assert 0 <= box.x < box.x + box.width <= 640
            assert 0 <= box.y < box.y + box.height <= 480
    assert bool(shown) == (name != "empty")


def test_a_seed_is_a_film():
    first, again, other = films.film("moving", 1), films.film("moving", 1), films.film("moving", 2)
    later = first[80]  # picked before the frames that come before it
    for frame, scene in zip(range(3), again, strict=False):
        assert np.array_equal(first[frame].picture, scene.picture)
        assert first[frame].shown == scene.shown
    assert np.array_equal(again[80].picture, later.picture)
    assert again[80].shown == later.shown
    assert not np.array_equal(other[80].picture, later.picture)
    with pytest.raises(IndexError):
        first[films.FRAMES]


def test_every_frame_has_noise_of_its_own():
    film = films.film("empty", 0)
    pictures = [film[frame].picture.astype(float) for frame in (0, 1, 2)]
    for before, after in pairwise(pictures):
        assert 2 < (after - before).std() < 8


@pytest.mark.parametrize("frame", [0, 120])
@pytest.mark.parametrize(("name", "seed"), [("still", 0), ("still", 1), ("changing", 3), ("crowd", 4)])
def test_boxes_fit_the_ink(name, seed, frame):
    scene = films.film(name, seed)[frame]
    grey = cv2.GaussianBlur(cv2.cvtColor(scene.picture, cv2.COLOR_BGR2GRAY), (0, 0), 0.8).astype(float)
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
    shown = films.film("crowd", seed)[200].shown
    for before, after in pairwise(shown):
        assert before.id < after.id
        gap = after.box.x - before.box.x - before.box.width
        if before.number == after.number:
            assert 0 < gap < 0.5 * max(before.box.height, after.box.height)
        else:
            assert gap < 0 or gap > 1.5 * min(before.box.height, after.box.height)


def test_numbers_change_at_the_stated_frames():
    film = films.film("changing", 0)
    for change in films.CHANGES:
        before, after = ({digit.id for digit in film[frame].shown} for frame in (change - 1, change + 16))
        assert after - before
    for change in films.CHANGES[:-1]:
        flat = [film[frame].shown for frame in (change - 2, change + 2)]
        assert all(digit.visible == 1 for shown in flat for digit in shown)
        assert [digit.value for digit in flat[0]] != [digit.value for digit in flat[1]]
        turned = [film[frame].shown for frame in (change - 1, change)]
        ids = [{digit.id for digit in shown} for shown in (flat[0], *turned, flat[1])]
        assert ids[0] == ids[1] != ids[2] == ids[3]
        assert all(min(digit.visible for digit in shown) < 0.6 for shown in turned)


def test_a_hand_covers_digits_and_lets_them_be_seen_again():
    film = films.film("hand", 1)
    least = [min(digit.visible for digit in film[frame].shown) for frame in (0, 100, 185, 240, 299)]
    assert (least[0], least[2], least[4]) == (1, 1, 1)
    assert max(least[1], least[3]) < 0.6


def test_digits_are_written_stroke_by_stroke():
    film = films.film("writing", 0)
    counts = []
    for start in (25, 87, 149, 211):
        drawn = [film[start + when].shown[-1] for when in (6, 14, 22, 55)]
        counts.append(len(film[start + 55].shown))
        assert len({digit.id for digit in drawn}) == 1
        assert drawn[0].visible < 0.5
        assert [digit.visible for digit in drawn] == sorted(digit.visible for digit in drawn)
        assert drawn[-1].visible == 1
    assert not film[0].shown
    assert counts == [1, 2, 3, 4]
    assert len({digit.number for digit in film[299].shown}) == 1


def test_a_sheet_comes_in_moves_and_leaves():
    film = films.film("moving", 0)
    assert not film[0].shown
    assert not film[299].shown
    still, later, away = (film[frame].shown[0].box for frame in (75, 95, 160))
    assert abs(still.x - later.x) <= 2
    assert abs(still.x - away.x) > 60


def test_a_film_can_be_written_to_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(films, "FRAMES", 20)
    film, path = films.film("still", 0), tmp_path / "still.avi"
    films.write(film, path)
    video = cv2.VideoCapture(str(path))
    read = 0
    while True:
        good, picture = video.read()
        if not good:
            break
        assert np.abs(picture.astype(int) - film[read].picture).mean() < 6
        read += 1
    assert read == len(film) == 20
    assert video.get(cv2.CAP_PROP_FPS) == 30
    with pytest.raises(OSError, match="cannot write"):
        films.write(film, tmp_path / "nowhere" / "still.avi")
