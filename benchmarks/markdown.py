"""Markdown for the reports: tables, and the conditions of a record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.record import Record
from edge_runtime.profiling import host


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table with one row per sequence of cells."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def conditions(record: Record) -> str:
    """One line about the machine, the versions and the models that a record was made with."""
    about = record.conditions
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    return (
        f"{host.describe(about['host'])}; {about['host']['system']}; {versions}; "
        f"training runs {', '.join(f'`{run}`' for run in about['runs'])}; {about['started']}."
    )
