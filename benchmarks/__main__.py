"""The command `python -m benchmarks`: arguments in, figures and an exit code out."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

from benchmarks import (
    accuracy,
    check,
    contest_command,
    cpus,
    folder,
    marks,
    operators,
    pad,
    pages,
    record,
    record_commands,
    robustness,
    scale,
    scenarios,
    speed,
    writers,
)
from benchmarks.errors import BenchmarkError
from benchmarks.live import attack, cost, drops, load, steadiness
from benchmarks.mnist import load_test_set
from benchmarks.photos.failures import draw_failures
from benchmarks.photos.figures import sum_up
from benchmarks.photos.labels import load_labels
from benchmarks.photos.report import draw_chart, format_page
from benchmarks.photos.scoring import read_all
from benchmarks.progress import reported, show_share
from benchmarks.report import robustness_page
from edge_runtime.cli.arguments import seconds, whole_number
from edge_runtime.cli.terminal import one_line
from edge_runtime.errors import EdgeDigitsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (BenchmarkError, EdgeDigitsError, OSError) as error:
        print(f"benchmarks: {one_line(str(error))}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        print(f"benchmarks: a benchmark process failed: {last[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: stopped; no record was written", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        print(f"benchmarks: {error.name} is missing: pip install -e '.[train]'", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the released models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_measurements(commands.add_parser)
    contest_command.add_to(commands.add_parser)
    _add_tile_measurements(commands.add_parser)
    _add_image_measurements(commands.add_parser)
    _add_file_measurements(commands.add_parser)
    record_commands.add_to(commands.add_parser)
    return parser


def _add_measurements(add: Callable[..., argparse.ArgumentParser]) -> None:
    run = add("run", help="measure accuracy and speed on this machine; write a record")
    _add_data(run)
    run.add_argument(
        "--seconds",
        type=seconds,
        default=10.0,
        metavar="S",
        help="time per contender in SingleStream, and in MultiStream, which needs 10; Offline takes a third "
        "(default: 10)",
    )
    run.add_argument(
        "--minutes",
        type=float,
        default=0.0,
        metavar="M",
        help="minutes that each precision also reads without a pause: heat and throttling (default: 0)",
    )
    _add_count(run, "--repeats", 7, "times to start each process that is timed as a whole")
    _add_out(run, "benchmarks/results/TIME.jsonl")
    run.set_defaults(run=_run)

    live = add("live", help="measure live reading on synthetic videos; write a record")
    live.add_argument(
        "--seconds",
        type=seconds,
        default=60.0,
        metavar="S",
        help="time under load; each delay measurement takes a third of it (default: 60)",
    )
    _add_count(live, "--frames", 20_000, "frames to measure memory over", least=20)
    _add_count(live, "--clients", 50, "HTTP clients under load")
    _add_out(live, "benchmarks/results/live/TIME.jsonl")
    live.set_defaults(run=_live)

    attacked = add("attack", help="attack the HTTP API; print how long other clients wait (Linux)")
    attacked.add_argument(
        "--seconds", type=seconds, default=60.0, metavar="S", help="time under attack (default: 60)"
    )
    _add_count(attacked, "--clients", 50, "clients in all")
    _add_count(attacked, "--hostile", 8, "attackers among them")
    attacked.set_defaults(run=_attack)


def _add_tile_measurements(add: Callable[..., argparse.ArgumentParser]) -> None:
    corrupted = add(
        "robustness", help="measure accuracy on corrupted tiles, and how often non-digits are rejected"
    )
    _add_data(corrupted)
    _add_model(corrupted)
    corrupted.set_defaults(run=_robustness)

    hands = add("writers", help="measure accuracy on digits by held-out writers")
    _add_data(hands)
    _add_model(hands)
    hands.add_argument("--json", action="store_true", help="print the figures as JSON")
    hands.set_defaults(run=_writers)

    marked = add("marks", help="measure which marks between digits, such as the point of 12.50, are seen")
    _add_data(marked)
    _add_model(marked)
    marked.add_argument("--json", action="store_true", help="print the figures as JSON")
    marked.set_defaults(run=_marks)


def _add_image_measurements(add: Callable[..., argparse.ArgumentParser]) -> None:
    scored = add("photos", help="score the reading of labelled photographs")
    scored.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="contains labels.json, negatives.json or labels.csv; or a file of labels as COCO or CSV",
    )
    _add_model(scored)
    scored.add_argument(
        "--stability",
        action="store_true",
        help="also measure how often tiny changes of an image change its text; takes six times as long",
    )
    scored.add_argument(
        "--failures",
        type=Path,
        metavar="FILE",
        help="save a contact sheet of the images that were not read perfectly",
    )
    scored.add_argument(
        "--chart", type=Path, metavar="FILE", help="save a chart of recall by digit height, and of stability"
    )
    scored.add_argument("--json", action="store_true", help="print the figures as JSON")
    scored.set_defaults(run=_photos)

    drawn = add("pages", help="time the reading of drawn pages against thresholding; write a record")
    _add_model(drawn)
    drawn.add_argument(
        "--seconds", type=seconds, default=20.0, metavar="S", help="time per page (default: 20)"
    )
    _add_out(drawn, "benchmarks/results/pages/TIME.jsonl")
    drawn.set_defaults(run=_pages)

    screens = add("pad", help="measure the reading of numbers written on screens; write a record")
    _add_data(screens)
    _add_model(screens)
    _add_count(screens, "--numbers", 40, "numbers of each length on each pad")
    _add_out(screens, "benchmarks/results/pad/TIME.jsonl")
    screens.set_defaults(run=_pad)


def _add_file_measurements(add: Callable[..., argparse.ArgumentParser]) -> None:
    files = add("folder", help="time the reading of many files against decoding them; write a record")
    _add_count(files, "--rounds", 7, "rounds of each comparison")
    _add_count(files, "--kills", 100, "times to kill and resume a run", least=0)
    files.add_argument(
        "--many",
        type=whole_number(10, 10_000_000),
        metavar="N",
        help="also measure the memory of reading N small files, such as 1000000 (default: not)",
    )
    _add_out(files, "benchmarks/results/folder/TIME.jsonl")
    files.set_defaults(run=_folder)
    scaled = add("scale", help="measure what images cost, and what Ray adds; write a record (Linux)")
    _add_count(scaled, "--images", 20_000, "images for Ray")
    scaled.add_argument(
        "--seconds", type=seconds, default=5.0, metavar="S", help="time per kind of image (default: 5)"
    )
    _add_out(scaled, "benchmarks/results/scale/TIME.jsonl")
    scaled.set_defaults(run=_scale)


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", type=Path, default=Path("data"), metavar="DIR", help="folder with MNIST (default: data)"
    )


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model", default="int8", metavar="NAME", help="int8 (default), float, or the path of an .onnx file"
    )


def _add_count(
    command: argparse.ArgumentParser, name: str, default: int, text: str, *, least: int = 1
) -> None:
    command.add_argument(
        name,
        type=whole_number(least),
        default=default,
        metavar="N",
        help=f"{text} (default: {default})",
    )


def _add_out(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument("--out", type=Path, metavar="FILE", help=f"record to write (default: {default})")


def _run(options: argparse.Namespace) -> int:
    load_test_set(options.data)  # fails now, not after minutes
    results = chain(
        accuracy.mnist(options.data),
        accuracy.drawn_tiles(),
        accuracy.drawn_pages(),
        cpus.measure(),
        [check.sizes()],
        scenarios.single(options.seconds, show_share),
        scenarios.sessions(options.seconds, show_share),
        scenarios.offline(options.seconds / 3, show_share),
        scenarios.multi(options.seconds),
        scenarios.energies(options.seconds),
        operators.measure(),
        scenarios.sustained(60 * options.minutes, show_share),
        speed.processes(options.repeats),
        speed.cold_parts(options.repeats),
        speed.folder(options.data, options.repeats),
        # Drawing negatives needs packages that are rarely installed on a device.
        () if robustness.missing() else robustness.measure(options.data),
    )
    done = record_commands.write(options.out, record.FOLDER, results)
    print(f"{done.path}: {len(done.results)} results")
    return 0


def _live(options: argparse.Namespace) -> int:
    results = chain(
        steadiness.steadiness(),
        cost.delays(options.seconds / 3),
        cost.memory(options.frames),
        load.load(options.clients, options.seconds),
        drops.drops(),
    )
    done = record_commands.write(options.out, record.LIVE, results)
    print(f"{done.path}: {len(done.results)} results")
    return record_commands.write_report(done)


def _attack(options: argparse.Namespace) -> int:
    if options.hostile >= options.clients:
        raise BenchmarkError("all clients would be attackers; choose a smaller --hostile")
    result = attack.attack(options.clients, options.hostile, options.seconds)
    print(json.dumps(result, indent=2))
    return 1 if result["unplanned"] else 0


def _photos(options: argparse.Namespace) -> int:
    scores = read_all(load_labels(options.folder), options.model, stability=options.stability)
    figures = sum_up(scores)
    print(json.dumps(figures, indent=2) if options.json else format_page(figures, scores))
    if options.failures:
        count = draw_failures(scores, options.failures)
        sheet = f"; see {options.failures}" if count else ""
        print(f"{count} images were not read perfectly{sheet}", file=sys.stderr)
    if options.chart:
        draw_chart(figures, options.chart)
    return 0


def _pages(options: argparse.Namespace) -> int:
    results = pages.measure(options.seconds, options.model)
    done = record_commands.write(options.out, record.PAGES, results)
    print(f"{done.path}: {len(done.of_kind('drawn page'))} pages")
    return record_commands.write_report(done)


def _folder(options: argparse.Namespace) -> int:
    results = folder.measure(options.rounds, options.kills, options.many)
    done = record_commands.write(options.out, record.FILES, results)
    print(f"{done.path}: {len(done.results)} results")
    return record_commands.write_report(done)


def _scale(options: argparse.Namespace) -> int:
    results = scale.measure(options.images, options.seconds)
    done = record_commands.write(options.out, record.SCALE, results)
    return record_commands.write_report(done)


def _pad(options: argparse.Namespace) -> int:
    results = pad.measure(options.data, options.numbers, options.model)
    done = record_commands.write(options.out, record.PAD, results)
    print(f"{done.path}: {done.of_kind('pad')[-1]['numbers']} numbers")
    return record_commands.write_report(done)


def _robustness(options: argparse.Namespace) -> int:
    results = list(reported(robustness.measure(options.data, options.model)))
    print(robustness_page(results, options.model))
    return 0


def _writers(options: argparse.Namespace) -> int:
    figures = writers.measure(options.data, options.model)
    print(json.dumps(figures, indent=2) if options.json else writers.format_page(figures))
    return 0


def _marks(options: argparse.Namespace) -> int:
    figures = marks.measure(options.data, options.model)
    print(json.dumps(figures, indent=2) if options.json else marks.format_page(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
