"""Events and their lines of JSON, which other programs parse."""

from __future__ import annotations

import json

import pytest

from edge_runtime.live.events import Event, TrackedNumber
from edge_runtime.results import Box, Digit

DIGITS = (
    Digit(4, 0.987654, Box(112, 90, 36, 60)),
    Digit(None, 0.41, Box(163, 91, 36, 58), "rejected: not sure yet"),
)
NUMBER = TrackedNumber(DIGITS, 7)
EPOCH = 1_000_000_000.2999  # 2001-09-09T01:46:40.2999Z

NUMBER_ROW = {
    "id": 7,
    "number": "4?",
    "confidence": 0.41,
    "x": 112,
    "y": 90,
    "width": 87,
    "height": 60,
    "digits": [
        {"digit": 4, "confidence": 0.9877, "x": 112, "y": 90, "width": 36, "height": 60},
        {"digit": None, "confidence": 0.41, "x": 163, "y": 91, "width": 36, "height": 58},
    ],
}


@pytest.mark.parametrize(
    ("event", "row"),
    [
        pytest.param(Event("appeared", 0.30049, EPOCH, 9, NUMBER), NUMBER_ROW, id="appeared"),
        pytest.param(
            Event("changed", 0.30049, EPOCH, 9, NUMBER, "42"), NUMBER_ROW | {"previous": "42"}, id="changed"
        ),
        pytest.param(Event("left", 0.30049, EPOCH, 9, NUMBER), NUMBER_ROW, id="left"),
        pytest.param(
            Event("lost", 0.30049, EPOCH, 9, reason="no image for 2 s"),
            {"reason": "no image for 2 s"},
            id="lost",
        ),
        pytest.param(Event("back", 0.30049, EPOCH, 9), {}, id="back"),
    ],
)
def test_event_is_one_line_of_json(event, row):
    line = event.as_json()
    assert "\n" not in line
    common = {"event": event.kind, "time": "2001-09-09T01:46:40.299Z", "seconds": 0.3, "frame": 9}
    assert json.loads(line) == common | row


def test_lines_begin_with_the_kind():
    """Event files are recognised by this."""
    assert Event("back", 0.0, EPOCH, 0).as_json().startswith('{"event": "back", "time": ')


def test_time_always_has_milliseconds():
    assert '"time": "2001-09-09T01:46:40.000Z"' in Event("back", 0.0, 1e9, 0).as_json()
