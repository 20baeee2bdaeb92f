"""The benchmark of live reading: its judge, its processes, and its reports."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from benchmarks import record
from benchmarks.__main__ import main
from benchmarks.errors import BenchmarkError
from benchmarks.live import attack, drops
from benchmarks.live.frames import LoopedVideo
from benchmarks.live.judge import Judge
from benchmarks.live.processes import run_program, start_program
from benchmarks.live.report import live_summary
from benchmarks.live.steadiness import steadiness
from edge_runtime.live.events import Event, TrackedNumber
from edge_runtime.live.track import Track
from edge_runtime.live.view import View
from edge_runtime.results import Box, Digit
from train.synthetic import http_camera, videos
from train.synthetic.videos import LabelledDigit

pytestmark = pytest.mark.slow


def shown(text, visible=1.0, x=100):
    """The truth of a frame: one number."""
    return tuple(
        LabelledDigit(index, int(character), Box(x + 50 * index, 100, 36, 60), visible, 0)
        for index, character in enumerate(text)
    )


def number(text, x=100):
    digits = [Digit(int(character), 0.9, Box(x + 100 * i, 100, 100, 60)) for i, character in enumerate(text)]
    return TrackedNumber(tuple(digits), 1)


def view(text, frame=0, *, confirmed=True, reported=None, x=100):
    """A view with one track per character, "?" for a rejected one, and an event if a number is reported."""
    digits = [
        Digit(None if character == "?" else int(character), 0.9, Box(x + 50 * index, 100, 36, 60))
        for index, character in enumerate(text)
    ]
    tracks = tuple(Track(index + 1, digit, confirmed) for index, digit in enumerate(digits))
    events = ()
    if reported is not None:
        events = (Event("appeared", 0.0, 0.0, frame, number(reported, x)),)
    return View(None, frame, 0.0, 0.0, tracks=tracks, events=events)


def judged(steps):
    """The counts of a judge after pairs of a view and the truth."""
    judge = Judge()
    for seen, truth in steps:
        judge.update(seen, truth)
    return judge.counts()


def test_correct_views_count_no_faults():
    counts = judged([(view("42", reported="42" if frame == 9 else None), shown("42")) for frame in range(40)])
    assert counts == {
        **{"frames": 40, "confirmed_tracks": 2, "correct_tracks": 2, "label_changes": 0},
        **{"id_switches": 0},
        **{"events": 1, "wrong_events": 0, "legible_digits": 2, "found_digits": 2},
        **{"complete_numbers": 0, "reported_numbers": 0},
    }


@pytest.mark.parametrize(("reported", "count"), [("42", 1), (None, 0)])
def test_unreported_numbers_are_missed(reported, count):
    steps = [(view("42", reported=reported if frame == 9 else None), shown("42")) for frame in range(80)]
    counts = judged(steps)
    assert (counts["complete_numbers"], counts["reported_numbers"]) == (1, count)


def test_delays_are_counted_from_when_a_number_is_complete():
    judge = Judge()
    for frame in range(30):
        judge.update(view("", reported="42" if frame == 25 else None), shown("42", 1.0 if frame > 4 else 0.5))
    assert judge.delays == {0: 21}


@pytest.mark.parametrize(
    ("truth", "wrong"),
    [
        pytest.param(shown("42"), 1, id="still there"),
        pytest.param(shown("42", 0.5), 0, id="covered"),
        pytest.param((), 0, id="gone"),
    ],
)
def test_numbers_that_leave_must_be_gone(truth, wrong):
    left = Event("left", 0.0, 0.0, 0, number("42"))
    steps = [(view("42"), truth)] * 20 + [(replace(view(""), events=(left,)), truth)]
    assert judged(steps)["wrong_events"] == wrong


@pytest.mark.parametrize(
    ("reported", "truth", "wrong"),
    [
        pytest.param("42", shown("42"), 0, id="correct"),
        pytest.param("43", shown("42"), 1, id="misread"),
        pytest.param("4", shown("42"), 1, id="a digit missing"),
        pytest.param("421", shown("42"), 1, id="a digit too many"),
        pytest.param("4", shown("4") + shown("42", 0.5)[1:], 0, id="covered digit left out"),
        pytest.param("42", shown("4") + shown("42", 0.5)[1:], 0, id="covered digit read"),
        pytest.param("47", shown("4") + shown("42", 0.5)[1:], 1, id="covered digit misread"),
        pytest.param("42", shown("42", x=500), 1, id="in another place"),
        pytest.param("7", (), 1, id="nothing there"),
    ],
)
def test_events_are_compared_with_the_truth(reported, truth, wrong):
    assert judged([(view("", reported=reported), truth)])["wrong_events"] == wrong


@pytest.mark.parametrize(("frames", "wrong"), [(20, 0), (60, 1)])
def test_events_may_be_late_but_not_too_late(frames, wrong):
    steps = [(view(""), shown("42"))] + [(view(""), ())] * frames + [(view("", reported="42"), ())]
    assert judged(steps)["wrong_events"] == wrong


def test_confirmed_tracks_must_always_be_correct():
    steps = [(view("42"), shown("42"))] * 20 + [(view("43"), shown("42"))] + [(view("42"), shown("42"))] * 20
    counts = judged(steps)
    assert (counts["confirmed_tracks"], counts["correct_tracks"]) == (2, 1)
    assert counts["label_changes"] == 2


def with_ids(ids, confirmed=True):
    """A view of "42" whose tracks have these numbers."""
    seen = view("42", confirmed=confirmed)
    tracks = [replace(track, id=number) for track, number in zip(seen.tracks, ids, strict=False)]
    return replace(seen, tracks=tuple(tracks))


@pytest.mark.parametrize(
    ("later", "switches"),
    [
        pytest.param(with_ids((1, 2)), 0, id="kept"),
        pytest.param(with_ids((1, 3)), 1, id="a new track"),
        pytest.param(with_ids((2, 1)), 2, id="swapped"),
        pytest.param(with_ids((1,)), 0, id="lost"),
        pytest.param(with_ids((1, 3), confirmed=False), 0, id="not confirmed"),
    ],
)
def test_id_switches_are_counted(later, switches):
    steps = [(with_ids((1, 2)), shown("42"))] * 3 + [(later, shown("42"))] * 3
    assert judged(steps)["id_switches"] == switches
    hidden = [(with_ids((1, 2)), shown("42")), (later, shown("42", visible=0.5))]
    assert judged(hidden)["id_switches"] == 0


def test_labels_may_change_with_the_truth():
    other = tuple(replace(digit, id=digit.id + 10) for digit in shown("43"))
    steps = [(view("42"), shown("42"))] * 20 + [(view("43", confirmed=False), other)] * 20
    assert judged(steps)["label_changes"] == 0


def test_confirmed_tracks_without_a_digit_are_wrong():
    counts = judged([(view("7", x=400), shown("42"))] * 5)
    assert (counts["confirmed_tracks"], counts["correct_tracks"], counts["found_digits"]) == (1, 0, 0)


@pytest.fixture(scope="module")
def steady():
    """Results for the first 40 frames of a video."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(videos.Video, "__iter__", lambda video: (video[frame] for frame in range(40)))
        return list(steadiness(kinds=("still",), seeds=(1,)))


def test_a_synthetic_video_is_read_correctly(steady):
    video, total = steady
    assert (video["kind"], video["video"], video["frames"]) == ("video", "still", 40)
    assert video["events"] >= 1
    assert video["wrong"] == []
    assert video["confirmed_tracks"] == video["correct_tracks"] == video["legible_digits"] > 0
    assert (total["kind"], total["track_accuracy"], total["found"]) == ("videos", 1.0, 1.0)
    assert 0 < total["delay_frames"]["p50"] < 40


def test_lost_streams_are_noticed_and_read_again():
    (result,) = drops.drops(times=2, away=0.0, rest=0.2)
    assert len(result["noticed_s"]) == len(result["returned_s"]) == 2
    assert None not in (*result["noticed_s"], *result["returned_s"])
    events = [event for event in result["events"] if event in ("lost", "back")]
    # A busy machine may lose the stream once more.
    assert events == ["lost", "back"] * (len(events) // 2)
    assert len(events) >= 4


@pytest.fixture
def stream():
    """The URL of a camera that shows the same two frames in turn."""
    first, second = (videos.Video("still", seed)[0] for seed in (1, 2))
    with http_camera.StreamServer(LoopedVideo([first, second])) as server:
        yield server.url


def test_the_delay_program_measures_a_stream(stream):
    result = run_program("delay", stream, "0.1")
    assert 0 < result["read"] <= result["frames"]
    assert 0 < result["p50_ms"] <= result["p90_ms"] <= result["p99_ms"] <= result["max_ms"]
    assert result["share_of_core"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_the_memory_program_counts_frames():
    result = run_program("memory", "20")
    assert result["frames"] == len(result["resident_mb"]) == 20
    assert all(size > 10 for size in result["resident_mb"])


def test_the_device_program_serves_while_it_reads(stream):
    pytest.importorskip("fastapi")
    scene = videos.Video("still", 1)[0]
    with start_program("device", stream) as device:
        port = int(device.read_line())
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("POST", "/read", http_camera.jpeg(scene.image))
            response = connection.getresponse()
            assert response.status == 200
            lines = json.loads(response.read())["lines"]
        deadline = time.monotonic() + 60
        while not all(rate := json.loads(device.ask("rate"))) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert sorted("".join(lines)) == sorted(str(digit.value) for digit in scene.digits)
    fps, p99 = rate
    assert fps > 0
    assert p99 > 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs several loopback addresses")
def test_honest_clients_are_answered_under_attack():
    pytest.importorskip("fastapi")
    result = attack.attack(len(attack.ATTACKS) + 2, len(attack.ATTACKS), 0.3)
    assert result["statuses"].get("health: 200", 0) + result["statuses"].get("200", 0) > 0
    assert result["unplanned"] == 0, result
    assert len(result["logged"]) <= 1


def test_failed_programs_are_reported():
    with pytest.raises(subprocess.CalledProcessError):
        run_program("unknown")
    with start_program("unknown") as program, pytest.raises(BenchmarkError, match="'unknown' ended early"):
        program.read_line()


@pytest.fixture
def live_record(steady, tmp_path):
    """A record of live reading."""
    video, total = steady
    results = [
        {**video, "wrong_events": 1, "wrong": ["seed 1, frame 3: appeared 77"]},
        total,
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
            **{"kind": "drops", "drops": 2, "away_s": 3.0, "noticed_s": [1.8, None], "returned_s": [0.1, 0]},
            "events": ["appeared 42", "lost", "back"],
        },
    ]
    return record.write(tmp_path / "live.jsonl", results)


def test_live_report_shows_the_record(live_record, capsys):
    assert main(["report", str(live_record.path)]) == 0
    page = live_record.path.with_suffix(".md").read_text()
    digits = f"{live_record.results[0]['found_digits']} of {live_record.results[0]['legible_digits']}"
    for text in (
        *(
            "| 1; seed 1, frame 3: appeared 77 |",
            f"| {digits} |",
            "100.00% of",
            "| 5.5 | 6.5 | 7.5 | 8.5 | 20% |",
        ),
        *(
            "90, 91, 92. From the second to the last measurement it changed by +0.5 MB.",
            "| 200: 7, 503: 2 | 1 | 2 | 3 | 4 |",
            "| with clients | 29.5 | 12 |",
        ),
        *("noticed after 1.80 s, never;", "Events: appeared 42, lost, back."),
    ):
        assert text in page
    assert not live_record.path.with_suffix(".png").exists()
    summary = live_summary(live_record)
    assert summary in capsys.readouterr().out
    sentence = " ".join(summary.split())
    assert (
        "a result follows 5.5 to 5.5 ms after its frame arrives (p50 of each video; p99 at most 7.5 ms)"
        in sentence
    )
    assert "rejects the rest with 503 (2 of 9);" in sentence
    assert "The camera runs at 29.5 frames per second (30.0 without clients)" in sentence
    assert max(map(len, summary.splitlines())) <= 110


def test_memory_is_measured_over_20_frames_or_more(live_record, capsys):
    path = str(live_record.path)
    assert main(["live", "--frames", "20000", "--out", path]) == 2
    assert f"{path} exists" in capsys.readouterr().err
    with pytest.raises(SystemExit) as exit_:
        main(["live", "--frames", "19", "--out", path])
    assert exit_.value.code == 2
    assert "'19' is not a whole number from 20" in capsys.readouterr().err
