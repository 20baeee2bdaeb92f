"""Reports of records of folders: what reading many files costs, as Markdown."""

from __future__ import annotations

from typing import Any

from benchmarks.markdown import conditions, table
from benchmarks.record import Record


def folder_page(record: Record) -> str:
    """A record of `python -m benchmarks folder` as Markdown."""
    (small,) = record.of_kind("small folder")
    lines = [
        f"1,000 files of 28x28 px are read at {small['rate_ratio']:.2f} of the rate of 10,000 (quartiles "
        f"{_quartiles(small)})."
    ]
    for r in record.of_kind("killed runs"):
        rows = "exactly the rows" if r["same_rows"] else "NOT the rows"
        lines.append(
            f"A run over {r['files']:,} files that was killed {r['kills']} times, at random points, and "
            f"resumed has {rows} of an uninterrupted one."
        )
    for r in record.of_kind("many files"):
        peaks = ", ".join(f"{mb:.0f} MB for {int(count):,} files" for count, mb in r["peak_mb"].items())
        lines.append(f"Peak memory of the process that reads a folder of small files: {peaks}.")
    parts = [
        f"# Folders {record.name}",
        "Made by `python -m benchmarks folder`; all figures are from the record of the same name.",
        conditions(record),
        "CPU time on one core, in microseconds per file, of reading files into a CSV file, without loading "
        "the models, and of the reference, which opens, reads and decodes each file as grey. The two "
        "alternate; the ratio of reference to reading is the median over all rounds.",
        files_table(record),
        "Share of each stage in the time of reading:",
        _shares_table(record),
        "Two cores against one, with the start of the workers. The ratio of rates needs a machine that does "
        "nothing else; that of CPU times does not: a ratio of r means that two cores can be 2 / r times as "
        "fast as one.",
        _two_cores_table(record),
        *lines,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _quartiles(result: dict[str, Any]) -> str:
    return " to ".join(f"{ratio:.2f}" for ratio in result["quartiles"])


def files_table(record: Record) -> str:
    """The cost of reading each kind of files as Markdown."""
    return table(
        ("files", "reading", "decoding", "ratio", "quartiles", "files per round", "rounds"),
        (
            (
                r["files"],
                f"{r['read_us']:.0f}",
                f"{r['decode_us']:.0f}",
                f"{r['ratio_to_decode']:.2f}",
                _quartiles(r),
                r["count"],
                r["rounds"],
            )
            for r in record.of_kind("files on one core")
        ),
    )


def _shares_table(record: Record) -> str:
    results = record.of_kind("files on one core")
    return table(
        ("files", *results[0]["shares"]),
        ((r["files"], *(f"{share:.0%}" for share in r["shares"].values())) for r in results),
    )


def _two_cores_table(record: Record) -> str:
    results = record.of_kind("files on two cores")
    if not results:
        return "The machine has one core."
    return table(
        ("files", "rate, two cores / one", "quartiles", "CPU time, two cores / one", "rounds"),
        (
            (r["files"], f"{r['rate_ratio']:.2f}", _quartiles(r), f"{r['cpu_ratio']:.2f}", r["rounds"])
            for r in results
        ),
    )
