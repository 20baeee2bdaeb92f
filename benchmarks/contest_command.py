"""The command `python -m benchmarks contenders`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import contest, record, record_commands
from benchmarks.progress import show_share
from edge_runtime.cli.arguments import seconds


def add_to(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to a parser, given its `add_parser`."""
    against = add(
        "contenders", help="measure other runtimes and programs against INT8 on this machine; write a record"
    )
    against.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="MODEL",
        help="classifiers of 28x28 tiles as .onnx or .tflite, which also take part",
    )
    against.add_argument(
        "--data", type=Path, default=Path("data"), metavar="DIR", help="folder with MNIST (default: data)"
    )
    against.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="labelled images, as for photos, for whole readings against programs that read text",
    )
    against.add_argument(
        "--seconds",
        type=seconds,
        default=10.0,
        metavar="S",
        help="time per contender in SingleStream; Offline takes a third (default: 10)",
    )
    against.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="record to write (default: benchmarks/results/contenders/TIME.jsonl)",
    )
    against.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    results = contest.measure(options.data, options.files, options.images, options.seconds, show_share)
    done = record_commands.write(options.out, record.CONTENDERS, results)
    for name, reason in done.of_kind("contenders")[0]["left_out"].items():
        print(f"left out: {name} {reason}", file=sys.stderr)
    print(f"{done.path}: {len(done.of_kind('accuracy'))} contenders")
    return record_commands.write_report(done)
