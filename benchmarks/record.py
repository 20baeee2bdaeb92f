"""Records: the results of one run with the conditions of its measurement, as a file of JSON lines.

The first line holds the conditions before the run, the last line those after it. All others are results.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from edge_runtime.profiling import host

FOLDER = Path(__file__).parent / "results"
LIVE = FOLDER / "live"  # records of `python -m benchmarks live`
PAGES = FOLDER / "pages"  # records of `python -m benchmarks pages`
FILES = FOLDER / "folder"  # records of `python -m benchmarks folder`
SCALE = FOLDER / "scale"  # records of `python -m benchmarks scale`
CONTENDERS = FOLDER / "contenders"  # records of `python -m benchmarks contenders`
PAD = FOLDER / "pad"  # records of `python -m benchmarks pad`

ACCURACIES = ("accuracy", "drawn accuracy", "image accuracy")  # the kinds of results that have one

# Old names of keys and values and what they are called now, so that committed records stay comparable.
_RENAMED = {
    "classify one picture": "read one image",
    "pictures": "images",
    "frame": "page",
    "refusal": "rejection",
    "others": "negatives",
    "all of them": "all negatives",
    "lines through it": "crossing lines (count)",
}


@dataclass(frozen=True)
class Record:
    """The conditions and results of one run, and the file that holds them."""

    path: Path
    conditions: dict[str, Any]
    results: list[dict[str, Any]]

    def accuracies(self) -> list[dict[str, Any]]:
        """All results that have an accuracy."""
        return [result for kind in ACCURACIES for result in self.of_kind(kind)]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The results of one kind, such as "accuracy" or "latency"."""
        return [result for result in self.results if result["kind"] == kind]

    @property
    def name(self) -> str:
        """The name of the file without its suffix."""
        return self.path.stem


def write(path: Path, results: Iterable[dict[str, Any]]) -> Record:
    """Write the conditions and the results as they come; return the record.

    The file has a temporary name until it is complete. Raises `BenchmarkError` if it exists already.
    """
    if path.exists():
        raise BenchmarkError(f"{path} exists; choose another file with --out")
    lines = [_conditions()]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(lines[0]) + "\n")
        for result in results:
            lines.append(result)
            file.write(json.dumps(result) + "\n")
            file.flush()
        # The run may have heated the machine, and its load may have changed.
        lines.append({"kind": "condition after", **host.state()})
        file.write(json.dumps(lines[-1]) + "\n")
    partial.rename(path)
    return Record(path, lines[0], lines[1:])


def make(results: Iterable[dict[str, Any]], name: str) -> Record:
    """A record that is in no file."""
    return Record(Path(name), _conditions(), json.loads(json.dumps(list(results))))


def read(path: Path) -> Record:
    """Read a record, or what `edge-digits profile --json` prints.

    Raises `BenchmarkError` when it is missing, incomplete or damaged.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if lines[0]["kind"] == "profile":
            return Record(path, lines[0], _results_of_profile(lines[0]))
        if [lines[0]["kind"], lines[-1]["kind"]] != ["conditions", "condition after"]:
            raise ValueError("it is incomplete")
        results = [_with_new_names(line) for line in lines[1:]]
    except OSError as error:
        raise BenchmarkError(f"no record {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise BenchmarkError(f"{path} is not a record of python -m benchmarks: {error}") from error
    return Record(path, lines[0], results)


def _results_of_profile(profile: dict[str, Any]) -> list[dict[str, Any]]:
    imports = profile["cold_start"]["imports"]["ms"]
    starts = [
        {"kind": "process", "contender": name, **cold, "ratio_to_imports": round(cold["ms"] / imports, 3)}
        for name, cold in profile["cold_start"].items()
    ]
    parts = [
        {"kind": "cold start", "contender": name, "ms": parts}
        for name, parts in profile.get("cold_parts", {}).items()  # older profiles have none
    ]
    energies = [
        {"kind": "energy", "contender": name, "input": "a page", "mj": value}
        for name, value in profile.get("energy_mj", {}).items()
    ]
    return [*profile["reading"], *profile["latency"], *starts, *parts, *energies]


def all_of(paths: Iterable[Path]) -> list[Record]:
    """The records in files and folders, oldest first. Folders may contain other files of JSON lines."""
    found = []
    for path in paths:
        if not path.is_dir():
            found.append(read(path))
            continue
        for each in sorted(path.rglob("*.jsonl")):
            with contextlib.suppress(BenchmarkError):
                found.append(read(each))
    if not found:
        raise BenchmarkError(f"no records in {', '.join(map(str, paths))}")
    return sorted(found, key=lambda record: str(record.conditions["started"]))


def _with_new_names(result: dict[str, Any]) -> dict[str, Any]:
    if result["kind"] == "latency":
        return _as_offline(result)
    return {
        _RENAMED.get(key, key): _RENAMED.get(value, value) if isinstance(value, str) else value
        for key, value in result.items()
    }


def _as_offline(latency: dict[str, Any]) -> dict[str, Any]:
    """A result of the old kind "latency" as one of today: its rates are those of the median call."""
    ratios = {name: value for name, value in latency["ratio_to_float"].items() if name != "float"}
    return {
        "kind": "offline",
        "subject": "classifier",
        "threads": latency["threads"],
        "batch": latency["batch"],
        "per_second": {
            name: round(latency["batch"] * 1e6 / times["p50"], 1) for name, times in latency["us"].items()
        },
        "ratio": {name: {"value": value, "low": value, "high": value} for name, value in ratios.items()},
    }


def timed_path(folder: Path) -> Path:
    """A path in a folder, named after the present minute."""
    return folder / f"{datetime.now():%Y%m%d-%H%M}.jsonl"


def newest(folder: Path = FOLDER) -> Path:
    """The record in a folder whose name sorts last. Raises `BenchmarkError` when there is none."""
    found = sorted(folder.glob("*.jsonl"))
    if not found:
        raise BenchmarkError(f"no records in {folder}; make one with: python -m benchmarks run")
    return found[-1]


def _conditions() -> dict[str, Any]:
    return {
        "kind": "conditions",
        **host.conditions(("torch", "onnx")),
        "session": "as in the runtime: no spinning, all graph optimisations, threads as given in each result",
    }
