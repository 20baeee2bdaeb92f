"""A record: all results of one run, with the conditions they were measured under, as JSON lines.

The first line holds the conditions, every further one a result.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from edge_runtime.models import manifest
from edge_runtime.profiling import host

FOLDER = Path(__file__).parent / "results"

LIVE = FOLDER / "live"  # of live reading


@dataclass(frozen=True)
class Record:
    """One run's conditions and results, and the file that holds them."""

    path: Path
    conditions: dict[str, Any]
    results: list[dict[str, Any]]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The results of one kind: accuracy, cpu, latency, frame and so on."""
        return [result for result in self.results if result["kind"] == kind]

    @property
    def name(self) -> str:
        """The record's name: its file's, without the suffix."""
        return self.path.stem


def write(path: Path, results: Iterable[dict[str, Any]]) -> Record:
    """Write results, the conditions first, and return the record; `path` is there once it is whole.

    Raises `BenchmarkError` where there is a record of that name already.
    """
    if path.exists():
        raise BenchmarkError(f"{path} exists; name another with --out")
    kept = [_conditions()]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(kept[0]) + "\n")
        for result in results:
            kept.append(result)
            file.write(json.dumps(result) + "\n")
            file.flush()
        # Heat and load show only at the end.
        kept.append({"kind": "condition after", **host.condition()})
        file.write(json.dumps(kept[-1]) + "\n")
    partial.rename(path)
    return Record(path, kept[0], kept[1:])


def read(path: Path) -> Record:
    """Read a record. Raises `BenchmarkError` when it is missing or damaged."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if [lines[0]["kind"], lines[-1]["kind"]] != ["conditions", "condition after"]:
            raise ValueError("it is not whole")
    except OSError as error:
        raise BenchmarkError(f"no record {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BenchmarkError(f"{path} is not a record of python -m benchmarks run: {error}") from error
    return Record(path, lines[0], lines[1:])


def newest(folder: Path = FOLDER) -> Path:
    """The committed record with the latest name. Raises `BenchmarkError` when there is none."""
    found = sorted(folder.glob("*.jsonl"))
    if not found:
        raise BenchmarkError(f"no records in {folder}; make one with: python -m benchmarks run")
    return found[-1]


def _conditions() -> dict[str, Any]:
    return {
        "kind": "conditions",
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": host.versions(("torch", "onnx")),
        "host": host.host(),
        "before": host.condition(),
        "models": {entry.file: entry.sha256 for entry in manifest.entries()},
        "runs": sorted({entry.run_id for entry in manifest.entries()}),
        "session": "the runtime's own: no spinning, all graph optimisations, threads as each result says",
    }
