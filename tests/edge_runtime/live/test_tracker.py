"""The tracker: labels, confirmation and boxes of digits that move, flicker, change and leave."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge_runtime.live.track import MIN_OBSERVATIONS
from edge_runtime.live.tracker import Tracker
from edge_runtime.results import Box, Digit

FPS = 30
SIZE = (640, 480)


def digit(value, x=100, y=100, height=60, confidence=0.95):
    """The reading of one digit in one frame; its box is 0.6 times as wide as high."""
    probabilities = np.full(11, (1 - confidence) / 10, np.float32)
    probabilities[value] = confidence
    best = int(probabilities[:10].argmax())
    box = Box(round(x), round(y), round(height * 0.6), height)
    return Digit(
        best if probabilities[best] >= 0.5 else None,
        float(probabilities[best]),
        box,
        probabilities=probabilities,
    )


def track(frames, tracker=None, start=0):
    """The tracks of every frame, given the digits read in it."""
    tracker = tracker or Tracker(0.5)
    return [tracker.update(found, (start + index) / FPS, SIZE) for index, found in enumerate(frames)]


def ids(shown):
    return {each.id for frame in shown for each in frame}


def test_still_digit_is_one_confirmed_track():
    shown = track([[digit(7)]] * 20)
    assert shown[0] == ()  # false detections often last for a single frame
    assert ids(shown) == {1}
    assert {each.digit.box for frame in shown for each in frame} == {Box(100, 100, 36, 60)}
    assert not shown[4][0].confirmed
    assert shown[-1][0].confirmed
    assert shown[-1][0].digit.value == 7
    assert shown[-1][0].digit.confidence == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("fps", [0.5, 1, 2, 4])
def test_label_needs_enough_observations(fps):
    """With a slow source, the label has been the same for long enough before that."""
    tracker = Tracker(0.5)
    shown = [tracker.update([digit(7)], index / fps, SIZE) for index in range(MIN_OBSERVATIONS + 2)]
    confirmed = [bool(frame) and frame[0].confirmed for frame in shown]
    assert confirmed == [False] * (MIN_OBSERVATIONS - 1) + [True] * 3
    assert all(frame[0].digit.box == Box(100, 100, 36, 60) for frame in shown[1:])


@pytest.mark.parametrize(
    ("confidence", "first"),
    [
        pytest.param(0.95, 9, id="likely: 0.3 s"),
        pytest.param(0.8, 30, id="less likely: 1 s"),
        pytest.param(0.7, None, id="unlikely: never"),
    ],
)
def test_less_likely_labels_are_confirmed_later(confidence, first):
    shown = track([[digit(1, confidence=confidence)]] * 60)
    confirmed = [index for index, frame in enumerate(shown) if frame and frame[0].confirmed]
    if first is None:
        assert confirmed == []
    else:  # rounding of times may need one frame more
        assert confirmed[0] in (first, first + 1)
        assert confirmed == list(range(confirmed[0], 60))


@pytest.mark.parametrize(
    ("every", "confidence"),
    [
        pytest.param(2, 0.6, id="every second frame, less confident"),
        pytest.param(3, 0.9, id="every third frame"),
        pytest.param(4, 0.9, id="every fourth frame"),
    ],
)
def test_misread_frames_do_not_change_the_label(every, confidence):
    frames = [
        [digit(1, confidence=confidence) if index % every == 1 and index > 4 else digit(7)]
        for index in range(60)
    ]
    shown = track(frames)
    assert {frame[0].digit.value for frame in shown[2:]} == {7}
    assert ids(shown) == {1}


def test_observations_are_combined():
    """No frame alone passes the threshold; together they rule out each other's second choice."""

    def ambiguous(other):
        probabilities = np.full(11, 0.02, np.float32)
        probabilities[3], probabilities[other] = 0.45, 0.39
        return Digit(None, 0.45, Box(100, 100, 36, 60), "rejected", probabilities=probabilities)

    shown = track([[ambiguous(5 if index % 2 else 8)] for index in range(30)])
    assert shown[-1][0].digit.value == 3
    assert shown[-1][0].digit.confidence > 0.5


def test_clearly_different_digit_takes_over_in_a_few_frames():
    """As when a card in front of the camera is swapped."""
    shown = track([[digit(7)]] * 30 + [[digit(2)]] * 30)
    assert {frame[0].digit.value for frame in shown[34:]} == {2}
    assert ids(shown) == {1}
    assert not shown[34][0].confirmed  # the new label has to be confirmed again
    assert shown[-1][0].confirmed


def test_less_clearly_different_digit_takes_over_within_half_a_second():
    shown = track([[digit(7)]] * 30 + [[digit(2, confidence=0.8)]] * 30)
    values = [frame[0].digit.value for frame in shown[2:]]
    assert values[-14:] == [2] * 14
    assert sum(one != other for one, other in pairwise(values)) <= 2  # at most, without a label in between
    assert not any(frame[0].confirmed for frame in shown[30:48])


def test_missing_digit_is_dropped_after_a_few_frames():
    shown = track([[digit(7)]] * 20 + [[]] * 10)
    counts = [len(frame) for frame in shown]
    assert counts[19:25] == [1] * 6  # 5 frames are within 0.2 s
    assert counts[26:] == [0] * 4
    assert shown[20][0].digit.box == Box(100, 100, 36, 60)


def test_digit_missed_for_a_moment_keeps_its_track():
    shown = track([[] if index in (12, 13, 20) else [digit(7)] for index in range(30)])
    assert ids(shown) == {1}
    assert len(shown[13]) == 1
    assert shown[-1][0].confirmed


def test_digit_missed_twice_in_a_row_is_not_confirmed():
    shown = track([[digit(7)]] * 20 + [[]] * 2 + [[digit(7)]])
    assert [frame[0].confirmed for frame in shown[19:]] == [True, True, False, True]


def test_digit_found_in_too_few_frames_is_no_longer_confirmed():
    tracker, fps = Tracker(0.5), 120
    for index in range(60):
        (before,) = tracker.update([digit(7)], index / fps, SIZE) or (None,)
    for index in range(60, 300):
        (after,) = tracker.update([digit(7)] if index % 5 == 4 else [], index / fps, SIZE)
    assert before.confirmed
    assert after.id == before.id
    assert not after.confirmed


def test_replaced_track_is_dropped_early():
    """The digit comes much closer in one step: its box is too large to continue the track."""
    shown = track([[digit(7)]] * 20 + [[digit(7, height=100)]] * 5)
    assert [{each.id for each in frame} for frame in shown[19:]] == [{1}, {1}, {1, 2}, {1, 2}, {2}, {2}]
    assert shown[-1][0].digit.box == Box(100, 100, 60, 100)


def test_ambiguous_digit_keeps_its_label():
    """It is read as a 3 for half a second, then as an 8 for half a second, neither clearly."""

    def ambiguous(likely, other):
        probabilities = np.full(11, 0.002, np.float32)
        probabilities[likely], probabilities[other] = 0.53, 0.45
        return Digit(likely, 0.53, Box(100, 100, 36, 60), probabilities=probabilities)

    shown = track([[ambiguous(*((3, 8) if index % 30 < 15 else (8, 3)))] for index in range(120)])
    assert {frame[0].digit.value for frame in shown[2:]} == {3}


def test_rarely_found_digit_is_never_confirmed():
    shown = track([[digit(1)] if index % 4 == 0 else [] for index in range(80)])
    assert not any(each.confirmed for frame in shown for each in frame)


def test_wrong_box_in_one_frame_moves_no_track():
    both = [digit(6), digit(7, x=140)]
    merged = [Digit(6, 0.9, Box(100, 100, 76, 60), probabilities=digit(6).probabilities)]
    shown = track([merged if index == 12 else both for index in range(30)])
    assert ids(shown) == {1, 2}
    assert all(each.confirmed for each in shown[-1])
    for frame in shown[2:]:
        assert {each.id: each.digit.box for each in frame} == {
            1: Box(100, 100, 36, 60),
            2: Box(140, 100, 36, 60),
        }


@pytest.mark.parametrize("speed", [100, 400, 900], ids=lambda speed: f"{speed} px/s")
def test_moving_digit_keeps_its_track(speed):
    shown = track([[digit(4, x=20 + speed * index / FPS)] for index in range(18)])
    assert ids(shown) == {1}
    for index, frame in enumerate(shown[8:], 8):
        box = frame[0].digit.box
        assert box.x == pytest.approx(20 + speed * index / FPS, abs=6)
        assert (box.y, box.width, box.height) == (100, 36, 60)


def test_missed_digit_keeps_moving():
    frames = [[digit(4, x=20 + 10 * index)] if index != 20 else [] for index in range(22)]
    shown = track(frames)
    assert shown[20][0].digit.box.x == pytest.approx(220, abs=3)
    assert ids(shown) == {1}


def test_moving_neighbours_keep_their_tracks():
    values = (4, 2, 8, 5)
    shown = track(
        [
            [digit(value, x=40 + 45 * place + 10 * index) for place, value in enumerate(values)]
            for index in range(30)
        ]
    )
    assert ids(shown) == {1, 2, 3, 4}
    for frame in shown[2:]:
        assert [each.digit.value for each in sorted(frame, key=lambda each: each.id)] == [4, 2, 8, 5]
    for each in shown[-1]:
        assert each.digit.box.x == pytest.approx(40 + 45 * (each.id - 1) + 10 * 29, abs=3)


def test_digit_at_the_edge_is_not_confirmed_until_it_is_complete():
    shown = track([[digit(3, x=0)]] * 30 + [[digit(3, x=20)]] * 30)
    assert not any(each.confirmed for frame in shown[:30] for each in frame)
    assert shown[-1][0].confirmed
    assert shown[-1][0].digit.box == Box(20, 100, 36, 60)


@pytest.mark.parametrize("edge", [{"x": 603}, {"y": 0}, {"y": 419}], ids=["right", "top", "bottom"])
def test_digit_at_any_edge_is_not_confirmed(edge):
    shown = track([[digit(3, **edge)]] * 30)
    assert len(shown[-1]) == 1
    assert not any(each.confirmed for frame in shown for each in frame)


def test_background_is_not_shown():
    probabilities = np.zeros(11, np.float32)
    probabilities[[3, 10]] = 0.2, 0.8
    nothing = Digit(None, 0.2, Box(100, 100, 30, 60), "rejected", probabilities=probabilities)
    assert track([[nothing]] * 20)[-1] == ()


def test_trembling_box_is_smoothed():
    generator = np.random.default_rng(0)
    shown = track([[digit(7, x=100 + generator.integers(-2, 3))] for _ in range(60)])
    places = [frame[0].digit.box.x for frame in shown[10:]]
    assert max(places) - min(places) <= 3
    assert np.mean(places) == pytest.approx(100, abs=1)


def test_boxes_are_clipped_to_the_frame():
    shown = track([[digit(7, x=580 + 20 * index, height=50)] for index in range(3)])
    assert shown[1][0].digit.box == Box(600, 100, 30, 50)
    box = shown[2][0].digit.box
    assert box.x == pytest.approx(620, abs=3)
    assert box.x + box.width == SIZE[0]


def test_repeated_and_earlier_times_do_no_harm():
    tracker = Tracker(0.5)
    track([[digit(7)]] * 20, tracker)
    for seconds in (19 / FPS, 19 / FPS, 3 / FPS):
        (shown,) = tracker.update([digit(7)], seconds, SIZE)
    assert (shown.id, shown.digit.value, shown.digit.box) == (1, 7, Box(100, 100, 36, 60))


def test_ids_are_not_reused():
    tracker = Tracker(0.5)
    track([[digit(7)]] * 5, tracker)
    tracker.clear()
    assert ids(track([[digit(7)]] * 5, tracker, 5)) == {2}


@pytest.mark.parametrize("burst", [2, 3, 5])
@pytest.mark.parametrize("speed", [150, 300])
def test_bursts_of_frames_keep_their_tracks(burst, speed):
    """Networks deliver several frames at once, and then none for a while."""
    tracker, seen = Tracker(0.5), set()
    for index in range(60):
        seconds = (index // burst) * burst / FPS + (index % burst) * 0.002
        found = [
            digit(value, x=20 + 50 * place + speed * index / FPS) for place, value in enumerate((5, 3, 0))
        ]
        seen |= {each.id for each in tracker.update(found, seconds, SIZE)}
    assert seen == {1, 2, 3}


def test_held_frames_confirm_a_digit():
    tracker = Tracker(0.5)
    track([[digit(7)]] * 2, tracker)
    held = [tracker.hold((2 + index) / FPS, SIZE) for index in range(12)]
    assert [frame[0].confirmed for frame in held[-2:]] == [True, True]


def test_held_frames_are_no_evidence():
    """A misread frame stays one frame, however long it is held."""
    tracker = Tracker(0.5)
    track([[digit(7)]] * 12, tracker)
    assert tracker.agrees()
    track([[digit(1)]], tracker, start=12)
    assert not tracker.agrees()
    held = [tracker.hold((13 + index) / FPS, SIZE) for index in range(30)]
    assert {frame[0].digit.value for frame in held} == {7}
    ((after,),) = track([[digit(7)]], tracker, start=43)
    assert (after.id, after.digit.value, after.confirmed) == (1, 7, True)
    assert tracker.agrees()


def test_digit_missed_in_a_held_frame_keeps_its_track():
    tracker = Tracker(0.5)
    track([[digit(7)]] * 12 + [[]], tracker)
    assert not tracker.agrees()
    held = [tracker.hold((13 + index) / FPS, SIZE) for index in range(30)]
    assert ids(held) == {1}
    assert track([[], [], []], tracker, start=43)[-1] == ()


def test_held_digit_stands_still():
    tracker = Tracker(0.5)
    moving = track([[digit(7, x=100 + 4 * index)] for index in range(12)], tracker)
    held = [tracker.hold((12 + index) / FPS, SIZE) for index in range(5)]
    assert {frame[0].digit.box for frame in held} == {moving[-1][0].digit.box}
