"""The report of `edge-digits profile`: which model to use here and why, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_runtime.models import manifest
from edge_runtime.profiling import host
from edge_runtime.profiling.comparison import Ratio, describe
from edge_runtime.profiling.timing import calls_for, shown
from edge_runtime.profiling.workloads import MIN_AGREEMENT

_CAMERA_FPS = 30


def render(record: dict[str, Any], model: str) -> str:
    """Render the measurements as text; `model` is the one that camera frames were read with."""
    lines = [
        *_advice(record),
        "",
        host.describe(record["host"]),
        "  ".join(f"{name} {version}" for name, version in record["versions"].items()),
        *_state_lines(record),
    ]
    for reading in record["reading"]:
        lines += ["", *_reading_lines(reading)]
    lines += ["", *_frame_lines(record, model), "", *_latency_lines(record), "", *_cold_start_lines(record)]
    lines += _energy_lines(record)
    return "\n".join(lines)


def _advice(record: dict[str, Any]) -> list[str]:
    """Which of the two precisions to use, and why: two lines."""
    reading = record["reading"][-1]  # of the user's own images, if there are any
    ratio = Ratio(**reading["ratio"]["int8"])
    int8, float_ = (f"{reading['us'][name]['p50'] / 1000:.2f} ms" for name in ("int8", "float"))
    what = "for your images" if len(record["reading"]) > 1 else "for a page"
    if record["agreement"] < MIN_AGREEMENT:
        choice = "Use float (--model float): INT8 reads wrongly on this CPU"
    elif not ratio.differs(reading["noise"]):
        choice = f"Use INT8, the default: {_sizes()}, and no slower here"
    elif ratio.value < 1:
        choice = "Use INT8, the default: it is faster here"
    else:
        choice = "Use float (--model float): it is faster here"
    agreed = reading["agreement"]["int8"]
    return [
        f"{choice}; {int8} {what}, float {float_} (p50), {describe(reading, 'int8')}.",
        f"They agree on {_share(agreed, 'digits')}, {_share(agreed, 'numbers')}, and "
        f"{record['agreement']:.1%} of synthetic tiles.",
    ]


def _share(agreed: dict[str, int], what: str) -> str:
    return f"{agreed[f'same_{what}']} of {agreed[what]} {what}"


def _sizes() -> str:
    """How large the models are."""
    kilobytes = {
        name: sum(entry.bytes for entry in manifest.entries() if entry.name == name) // 1000
        for name in ("int8", "float")
    }
    return f"it is smaller ({kilobytes['int8']} kB, float {kilobytes['float']} kB)"


def _state_lines(record: dict[str, Any]) -> Iterator[str]:
    """Temperature, clock and throttle flags before and after, where the machine tells."""
    before, after = record["before"], record["after"]
    for key, text in (("celsius", "{:.1f} °C"), ("clock_mhz", "{} MHz"), ("throttled", "throttle flags {}")):
        if after.get(key) is not None:
            old = "unknown" if before.get(key) is None else text.format(before[key])
            yield f"before and after: {old}, {text.format(after[key])}"
    if after.get("throttled") not in (None, "0x0"):
        yield f"The board throttled (flags {after['throttled']}); check its cooling and its power supply."


def _reading_lines(reading: dict[str, Any]) -> Iterator[str]:
    names = list(reading["us"])
    width = max(8, *(len(_short(name)) for name in names))
    what = reading["input"] if reading["images"] == 1 else f"{reading['images']} images, one after another"
    yield f"reading {what}, on one core, ms:"
    heads = " ".join(f"{head:>9}" for head in ("p50", "p90", "p99"))
    yield f"  {'model':<{width}} {heads} {'per second':>11} {'calls':>7}  vs float"
    for name in names:
        times = reading["us"][name]
        cells = " ".join(f"{shown(times, quantile, 1000):>9}" for quantile in ("p50", "p90", "p99"))
        rate = f"{1e6 / times['mean']:.1f}"
        yield f"  {_short(name):<{width}} {cells} {rate:>11} {times['count']:>7}  {describe(reading, name)}"
    for name, taken in reading["stages_ms"].items():
        stages = "   ".join(f"{stage} {ms:.2f}" for stage, ms in taken.items())
        yield f"  {_short(name):<{width}} {stages}   (means)"
    yield f"  noise: float differs from itself by up to {reading['noise']:.1%}"
    if len(names) > 2 or reading["images"] > 1:
        for name, agreed in reading["agreement"].items():
            shares = ", ".join(_share(agreed, what) for what in ("digits", "numbers", "images"))
            yield f"  {_short(name)} agrees with float on {shares}"
    fewest = min(reading["us"].values(), key=lambda times: times["count"])
    if fewest["count"] < calls_for("p99"):
        needed = math.ceil(calls_for("p99") * fewest["p50"] / 1e6 * 1.5)
        yield f"  -: too few calls for this percentile; p99 needs {calls_for('p99')} (--seconds {needed})"


def _frame_lines(record: dict[str, Any], model: str) -> Iterator[str]:
    stages = record["frame_ms"]
    total = sum(stages.values())
    yield f"a camera frame of {record['reading'][0]['size']} px with {_short(model)}, ms:"
    yield "  " + "   ".join(f"{name} {value:.2f}" for name, value in stages.items())
    load = total * _CAMERA_FPS / 1000
    yield (
        f"  {total:.2f} in all: "
        + (f"{load:.0%} of one core at {_CAMERA_FPS} frames per second" if load <= 1 else "")
        + (f"at most {1000 / total:.1f} frames per second" if load > 1 else "")
    )


def _latency_lines(record: dict[str, Any]) -> Iterator[str]:
    width = max(8, *(len(_short(name)) for name in record["latency"][0]["us"]))
    percentiles = " ".join(f"{name + ' us':>9}" for name in ("p50", "p90", "p99"))
    yield "the classifier alone:"
    yield f"threads  batch  {'model':<{width}} {percentiles}  {'calls':>7}  vs float"
    for entry in record["latency"]:
        for name, times in entry["us"].items():
            cells = " ".join(f"{shown(times, quantile):>9}" for quantile in ("p50", "p90", "p99"))
            yield (
                f"{entry['threads']:>7}  {entry['batch']:>5}  {_short(name):<{width}} {cells}  "
                f"{times['count']:>7}  {describe(entry, name)}"
            )


def _cold_start_lines(record: dict[str, Any]) -> Iterator[str]:
    yield "cold start, from starting a process to its first result:"
    width = max(14, *(len(_short(name)) for name in record["cold_start"]))
    for name, cold in record["cold_start"].items():
        label = "imports only" if name == "imports" else _short(name)
        peak = "" if cold["peak_mb"] is None else f", peak memory {cold['peak_mb']:.0f} MB"
        yield f"  {label:<{width}} {cold['ms']:.0f} ms{peak}"
    for name, parts in record["cold_parts"].items():
        steps = "   ".join(f"{part} {ms:.0f}" for part, ms in parts.items())
        yield f"  {_short(name)} step by step, in other processes, ms: {steps}"


def _energy_lines(record: dict[str, Any]) -> Iterator[str]:
    if used := record["energy_mj"]:
        yield ""
        yield "energy of reading a synthetic page, all that the processor used meanwhile, mJ:"
        yield "  " + "   ".join(f"{_short(name)} {value:.0f}" for name, value in used.items())


def _short(model: str) -> str:
    """The name of a model, or the end of its path, which is enough to tell runs apart."""
    return "/".join(Path(model).parts[-3:])
