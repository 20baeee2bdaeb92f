"""A record made readable: a Markdown page of tables and a plot."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.cpus import EMULATOR
from benchmarks.errors import BenchmarkError
from benchmarks.record import Record


def write_report(record: Record, folder: Path) -> tuple[Path, Path]:
    """Write `NAME.md` and `NAME.png` into `folder`; return their paths."""
    page, plot = folder / f"{record.name}.md", folder / f"{record.name}.png"
    text = _markdown(record, plot.name)
    _plot(record, plot)
    page.write_text(text, encoding="utf-8")
    return page, plot


def summary(record: Record) -> str:
    """The figures that a reader of the README wants, as a Markdown table."""
    accuracy = {result["contender"]: result for result in record.of_kind("accuracy")}
    single = {result["batch"]: result for result in record.of_kind("latency") if result["threads"] == 1}
    process = {result["contender"]: result for result in record.of_kind("process")}
    names = {"int8": "INT8", "float": "float ONNX", "torch": "PyTorch eager"}
    rows = [
        (
            label,
            f"{accuracy[name]['accuracy']:.2%}",
            f"{accuracy[name]['bytes'] / 1000:.0f} kB" if "bytes" in accuracy[name] else "-",
            *(f"{single[batch]['ratio_to_float'][name]:.2f}" for batch in (1, 64)),
            f"{process[name]['ratio_to_imports']:.2f}",
            f"{process[name]['peak_mb']:.0f} MB",
        )
        for name, label in names.items()
        if name in accuracy
    ]
    head = ("", "MNIST test set", "size", "time, batch 1", "time, batch 64", "cold start", "peak memory")
    return _table(head, rows)


def _markdown(record: Record, plot: str) -> str:
    parts = [
        f"# Benchmark {record.name}",
        "Made by `python -m benchmarks run` and `report`; every figure is from the record of the same name. "
        "Times depend on the machine and its other work: compare ratios.",
        _conditions(record),
        f"![Latency and accuracy]({plot})",
        "## Accuracy on MNIST's test set",
        _table(
            ("model", "accuracy", "mistakes", "by digit 0..9", "agrees with float", "rejected", "size"),
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
        ),
        "## The INT8 models on other kinds of CPU, emulated",
        _table(
            ("network", "CPU", "given", "same decision", "scores bit for bit the same", "largest difference"),
            (
                (
                    r["task"],
                    r["cpu"],
                    f"{r['count']} of {r['tiles']}" if r["count"] > 1 else r["tiles"],
                    f"{r['same_digit']:.1%}",
                    f"{r['identical']:.1%}",
                    f"{r['largest_difference']:.2g}",
                )
                for r in record.of_kind("cpu")
            ),
        )
        if record.of_kind("cpu")
        else f"Not measured: {EMULATOR} was not installed.",
        "## Latency of one call, microseconds",
        _table(
            ("threads", "batch", "model", "p50", "p90", "p99", "calls", "p50 to float's"),
            (
                (
                    r["threads"],
                    r["batch"],
                    name,
                    *(f"{timing[quantile]:.1f}" for quantile in ("p50", "p90", "p99")),
                    timing["count"],
                    f"{r['ratio_to_float'][name]:.2f}",
                )
                for r in record.of_kind("latency")
                for name, timing in r["us"].items()
            ),
        ),
        "## A process from start to its first answer",
        _table(
            ("process", "ms", "to the bare imports", "peak MB"),
            (
                (r["contender"], f"{r['ms']:.0f}", f"{r['ratio_to_imports']:.2f}", r["peak_mb"])
                for r in record.of_kind("process")
            ),
        ),
        "## A folder of MNIST's images as PNG files, one core, start-up excluded",
        _table(
            ("images", "classify, images/s", "bare imdecode, images/s", "ratio", "peak MB of classify"),
            (
                (
                    r["images"],
                    r["per_second"]["classify"],
                    r["per_second"]["imdecode"],
                    f"{r['ratio_to_imdecode']:.2f}",
                    r["peak_mb"]["classify"],
                )
                for r in record.of_kind("folder")
            ),
        ),
        "## A page of ten digits",
        "Median milliseconds; the reference is one pass of `cv2.adaptiveThreshold` and "
        "`cv2.connectedComponentsWithStats` over the same page, alternated with the reader.",
        _table(
            ("size", "grey", "detect", "tile", "classify", "draw", "read", "reference", "read to reference"),
            (
                (
                    r["size"],
                    *(f"{ms:.2f}" for ms in r["ms"].values()),
                    f"{r['read_ms']:.2f}",
                    f"{r['reference_ms']:.2f}",
                    f"{r['ratio_to_reference']:.2f}",
                )
                for r in record.of_kind("frame")
            ),
        ),
        robustness_page(record.results, "int8"),
    ]
    return "\n\n".join(parts) + "\n"


def robustness_page(results: Iterable[dict[str, Any]], model: str) -> str:
    """Accuracy under graded disturbances and refusal of what is no digit, as Markdown."""
    results = list(results)
    if not any(r["kind"] == "refusal" for r in results):
        return "Robustness was not measured: it takes the packages of the extra `train`."
    return "\n\n".join(
        [
            f"## Disturbed tiles, {model}",
            _table(
                ("disturbance", "grades", "accuracy, grade by grade"),
                (
                    (
                        r["disturbance"],
                        ", ".join(f"{grade:g}" for grade in r["grades"]),
                        ", ".join(f"{accuracy:.1%}" for accuracy in r["accuracy"]),
                    )
                    for r in results
                    if r["kind"] == "robustness"
                ),
            ),
            f"## What is no digit, {model}",
            _table(
                ("tiles", "AUROC", "accepted where 95 % of digits are", "accepted as shipped"),
                (
                    (r["others"], f"{r['auroc']:.4f}", f"{r['accepted_at_95']:.1%}", f"{r['accepted']:.1%}")
                    for r in results
                    if r["kind"] == "refusal"
                ),
            ),
        ]
    )


def live_summary(record: Record) -> str:
    """The figures of a record of `python -m benchmarks live` for the README: a paragraph."""
    videos, load = record.of_kind("videos")[0], record.of_kind("load")[0]
    delays = record.of_kind("delay")
    middle, share = (sorted(each[name] for each in delays) for name in ("p50_ms", "share_of_core"))
    page = f"benchmarks/results/live/{record.name}"
    worst = max(each["p99_ms"] for each in delays)
    wrong, late = videos["wrong_events_per_1000_frames"], videos["delay_frames"]["p90"]
    text = (
        f"Live, on drawn videos of 640x480 at 30 frames a second: {middle[0]:.1f} to {middle[-1]:.1f} ms from "
        f"a frame's arrival to its result (p50; p99 at most {worst:.1f} ms), {share[0]:.0%} to "
        f"{share[-1]:.0%} of one core. Of the digits that settle {videos['track_accuracy']:.1%} are right, "
        f"{wrong:.2f} events in 1,000 frames are wrong, and a number is told within {late} frames (p90). "
        f"With {load['clients']} clients the API's p99 is {load['p99_ms']:.0f} ms, and the camera gives "
        f"{load['camera_fps']['loaded']:.1f} frames a second. From [{page}]({page}.md)."
    )
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)


def live_page(record: Record) -> str:
    """The page of a record of `python -m benchmarks live`."""
    videos, total = record.of_kind("video"), record.of_kind("videos")[0]
    memory, load, drops = (record.of_kind(kind)[0] for kind in ("memory", "load", "drops"))
    parts = [
        f"# Live reading, {record.name}",
        "Made by `python -m benchmarks live`; every figure is from the record of the same name. The videos "
        "are drawn (`benchmarks/videos.py`), 640x480 at 30 frames a second; nothing was tuned on these seeds. "
        "Times depend on the machine and its other work.",
        _conditions(record),
        "## Steadiness",
        f"{total['frames']} frames, {total['model']}: of {total['confirmed_tracks']} digits that confirmed, "
        f"{total['track_accuracy']:.2%} were always right while they could be seen; "
        f"{total['wrong_events_per_1000_frames']:.2f} wrong events in 1,000 frames; "
        f"{total['label_changes_per_digit']:.3f} changes of label a digit; {total['found']:.1%} of the "
        f"digits that could be seen for a second or more confirmed; {total['told']:.1%} of the numbers that "
        "stood wholly in view for two seconds were told, half of them within "
        f"{total['delay_frames']['p50']} frames, nine in ten within {total['delay_frames']['p90']}. What was "
        "true up to 10 frames ago is right for a digit, up to 45 frames ago for an event; a number that "
        "leaves while all of it has been in view for 10 frames is wrong.",
        _table(
            (
                "video",
                "frames",
                "confirmed",
                "right",
                "label changes",
                "events",
                "wrong",
                "found",
                "numbers told",
            ),
            (
                (
                    r["video"],
                    r["frames"],
                    r["confirmed_tracks"],
                    r["right_tracks"],
                    r["label_changes"],
                    r["events"],
                    "; ".join([str(r["wrong_events"]), *r["wrong"]]),
                    f"{r['found_digits']} of {r['lasting_digits']}",
                    f"{r['told_numbers']} of {r['lasting_numbers']}",
                )
                for r in videos
            ),
        ),
        "## From a frame's arrival to its result, and what it costs",
        "One core, a Motion JPEG stream of 30 frames a second; receiving and decoding it is part of the "
        "cost, drawing is not. Delays are of the frames that were read; the others show nothing new.",
        _table(
            ("video", "fps", "read", "p50 ms", "p90 ms", "p99 ms", "longest ms", "share of the core"),
            (
                (
                    r["video"],
                    r["fps"],
                    f"{r['read']} of {r['frames']}",
                    r["p50_ms"],
                    r["p90_ms"],
                    r["p99_ms"],
                    r["max_ms"],
                    f"{r['share_of_core']:.0%}",
                )
                for r in record.of_kind("delay")
            ),
        ),
        "## Memory",
        f"Resident over {memory['frames']} frames, a reading every twentieth of them, in MB: "
        f"{', '.join(f'{size:.0f}' for size in memory['resident_mb'])}. From the second to the last it grew "
        f"by {memory['growth_mb']} MB.",
        f"## {load['clients']} clients for {load['seconds']:.0f} s beside a camera",
        "Each sends the next 640x480 image as soon as it has an answer, and waits as long as it is told "
        f"when it is rejected; {load['read_per_second']} images were read a second.",
        _table(
            ("answers by status", "200: p50 ms", "p90 ms", "p99 ms", "all: p99 ms"),
            [
                (
                    ", ".join(f"{status}: {count}" for status, count in load["statuses"].items()),
                    *(load[f"p{share}_ms"] for share in (50, 90, 99)),
                    load["all_p99_ms"],
                )
            ],
        ),
        _table(
            ("the camera meanwhile", "frames a second", "p99 ms"),
            ((when, load["camera_fps"][when], load["camera_p99_ms"][when]) for when in ("alone", "loaded")),
        ),
        "## Lost streams",
        f"{drops['drops']} drops of {drops['away_s']} s; noticed after {drops['noticed_s']} s, back "
        f"{drops['returned_s']} s after the stream was. Events: {', '.join(drops['events'])}.",
    ]
    return "\n\n".join(parts) + "\n"


def _conditions(record: Record) -> str:
    about, host = record.conditions, record.conditions["host"]
    if "runs" not in about:
        raise BenchmarkError(f"{record.path} was made by an older version, whose report is beside it")
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    return (
        f"{host['cpu']}, {host['cores']} cores, {' '.join(host['flags'])}; {host['system']}; {versions}; "
        f"training runs {', '.join(f'`{run}`' for run in about['runs'])}; {about['started']}."
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _plot(record: Record, path: Path) -> None:
    """Draw latency by batch size on one thread, and accuracy against size."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    latency, trade = figure.subplots(1, 2)
    single = [r for r in record.of_kind("latency") if r["threads"] == 1]
    for name in single[0]["us"] if single else ():
        batches = [r["batch"] for r in single]
        latency.plot(batches, [r["us"][name]["p50"] / r["batch"] for r in single], marker="o", label=name)
    latency.set(
        xscale="log", yscale="log", xlabel="batch", ylabel="us an image (p50)", title="Latency, one thread"
    )
    latency.set_xticks([r["batch"] for r in single], [str(r["batch"]) for r in single], minor=False)
    latency.minorticks_off()
    latency.grid(alpha=0.3)
    if single:
        latency.legend()
    shipped = [result for result in record.of_kind("accuracy") if "bytes" in result]
    for result in shipped:
        size, percent = result["bytes"] / 1000, result["accuracy"] * 100
        trade.scatter(size, percent, s=60)
        label = f"{result['contender']} {percent:.2f} %"
        trade.annotate(label, (size, percent), xytext=(0, 10), textcoords="offset points", ha="center")
    # A scale on which a hundredth of a point looks as small as it is.
    percents = [result["accuracy"] * 100 for result in shipped]
    trade.set(xlabel="kB", ylabel="% of MNIST's test set", title="Accuracy and size")
    trade.set(xlim=(0, 1.25 * max(result["bytes"] / 1000 for result in shipped)))
    trade.set(ylim=(min(percents) - 0.5, max(percents) + 0.3))
    trade.grid(alpha=0.3)
    figure.suptitle(f"{record.conditions['host']['cpu']}, {record.conditions['started'][:10]}")
    figure.savefig(path, dpi=110)
