"""Reading order: which digits stand on one line, and the order of the lines."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.results import Box

_RECENT_LINES = 3  # a box joins one of the last few lines, or starts a new one
_LINE_BAND = (0.15, 0.85)  # part of the height of a line's last box in which the next box's middle must lie


def reading_order(boxes: Sequence[Box]) -> list[list[int]]:
    """Indices of the boxes by line: lines from top to bottom, each from left to right."""
    lines: list[list[int]] = []
    for index in sorted(range(len(boxes)), key=lambda i: boxes[i].y + boxes[i].height / 2):
        middle = boxes[index].y + boxes[index].height / 2
        for line in reversed(lines[-_RECENT_LINES:]):
            last = boxes[line[-1]]
            top, bottom = (last.y + share * last.height for share in _LINE_BAND)
            if top < middle < bottom:
                line.append(index)
                break
        else:
            lines.append([index])
    return [sorted(line, key=lambda i: boxes[i].x) for line in lines]
