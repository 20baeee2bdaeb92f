"""Which candidates are digits, rejected, or background."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.reading import rejection
from edge_runtime.results import Box, Digit, Reading


def probabilities(digit, confidence, background):
    """Probabilities of a candidate, the rest spread over the other digits."""
    values = np.full(11, (1 - confidence - background) / 9, np.float32)
    values[digit], values[10] = confidence, background
    return values


@pytest.mark.parametrize(
    ("candidate", "value", "status"),
    [
        pytest.param((3, 0.9, 0.05), 3, "ok", id="digit"),
        pytest.param((3, 0.6, 0.1), 3, "ok", id="just above the threshold"),
        pytest.param((3, 0.59, 0.1), None, "rejected: confidence 0.59 is below 0.60", id="just below"),
        pytest.param(
            (8, 0.3, 0.55),
            None,
            "rejected: probably not a digit (probability 0.55)",
            id="background",
        ),
    ],
)
def test_candidates_below_the_threshold_are_rejected(candidate, value, status):
    found, confidence, text = rejection.decide(probabilities(*candidate), np.float32(0.6))
    assert (found, text) == (value, status)
    assert confidence == pytest.approx(candidate[1])


def test_what_is_more_likely_background_than_a_digit_is_ignored():
    rows = np.stack([probabilities(1, 0.2, share) for share in (0.1, 0.49, 0.51, 0.78)])
    assert rejection.is_background(rows).tolist() == [False, False, True, True]


def test_digits_below_the_minimum_confidence_are_rejected_and_nothing_else_changes():
    box = Box(0, 0, 9, 9)
    digits = (
        Digit(3, 0.95, box),
        Digit(4, 0.9, box, line=1, number=1, before=","),
        Digit(5, 0.89999, box, line=1, number=1),
        Digit(None, 0.4, box, "rejected: probably not a digit (probability 0.55)", line=1, number=2),
    )
    reading = Reading("a.png", digits, seconds={"detect": 1.0}, width=20, height=10)
    found = rejection.reject_below(reading, 0.9)
    assert found.lines == ("3", ",4? ?")
    assert found.digits[:2] + found.digits[3:] == digits[:2] + digits[3:]
    rejected = found.digits[2]
    assert rejected.status == "rejected: confidence 0.89999 is below 0.90"
    assert (rejected.confidence, rejected.line, rejected.number) == (0.89999, 1, 1)
    assert (found.status, found.width, found.height, found.seconds) == ("ok", 20, 10, reading.seconds)
    assert rejection.reject_below(reading, 0.0) == reading


@pytest.mark.parametrize(
    ("confidence", "threshold", "text"),
    [
        (0.41, 0.5, "confidence 0.41 is below 0.50"),
        (0.9985, 0.999, "confidence 0.9985 is below 0.999"),
        (0.04123, 1.0, "confidence 0.04 is below 1.00"),
        (0.9985, 1.0, "confidence 0.999 is below 1.00"),
    ],
)
def test_the_reason_does_not_round_confidences_up_to_the_threshold(confidence, threshold, text):
    reading = Reading("", (Digit(1, confidence, Box(0, 0, 9, 9)),))
    assert rejection.reject_below(reading, threshold).digits[0].status == f"rejected: {text}"
