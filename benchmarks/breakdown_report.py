"""Tables of where time and energy go: the parts of a cold start, the operators of the networks, a reading."""

from __future__ import annotations

from benchmarks.markdown import table
from benchmarks.record import Record


def cold_table(record: Record) -> str:
    """The parts of the cold start of each precision, in milliseconds."""
    results = record.of_kind("cold start")
    return table(
        ("model", *results[0]["ms"]),
        ((r["contender"], *(f"{ms:.1f}" for ms in r["ms"].values())) for r in results),
    )


def operators_table(record: Record) -> str:
    """The time of every operator of the released networks, and its share."""
    times = table(
        ("network", "operator", "type", "us", "share"),
        (
            (
                f"{r['subject']} {r['contender']}, {r['input']}",
                each["name"],
                each["type"],
                f"{each['us']:.0f}",
                f"{each['us'] / (sum(other['us'] for other in r['operators']) or 1):.0%}",
            )
            for r in record.of_kind("operators")
            for each in r["operators"]
        ),
    )
    return f"{times}\n\nMedians on one thread. The profiler itself adds some microseconds to each operator."


def energy_table(record: Record) -> str:
    """The energy of a reading with each precision, in millijoules."""
    return table(
        ("model", "of", "mJ"),
        ((r["contender"], r["input"], f"{r['mj']:.1f}") for r in record.of_kind("energy")),
    )
