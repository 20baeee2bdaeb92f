"""`edge-digits profile`: measures the models on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

_BATCHES = (1, 8, 64)


def profile(options: argparse.Namespace) -> int:
    """Measure the models and print a report."""
    from edge_runtime.models import manifest
    from edge_runtime.profiling import host, workloads

    names = ["float", "int8"]
    if options.model not in names:
        names.append(str(manifest.find(options.model)))
    record: dict[str, Any] = {"versions": host.versions(), "host": host.facts()}
    record["before"] = host.state()
    _print_step("comparing the models ...")
    record["agreement"] = workloads.agreement("int8")
    _print_step("timing the networks ...")
    threads = (1,) if host.cores() == 1 else (1, host.cores())
    record["latency"] = list(
        workloads.latencies(
            lambda count: workloads.open_models(names, count), options.seconds, threads, _BATCHES
        )
    )
    _print_step("timing a page ...")
    record["frame_ms"] = workloads.frame_stages(options.seconds, options.model)
    _print_step("starting processes ...")
    repeats = max(3, round(5 * options.seconds))
    record["cold_start"] = workloads.cold_starts(repeats, workloads.cold_programs(names))
    record["after"] = host.state()
    _print_step("")
    print(json.dumps(record) if options.json else render(record, options.model))
    return 0


def _print_step(step: str) -> None:
    """Replace the progress line, if standard error is a terminal."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r\033[K{step}", end="", file=sys.stderr, flush=True)


def render(record: dict[str, Any], model: str) -> str:
    """Render the measurements as text; `model` is the one that the page was read with."""
    host, networks = record["host"], record["latency"][0]
    width = max(8, *(len(_short(name)) for name in networks["us"]))
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {' '.join(host['flags']) or 'no known integer instructions'}",
        "  ".join(f"{name} {version}" for name, version in record["versions"].items()),
        "",
        *_latency_lines(record, width),
        "",
        f"one 640x480 frame with ten digits, {_short(model)}, median ms per stage:",
        "  " + "   ".join(f"{name} {value:.2f}" for name, value in record["frame_ms"].items()),
        "",
        "cold start, from starting a process to its first result:",
    ]
    for name, cold in record["cold_start"].items():
        label = "imports only" if name == "imports" else _short(name)
        peak = "" if cold["peak_mb"] is None else f", peak memory {cold['peak_mb']:.0f} MB"
        lines.append(f"  {label:<{max(width, 14)}} {cold['ms']:.0f} ms{peak}")
    return "\n".join([*lines, "", *_conclusions(record)])


def _latency_lines(record: dict[str, Any], width: int) -> list[str]:
    percentiles = " ".join(f"{name + ' us':>9}" for name in ("p50", "p90", "p99"))
    lines = [f"threads  batch  {'model':<{width}} {percentiles}  {'calls':>7}  vs float"]
    for entry in record["latency"]:
        for name, timing in entry["us"].items():
            lines.append(
                f"{entry['threads']:>7}  {entry['batch']:>5}  {_short(name):<{width}} {timing['p50']:>9.1f} "
                f"{timing['p90']:>9.1f} {timing['p99']:>9.1f}  {timing['count']:>7}  "
                f"{entry['ratio_to_float'][name]:.2f}x"
            )
    return lines


def _conclusions(record: dict[str, Any]) -> list[str]:
    ratios = record["latency"][0]["ratio_to_float"]
    faster, advice = (
        ("INT8", "it is the default") if ratios["int8"] < 1 else ("float", "use it with --model float")
    )
    lines = [
        f"{faster} is faster on this machine; {advice}. INT8 takes {ratios['int8']:.2f}x the time of float "
        "(batch 1, one thread, p50)."
    ]
    for name, ratio in ratios.items():
        if name not in ("float", "int8"):
            lines.append(f"{_short(name)} takes {ratio:.2f}x the time of float.")
    lines.append(f"INT8 and float agree on {record['agreement']:.1%} of drawn tiles on this CPU.")
    throttled = record["after"]["throttled"]
    if throttled not in (None, "0x0"):
        lines.append(f"The board throttled (flags {throttled}); check its cooling and its power supply.")
    return lines


def _short(model: str) -> str:
    """The name of a model, or the end of its path, which is enough to tell runs apart."""
    return "/".join(Path(model).parts[-3:])
