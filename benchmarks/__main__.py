"""`python -m benchmarks run | live | photos | robustness | compare | report`: arguments in, figures out."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import accuracy, compare, cpus, photos, record, robustness, speed
from benchmarks.errors import BenchmarkError
from benchmarks.live import cost, drops, load, steadiness
from benchmarks.mnist import load_test_set
from benchmarks.report import live_page, live_summary, robustness_page, summary, write_report
from edge_runtime.cli import seconds, whole_number
from edge_runtime.errors import EdgeDigitsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (BenchmarkError, EdgeDigitsError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        print(f"benchmarks: a process that was to be measured failed: {last[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: stopped; no record was written", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        print(f"benchmarks: {error.name} is missing: pip install -e '.[train]'", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the shipped models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="measure on this machine and write a record")
    run.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where MNIST is")
    run.add_argument("--seconds", type=seconds, default=3.0, metavar="S", help="time for each latency figure")
    run.add_argument(
        "--repeats", type=whole_number, default=7, metavar="N", help="repeats of whole processes"
    )
    run.add_argument("--out", type=Path, metavar="FILE", help="default: benchmarks/results/TIME.jsonl")
    run.set_defaults(run=_run)

    moving = commands.add_parser("live", help="measure the live path on drawn videos and write a record")
    moving.add_argument(
        "--seconds", type=seconds, default=60.0, metavar="S", help="time under load (default: 60)"
    )
    moving.add_argument("--frames", type=int, default=20_000, metavar="N", help="for memory (default: 20000)")
    moving.add_argument("--clients", type=whole_number, default=50, metavar="N", help="default: 50")
    moving.add_argument(
        "--out", type=Path, metavar="FILE", help="default: benchmarks/results/live/TIME.jsonl"
    )
    moving.set_defaults(run=_live)

    images = commands.add_parser("photos", help="score the reading of a labelled folder of photographs")
    images.add_argument("folder", type=Path, metavar="DIR", help="holds labels.json or negatives.json")
    images.add_argument("--model", default="int8", metavar="NAME", help="default: int8")
    images.add_argument(
        "--failures", type=Path, metavar="FILE", help="save a contact sheet of what was not read perfectly"
    )
    images.add_argument("--json", action="store_true", help="print the figures as JSON")
    images.set_defaults(run=_photos)

    hardship = commands.add_parser("robustness", help="disturb MNIST's digits; hand over what is no digit")
    hardship.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where MNIST is")
    hardship.add_argument("--model", default="int8", metavar="NAME", help="default: int8")
    hardship.set_defaults(run=_robustness)

    difference = commands.add_parser("compare", help="show what moved; exit code 1 where accuracy was lost")
    difference.add_argument("before", type=Path)
    difference.add_argument("after", type=Path)
    difference.set_defaults(run=_compare)

    report = commands.add_parser("report", help="make a Markdown page and a plot of a record")
    report.add_argument("record", type=Path, nargs="?", help="default: the newest in benchmarks/results")
    report.set_defaults(run=_report)
    return parser


def _run(options: argparse.Namespace) -> int:
    load_test_set(options.data)  # before anything is measured
    path = options.out or record.FOLDER / f"{datetime.now():%Y%m%d-%H%M}.jsonl"
    results = chain(
        accuracy.measure(options.data),
        cpus.measure(),
        speed.latency(options.seconds),
        speed.frame(options.seconds),
        speed.processes(options.repeats),
        speed.folder(options.data, options.repeats),
        # It draws with fonts, which a device seldom has the packages for.
        () if robustness.missing() else robustness.measure(options.data),
    )
    done = record.write(path, _told(results))
    print(f"{path}: {len(done.results)} results")
    return 0


def _live(options: argparse.Namespace) -> int:
    path = options.out or record.LIVE / f"{datetime.now():%Y%m%d-%H%M}.jsonl"
    results = chain(
        steadiness.steadiness(),
        cost.delays(options.seconds / 3),
        cost.memory(options.frames),
        load.load(options.clients, options.seconds),
        drops.drops(),
    )
    done = record.write(path, _told(results))
    page = path.with_suffix(".md")
    page.write_text(live_page(done), encoding="utf-8")
    print(f"{path}: {len(done.results)} results\n{page}\n\nfor the README:\n\n{live_summary(done)}")
    return 0


def _photos(options: argparse.Namespace) -> int:
    scores = photos.read_all(photos.load(options.folder), options.model)
    figures = photos.figures(scores)
    print(json.dumps(figures, indent=2) if options.json else photos.page(figures, scores))
    if options.failures:
        count = photos.draw_failures(scores, options.failures)
        print(f"{count} images were not read perfectly; see {options.failures}", file=sys.stderr)
    return 0


def _robustness(options: argparse.Namespace) -> int:
    results = list(_told(robustness.measure(options.data, options.model)))
    print(robustness_page(results, options.model))
    return 0


def _told(results: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Say on a terminal what has been measured."""
    for result in results:
        if sys.stderr.isatty():
            what = (
                result.get("contender")
                or result.get("cpu")
                or result.get("batch")
                or result.get("images")
                or result.get("disturbance")
                or result.get("others")
                or result.get("video")
                or ""
            )
            print(f"{result['kind']} {what}", file=sys.stderr)
        yield result


def _compare(options: argparse.Namespace) -> int:
    before, after = record.read(options.before), record.read(options.after)
    if before.conditions["host"] != after.conditions["host"]:
        print("different machines or systems: only ratios and accuracies can be compared")
    print("\n".join(compare.moved(before, after)) or "nothing moved")
    losses = compare.accuracy_losses(before, after)
    for line in losses:
        print(f"benchmarks: accuracy lost, {line}", file=sys.stderr)
    return 1 if losses else 0


def _report(options: argparse.Namespace) -> int:
    chosen = record.read(options.record or record.newest())
    for path in write_report(chosen, chosen.path.parent):
        print(path)
    print(f"\nfor the README:\n\n{summary(chosen)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
