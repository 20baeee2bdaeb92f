"""Charts as SVG text for web pages: bars, points and lines, in the colours of the page.

The page's style defines the colours as CSS variables: `--text`, `--rule` and `--c0` to `--c5`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

Series = Sequence[tuple[str, Sequence[tuple[float, float]]]]  # (name, points)

# matplotlib knows no CSS variables: colours that occur nowhere else stand for them.
_TEXT, _RULE = "#010203", "#010204"
_COLOURS = tuple(f"#0102{value:02x}" for value in range(0x10, 0x16))
_VARIABLES = {_TEXT: "--text", _RULE: "--rule", **{colour: f"--c{i}" for i, colour in enumerate(_COLOURS)}}


def histogram(series: Series, label: str) -> str:
    """Shares of calls over their duration on a logarithmic axis: one line per contender."""

    def draw(axes: Axes) -> None:
        for index, (name, places) in enumerate(series):
            style = "--" if index >= len(_COLOURS) else "-"
            axes.plot(*zip(*places, strict=True), style, label=name, color=_colour(index))
        axes.set_xscale("log")
        log_ticks(axes.xaxis)
        axes.set_ylim(0)
        axes.set(xlabel=label, ylabel="share of calls")
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
        axes.figure.legend(
            loc="outside upper center", ncols=min(3, len(series)), labelcolor=_TEXT, frameon=False
        )

    height = 2.0 + 0.18 * ((len(series) - 1) // 3)  # with the rows of names above
    return _svg(draw, f"share of calls by {label}", height) if any(places for _, places in series) else ""


def points(series: Series, across: str, up: str) -> str:
    """One named point per contender, on a logarithmic horizontal axis; `up` is in per cent."""

    def draw(axes: Axes) -> None:
        for index, (name, places) in enumerate(series):
            axes.plot(*zip(*places, strict=True), "o", color=_colour(index))
            for place in places:
                text = axes.annotate(name, place, (-2, 6), textcoords="offset points", rotation=60)
                text.set(color=_colour(index), in_layout=False)
        axes.margins(x=0.3)
        # A scale on which a hundredth of a percentage point looks as small as it is, with space for names.
        limits = axes.set_ylim(axes.dataLim.y0 - 0.3, axes.dataLim.y1 + 1)
        axes.set_yticks([tick for tick in axes.get_yticks() if limits[0] <= tick <= 100])
        axes.set_xscale("log")
        log_ticks(axes.xaxis)
        axes.set(xlabel=across, ylabel=up)

    return _svg(draw, f"{up} by {across}", 2.4) if any(places for _, places in series) else ""


def line(values: Sequence[float], names: Sequence[str], label: str) -> str:
    """One value per name, in order; the first and the last name are shown."""

    def draw(axes: Axes) -> None:
        axes.plot(values, "o-", color=_colour(0), markersize=3)
        axes.set_xticks([0, len(values) - 1], [names[0], names[-1]])
        axes.ticklabel_format(axis="y", useOffset=False)
        first, last = axes.get_xticklabels()
        first.set_ha("left")
        last.set_ha("right")

    return _svg(draw, label, height=1.6)


def bars(rows: Sequence[tuple[str, float]], label: str) -> str:
    """Horizontal bars with their names and values."""

    def draw(axes: Axes) -> None:
        names, values = zip(*rows, strict=True)
        places = range(len(rows))
        drawn = axes.barh(places, values, color=_colour(0))
        axes.bar_label(drawn, [number(value) for value in values], padding=2, color=_TEXT, fontsize=7)
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(xlabel=label)
        axes.grid(visible=False)

    return _svg(draw, label, height=0.8 + 0.18 * len(rows)) if rows else ""


def number(value: float) -> str:
    """A number with four significant digits, or all of them before the point."""
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def log_ticks(*logarithmic: Axis) -> None:
    """Plain numbers on logarithmic axes, of which a narrow range has several, too."""
    from matplotlib.ticker import LogLocator, NullLocator

    for axis in logarithmic:
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda value, _: f"{value:g}")


def _svg(draw: Callable[[Axes], None], label: str, height: float = 2.0) -> str:
    """What `draw` draws, as an SVG that can stand in a page and scales with it; `height` is in inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style = {
        "svg.fonttype": "none",  # text stays text
        "font.size": 8,
        "legend.fontsize": 7,
        "legend.columnspacing": 1,
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": _RULE,
        "axes.labelcolor": _TEXT,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": _RULE,
        "xtick.color": _RULE,
        "ytick.color": _RULE,
        "xtick.labelcolor": _TEXT,
        "ytick.labelcolor": _TEXT,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(3.6, height), layout="constrained")
        draw(figure.subplots())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg ") :]
    drawing = re.sub(r' (width|height)="[\d.]+pt"', "", drawing, count=2)
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'<g id="[^"]*"', "<g", drawing)  # which other charts of the page would have, too
    for colour, variable in _VARIABLES.items():
        drawing = drawing.replace(colour, f"var({variable})")
    return drawing.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
