"""The commands of `python -m benchmarks` that take records: compare, check, html, history, report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import bounds, check, compare, html, record, report
from benchmarks.progress import reported, show_share


def add_to(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands to a parser, given its `add_parser`."""
    difference = add(
        "compare", help="show differences between two records; exits 1 on an accuracy regression"
    )
    difference.add_argument("before", type=Path, metavar="BEFORE", help="record to compare with")
    difference.add_argument("after", type=Path, metavar="AFTER", help="record to check")
    difference.set_defaults(run=_compare)

    checked = add(
        "check", help="check the committed bounds of ratios and accuracies; exits 1 if one is broken"
    )
    checked.add_argument(
        "record",
        type=Path,
        nargs="?",
        metavar="RECORD",
        help="record of `run`; without one, a quick measurement is made, in less than a minute",
    )
    checked.set_defaults(run=_check)

    for name, write, text in (
        ("html", html.records_page, "write a web page of records: tables, charts, and accuracy against time"),
        ("history", html.history_page, "write a web page of the figures of each machine over time"),
    ):
        page = add(name, help=text)
        page.add_argument(
            "records",
            type=Path,
            nargs="*",
            default=[record.FOLDER],
            metavar="RECORD",
            help="records, files of `edge-digits profile --json`, or folders (default: benchmarks/results)",
        )
        page.add_argument("--out", type=Path, required=True, metavar="FILE", help="web page to write")
        page.set_defaults(run=_write_page, page=write)

    paged = add("report", help="write the report of a record: a Markdown page and a plot")
    paged.add_argument(
        "record",
        type=Path,
        nargs="?",
        metavar="RECORD",
        help="default: the newest one in benchmarks/results",
    )
    paged.set_defaults(run=_report)


def _compare(options: argparse.Namespace) -> int:
    before, after = record.read(options.before), record.read(options.after)
    lines = compare.differences(before, after)
    if before.conditions["host"] != after.conditions["host"]:
        print("the records are from different machines or systems")
    print("\n".join(lines) or "no differences")
    regressions = compare.regressions(before, after)
    for line in regressions:
        print(f"benchmarks: accuracy regression: {line}", file=sys.stderr)
    return 1 if regressions else 0


def _check(options: argparse.Namespace) -> int:
    if options.record:
        checked = record.read(options.record)
    else:
        checked = record.make(reported(check.quick(show_share)), "this machine")
    broken = bounds.broken(checked)
    for line in broken:
        print(f"benchmarks: broken bound: {line}", file=sys.stderr)
    print(f"{checked.name}: {f'{len(broken)} bounds broken' if broken else 'all bounds kept'}")
    return 1 if broken else 0


def _write_page(options: argparse.Namespace) -> int:
    page = options.page(record.all_of(options.records))
    options.out.write_text(page, encoding="utf-8")
    print(options.out)
    return 0


def _report(options: argparse.Namespace) -> int:
    return write_report(record.read(options.record or record.newest()))


def write(path: Path | None, folder: Path, results: Iterator[dict[str, Any]]) -> record.Record:
    """Write a record to a file, by default one of `folder` that is named after the time."""
    return record.write(path or record.timed_path(folder), reported(results))


def write_report(chosen: record.Record) -> int:
    """Write the page of a record, and print its figures for the README."""
    for path in report.write_report(chosen):
        print(path)
    print(f"\nfor the README:\n\n{report.readme_text(chosen)}")
    return 0
