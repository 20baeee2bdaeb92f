"""`edge-digits profile`, `models` and `doctor`: what this machine and this installation are."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError


def profile(options: argparse.Namespace) -> int:
    """Measure the models on this machine."""
    from edge_runtime.models import manifest
    from edge_runtime.profiling import host, workloads

    def tell(step: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{step}", end="", file=sys.stderr, flush=True)

    names = ["float", "int8"]
    if options.model not in names:
        names.append(str(manifest.find(options.model)))
    record: dict[str, Any] = {"versions": host.versions(), "host": host.host()}
    record["before"] = host.condition()
    tell("comparing the models' answers ...")
    record["agreement"] = workloads.agreement("int8")
    tell("timing the networks ...")
    threads = (1,) if host.cores() == 1 else (1, host.cores())
    record["latency"] = list(
        workloads.latencies(
            lambda count: workloads.open_models(names, count), options.seconds, threads, (1, 8, 64)
        )
    )
    tell("timing a frame ...")
    record["frame_ms"] = workloads.frame_stages(options.seconds, options.model)
    tell("starting processes ...")
    repeats = max(3, round(5 * options.seconds))
    record["cold_start"] = workloads.cold_starts(repeats, workloads.cold_programs(names))
    record["after"] = host.condition()
    tell("")
    print(json.dumps(record) if options.json else _profile_text(record, options.model))
    return 0


def _short(model: str) -> str:
    """A model's name, or the end of its path: enough to tell runs apart."""
    return "/".join(Path(model).parts[-3:])


def _profile_text(record: dict[str, Any], model: str) -> str:
    host = record["host"]
    wide = max(8, *(len(_short(name)) for name in record["latency"][0]["us"]))
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {' '.join(host['flags']) or 'no known integer instructions'}",
        "  ".join(f"{name} {version}" for name, version in record["versions"].items()),
        "",
        f"threads  batch  {'model':<{wide}} {'p50':>9} {'p90':>9} {'p99':>9} us  {'calls':>7}  to float's",
    ]
    for entry in record["latency"]:
        for name, timing in entry["us"].items():
            lines.append(
                f"{entry['threads']:>7}  {entry['batch']:>5}  {_short(name):<{wide}} {timing['p50']:>9.1f} "
                f"{timing['p90']:>9.1f} {timing['p99']:>9.1f}     {timing['count']:>7}  "
                f"{entry['ratio_to_float'][name]:.2f}"
            )
    lines += ["", f"one 640x480 frame of ten digits with {_short(model)}, median ms:"]
    lines.append("  " + "   ".join(f"{name} {value:.2f}" for name, value in record["frame_ms"].items()))
    lines += ["", "from the start of a process to its first answer:"]
    for name, cold in record["cold_start"].items():
        label = "imports alone" if name == "imports" else _short(name)
        peak = "" if cold["peak_mb"] is None else f", peak {cold['peak_mb']:.0f} MB"
        lines.append(f"  {label:<{max(wide, 14)}} {cold['ms']:.0f} ms{peak}")
    ratio = record["latency"][0]["ratio_to_float"]["int8"]
    winner, advice = ("INT8", "it is the default") if ratio < 1 else ("float", "use --model float")
    lines += [
        "",
        f"{winner} wins here, {advice}: INT8 takes {ratio:.2f}x float's time (batch 1, one thread, p50).",
    ]
    for name, share in record["latency"][0]["ratio_to_float"].items():
        if name not in ("float", "int8"):
            lines.append(f"{_short(name)} takes {share:.2f}x the released float model's time.")
    lines.append(
        f"INT8 and float name the same digit on {record['agreement']:.1%} of 500 drawn tiles on this CPU."
    )
    if record["after"]["throttled"] not in (None, "0x0"):
        lines.append(
            f"This board throttled (flags {record['after']['throttled']}): check its heat and its supply."
        )
    return "\n".join(lines)


def models(options: argparse.Namespace) -> int:
    """List the models that are installed."""
    from dataclasses import asdict

    from edge_runtime.models import manifest

    entries = manifest.entries()
    if options.json:
        print(json.dumps([{**asdict(entry), "path": str(entry.path)} for entry in entries]))
        return 0
    print("task        name   architecture       size  run                         accuracy")
    for entry in entries:
        default = "  (default)" if entry.name == manifest.DEFAULT else ""
        print(
            f"{entry.task:<11} {entry.name:<6} {entry.architecture:<12} {entry.bytes / 1000:>7.1f} kB"
            f"  {entry.run_id:<26}  {entry.accuracy:.2%} of {entry.measured}{default}"
        )
    print(f"files in {manifest.FOLDER}")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Check the installation."""
    from edge_runtime.live.sources import devices
    from edge_runtime.models import manifest
    from edge_runtime.profiling import host, workloads

    report: dict[str, Any] = {
        **host.versions(("pyarrow", "av", "fastapi", "uvicorn")),
        **host.host(),
        **host.opencv_build(),
        "cameras": [f"{each.source}: {each.name}" for each in devices.list_cameras()] or "none found",
    }
    # What is broken is what the report is for: it takes its place and the rest goes on.
    wrong = []
    try:
        for entry in manifest.entries():
            report[f"{entry.task} {entry.name}"] = "intact" if entry.intact() else "DAMAGED"
            if not entry.intact():
                wrong.append(f"{entry.file} is damaged: install edge-digits again")
        agreement = workloads.agreement("int8")
        report["INT8 agrees with float"] = f"{agreement:.1%} of drawn tiles"
        if agreement < 0.95:
            wrong.append("the models disagree on this CPU: use --model float, and please report it")
    except EdgeDigitsError as error:
        wrong.append(str(error))
    report["problems"] = wrong or "none"
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            print(f"{name:<24} {text if text not in (None, '') else '-'}")
    for problem in wrong:
        print_message(problem)
    return 1 if wrong else 0
