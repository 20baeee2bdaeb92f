"""Reports of the contest: the page of a record, and the tables for the README."""

from __future__ import annotations

from typing import Any

from benchmarks.bounds import invalid
from benchmarks.markdown import conditions, table
from benchmarks.record import Record
from edge_runtime.profiling.comparison import describe
from edge_runtime.profiling.timing import shown

_LABELS = {"int8": "**edge-digits INT8**", "float": "edge-digits float"}


def format_page(record: Record) -> str:
    """The page of a record of `python -m benchmarks contenders`."""
    about = record.of_kind("contenders")[0]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    left_out = [f"- {name}: {reason}" for name, reason in about["left_out"].items()]
    parts = [
        f"# Contenders {record.name}",
        "Made by `python -m benchmarks contenders`; all figures are from the record of the same name.",
        conditions(record),
        *([f"Other packages: {versions}."] if versions else []),
        *(f"**{line}.**" for line in invalid(record)),
        "## On tiles",
        "The runtimes have the weights of the released classifier; models named as files have their own. "
        "Accuracy is that of the argmax on the MNIST test set, through the function that is timed.",
        _tile_table(record),
        "## SingleStream: one tile after another, microseconds",
        _times(record.of_kind("single stream")[0], 1.0),
        "## Offline: tiles per second",
        _offline_table(record),
        *_image_parts(record),
        *(["## Left out", "\n".join(left_out)] if left_out else []),
    ]
    return "\n\n".join(parts) + "\n"


def format_tables(record: Record) -> str:
    """The tables for the README."""
    page = f"[{record.name}](benchmarks/results/contenders/{record.name}.md)"
    single = record.of_kind("single stream")[0]
    text = (
        "Times in these tables are relative to edge-digits INT8, which took turns with all others in one "
        f"run, on one thread. At batch 1, a difference below {single['noise']:.1%} is noise. Record: {page}."
    )
    images = record.of_kind("image accuracy")
    return "\n\n".join([_tile_table(record), *([image_table(record)] if images else []), text])


def _name(contender: str) -> str:
    return _LABELS.get(contender, contender)


def _tile_table(record: Record) -> str:
    single = record.of_kind("single stream")[0]
    offline = record.of_kind("offline")[0]
    return table(
        ("classifier", "MNIST test set", "mistakes", "time, batch 1", f"time, batch {offline['batch']}"),
        (
            (
                _name(r["contender"]),
                f"{r['accuracy']:.2%}",
                r["mistakes"],
                describe(single, r["contender"]),
                describe(offline, r["contender"]),
            )
            for r in record.of_kind("accuracy")
        ),
    )


def image_table(record: Record) -> str:
    """What each contender has read of the labelled images."""
    timed = record.of_kind("single stream")[-1]
    first = record.of_kind("image accuracy")[0]
    return table(
        (
            f"{first['images']} images, {first['digits']} digits",
            *("read", "missed", "false", "F1", "images without error"),
            f"false digits per image, {first['negatives']} without digits",
            "time per image",
        ),
        (
            (
                _name(r["contender"]),
                *(r["right"], r["missed"], r["false"], f"{r['f1']:.3f}", f"{r['accuracy']:.1%}"),
                f"{r['false_on_negatives'] / r['negatives']:.2f}" if r["negatives"] else "-",
                describe(timed, r["contender"]),
            )
            for r in record.of_kind("image accuracy")
        ),
    )


def _times(result: dict[str, Any], unit: float) -> str:
    times = table(
        ("contender", "p50", "p90", "p99", "calls", f"relative to {result['baseline']}"),
        (
            (
                name,
                *(shown(each, quantile, unit) for quantile in ("p50", "p90", "p99")),
                each["count"],
                describe(result, name),
            )
            for name, each in result["us"].items()
        ),
    )
    return f"{times}\n\nNoise, how far {result['baseline']} differs from itself: {result['noise']:.1%}."


def _offline_table(record: Record) -> str:
    result = record.of_kind("offline")[0]
    rates = table(
        ("batch", "contender", "per second", f"time relative to {result['baseline']}"),
        (
            (result["batch"], name, f"{rate:.0f}", describe(result, name))
            for name, rate in result["per_second"].items()
        ),
    )
    return f"{rates}\n\nNoise: {result['noise']:.1%}."


def _image_parts(record: Record) -> list[str]:
    if not record.of_kind("image accuracy"):
        return []
    return [
        "## On labelled images",
        "A digit counts as read if the image has one of its value left, wherever it is: programs that read "
        "text have no boxes of digits, and of what they read, only digits count. Images with areas to ignore "
        "are left out. Decoding is not timed. Tesseract is a process for each image, and is told to look for "
        "digits only (`--psm 11`).",
        image_table(record),
        "Times of an image, milliseconds:",
        _times(record.of_kind("single stream")[-1], 1000),
    ]
