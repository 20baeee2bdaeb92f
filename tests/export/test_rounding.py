"""Rounding: what a layer puts out stays closer than with the nearest integers."""

from __future__ import annotations

import numpy as np
import pytest

from export import rounding


def outputs_error(weights, rounded, scales, inputs):
    return np.square((rounded * scales[:, None] - weights) @ inputs.T).mean()


@pytest.mark.parametrize("outputs", [1, 24])
def test_outputs_change_less_than_with_the_nearest_integers(outputs):
    generator = np.random.default_rng(4)
    # Neighbouring pixels have much in common, and strokes are brighter than paper.
    inputs = np.maximum(generator.normal(0.5, 1, (2000, 1)) + 0.3 * generator.normal(size=(2000, 36)), 0)
    weights = generator.normal(size=(outputs, 36)).astype(np.float32)
    scales = np.abs(weights).max(axis=1).astype(np.float64) / rounding.LIMIT
    rounded = rounding._round(weights, inputs.astype(np.float32), scales)
    nearest = np.rint(weights / scales[:, None])
    assert np.abs(rounded).max() <= rounding.LIMIT
    assert np.abs(rounded - nearest).max() <= 3
    assert outputs_error(weights, rounded, scales, inputs) < 0.3 * outputs_error(
        weights, nearest, scales, inputs
    )


def test_inputs_that_are_always_zero_leave_their_weights_at_the_nearest_integers():
    weights = np.array([[0.31, -0.62, 0.97]], np.float32)
    inputs = np.zeros((50, 3), np.float32)
    assert rounding._round(weights, inputs, np.array([0.1])).tolist() == [[3, -6, 10]]
