"""The body of `POST /strokes`: what was written on a screen, as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from edge_runtime.reading.strokes import Stroke
from edge_runtime.web import limits
from edge_runtime.web.errors import RequestError

_FARTHEST = 100_000  # px from the corner; no screen is larger

# How OpenAPI describes it.
_POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_STROKE = {"type": "array", "items": _POINT, "minItems": 1}
SCHEMA = {
    "type": "object",
    "required": ["strokes"],
    "properties": {"strokes": {"type": "array", "items": _STROKE, "maxItems": limits.MAX_STROKES}},
}


def parse(data: bytes) -> list[Stroke]:
    """Return the strokes in a body. Raises `RequestError` if it is anything else, or has too many."""
    try:
        strokes = json.loads(data)["strokes"]
        if isinstance(strokes, list) and len(strokes) <= limits.MAX_STROKES:
            return [_parse_stroke(stroke) for stroke in strokes]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        pass
    raise RequestError(
        422,
        "strokes",
        f'send {{"strokes": [[[x, y], ...], ...]}}: at most {limits.MAX_STROKES} strokes, each a list of '
        f"points [x, y], no coordinate beyond {_FARTHEST}",
    )


def _parse_stroke(points: Any) -> Stroke:
    """A stroke from its JSON. Raises `ValueError`, or whatever numpy does."""
    stroke = np.array(points)
    if stroke.ndim != 2 or stroke.shape[1] != 2 or stroke.dtype.kind not in "iuf":
        raise ValueError("not a list of points")
    stroke = stroke.astype(np.float64)
    if not (np.abs(stroke) <= _FARTHEST).all():  # neither is NaN
        raise ValueError("a point is too far away")
    return stroke
