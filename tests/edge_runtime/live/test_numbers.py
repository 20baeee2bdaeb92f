"""Digits read together as numbers, and the events of numbers that appear, change and leave."""

from __future__ import annotations

import json

import pytest

from edge_runtime.live import numbers
from edge_runtime.live.events import Event
from edge_runtime.live.numbers import Numbers, neighbours
from edge_runtime.live.tracker import Track
from edge_runtime.results import Box, Digit

FPS = 30


def tracked(text, x=100, y=100, height=60, first=1, confirmed=True, gap=0.25):
    """A number as tracks; "?" is a digit that is not sure."""
    row = []
    for index, character in enumerate(text):
        width = round(0.6 * height)
        box = Box(round(x + index * (width + gap * height)), y, width, height)
        value = None if character == "?" else int(character)
        row.append(
            Track(first + index, Digit(value, 0.9 + index / 1000, box), confirmed and value is not None)
        )
    return row


def run(frames, numbers=None, start=0):
    """All changes of frames, and the numbers of the last one."""
    numbers = numbers or Numbers()
    told, last = [], ()
    for index, frame in enumerate(frames):
        last, changes = numbers.update(frame, (start + index) / FPS)
        told += changes
    return told, last


def said(told):
    return [(change.kind, change.number.text, change.previous) for change in told]


def test_neighbours_are_one_number_and_what_is_apart_is_another():
    frame = tracked("4285") + tracked("17", x=450, first=10) + tracked("9", y=220, first=20)
    told, last = run([frame] * 15)
    assert said(told) == [("appeared", text, None) for text in ("4285", "17", "9")]
    assert [number.text for number in last] == ["4285", "17", "9"]
    assert [number.digits[0].line for number in last] == [0, 0, 1]
    assert all(number.confirmed for number in last)
    assert last[0].confidence == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("frame", "texts"),
    [
        (tracked("4285", gap=0.8), ["4285"]),
        (tracked("42", gap=1.2), ["4", "2"]),
        (tracked("4") + tracked("2", x=150, y=150, first=2), ["4", "2"]),
        (tracked("4") + tracked("2", x=150, y=110, height=50, first=2), ["42"]),
        (tracked("4", height=100) + tracked("2", x=170, y=120, height=40, first=2), ["4", "2"]),
        (tracked("4", gap=0) + tracked("2", x=130, first=2), ["42"]),
        ([], []),
    ],
    ids=["spread", "apart", "lower", "uneven", "of another size", "touching", "nothing"],
)
def test_what_stands_together(frame, texts):
    found = sorted(neighbours(frame), key=lambda group: group[0].digit.box.x)
    assert ["".join(str(each.digit.value) for each in group) for group in found] == texts


def test_a_number_in_two_columns_of_two_lines_is_four():
    frame = [
        *tracked("12"),
        *tracked("34", x=400, first=10),
        *tracked("56", y=200, first=20),
        *tracked("78", x=400, y=200, first=30),
    ]
    _, last = run([frame] * 2)
    assert [number.text for number in last] == ["12", "34", "56", "78"]


def test_nothing_is_told_before_it_is_steady():
    told, _ = run([tracked("42")] * round(numbers.STEADY * FPS - 1))
    assert told == []
    told, _ = run([tracked("42", confirmed=False)] * 60)
    assert told == []
    told, last = run([tracked("4?")] * 60)
    assert told == []
    assert last[0].text == "4?"


def test_a_number_that_grows_is_changed_once_it_is_steady():
    told, _ = run([tracked("4")] * 20 + [tracked("42")] * 5 + [tracked("428")] * 20)
    assert said(told) == [("appeared", "4", None), ("changed", "428", "4")]
    assert told[0].number.id == told[1].number.id


def test_a_number_that_leaves_is_told_with_what_it_was():
    told, _ = run([tracked("42")] * 20 + [[]] * 20)
    assert said(told) == [("appeared", "42", None), ("left", "42", None)]


def test_a_number_whose_middle_is_overlooked_for_a_moment_stays_the_same():
    whole = tracked("428", gap=0.8)
    told, last = run(
        [whole] * 20 + [whole[::2]] * 5 + [[*whole[::2], *tracked("2", x=whole[1].digit.box.x, first=9)]] * 20
    )
    assert said(told) == [("appeared", "428", None)]
    assert last[0].id == 1


def test_a_number_that_is_away_for_a_moment_has_not_left():
    told, _ = run([tracked("42")] * 20 + [[]] * 8 + [tracked("42", first=7)] * 20)
    assert said(told) == [("appeared", "42", None)]


def test_what_was_never_told_does_not_leave():
    told, _ = run([tracked("42")] * 5 + [[]] * 30)
    assert told == []


def test_a_number_that_moves_stays_the_same():
    told, _ = run([tracked("42", x=50 + 12 * index) for index in range(40)])
    assert said(told) == [("appeared", "42", None)]


def test_a_number_leaves_as_it_was_told():
    """Its digits go one after the other."""
    told, _ = run([tracked("42")] * 20 + [tracked("4")] * 3 + [[]] * 20)
    assert said(told) == [("appeared", "42", None), ("left", "42", None)]
    assert len(told[-1].number.digits) == 2
    assert told[-1].number.box == told[0].number.box


def test_what_is_forgotten_leaves_and_does_not_come_back():
    numbers = Numbers()
    run([tracked("42")] * 20, numbers)
    numbers.clear()
    told, last = run([tracked("42", first=10)] * 20, numbers, start=20)
    assert said(told) == [("left", "42", None), ("appeared", "42", None)]
    assert last[0].id == 2


def test_hundreds_of_digits_are_grouped_in_lines():
    frame = [each for row in range(10) for each in tracked("1234567890" * 3, y=80 * row, first=100 * row)]
    assert [len(group) for group in neighbours(frame)] == [30] * 10


def test_an_event_is_one_line_of_json_with_all_that_another_program_needs():
    told, _ = run([tracked("42")] * 20 + [tracked("43")] * 20)
    lines = [
        Event(change.kind, 0.3, 1e9 + 0.3, 9, change.number, change.previous).as_json() for change in told
    ]
    assert "\n" not in lines[0]
    rows = [json.loads(line) for line in lines]
    assert rows[0] == {
        **{"event": "appeared", "time": "2001-09-09T01:46:40.300Z", "seconds": 0.3, "frame": 9, "id": 1},
        **{"number": "42", "confidence": 0.9, "x": 100, "y": 100, "width": 87, "height": 60},
        "digits": [
            {"digit": 4, "confidence": 0.9, "x": 100, "y": 100, "width": 36, "height": 60},
            {"digit": 2, "confidence": 0.901, "x": 151, "y": 100, "width": 36, "height": 60},
        ],
    }
    assert (rows[1]["event"], rows[1]["previous"], rows[1]["number"]) == ("changed", "42", "43")


def test_a_lost_source_is_an_event_with_its_reason():
    row = json.loads(Event("lost", 1.0, 1e9, 3, reason="no image for 2 s").as_json())
    assert row == {
        **{"event": "lost", "time": "2001-09-09T01:46:40.000Z", "seconds": 1.0, "frame": 3},
        "reason": "no image for 2 s",
    }
