"""Numbers: which digits belong together, and when a number appears, changes and leaves."""

from __future__ import annotations

import pytest

from edge_runtime.live.numbers import LEAVE_SECONDS, STEADY_SECONDS, NumberTracker
from edge_runtime.live.track import Track
from edge_runtime.results import Box, Digit

FPS = 30
WIDTH = 640  # px, of the frames


def tracks_of(text, x=100, y=100, height=60, first=1, confirmed=True, gap=0.25):
    """The tracks of a number; "?" is a digit without a label, `gap` is in heights."""
    tracks = []
    for index, character in enumerate(text):
        width = round(0.6 * height)
        box = Box(round(x + index * (width + gap * height)), y, width, height)
        value = None if character == "?" else int(character)
        digit = Digit(value, 0.9 + index / 1000, box)
        tracks.append(Track(first + index, digit, confirmed and value is not None))
    return tracks


def run(frames, tracker=None, start=0):
    """All changes over some frames, and the numbers in the last one."""
    tracker = tracker or NumberTracker()
    all_changes, last = [], ()
    for index, frame in enumerate(frames):
        last, changes = tracker.update(frame, (start + index) / FPS, WIDTH)
        all_changes += changes
    return all_changes, last


def summarise(changes):
    return [(change.kind, change.number.text, change.previous) for change in changes]


def test_neighbours_form_a_number():
    frame = tracks_of("4285") + tracks_of("17", x=450, first=10) + tracks_of("9", y=220, first=20)
    changes, last = run([frame] * 15)
    assert summarise(changes) == [("appeared", text, None) for text in ("4285", "17", "9")]
    assert [number.text for number in last] == ["4285", "17", "9"]
    assert [number.box for number in last] == [
        Box(100, 100, 189, 60),
        Box(450, 100, 87, 60),
        Box(100, 220, 36, 60),
    ]
    assert [digit.line for number in last for digit in number.digits] == [0] * 6 + [1]
    assert all(number.confirmed for number in last)
    assert last[0].confidence == pytest.approx(0.9)  # of the least confident digit


@pytest.mark.parametrize(
    ("frame", "texts"),
    [
        pytest.param(tracks_of("4285", gap=0.8), ["4285"], id="spread"),
        pytest.param(tracks_of("42", gap=0.89), ["42"], id="just close enough"),
        pytest.param(tracks_of("42", gap=0.95), ["4", "2"], id="just too far apart"),
        pytest.param(tracks_of("4") + tracks_of("2", x=150, y=150, first=2), ["4", "2"], id="lower"),
        pytest.param(tracks_of("4") + tracks_of("2", x=150, y=110, height=50, first=2), ["42"], id="uneven"),
        pytest.param(
            tracks_of("4", height=100) + tracks_of("2", x=170, y=120, height=36, first=2),
            ["4", "2"],
            id="different sizes",
        ),
        pytest.param(tracks_of("4") + tracks_of("2", x=130, first=2), ["42"], id="overlapping"),
        pytest.param(tracks_of("4") + tracks_of("2", x=110, first=2), ["4", "2"], id="overlapping too much"),
        pytest.param(list(reversed(tracks_of("428"))), ["428"], id="tracks from right to left"),
        pytest.param([], [], id="empty"),
    ],
)
def test_digits_side_by_side_are_grouped(frame, texts):
    numbers, _ = NumberTracker().update(frame, 0.0, WIDTH)
    assert [number.text for number in sorted(numbers, key=lambda number: number.box.x)] == texts


def test_numbers_are_in_reading_order():
    frame = [
        *tracks_of("78", x=400, y=200, first=30),
        *tracks_of("12"),
        *tracks_of("56", y=200, first=20),
        *tracks_of("34", x=400, first=10),
    ]
    _, last = run([frame] * 2)
    assert [number.text for number in last] == ["12", "34", "56", "78"]


def test_numbers_appear_once_they_are_steady():
    """The first frame starts the clock."""
    needed = round(STEADY_SECONDS * FPS) + 1
    changes, last = run([tracks_of("42")] * (needed - 1))
    assert changes == []
    assert not last[0].confirmed
    changes, last = run([tracks_of("42")] * needed)
    assert summarise(changes) == [("appeared", "42", None)]
    assert last[0].confirmed


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        pytest.param(tracks_of("42", confirmed=False), "42", id="unconfirmed"),
        pytest.param(tracks_of("4?"), "4?", id="without a label"),
        pytest.param(tracks_of("4") + tracks_of("2", x=151, first=2, confirmed=False), "42", id="one of two"),
    ],
)
def test_unconfirmed_numbers_are_not_reported(frame, text):
    changes, last = run([frame] * 60)
    assert changes == []
    assert [(number.text, number.confirmed) for number in last] == [(text, False)]


def test_number_is_unconfirmed_while_one_of_its_digits_is():
    frame, unconfirmed = tracks_of("42"), tracks_of("42", confirmed=False)
    changes, last = run([frame] * 20 + [unconfirmed])
    assert not last[0].confirmed
    assert summarise(changes) == [("appeared", "42", None)]
    changes, last = run([frame] * 20 + [unconfirmed] + [frame] * 5)
    assert not last[0].confirmed  # it has to be steady again
    assert summarise(changes) == [("appeared", "42", None)]


def test_growing_numbers_change_once_they_are_steady():
    changes, _ = run([tracks_of("4")] * 20 + [tracks_of("42")] * 5 + [tracks_of("428")] * 20)
    assert summarise(changes) == [("appeared", "4", None), ("changed", "428", "4")]
    assert changes[0].number.id == changes[1].number.id == 1


@pytest.mark.parametrize(
    ("share", "kinds"), [(0.9, ["appeared"]), (1.1, ["appeared", "left"])], ids=["shorter", "longer"]
)
def test_numbers_leave_after_an_absence(share, kinds):
    tracker = NumberTracker()
    changes, _ = run([tracks_of("42")] * 20, tracker)
    _, last_changes = tracker.update([], 19 / FPS + share * LEAVE_SECONDS, WIDTH)
    assert [change.kind for change in (*changes, *last_changes)] == kinds
    assert all(change.number.text == "42" for change in last_changes)


def test_number_with_a_digit_missed_for_a_moment_stays_the_same():
    whole = tracks_of("428", gap=0.8)
    found_again = [*whole[::2], *tracks_of("2", x=whole[1].digit.box.x, first=9)]
    changes, last = run([whole] * 20 + [whole[::2]] * 5 + [found_again] * 20)
    assert summarise(changes) == [("appeared", "428", None)]
    assert last[0].id == 1


def test_number_absent_for_a_moment_has_not_left():
    changes, last = run([tracks_of("42")] * 20 + [[]] * 8 + [tracks_of("42", first=7)] * 20)
    assert summarise(changes) == [("appeared", "42", None)]
    assert last[0].id == 1


def test_number_in_another_place_is_another_number():
    changes, last = run([tracks_of("42")] * 20 + [tracks_of("42", x=300, first=7)] * 20)
    assert [(change.kind, change.number.id) for change in changes] == [
        ("appeared", 1),
        ("appeared", 2),
        ("left", 1),
    ]
    assert [number.id for number in last] == [2]


def test_unreported_numbers_do_not_leave():
    changes, _ = run([tracks_of("42")] * 5 + [[]] * 30)
    assert changes == []


def test_moving_number_stays_the_same():
    changes, last = run([tracks_of("42", x=50 + 12 * index) for index in range(40)])
    assert summarise(changes) == [("appeared", "42", None)]
    assert last[0].box == Box(50 + 12 * 39, 100, 87, 60)


def test_number_leaves_as_it_was_reported():
    """Even if its digits disappear one after the other."""
    changes, _ = run([tracks_of("42")] * 20 + [tracks_of("4")] * 3 + [[]] * 20)
    assert summarise(changes) == [("appeared", "42", None), ("left", "42", None)]
    assert len(changes[-1].number.digits) == 2
    assert changes[-1].number.box == changes[0].number.box


@pytest.mark.parametrize(
    ("x", "shown", "kinds"),
    [
        pytest.param(-60, slice(1, None), ["appeared", "left"], id="out at the left"),
        pytest.param(WIDTH - 70, slice(2), ["appeared", "left"], id="out at the right"),
        pytest.param(
            20, slice(1, None), ["appeared", "changed", "left"], id="digit erased near the left edge"
        ),
        pytest.param(WIDTH - 160, slice(2), ["appeared", "changed", "left"], id="near the right edge"),
    ],
)
def test_number_that_slides_out_of_the_frame_does_not_change(x, shown, kinds):
    slid = tracks_of("428", x=x)[shown]
    changes, _ = run([tracks_of("428", x=300)] * 20 + [slid] * 30 + [[]] * 20)
    assert [change.kind for change in changes] == kinds
    assert changes[-1].number.text == (
        "428" if len(kinds) == 2 else "".join(str(t.digit.value) for t in slid)
    )


def test_cleared_numbers_leave_and_their_ids_are_not_reused():
    tracker = NumberTracker()
    run([tracks_of("42")] * 20, tracker)
    tracker.clear()
    tracker.clear()  # a second time before the next frame loses nothing
    changes, last = run([tracks_of("42", first=10)] * 20, tracker, start=20)
    assert summarise(changes) == [("left", "42", None), ("appeared", "42", None)]
    assert last[0].id == 2


def test_hundreds_of_digits_are_grouped_into_lines():
    frame = [track for row in range(10) for track in tracks_of("1234567890" * 3, y=80 * row, first=100 * row)]
    numbers, _ = NumberTracker().update(frame, 0.0, WIDTH)
    assert [number.text for number in numbers] == ["1234567890" * 3] * 10
