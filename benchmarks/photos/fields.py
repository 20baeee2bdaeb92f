"""Fields of files with labels: each is checked, and a `LabelError` names its place in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edge_runtime.digits import Box
from edge_runtime.images.limits import MAX_SIDE

SIDES = ("x", "y", "width", "height")


class LabelError(ValueError):
    """A label cannot be used; the message says where it is and what is wrong."""


def member(entry: Any, name: str, where: str) -> Any:
    """The value of a name in a JSON object."""
    if not isinstance(entry, Mapping):
        raise LabelError(f"{where} is not an object: {_short(entry)}")
    if name not in entry:
        raise LabelError(f"{where} has no {name}")
    return entry[name]


def text(entry: Any, name: str, where: str, default: str | None = None) -> str:
    """A text in a JSON object."""
    if default is not None and isinstance(entry, Mapping) and name not in entry:
        return default
    value = member(entry, name, where)
    if not isinstance(value, str):
        raise LabelError(f"{where}: {name} is not a text: {_short(value)}")
    return value


def identity(entry: Any, name: str, where: str) -> float | str:
    """What identifies an entry of COCO."""
    value = member(entry, name, where)
    if not isinstance(value, (int, float, str)):
        raise LabelError(f"{where}: {name} is neither a number nor a text: {_short(value)}")
    return value


def items(value: Any, where: str) -> Sequence[Any]:
    """The items of a JSON array."""
    if not isinstance(value, list):
        raise LabelError(f"{where} is not an array: {_short(value)}")
    return value


def digit(value: Any, where: str) -> int:
    """A digit, as a number or a text."""
    if not re.fullmatch("[0-9]", str(value).strip()):
        raise LabelError(f"{where}: the label {_short(value)} is not a digit")
    return int(value)


def number(cell: str, name: str, where: str) -> float:
    """A number in a cell of a CSV file."""
    try:
        return float(cell)
    except ValueError:
        what = f"is not a number: {_short(cell)}" if cell else "is missing"
        raise LabelError(f"{where}: {name} {what}") from None


def box(value: Any, where: str) -> Box:
    """A box of four numbers, in whole pixels."""
    sides = items(value, where)
    if len(sides) != len(SIDES):
        raise LabelError(f"{where} has {len(sides)} numbers, not x, y, width and height")
    for name, side in zip(SIDES, sides, strict=True):
        if not isinstance(side, (int, float)) or isinstance(side, bool):
            raise LabelError(f"{where}: {name} is not a number: {_short(side)}")
        least = 1 if name in ("width", "height") else -MAX_SIDE
        # The comparison is false for NaN.
        if not (-MAX_SIDE <= side <= MAX_SIDE and round(side) >= least):
            raise LabelError(f"{where}: {name} must be from {least} to {MAX_SIDE} pixels, not {_short(side)}")
    return Box(*(round(side) for side in sides))


def _short(value: Any) -> str:
    """A value as it stands in an error, in one short line."""
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
