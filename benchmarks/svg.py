"""Charts as SVG text for web pages: bars, points and lines, in the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

_WIDTH, _HEIGHT = 360, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 34  # px around the plot, for labels
_COLOURS = 6  # classes c0 to c5 of the page's style

Series = Sequence[tuple[str, Sequence[tuple[float, float]]]]  # (name, points)


def histogram(series: Series, label: str) -> str:
    """Shares of calls over their duration on a logarithmic axis: one line per contender."""
    return _plot(series, label, "share of calls", log=True, lines=True)


def points(series: Series, across: str, up: str) -> str:
    """One named point per contender, on a logarithmic horizontal axis."""
    return _plot(series, across, up, log=True, lines=False)


def lines(series: Series, across: str, up: str) -> str:
    """One line per series."""
    return _plot(series, across, up, log=False, lines=True)


def bars(rows: Sequence[tuple[str, float]], label: str) -> str:
    """Horizontal bars with their names and values."""
    largest = max((value for _, value in rows), default=0) or 1
    height = 22 * len(rows) + 20
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}">']
    for index, (name, value) in enumerate(rows):
        y, width = 22 * index, (_WIDTH - 190) * value / largest
        parts.append(f'<text x="124" y="{y + 15}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect class="c0" x="130" y="{y + 3}" width="{width:.1f}" height="16"/>')
        parts.append(f'<text x="{134 + width:.1f}" y="{y + 15}">{number(value)}</text>')
    parts.append(f'<text x="130" y="{height - 4}">{escape(label)}</text></svg>')
    return "".join(parts)


def _plot(series: Series, across: str, up: str, *, log: bool, lines: bool) -> str:
    all_points = [point for _, points in series for point in points]
    if not all_points:
        return ""
    place_x = _scale([x for x, _ in all_points], _LEFT, _WIDTH - _RIGHT, log=log)
    place_y = _scale([y for _, y in all_points], _HEIGHT - _BOTTOM, _TOP, log=False)
    label = f"{up} by {across}"
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">']
    for value in _ticks([x for x, _ in all_points], log=log):
        x = place_x(value)
        anchor = "start" if x < _LEFT + 9 else "end" if x > _WIDTH - _RIGHT - 9 else "middle"
        parts.append(_tick(x, _HEIGHT - _BOTTOM + 14, anchor, value))
    for value in _ticks([y for _, y in all_points], log=False):
        y = place_y(value)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_tick(_LEFT - 4, y + 4, "end", value))
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" text-anchor="end">{escape(across)}</text>')
    for index, (name, points) in enumerate(series):
        colour = f"c{index % _COLOURS}"
        placed = [(place_x(x), place_y(y)) for x, y in points]
        if lines and len(placed) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
            parts.append(f'<polyline class="{colour}" points="{path}"/>')
        else:
            parts += [f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>' for x, y in placed]
        parts.append(
            f'<text class="{colour}" x="{_LEFT + 6}" y="{_TOP + 12 + 14 * index}">{escape(name)}</text>'
        )
    return "".join([*parts, "</svg>"])


def number(value: float) -> str:
    """A number with four significant digits, or all of them before the point."""
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _tick(x: float, y: float, anchor: str, value: float) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{number(value)}</text>'


def _scale(values: Sequence[float], start: float, end: float, *, log: bool) -> Callable[[float], float]:
    """A function from a value to its place; the values fill the range from `start` to `end`."""

    def level(value: float) -> float:
        return math.log(max(value, 1e-12)) if log else value

    low, high = level(min(values)), level(max(values))
    if high - low < 1e-9:
        low, high = low - max(abs(low), 1) * 0.05, high + max(abs(high), 1) * 0.05
    return lambda value: start + (end - start) * (level(value) - low) / (high - low)


def _ticks(values: Sequence[float], *, log: bool) -> list[float]:
    low, high = min(values), max(values)
    if low == high:
        return [low]
    return [low, math.sqrt(max(low, 1e-12) * high) if log else (low + high) / 2, high]
