"""The live loop: views, unchanged frames, lost sources, pauses and switching models."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, ModelError
from edge_runtime.live import loop
from edge_runtime.live.loop import FrameRate, Live
from edge_runtime.live.sources.base import Frame, Frames
from edge_runtime.live.view import STAGES
from edge_runtime.reading.switch import SwitchableReader
from tests import drawing

FPS = 30


@pytest.fixture(scope="module")
def pages():
    """Pages by the number on them: BGR uint8 (200, 256, 3)."""
    return {text: cv2.cvtColor(drawing.page(text), cv2.COLOR_GRAY2BGR) for text in ("42", "77")}


@pytest.fixture(scope="module")
def shared_reader():
    return SwitchableReader("int8")


class Script(Frames):
    """A source that follows a script: an image is a frame, a text is a problem, None is no frame in time."""

    name = "script"
    capture_format = "256x200 at 30 fps"

    def __init__(self, steps, *, live=False):
        self.live, self._steps, self._number, self._seconds = live, iter(steps), 0, 0.0
        self.taken = 0

    def next(self, timeout):
        step = next(self._steps, self)
        self.taken += 1
        self._seconds += 1 / FPS
        if step is self:
            self.ended = True
            return None
        if step is None or isinstance(step, str):
            self.problem = step or ""
            self._seconds += 1.0
            return None
        self.problem = ""
        self._number += 1
        return Frame(step, self._number - 1, self._seconds, time.perf_counter())

    def close(self):
        pass


@pytest.fixture
def run(shared_reader):
    """A function that returns the views of a script and the lines logged; `paused` is a range of views."""

    def run_script(steps, *, live=False, paused=range(0)):
        log, views = [], []
        reading = Live(Script(steps, live=live), shared_reader, log.append)
        for view in reading.views():
            views.append(view)
            reading.paused = len(views) in paused
        return views, log

    return run_script


def summarise(views):
    """Kind of every event, with the text of its number or its reason."""
    return [(e.kind, e.number.text if e.number else e.reason) for view in views for e in view.events]


def add_noise(page, seed):
    noise = np.random.default_rng(seed).normal(0, 2, page.shape)
    return np.clip(page + noise, 0, 255).astype(np.uint8)


def test_every_frame_has_a_view(pages, run):
    frames = [add_noise(pages["42"], index) for index in range(25)]
    views, log = run(frames)
    assert [view.frame for view in views] == list(range(25))
    assert all(view.image is frame for view, frame in zip(views, frames, strict=True))
    assert [view.seconds for view in views] == pytest.approx([(index + 1) / FPS for index in range(25)])
    assert summarise(views) == [("appeared", "42")]
    assert log == []
    last = views[-1]
    assert (last.model, last.source, last.capture_format) == ("int8", "script", "256x200 at 30 fps")
    assert (last.problem, last.paused) == ("", False)


def test_frames_are_never_turned(run):
    page = drawing.page("4753")[::-1, ::-1]
    views, _ = run([cv2.cvtColor(np.ascontiguousarray(page), cv2.COLOR_GRAY2BGR)] * 2)
    reading = DigitReader().read(page, rotate=0)
    assert [digit.value for digit in views[-1].digits] == [digit.value for digit in reading.digits]


def test_view_contains_digits_numbers_and_tracks(pages, run):
    views, _ = run([add_noise(pages["42"], index) for index in range(25)])
    last = views[-1]
    (number,) = last.numbers
    assert (number.text, number.confirmed) == ("42", True)
    assert [digit.value for digit in last.digits] == [4, 2]
    assert last.digits == number.digits
    assert all(digit.tile.shape == (28, 28) for digit in last.digits)
    assert [track.confirmed for track in last.tracks] == [True, True]
    # The page has two digits 80 px high, the first one 48 px from the left, the second one 88 px further.
    for left, digit in zip((48, 136), last.digits, strict=True):
        box = digit.box
        assert box.x == pytest.approx(left + 4, abs=8)
        assert box.y == pytest.approx(52, abs=8)
        assert box.height == pytest.approx(80, abs=10)
        assert 36 <= box.width <= 68


def test_stages_are_timed(pages, run):
    views, _ = run([pages["42"]] * 3)
    assert all(tuple(view.stages) == STAGES == ("capture", "detect", "classify", "draw") for view in views)
    assert all(seconds >= 0 for view in views for seconds in view.stages.values())
    assert views[0].stages["detect"] > 0
    assert [view.fresh for view in views] == [True, False, False]
    assert views[1].stages["detect"] == 0  # nothing was read


def test_time_between_views_counts_as_drawing_of_the_next_one(pages, shared_reader):
    views = Live(Script([pages["42"]] * 2), shared_reader, print).views()
    assert next(views).stages["draw"] == 0
    time.sleep(0.05)
    assert next(views).stages["draw"] >= 0.05


def test_unchanged_frames_are_reread_now_and_then(pages, run):
    """Every 0.2 s until the number is confirmed, then every second; noise is no change."""
    views, _ = run([add_noise(pages["42"], index) for index in range(90)])
    fresh = [view.frame for view in views if view.fresh]
    confirmed = next(view.frame for view in views if view.numbers and view.numbers[0].confirmed)
    early = [frame for frame in fresh if frame <= confirmed]
    late = [frame for frame in fresh if frame >= early[-1]]
    assert fresh[0] == 0
    assert len(early) >= 3
    assert all(after - before in (6, 7) for before, after in pairwise(early))
    assert all(after - before in (30, 31) for before, after in pairwise(late))
    assert len(late) >= 3
    assert all([number.text for number in view.numbers] == ["42"] for view in views[2:])


def test_misreading_a_still_page_once_changes_nothing(pages, run, monkeypatch):
    """It is soon read again; meanwhile, one reading does not count as many."""
    read, count = DigitReader.read, iter(range(100))

    def misread_once(reader, image, **options):
        return read(reader, pages["77"] if next(count) == 4 else image, **options)

    monkeypatch.setattr(DigitReader, "read", misread_once)
    views, _ = run([pages["42"]] * 120)
    fresh = [view.frame for view in views if view.fresh]
    assert fresh[5] - fresh[4] in (3, 4)
    assert {number.text for view in views[2:] for number in view.numbers} == {"42"}
    assert summarise(views) == [("appeared", "42")]


@pytest.mark.parametrize("size", [(20, 20), (160, 120), (1280, 960)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_changed_frames_are_read_at_any_size(size, pages, run):
    before, after = (cv2.resize(pages[text], size) for text in ("42", "77"))
    views, _ = run([before, before, after, after])
    assert [view.fresh for view in views] == [True, False, True, False]


def test_changed_number_is_an_event(pages, run):
    views, _ = run([pages["42"]] * 30 + [pages["77"]] * 40)
    assert summarise(views) == [("appeared", "42"), ("changed", "77")]
    appeared, changed = (event for view in views for event in view.events)
    assert (appeared.previous, changed.previous) == (None, "42")
    assert appeared.number.id == changed.number.id == 1
    assert 9 <= appeared.frame < 30 < changed.frame
    assert changed.seconds == pytest.approx((changed.frame + 1) / FPS)


def test_frames_of_another_size_start_anew(pages, run):
    views, _ = run([pages["42"]] * 20 + [cv2.resize(pages["77"], (300, 250))] * 30)
    assert summarise(views) == [("appeared", "42"), ("left", "42"), ("appeared", "77")]
    assert [number.id for number in views[-1].numbers] == [2]


def test_a_frame_of_another_size_is_read_although_it_looks_alike(run):
    page = cv2.cvtColor(cv2.resize(drawing.page("42"), (640, 480)), cv2.COLOR_GRAY2BGR)
    views, _ = run([page] * 3 + [cv2.resize(page, (320, 240), interpolation=cv2.INTER_AREA)] * 3)
    assert [view.frame for view in views if view.fresh] == [0, 3]
    assert all(digit.box.x + digit.box.width < 320 for view in views[3:] for digit in view.digits)


def test_lost_source_keeps_its_image_and_numbers(pages, run):
    steps = [pages["42"]] * 20 + ["no image for 2 s"] * 8 + [pages["42"]] * 20
    views, log = run(steps, live=True)
    assert summarise(views) == [("appeared", "42"), ("lost", "no image for 2 s"), ("back", "")]
    assert log == ["script: no image for 2 s", "script is back"]
    lost = [view for view in views if view.problem]
    assert len(lost) == 8
    assert all(view.image is views[19].image and not view.fresh for view in lost)
    assert all(view.rate == 0 for view in lost)
    assert all([number.text for number in view.numbers] == ["42"] for view in lost)
    assert views[-1].problem == ""


def test_numbers_removed_during_a_loss_leave_afterwards(pages, run):
    blank = np.full_like(pages["42"], 200)
    views, _ = run([pages["42"]] * 20 + ["gone"] * 3 + [blank] * 30, live=True)
    assert summarise(views) == [("appeared", "42"), ("lost", "gone"), ("back", ""), ("left", "42")]


def test_source_lost_twice_during_a_pause_is_reported_each_time(pages, run):
    blank = np.full_like(pages["42"], 200)
    steps = [pages["42"]] * 20 + (["lost"] * 100 + [pages["42"]]) * 2 + [blank] * 40
    views, _ = run(steps, live=True, paused=range(20, 225))
    assert [kind for kind, _ in summarise(views)] == ["appeared", "lost", "back", "lost", "back", "left"]
    assert views[-1].numbers == ()
    moments = [event.seconds for view in views for event in view.events]
    assert moments == sorted(moments)


def test_loss_with_several_reasons_is_one_event(pages, run):
    steps = [pages["42"]] * 3 + ["unplugged"] * 2 + ["the driver hangs"] * 2 + [pages["42"]] * 2
    views, log = run(steps, live=True)
    assert summarise(views) == [("lost", "unplugged"), ("back", "")]
    assert log == ["script: unplugged", "script: the driver hangs", "script is back"]
    assert [view.problem for view in views] == (
        [""] * 3 + ["unplugged"] * 2 + ["the driver hangs"] * 2 + [""] * 2
    )


@pytest.mark.parametrize(
    ("steps_between", "paused"),
    [(0, range(5, 65)), (60, range(0))],
    ids=["pause", "loss"],
)
def test_pauses_and_losses_do_not_confirm_a_number(steps_between, paused, pages, run):
    """The number must be seen for as long as without the interruption."""

    def frames_until_reported(views):
        last = next(index for index, view in enumerate(views) if ("appeared", "42") in summarise([view]))
        return sum(not (view.paused or view.problem) for view in views[: last + 1])

    usual, _ = run([pages["42"]] * 40, live=True)
    steps = [pages["42"]] * 5 + ["lost"] * steps_between + [pages["42"]] * 120
    interrupted, _ = run(steps, live=True, paused=paused)
    # After a loss, the first frame does not count, and rounding of times may need two frames more.
    extra = frames_until_reported(interrupted) - frames_until_reported(usual)
    assert 0 <= extra <= 3


def test_broken_image_in_a_folder_is_logged_without_an_event(pages, run):
    views, log = run(["a.png is skipped: broken", pages["42"], "b.png is skipped", pages["42"]])
    assert summarise(views) == []
    assert log == ["script: a.png is skipped: broken", "script: b.png is skipped"]


def test_views_go_on_while_no_frame_comes(pages, run):
    views, log = run([pages["42"], None, None, pages["42"]], live=True)
    assert [(view.frame, view.fresh) for view in views] == [(0, True), (0, False), (0, False), (1, True)]
    assert log == []


def test_there_is_no_view_before_the_first_frame(pages, run):
    views, _ = run([None, "warming up", pages["42"]], live=True)
    assert [view.frame for view in views] == [0]


def test_numbers_do_not_leave_during_a_pause(pages, run):
    views, _ = run([pages["42"]] * 100, live=True, paused=range(20, 80))
    assert summarise(views) == [("appeared", "42")]
    assert [view.paused for view in views] == [False] * 20 + [True] * 60 + [False] * 20


def test_pause_holds_the_view_and_the_video(pages, shared_reader):
    script = Script([pages["42"]] * 5 + [pages["77"]] * 5)
    live = Live(script, shared_reader, print)
    views = live.views()
    first = next(views)
    live.paused = True
    held = [next(views) for _ in range(3)]
    assert all(view.paused and view.image is first.image for view in held)
    assert script.taken == 1
    live.paused = False
    rest = list(views)
    assert [view.frame for view in rest] == list(range(1, 10))
    assert not any(view.paused for view in rest)


def test_model_can_be_switched_while_reading(pages):
    frames = [add_noise(pages["42"], index) for index in range(20)]
    live = Live(Script(frames), SwitchableReader("int8"), print)
    views = live.views()
    assert next(views).model == "int8"
    live.reader.switch("float")
    following = next(views)
    assert (following.model, following.fresh) == ("float", True)
    last = list(views)[-1]
    assert (last.model, [number.text for number in last.numbers]) == ("float", ["42"])
    with pytest.raises(ModelError, match="no model 'double'"):
        live.reader.switch("double")
    assert live.reader.model == "float"


def test_stop_from_another_thread_ends_the_loop(pages, shared_reader):
    def endless():
        yield pages["42"]
        stopper = threading.Thread(target=live.stop)
        stopper.start()
        stopper.join()
        while True:
            yield None

    live = Live(Script(endless(), live=True), shared_reader, print)
    assert [view.frame for view in live.views()] == [0, 0]  # the second one was under way


def test_frame_rate_is_averaged_over_two_seconds(monkeypatch):
    moments = iter([*np.arange(0, 3, 0.1), *np.arange(3, 6, 0.05)])
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(moments)))
    rate = FrameRate()
    values = [rate.tick() for _ in range(90)]
    assert values[0] == 0
    assert values[29] == pytest.approx(10, rel=0.01)
    assert values[-1] == pytest.approx(20, rel=0.01)
