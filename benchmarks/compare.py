"""What moved between two records, and whether accuracy was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.record import Record

ALLOWED_LOSS = 0.0005  # share of the test set
_SHOWN_FROM = 0.05  # ratios that moved by less than this share are noise


def figures(record: Record) -> dict[str, float]:
    """The comparable figures of a record by name. Times appear as ratios: absolute ones do not carry over."""
    found: dict[str, float] = {}
    for result in record.results:
        found.update(_figures_of(result))
    return found


def _figures_of(result: dict[str, Any]) -> Iterator[tuple[str, float]]:
    kind, who = result["kind"], result.get("contender")
    if kind == "accuracy":
        yield f"accuracy, {who}", result["accuracy"]
        if "bytes" in result:
            yield f"bytes, {who}", result["bytes"]
    elif kind == "latency":
        for name, ratio in result["ratio_to_float"].items():
            yield f"latency to float's, {name}, batch {result['batch']}, {result['threads']} threads", ratio
    elif kind == "process":
        yield f"process start to bare imports', {who}", result["ratio_to_imports"]
        if result["peak_mb"] is not None:
            yield f"peak MB, {who}", result["peak_mb"]
    elif kind == "frame" and "ratio_to_reference" in result:
        yield f"a page of {result['size']} to the reference", result["ratio_to_reference"]
    elif kind == "refusal":
        yield f"refusal AUROC, {result['others']}", result["auroc"]
    elif kind == "robustness":
        yield f"disturbed by {result['disturbance']}, mean", sum(result["accuracy"]) / len(result["accuracy"])
    elif kind == "folder":
        yield f"folder of {result['images']}, rate to imdecode's", result["ratio_to_imdecode"]


def moved(before: Record, after: Record) -> list[str]:
    """One line for every figure that differs: accuracy and size at all, the rest by 5 % and more."""
    old, new = figures(before), figures(after)
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            lines.append(f"{name}: only in {(after if name in new else before).name}")
            continue
        exact = name.startswith(("accuracy", "bytes"))
        share = abs(new[name] - old[name]) / max(abs(old[name]), 1e-12)
        if share > (0 if exact else _SHOWN_FROM):
            lines.append(f"{name}: {old[name]:g} -> {new[name]:g}")
    return lines


def accuracy_losses(before: Record, after: Record, allowed: float = ALLOWED_LOSS) -> list[str]:
    """One line for every contender that lost more than `allowed` of its accuracy, or vanished."""
    old, new = ({r["contender"]: r["accuracy"] for r in x.of_kind("accuracy")} for x in (before, after))
    # torch is not installed everywhere; the shipped models are.
    shipped = {name: accuracy for name, accuracy in old.items() if name != "torch" or name in new}
    # A CPU on which the answers changed is a loss of accuracy on every device of its kind.
    changed = [
        f"{r['cpu']}: INT8 decides {1 - r['same_digit']:.2%} of {r['tiles']} otherwise"
        for r in after.of_kind("cpu")
        if r["same_digit"] < 1 - allowed
    ]
    return changed + [
        f"{name}: accuracy {accuracy:.2%} -> {new.get(name, 0):.2%}"
        for name, accuracy in shipped.items()
        if new.get(name, 0.0) < accuracy - allowed - 1e-9
    ]
