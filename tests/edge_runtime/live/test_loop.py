"""The live loop: views of frames, frames that show nothing new, sources that are lost, and the controls."""

from __future__ import annotations

import threading
import time

import cv2
import numpy as np
import pytest

from edge_runtime import ModelError
from edge_runtime.live import loop
from edge_runtime.live.loop import Live
from edge_runtime.live.sources.base import Frame, Frames
from edge_runtime.reading.switch import SwitchableReader
from tests import drawing

FPS = 30


@pytest.fixture(scope="module")
def pages():
    """Pages with numbers on them, BGR uint8 (200, 256, 3), by their text."""
    return {text: cv2.cvtColor(drawing.page(text), cv2.COLOR_GRAY2BGR) for text in ("42", "77")}


class Script(Frames):
    """A source that does as it is told: images are frames, texts are problem, None is nothing in time."""

    name = "script"

    def __init__(self, steps, *, live=False):
        self.live, self._steps, self._number, self._seconds = loop, iter(steps), 0, 0.0
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


def run(steps, *, is_live=False):
    said = []
    script = Script(steps, live=is_live)
    return list(Live(script, SwitchableReader("int8"), said.append).views()), said


def told(views):
    return [(e.kind, e.number.text if e.number else e.reason) for view in views for e in view.events]


def noisy(page, seed):
    noise = np.random.default_rng(seed).normal(0, 2, page.shape)
    return np.clip(page + noise, 0, 255).astype(np.uint8)


def test_every_frame_has_a_view_with_what_is_in_it(pages):
    views, said = run([noisy(pages["42"], index) for index in range(25)])
    assert [view.frame for view in views] == list(range(25))
    last = views[-1]
    assert [number.text for number in last.numbers] == ["42"]
    assert [digit.value for digit in last.digits] == [4, 2]
    assert all(digit.tile.shape == (28, 28) for digit in last.digits)
    assert told(views) == [("appeared", "42")]
    assert set(last.stages) == set(views.STAGES)
    assert last.model == "int8"
    assert said == []


def test_a_frame_that_shows_nothing_new_is_not_read_again(pages):
    views, _ = run([noisy(pages["42"], index) for index in range(60)])
    fresh = [view.frame for view in views if view.fresh]
    assert fresh[0] == 0
    assert len(fresh) < 10
    assert fresh[-1] > 30  # but once a second all the same
    assert all([number.text for number in view.numbers] == ["42"] for view in views[2:])


@pytest.mark.parametrize("size", [(20, 20), (160, 120), (1280, 960)], ids=str)
def test_a_change_is_news_at_any_size(size, pages):
    before, after = (cv2.resize(pages[text], size) for text in ("42", "77"))
    views, _ = run([before, before, after, after])
    assert [view.fresh for view in views] == [True, False, True, False]


def test_a_change_of_what_is_written_is_told(pages):
    views, _ = run([pages["42"]] * 30 + [pages["77"]] * 40)
    assert told(views) == [("appeared", "42"), ("changed", "77")]


def test_frames_of_another_size_start_anew(pages):
    views, _ = run([pages["42"]] * 20 + [cv2.resize(pages["77"], (300, 250))] * 30)
    assert told(views) == [("appeared", "42"), ("left", "42"), ("appeared", "77")]
    assert [number.id for number in views[-1].numbers] == [2]


def test_a_source_that_is_lost_keeps_its_image_and_its_numbers(pages):
    steps = [pages["42"]] * 20 + ["no image for 2 s"] * 8 + [pages["42"]] * 20
    views, said = run(steps, is_live=True)
    assert told(views) == [("appeared", "42"), ("lost", "no image for 2 s"), ("back", "")]
    assert said == ["script: no image for 2 s", "script is back"]
    lost = [view for view in views if view.problem]
    assert len(lost) == 8
    assert all(view.image is views[19].image and not view.fresh for view in lost)
    assert views[-1].problem == ""


def test_what_has_gone_meanwhile_leaves_when_the_source_is_back(pages):
    blank = np.full_like(pages["42"], 200)
    views, _ = run([pages["42"]] * 20 + ["gone"] * 3 + [blank] * 30, is_live=True)
    assert [kind for kind, _ in told(views)] == ["appeared", "lost", "back", "left"]


def test_a_source_that_is_lost_twice_while_it_is_paused_does_no_harm(pages):
    blank = np.full_like(pages["42"], 200)
    steps = [pages["42"]] * 20 + (["lost"] * 100 + [pages["42"]]) * 2 + [blank] * 40
    loop = Live(Script(steps, live=True), SwitchableReader("int8"), lambda _: None)
    seen = []
    for view in loop.views():
        seen.append(view)
        loop.paused = 20 <= len(seen) < 225
    assert [kind for kind, _ in told(seen)] == ["appeared", "lost", "back", "lost", "back", "left"]
    assert seen[-1].numbers == ()
    moments = [event.seconds for view in seen for event in view.events]
    assert moments == sorted(moments)


def test_a_pause_is_no_time_for_numbers_to_leave_in(pages):
    loop = Live(Script([pages["42"]] * 100, live=True), SwitchableReader("int8"), lambda _: None)
    seen = []
    for view in loop.views():
        seen.append(view)
        loop.paused = 20 <= len(seen) < 80
    assert told(seen) == [("appeared", "42")]


def test_a_broken_image_of_a_folder_is_said_and_is_no_event(pages):
    views, said = run(["a.png is passed over: broken", pages["42"], "b.png is passed over", pages["42"]])
    assert told(views) == []
    assert said == ["script: a.png is passed over: broken", "script: b.png is passed over"]


def test_a_source_without_frames_for_a_while_keeps_the_window_alive(pages):
    views, _ = run([pages["42"], None, None, pages["42"]], is_live=True)
    assert len(views) == 4


def test_a_pause_holds_the_image_and_a_video(pages):
    script = Script([pages["42"]] * 5 + [pages["77"]] * 5)
    loop = Live(script, SwitchableReader("int8"), print)
    views = loop.views()
    first = next(views)
    loop.paused = True
    held = [next(views) for _ in range(3)]
    assert all(view.paused and view.image is first.image for view in held)
    assert script.taken == 1
    loop.paused = False
    rest = list(views)
    assert len(rest) == 9
    assert not rest[0].paused


def test_the_model_is_switched_while_it_reads(pages):
    loop = Live(Script([noisy(pages["42"], index) for index in range(20)]), SwitchableReader("int8"), print)
    views = loop.views()
    assert next(views).model == "int8"
    loop.readers.switch("float")
    following = next(views)
    assert (following.model, following.fresh) == ("float", True)
    last = list(views)[-1]
    assert (last.model, [number.text for number in last.numbers]) == ("float", ["42"])
    with pytest.raises(ModelError, match="no model 'double'"):
        loop.readers.switch("double")
    assert loop.readers.model == "float"


def test_the_loop_ends_when_it_is_told_to_from_another_thread(pages):
    def for_ever():
        while True:
            yield None

    loop = Live(Script([pages["42"]]), SwitchableReader("int8"), print)
    loop._frames._steps = for_ever()
    threading.Timer(0.2, loop.stop).start()
    assert list(loop.views()) == []


def test_time_that_a_viewer_takes_is_the_next_views_drawing(pages):
    views = Live(Script([pages["42"]] * 2), SwitchableReader("int8"), print).views()
    assert next(views).stages["draw"] == 0
    time.sleep(0.05)
    assert next(views).stages["draw"] >= 0.05
