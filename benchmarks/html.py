"""Web pages of records: one file without links to others, for light and dark screens and for phones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from benchmarks import charts, compare
from benchmarks.bounds import invalid
from benchmarks.contenders import BARE
from benchmarks.errors import BenchmarkError
from benchmarks.markdown import conditions
from benchmarks.record import Record
from benchmarks.report import sections
from edge_runtime.profiling.host import describe

_STYLE = """
:root { color-scheme: light dark; --text: #1c1c1c; --page: #fff; --rule: #ddd;
  --c0: #0b62a8; --c1: #b3540a; --c2: #1c7a3d; --c3: #8a3ea8; --c4: #b0203a; --c5: #5c6670; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8e8; --page: #16181b; --rule: #3a3d42;
  --c0: #6db7f2; --c1: #f0a35e; --c2: #76cf92; --c3: #cf9be8; --c4: #f28a9a; --c5: #aab3bd; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
  max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem } h2 { font-size: 1.25rem; margin-top: 2.5rem } h3 { font-size: 1.05rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .875rem }
th, td { border-bottom: 1px solid var(--rule); padding: .25rem .6rem; text-align: left; white-space: nowrap }
.charts { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0; flex: 1 1 18rem; max-width: 30rem }
figcaption { font-weight: 600; font-size: .875rem } .bad { color: var(--c4); font-weight: 600 }
svg { width: 100%; height: auto }
"""


def records_page(records: Iterable[Record]) -> str:
    """The page of some records: tables, times of calls, accuracy against time, and mistakes by digit.

    Records that have none of these are left out. Raises `BenchmarkError` if all are.
    """
    parts = []
    for record in records:
        try:
            shown = list(_parts(record))
        except (KeyError, IndexError):
            shown = [f"<p>The format of this record is an old one; see {escape(record.name)}.md.</p>"]
        if shown:
            host = record.conditions["host"]["cpu"]
            parts += [f"<h2>{escape(host)}, {escape(record.name)}</h2>", *shown]
    if not parts:
        raise BenchmarkError(
            "nothing to show in these records; give those of `run`, `contenders` or `edge-digits profile`"
        )
    note = "<p>Times depend on the machine and on its other work: compare ratios, not times.</p>"
    return _page("Benchmarks", [note, *parts])


def _parts(record: Record) -> Iterator[str]:
    found = sections(record)
    if not found:
        return
    yield _to_html(conditions(record))
    yield from (f'<p class="bad">{escape(line)}</p>' for line in invalid(record))
    yield f'<div class="charts">{"".join(_charts(record))}</div>'
    yield from (f"<h3>{escape(title)}</h3>{_to_html(text)}" for title, text in found)


def history_page(records: Iterable[Record]) -> str:
    """A page with a chart over time of each figure that at least two records of a machine have.

    The figures are those of `compare`: not all kinds of records have some. Raises `BenchmarkError` if there
    is no chart to draw.
    """
    hosts: dict[str, dict[str, list[tuple[str, float]]]] = {}
    names: dict[str, list[str]] = {}
    for record in records:
        try:
            figures = compare.figures(record)
        except BenchmarkError:
            continue  # other kinds of records
        host = describe(record.conditions["host"])
        names.setdefault(host, []).append(record.name)
        for name, value in figures.items():
            hosts.setdefault(host, {}).setdefault(name, []).append((record.name, value))
    parts = []
    for host, figures_of_host in hosts.items():
        drawn = [
            _history_chart(name, made) for name, made in sorted(figures_of_host.items()) if len(made) > 1
        ]
        if drawn:
            parts.append(
                f"<h2>{escape(host)}</h2><p>From {escape(names[host][0])} to {escape(names[host][-1])}.</p>"
            )
            parts.append(f'<div class="charts">{"".join(drawn)}</div>')
    if not parts:
        raise BenchmarkError("no machine has two records with the same figure; measure once more")
    return _page("History of the figures", parts)


def _history_chart(name: str, made: list[tuple[str, float]]) -> str:
    records, values = zip(*made, strict=True)
    chart = charts.line(values, records, name)
    return _figure(f"{name}: {charts.number(values[0])} → {charts.number(values[-1])}", chart)


def _charts(record: Record) -> Iterable[str]:
    for result in record.of_kind("single stream"):
        if result.get("batch", 1) == 1 and result["threads"] == 1 and BARE not in result["us"]:
            series = [(name, _shares(each)) for name, each in result["histogram"].items()]
            what = f"{result['subject']}, {result.get('size', 'one tile')}: times of calls"
            yield _figure(what, charts.histogram(series, "milliseconds"))
    accuracies = {result["contender"]: result for result in record.of_kind("accuracy")}
    tile = next((r for r in record.of_kind("single stream") if r["subject"] == "classifier"), None)
    if tile and accuracies:
        series = [
            (name, [(times["p50"], 100 * accuracies[name]["accuracy"])])
            for name, times in tile["us"].items()
            if name in accuracies
        ]
        yield _figure(
            "Accuracy against time of one tile", charts.points(series, "median microseconds", "% of MNIST")
        )
    for result in record.of_kind("cold start"):
        rows = list(result["ms"].items())
        yield _figure(f"{result['contender']}: cold start", charts.bars(rows, "milliseconds"))
    for result in record.of_kind("operators"):
        rows = [(f"{each['type']} {index}", each["us"]) for index, each in enumerate(result["operators"], 1)]
        what = f"{result['subject']} {result['contender']}, {result['input']}: operators in order"
        yield _figure(what, charts.bars(rows, "microseconds"))
    for name, result in accuracies.items():
        rows = [(f"digit {digit}", count) for digit, count in enumerate(result["mistakes_by_digit"])]
        yield _figure(f"{name}: mistakes by digit", charts.bars(rows, f"of {result['images']} images"))


def _shares(histogram: dict[str, Any]) -> list[tuple[float, float]]:
    """Points of a histogram: milliseconds, and the share of calls, in at most 80 bins."""
    counts, total = histogram["counts"], sum(histogram["counts"])
    step = max(1, len(counts) // 40)
    return [
        (
            histogram["start_us"] * histogram["factor"] ** (start + step / 2) / 1000,
            sum(counts[start : start + step]) / total,
        )
        for start in range(0, len(counts), step)
    ]


def _figure(caption: str, chart: str) -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{chart}</figure>"


def _to_html(markdown: str) -> str:
    """The tables and paragraphs of the reports as HTML."""
    return "".join(_block_to_html(block.splitlines()) for block in markdown.split("\n\n"))


def _block_to_html(lines: list[str]) -> str:
    if not lines[0].startswith("|"):
        text = re.sub("`(.*?)`", r"<code>\1</code>", escape(" ".join(lines)))
        return f"<p>{text}</p>"
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in lines)
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{cells}</tr>{body}</table></div>'


def _page(title: str, parts: list[str]) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{''.join(parts)}</html>\n"
    )
