"""Reports of records of scale: what a hundred million images cost, and what Ray adds, as Markdown."""

from __future__ import annotations

from benchmarks.markdown import conditions, table
from benchmarks.record import Record

# Dollars for an hour of one virtual core, on demand and of a machine that may be taken away at any time:
# assumptions, rounded from the lists of large providers in November 2026.
PRICES = {"on demand": 0.05, "spot": 0.02}
_MANY = 100_000_000
_OF_MANY = ("10^8 images", *PRICES, "data")


def scale_page(record: Record) -> str:
    """A record of `python -m benchmarks scale` as Markdown."""
    prices = " and ".join(f"${price} {name}" for name, price in PRICES.items())
    parts = [
        f"# Scale {record.name}",
        "Made by `python -m benchmarks scale`; all figures are from the record of the same name.",
        conditions(record),
        "CPU time on one core of reading an image into a row, and what a hundred million of them cost at an "
        f"assumed price for an hour of a core: {prices}.",
        cost_table(record),
        "The same images, read by `edge-digits read` with a process per core, and by `edge-digits scale` on "
        "a Ray cluster of two nodes with one core each; the last column compares their rows.",
        engine_table(record),
    ]
    return "\n\n".join(parts) + "\n"


def scale_tables(record: Record) -> str:
    """Both tables of a record."""
    return f"{cost_table(record)}\n\n{engine_table(record)}"


def cost_table(record: Record) -> str:
    """What images cost, one by one and a hundred million of them."""
    head = ("image", "size", "CPU time", "of that, fetch and decode", *_OF_MANY)
    lines = []
    for result in record.of_kind("cost of an image"):
        size, milliseconds = result["bytes"], result["cpu_ms"]
        hours = milliseconds * _MANY / 3_600_000
        lines.append(
            (
                *(result["image"], f"{_short(size / 1000)} kB", f"{_short(milliseconds)} ms"),
                *(f"{result['decode_share']:.0%}", f"{_short(hours)} core-hours"),
                *(f"${_short(hours * price)}" for price in PRICES.values()),
                f"{_short(size * _MANY / 1e12)} TB",
            )
        )
    return table(head, lines)


def engine_table(record: Record) -> str:
    """What the engine adds to `edge-digits read`."""
    runs = record.of_kind("engine")
    alone = runs[0]["cpu_seconds"]
    head = ("run", "images", "seconds", "CPU seconds", "of `edge-digits read`", "rows")
    return table(
        head,
        [
            (
                *(run["run"], run["images"], f"{run['seconds']:.0f}", f"{run['cpu_seconds']:.0f}"),
                *(f"{run['cpu_seconds'] / alone:.0%}", run.get("rows", "")),
            )
            for run in runs
        ],
    )


def _short(number: float) -> str:
    """A number with two significant digits, or all of them before the point."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
