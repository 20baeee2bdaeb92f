"""Rejection: whether a candidate is reported as a digit, reported as rejected, or ignored as background.

The rejection threshold is fitted by `export/calibration.py` and comes with the model (`ModelInfo`). A user
can ask for a higher one, the minimum confidence.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import BACKGROUND
from edge_runtime.errors import ArgumentError
from edge_runtime.results import OK, Reading

# A candidate that is more likely background than a digit is not even reported as rejected. On the development
# photographs, one in seven of those between 0.5 and 0.7 was a digit.
_MAX_BACKGROUND = 0.5


def parse_confidence(value: object) -> float:
    """A confidence that is given as any kind of number. Raises `ArgumentError` unless it is from 0 to 1."""
    if isinstance(value, Real) and 0 <= float(value) <= 1:
        return float(value)
    raise ArgumentError(f"min_confidence must be a number from 0 to 1, not {value!r}")


def is_background(probabilities: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether each of the candidates, with fused probabilities `[N, 11]`, is ignored: bool `[N]`."""
    return np.asarray(probabilities[:, BACKGROUND] >= _MAX_BACKGROUND)


def decide(probabilities: NDArray[np.float32], threshold: float) -> tuple[int | None, float, str]:
    """The digit of a candidate, None if it is rejected, its confidence 0..1, and the status.

    `probabilities` `(11,)` are fused; a digit is rejected if its probability is below `threshold`, 0..1.
    """
    value = int(probabilities[:BACKGROUND].argmax())
    confidence, background = float(probabilities[value]), float(probabilities[BACKGROUND])
    if confidence >= threshold:
        return value, confidence, OK
    if background > confidence:
        return None, confidence, f"rejected: probably not a digit (probability {background:.2f})"
    return None, confidence, _below(confidence, threshold)


def reject_below(reading: Reading, min_confidence: float) -> Reading:
    """The reading with every digit rejected whose confidence is below `min_confidence`, 0..1.

    Digits that the model has rejected stay rejected. Boxes, lines and numbers stay as they are.
    """
    digits = tuple(
        replace(digit, value=None, status=_below(digit.confidence, min_confidence))
        if digit.value is not None and digit.confidence < min_confidence
        else digit
        for digit in reading.digits
    )
    return replace(reading, digits=digits)


def _below(confidence: float, threshold: float) -> str:
    """The status of a digit that is rejected, with as many places as show which value is lower."""
    limit = max(f"{threshold:.2f}", f"{threshold:.6g}", key=len)
    shown = (f"{confidence:.{places}f}" for places in range(2, 9))
    lower = next((each for each in shown if float(each) < float(limit)), str(confidence))
    return f"rejected: confidence {lower} is below {limit}"
