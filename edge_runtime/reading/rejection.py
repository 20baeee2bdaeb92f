"""Rejection: whether a candidate is reported as a digit, reported as rejected, or ignored as background.

The rejection threshold is fitted by `export/calibration.py` and comes with the model (`ModelInfo`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contract import BACKGROUND
from edge_runtime.results import OK

_MAX_BACKGROUND = 0.7  # a candidate that is background with this probability is not even reported as rejected


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
    return None, confidence, f"rejected: confidence {confidence:.2f} is below {threshold:.2f}"
