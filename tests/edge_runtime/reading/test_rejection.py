"""Which candidates are digits, rejected, or background."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime.reading import rejection


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


def test_clear_background_is_ignored():
    rows = np.stack([probabilities(1, 0.2, share) for share in (0.1, 0.69, 0.71, 0.78)])
    assert rejection.is_background(rows).tolist() == [False, False, True, True]
