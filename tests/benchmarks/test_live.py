"""The benchmark of live reading: that its judge finds faults, and that its figures and page hold together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import record
from benchmarks.live import drops, programs
from benchmarks.live import judge as judging
from benchmarks.live.frames import SyntheticFrames
from benchmarks.report import live_page, live_summary
from edge_runtime.live.events import Event, Number
from edge_runtime.live.tracker import Track
from edge_runtime.live.view import View
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.results import Box, Digit
from train.synthetic import videos
from train.synthetic.videos.stage import Shown


def shown(text, visible=1.0, x=100):
    return tuple(
        Shown(index, int(character), Box(x + 50 * index, 100, 36, 60), visible, 0)
        for index, character in enumerate(text)
    )


def view(text, frame=0, *, confirmed=True, told=None, x=100):
    digits = [
        Digit(None if character == "?" else int(character), 0.9, Box(x + 50 * index, 100, 36, 60))
        for index, character in enumerate(text)
    ]
    tracks = tuple(Track(index + 1, digit, confirmed) for index, digit in enumerate(digits))
    events = ()
    if told is not None:
        events = (Event("appeared", 0.0, 0.0, frame, Number(1, told, 0.9, Box(x, 100, 200, 60))),)
    return View(None, frame, 0.0, 0.0, tracks=tracks, events=events)


def judged(steps):
    judge = judging.Judge()
    for seen, truth in steps:
        judge.see(seen, truth)
    return judge.figures()


def test_what_is_right_is_found_and_without_fault():
    figures = judged([(view("42", told="42" if frame == 9 else None), shown("42")) for frame in range(40)])
    assert figures == {
        **{"frames": 40, "confirmed_tracks": 2, "right_tracks": 2, "label_changes": 0},
        **{"events": 1, "wrong_events": 0, "lasting_digits": 2, "found_digits": 2},
        **{"lasting_numbers": 0, "told_numbers": 0},
    }


def test_numbers_that_are_never_told_are_missed():
    for told, count in (("42", 1), (None, 0)):
        figures = judged([(view("42", told=told if f == 9 else None), shown("42")) for f in range(80)])
        assert (figures["lasting_numbers"], figures["told_numbers"]) == (1, count)


def test_a_number_that_leaves_while_it_is_there_is_wrong():
    gone = Event("left", 0.0, 0.0, 0, Number(1, "42", 0.9, Box(100, 100, 200, 60)))
    for truth, wrong in ((shown("42"), 1), (shown("42", 0.5), 0), ((), 0)):
        steps = [(view("42"), truth)] * 20 + [(replace(view(""), events=(gone,)), truth)]
        assert judged(steps)["wrong_events"] == wrong


@pytest.mark.parametrize(
    ("told", "truth", "wrong"),
    [
        ("42", shown("42"), 0),
        ("43", shown("42"), 1),
        ("4", shown("42"), 1),
        ("421", shown("42"), 1),
        ("4", shown("4") + shown("42", 0.5)[1:], 0),
        ("42", shown("4") + shown("42", 0.5)[1:], 0),
        ("47", shown("4") + shown("42", 0.5)[1:], 1),
        ("42", shown("42", x=500), 1),
        ("7", (), 1),
    ],
    ids=[
        *("right", "misread", "one lacks", "one too many", "a covered one left out", "a covered one read"),
        *("a covered one misread", "elsewhere", "nothing there"),
    ],
)
def test_an_event_is_held_against_the_truth(told, truth, wrong):
    assert judged([(view("", told=told), truth)])["wrong_events"] == wrong


def test_an_event_may_tell_what_was_true_a_moment_ago_but_not_long_ago():
    for frames, wrong in ((20, 0), (60, 1)):
        steps = [(view(""), shown("42"))] + [(view(""), ())] * frames + [(view("", told="42"), ())]
        assert judged(steps)["wrong_events"] == wrong


def test_a_settled_track_that_is_wrong_at_any_time_is_not_right():
    steps = [(view("42"), shown("42"))] * 20 + [(view("43"), shown("42"))] + [(view("42"), shown("42"))] * 20
    figures = judged(steps)
    assert (figures["confirmed_tracks"], figures["right_tracks"]) == (2, 1)
    assert figures["label_changes"] == 2


def test_a_label_that_changes_with_the_truth_is_no_fault():
    other = tuple(replace(each, id=each.id + 10) for each in shown("43"))
    steps = [(view("42"), shown("42"))] * 20 + [(view("43", confirmed=False), other)] * 20
    assert judged(steps)["label_changes"] == 0


def test_what_settles_where_nothing_is_is_wrong():
    figures = judged([(view("7", x=400), shown("42"))] * 5)
    assert (figures["confirmed_tracks"], figures["right_tracks"], figures["found_digits"]) == (1, 0, 0)


def test_a_video_is_followed_to_its_events():
    frames = SyntheticFrames(videos.Video("still", 1))
    judge = judging.Judge()
    for seen in programs.Live(frames, SwitchableReader("int8"), print).views():
        judge.see(seen, frames.scene.shown)
        if seen.frame == 40:
            break
    assert judge.told >= 1
    assert judge.wrong == []


def test_lost_streams_are_survived():
    (result,) = drops.drops(times=1, away=2.5)
    assert result["noticed_s"][0] is not None
    assert result["returned_s"][0] is not None
    assert [event for event in result["events"] if event in ("lost", "back")] == ["lost", "back"]


def test_the_page_says_what_the_record_holds(tmp_path):
    video = {
        **{"frames": 10, "confirmed_tracks": 4, "right_tracks": 3, "label_changes": 1, "events": 2},
        **{"wrong_events": 1, "lasting_digits": 4, "found_digits": 4},
        **{"lasting_numbers": 2, "told_numbers": 1},
    }
    results = [
        {"kind": "video", "video": "still", "seeds": [1], **video, "wrong": ["seed 1, frame 3: 77"]},
        {
            **{"kind": "videos", "model": "int8", **video, "track_accuracy": 0.75, "found": 1.0},
            **{"wrong_events_per_1000_frames": 100.0, "label_changes_per_digit": 0.25},
            **{"told": 0.5, "delay_frames": {"p50": 12, "p90": 20}},
        },
        {
            **{"kind": "delay", "video": "still", "frames": 10, "read": 9, "fps": 30.0, "p50_ms": 5.5},
            **{"p90_ms": 6.5, "p99_ms": 7.5, "max_ms": 8.5, "share_of_core": 0.2},
        },
        {"kind": "memory", "frames": 100, "resident_mb": [90.0, 91.0, 91.5], "growth_mb": 0.5},
        {
            **{"kind": "load", "clients": 5, "seconds": 1.0, "statuses": {"200": 7, "503": 2}},
            **{"read_per_second": 7.0, "p50_ms": 1, "p90_ms": 2, "p99_ms": 3, "all_p99_ms": 4},
            **{"camera_fps": {"alone": 30.0, "loaded": 29.5}, "camera_p99_ms": {"alone": 9, "loaded": 12}},
        },
        {
            **{"kind": "drops", "drops": 3, "away_s": 3.0, "noticed_s": [1.8], "returned_s": [0.1]},
            "events": ["appeared 42", "lost", "back"],
        },
    ]
    page = live_page(record.write(tmp_path / "a.jsonl", results))
    for text in ("75.00%", "seed 1, frame 3: 77", "5.5", "20%", "200: 7, 503: 2", "29.5", "appeared 42"):
        assert text in page
    assert "p99 at most 7.5 ms" in live_summary(record.read(tmp_path / "a.jsonl"))
