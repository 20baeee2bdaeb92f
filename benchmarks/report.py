"""Reports of records: Markdown pages, a plot, and the figures for the README."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import breakdown_report, contest_report, pad
from benchmarks.bounds import invalid
from benchmarks.charts import log_ticks
from benchmarks.errors import BenchmarkError
from benchmarks.folder_report import files_table, folder_page
from benchmarks.live.report import live_page, live_summary
from benchmarks.markdown import conditions, table
from benchmarks.pages_report import pages_page, pages_table
from benchmarks.record import Record
from benchmarks.scale_report import scale_page, scale_tables
from benchmarks.scenarios import CAMERA_FPS
from edge_runtime.profiling.comparison import describe
from edge_runtime.profiling.timing import QUANTILES, calls_for, shown


def write_report(record: Record) -> list[Path]:
    """Write the page of a record, and for `benchmarks run` a plot, beside it; return their paths.

    Raises `BenchmarkError` for a record in an old format.
    """
    page, plot = record.path.with_suffix(".md"), record.path.with_suffix(".png")
    own = _own_report(record)
    try:
        if own:
            text = own[0](record)
        else:
            text = _run_page(record, plot.name)
            _draw_plot(record, plot)
    except (KeyError, IndexError) as error:
        raise BenchmarkError(
            f"cannot make a report of {record.path}: its format is an old one; see the report beside it"
        ) from error
    page.write_text(text, encoding="utf-8")
    return [page] if own else [page, plot]


def readme_text(record: Record) -> str:
    """The figures of a record that the README shows, as Markdown."""
    own = _own_report(record)
    return own[1](record) if own else summary(record)


def _own_report(record: Record) -> tuple[Callable[[Record], str], Callable[[Record], str]] | None:
    """How to write the page and the summary of a record that is not one of `benchmarks run`."""
    reports = {
        "videos": (live_page, live_summary),
        "drawn page": (pages_page, pages_table),
        "contenders": (contest_report.format_page, contest_report.format_tables),
        "pad": (pad.format_page, pad.format_table),
        "files on one core": (folder_page, files_table),
        "cost of an image": (scale_page, scale_tables),
    }
    return next((functions for kind, functions in reports.items() if record.of_kind(kind)), None)


def summary(record: Record) -> str:
    """The main figures of a record of `python -m benchmarks run` as a Markdown table."""
    accuracy = {result["contender"]: result for result in record.of_kind("accuracy")}
    batches = {r["batch"]: r for r in record.of_kind("offline") if r["threads"] == 1}
    # Old records do not compare whole readings.
    pages = [r for r in record.of_kind("single stream") if r["subject"] == "reading"][:1]
    process = {result["contender"]: result for result in record.of_kind("process")}
    labels = {"int8": "INT8", "float": "float ONNX", "torch": "PyTorch eager"}
    rows = [
        (
            labels.get(name, name),
            f"{result['accuracy']:.2%}",
            f"{result['bytes'] / 1000:.0f} kB" if "bytes" in result else "-",
            *(_ratio(each, name) for each in (batches[1], batches[64], *pages)),
            f"{process[name]['ratio_to_imports']:.2f}x" if name in process else "-",
            f"{process[name]['peak_mb']:.0f} MB" if name in process else "-",
        )
        for name, result in sorted(accuracy.items(), key=lambda item: item[0] != "int8")
    ]
    times = ("time, batch 1", "time, batch 64", *["time, one page"] * len(pages))
    head = ("", "MNIST test set", "size", *times, "cold start", "peak memory")
    return table(head, rows)


def _ratio(result: dict[str, Any], name: str) -> str:
    """The time of a contender relative to the baseline's."""
    if name in result["ratio"]:
        return f"{result['ratio'][name]['value']:.2f}x"
    return "1.00x" if name == result.get("baseline", "float") else "-"


def _run_page(record: Record, plot: str) -> str:
    parts = [
        f"# Benchmark {record.name}",
        "Made by `python -m benchmarks run` and `report`; all figures are from the record of the same name. "
        "Times depend on the machine and on its other work: compare ratios.",
        conditions(record),
        *(f"**{line}.**" for line in invalid(record)),
        f"![Latency and accuracy]({plot})",
        *(f"## {title}\n\n{text}" for title, text in sections(record)),
    ]
    return "\n\n".join(parts) + "\n"


def sections(record: Record) -> list[tuple[str, str]]:
    """The sections of the page of a record, without those that it has no results for: title and Markdown."""
    candidates = (
        ("accuracy", "Accuracy on the MNIST test set", _accuracy_table),
        ("drawn accuracy", "Accuracy on what the project draws", _drawn_accuracy_table),
        ("cpu", "INT8 on emulated CPUs, against this one", _cpu_table),
        ("single stream", "SingleStream: one call after another, milliseconds", _single_table),
        ("offline", "Offline: images per second of the classifiers", _offline_table),
        (
            "multi stream",
            f"MultiStream: cameras of {CAMERA_FPS} frames per second, 640x480, that one core holds",
            _multi_table,
        ),
        ("sustained", "Sustained reading", _sustained_table),
        ("process", "Cold start: a process from its start to the first result", _process_table),
        ("cold start", "What a cold start consists of, milliseconds", breakdown_report.cold_table),
        (
            "operators",
            "Operators of the networks, by onnxruntime's profiler",
            breakdown_report.operators_table,
        ),
        (
            "energy",
            "Energy of a reading, all that the processor used meanwhile",
            breakdown_report.energy_table,
        ),
        ("image accuracy", "Labelled images", contest_report.image_table),
        ("folder", "A folder of MNIST images as PNG files, on one core, without start-up", _folder_table),
        ("robustness", "Corrupted tiles, int8", _robustness_table),
        ("rejection", "Negatives, int8", _rejection_table),
    )
    return [(title, make(record)) for kind, title, make in candidates if record.of_kind(kind)]


def _accuracy_table(record: Record) -> str:
    head = ("model", "accuracy", "mistakes", "of the digits 0..9", "agrees with float", "rejected", "size")
    read = "; ".join(
        f"{r['contender']} " + ", ".join(f"{count} {what}" for what, count in r["read"].items())
        for r in record.of_kind("accuracy")
        if "read" in r
    )
    accuracies = table(
        head,
        (
            (
                r["contender"],
                f"{r['accuracy']:.2%}",
                r["mistakes"],
                " ".join(map(str, r["mistakes_by_digit"])),
                f"{r['agreement_with_float']:.2%}",
                r.get("rejected", "-"),
                f"{r['bytes'] / 1000:.1f} kB" if "bytes" in r else "-",
            )
            for r in record.of_kind("accuracy")
        ),
    )
    return f"{accuracies}\n\nOn the same images, `read` gets: {read}." if read else accuracies


def _drawn_accuracy_table(record: Record) -> str:
    return table(
        ("data", "model", "digits", "right"),
        (
            (r["data"], r["contender"], r["images"], f"{r['accuracy']:.2%}")
            for r in record.of_kind("drawn accuracy")
        ),
    )


def _cpu_table(record: Record) -> str:
    results = record.of_kind("cpu")
    return table(
        ("network", "CPU", "input", "same decision", "scores identical", "largest difference"),
        (
            (
                r["task"],
                r["cpu"],
                f"{r['count']} of {r['input']}" if r["count"] > 1 else r["input"],
                f"{r['same_decision']:.1%}",
                f"{r['identical']:.1%}",
                f"{r['largest_difference']:.2g}",
            )
            for r in results
        ),
    )


def _single_table(record: Record) -> str:
    times = table(
        ("what", "model", "p50", "p90", "p99", "p99.9", "calls", "relative to the baseline", "noise"),
        (
            (
                f"{r['subject']}, {r['size'] if 'size' in r else _tiles(r)}",
                name,
                *(shown(times, quantile, 1000) for quantile in QUANTILES),
                times["count"],
                describe(r, name),
                f"{r['noise']:.1%}",
            )
            for r in record.of_kind("single stream")
            for name, times in r["us"].items()
        ),
    )
    return (
        f"{times}\n\nThe baseline is the one with 1.00x, and noise is how far it differs from itself. Ratios "
        "have 95% intervals. A percentile is shown if at least one call lies beyond it with a probability "
        f"of 95%: after {calls_for('p99')} calls for p99, and {calls_for('p999')} for p99.9."
    )


def _tiles(result: dict[str, Any]) -> str:
    return f"batch {result['batch']}, {result['threads']} thread{'s' * (result['threads'] != 1)}"


def _offline_table(record: Record) -> str:
    return table(
        ("threads", "batch", "model", "images per second", "time relative to the baseline"),
        (
            (r["threads"], r["batch"], name, f"{rate:.0f}", _ratio(r, name))
            for r in record.of_kind("offline")
            for name, rate in r["per_second"].items()
        ),
    )


def _multi_table(record: Record) -> str:
    """Cameras, and the p99 with one more if it has enough frames: older records have some with fewer."""
    needed = calls_for("p99")
    held = table(
        ("model", "cameras", "p99 with one more, ms", "bound, ms"),
        (
            (
                r["contender"],
                "not measured" if r["cameras"] is None else r["cameras"],
                next((last["p99_ms"] for last in r["tried"][-1:] if last["frames"] >= needed), "-"),
                r["bound_ms"],
            )
            for r in record.of_kind("multi stream")
        ),
    )
    seconds = f"{needed / CAMERA_FPS:.0f} seconds"
    return f"{held}\n\nA p99 needs {needed} frames; with less than {seconds}, it is not measured."


def _sustained_table(record: Record) -> str:
    return table(
        ("model", "minutes", "last fifth relative to the first", "temperature at the end", "throttle flags"),
        (
            (
                r["contender"],
                f"{r['seconds'] / 60:.1f}",
                f"{r['drift']:.2f}",
                r["windows"][-1]["celsius"] or "unknown",
                r["windows"][-1]["throttled"] or "unknown",
            )
            for r in record.of_kind("sustained")
        ),
    )


def _process_table(record: Record) -> str:
    return table(
        ("process", "ms", "relative to the imports", "peak MB"),
        (
            (r["contender"], f"{r['ms']:.0f}", f"{r['ratio_to_imports']:.2f}", r["peak_mb"])
            for r in record.of_kind("process")
        ),
    )


def _folder_table(record: Record) -> str:
    return table(
        ("images", "edge-digits read, images/s", "cv2.imdecode alone, images/s", "ratio", "peak MB of read"),
        (
            (
                r["images"],
                r["per_second"]["read"],
                r["per_second"]["imdecode"],
                f"{r['ratio_to_imdecode']:.2f}",
                r["peak_mb"]["read"],
            )
            for r in record.of_kind("folder")
        ),
    )


def robustness_page(results: list[dict[str, Any]], model: str) -> str:
    """Results of `benchmarks.robustness` as Markdown."""
    parts = (
        f"## Corrupted tiles, {model}",
        _corrupted(results),
        f"## Negatives, {model}",
        _rejected(results),
    )
    return "\n\n".join(parts)


def _robustness_table(record: Record) -> str:
    return _corrupted(record.results)


def _rejection_table(record: Record) -> str:
    return _rejected(record.results)


def _corrupted(results: list[dict[str, Any]]) -> str:
    return table(
        ("corruption", "severities", "accuracy at each severity"),
        (
            (
                r["disturbance"],
                ", ".join(f"{grade:g}" for grade in r["grades"]),
                ", ".join(f"{accuracy:.1%}" for accuracy in r["accuracy"]),
            )
            for r in results
            if r["kind"] == "robustness"
        ),
    )


def _rejected(results: list[dict[str, Any]]) -> str:
    return table(
        ("tiles", "AUROC", "accepted at 95% of digits accepted", "accepted at the model's threshold"),
        (
            (r["negatives"], f"{r['auroc']:.4f}", f"{r['accepted_at_95']:.1%}", f"{r['accepted']:.1%}")
            for r in results
            if r["kind"] == "rejection"
        ),
    )


def _draw_plot(record: Record, path: Path) -> None:
    """Draw the time of an image by batch size on one thread, and accuracy against size."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    latency, trade_off = figure.subplots(1, 2)
    single = [r for r in record.of_kind("offline") if r["threads"] == 1]
    batches = [r["batch"] for r in single]
    for name in single[0]["per_second"]:
        latency.loglog(batches, [1e6 / r["per_second"][name] for r in single], marker="o", label=name)
    latency.set(title="Offline, one thread", xlabel="batch", ylabel="us per image (mean)")
    log_ticks(latency.xaxis, latency.yaxis)
    latency.set_xticks(batches, [str(batch) for batch in batches])
    latency.grid(alpha=0.3)
    latency.legend()
    released = [result for result in record.of_kind("accuracy") if "bytes" in result]
    for result in released:
        size, percent = result["bytes"] / 1000, result["accuracy"] * 100
        trade_off.scatter(size, percent, s=60)
        label = f"{result['contender']} {percent:.2f}%"
        trade_off.annotate(label, (size, percent), xytext=(0, 10), textcoords="offset points", ha="center")
    trade_off.set(title="Accuracy and size", xlabel="kB", ylabel="% of the MNIST test set")
    # A scale on which a hundredth of a percentage point looks as small as it is.
    percents = [result["accuracy"] * 100 for result in released]
    trade_off.set_xlim(0, 1.25 * max(result["bytes"] / 1000 for result in released))
    trade_off.set_ylim(min(percents) - 0.5, max(percents) + 0.3)
    trade_off.grid(alpha=0.3)
    figure.suptitle(f"{record.conditions['host']['cpu']}, {record.conditions['started'][:10]}")
    figure.savefig(path, dpi=110)
