"""Digits followed through frames: steady labels, and digits that move, flicker, change and leave."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge_runtime.live.tracker import Tracker
from edge_runtime.results import Box, Digit

FPS = 30
SIZE = (640, 480)


def digit(value, x=100, y=100, height=60, sure=0.95):
    """What a reader says of one digit in one frame."""
    probabilities = np.full(11, (1 - sure) / 10, np.float32)
    probabilities[value] = sure
    best = int(probabilities[:10].argmax())
    box = Box(round(x), round(y), round(height * 0.6), height)
    return Digit(
        best if probabilities[best] >= 0.5 else None,
        float(probabilities[best]),
        box,
        probabilities=probabilities,
    )


def follow(frames, tracks=None, start=0):
    """Every frame's tracks, of the digits that each frame holds."""
    tracks = tracks or Tracker(0.5)
    return [tracks.update(found, (start + index) / FPS, SIZE) for index, found in enumerate(frames)]


def test_a_digit_that_is_held_still_is_one_track_and_settles():
    shown = follow([[digit(7)]] * 20)
    assert shown[0] == ()  # what flashes up once is not shown
    assert {track.id for frame in shown for track in frame} == {1}
    assert not shown[4][0].confirmed
    assert shown[-1][0].confirmed
    assert shown[-1][0].digit.value == 7
    assert shown[-1][0].digit.confidence == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("wrong", [2, 3, 4])
def test_a_frame_that_is_misread_now_and_then_changes_nothing(wrong):
    frames = [[digit(1, sure=0.9)] if index % wrong == 1 and index > 4 else [digit(7)] for index in range(60)]
    if wrong == 2:  # as often wrong as right, but less sure
        frames = [[digit(1, sure=0.6)] if index % 2 and index > 4 else [digit(7)] for index in range(60)]
    shown = follow(frames)
    assert {frame[0].digit.value for frame in shown[2:]} == {7}


def test_evidence_is_combined_over_time():
    """Neither frame alone is sure enough; together they rule each other's second choice out."""

    def torn(other):
        probabilities = np.full(11, 0.02, np.float32)
        probabilities[3], probabilities[other] = 0.45, 0.39
        return Digit(None, 0.45, Box(100, 100, 36, 60), "rejected", probabilities=probabilities)

    shown = follow([[torn(5 if index % 2 else 8)] for index in range(30)])
    assert shown[-1][0].digit.value == 3
    assert shown[-1][0].digit.confidence > 0.5


def test_a_digit_that_is_plainly_another_takes_over_within_a_few_frames():
    """As of a card that is swapped in front of the camera."""
    shown = follow([[digit(7)]] * 30 + [[digit(2)]] * 30)
    assert {frame[0].digit.value for frame in shown[34:]} == {2}
    assert {frame[0].id for frame in shown[2:]} == {1}


def test_another_digit_in_the_same_place_takes_over_within_half_a_second():
    shown = follow([[digit(7)]] * 30 + [[digit(2, sure=0.8)]] * 30)
    values = [frame[0].digit.value for frame in shown[2:]]
    assert values[-14:] == [2] * 14
    assert sum(one != other for one, other in pairwise(values)) <= 2  # by way of None
    assert not shown[47][0].confirmed or shown[47][0].digit.value == 7


def test_a_digit_that_leaves_is_gone_within_a_few_frames():
    shown = follow([[digit(7)]] * 20 + [[]] * 10)
    assert shown[20]
    assert not shown[28]


def test_a_digit_that_is_overlooked_for_a_moment_stays():
    shown = follow([[] if index in (12, 13, 20) else [digit(7)] for index in range(30)])
    assert {frame[0].id for frame in shown[2:]} == {1}
    assert shown[-1][0].confirmed


def test_a_box_that_is_wrong_for_a_frame_takes_no_digits_place():
    both = [digit(6), digit(7, x=140)]
    merged = [Digit(6, 0.9, Box(100, 100, 76, 60), probabilities=digit(6).probabilities)]
    shown = follow([merged if index == 12 else both for index in range(30)])
    assert {track.id for frame in shown for track in frame} == {1, 2}
    assert all(track.confirmed for track in shown[-1])


def test_what_is_less_sure_takes_longer_to_settle():
    for sure, after in ((0.95, 10), (0.8, 31), (0.7, None)):
        shown = follow([[digit(1, sure=sure)]] * 60)
        confirmed = [index for index, frame in enumerate(shown) if frame and frame[0].confirmed]
        assert (confirmed[0] if confirmed else None) == pytest.approx(after, abs=1)


def test_what_is_seen_only_now_and_then_never_settles():
    shown = follow([[digit(1)] if index % 4 == 0 else [] for index in range(80)])
    assert not any(track.confirmed for frame in shown for track in frame)


@pytest.mark.parametrize("speed", [100, 400, 900])
def test_a_moving_digit_keeps_its_track(speed):
    shown = follow([[digit(4, x=20 + speed * index / FPS)] for index in range(18)])
    assert {track.id for frame in shown for track in frame} == {1}
    assert shown[-1][0].digit.box.x == pytest.approx(20 + speed * 17 / FPS, abs=6)


def test_neighbours_that_move_do_not_swap():
    shown = follow(
        [
            [digit(value, x=40 + 45 * place + 300 * index / FPS) for place, value in enumerate((4, 2, 8, 5))]
            for index in range(30)
        ]
    )
    assert {track.id for frame in shown for track in frame} == {1, 2, 3, 4}
    for frame in shown[2:]:
        assert [t.digit.value for t in sorted(frame, key=lambda t: t.id)] == [4, 2, 8, 5]


def test_a_digit_at_the_edge_does_not_settle_until_it_is_whole():
    shown = follow([[digit(3, x=0)]] * 30 + [[digit(3, x=20)]] * 30)
    assert not any(track.confirmed for frame in shown[:30] for track in frame)
    assert shown[-1][0].confirmed


def test_what_is_no_digit_is_not_shown():
    probabilities = np.zeros(11, np.float32)
    probabilities[[3, 10]] = 0.2, 0.8
    nothing = Digit(None, 0.2, Box(100, 100, 30, 60), "rejected", probabilities=probabilities)
    assert follow([[nothing]] * 20)[-1] == ()


def test_a_box_that_trembles_is_shown_still():
    generator = np.random.default_rng(0)
    shown = follow([[digit(7, x=100 + generator.integers(-2, 3))] for _ in range(60)])
    places = [frame[0].digit.box.x for frame in shown[10:]]
    assert max(places) - min(places) <= 3


def test_boxes_stay_inside_the_image():
    shown = follow([[digit(7, x=600 + 30 * index, height=50)] for index in range(3)])
    for frame in shown:
        for track in frame:
            box = track.digit.box
            assert 0 <= box.x < box.x + box.width <= SIZE[0]


def test_time_that_stands_still_harms_nothing():
    tracks = Tracker(0.5)
    follow([[digit(7)]] * 20, tracks)
    for seconds in (19 / FPS, 19 / FPS, 3 / FPS):
        (track,) = tracks.update([digit(7)], seconds, SIZE)
    assert (track.id, track.digit.value) == (1, 7)


def test_ids_are_not_used_again():
    tracks = Tracker(0.5)
    follow([[digit(7)]] * 5, tracks)
    tracks.clear()
    assert {track.id for frame in follow([[digit(7)]] * 5, tracks, 5) for track in frame} == {2}


@pytest.mark.parametrize("burst", [2, 3, 5])
@pytest.mark.parametrize("speed", [150, 300])
def test_frames_that_come_in_bursts_were_not_taken_in_bursts(burst, speed):
    """Of a network: several at once, and then none for a while."""
    tracks, ids = Tracker(0.5), set()
    for index in range(60):
        seconds = (index // burst) * burst / FPS + (index % burst) * 0.002
        found = [
            digit(value, x=20 + 50 * place + speed * index / FPS) for place, value in enumerate((5, 3, 0))
        ]
        ids |= {track.id for track in tracks.update(found, seconds, SIZE)}
    assert ids == {1, 2, 3}


def test_slow_sources_settle_too():
    tracks = Tracker(0.5)
    for index in range(8):
        shown = tracks.update([digit(7)], index / 4, SIZE)
    assert shown[0].confirmed
