"""The figures of labelled photographs for people: as text, and as a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.photos.figures import SIZES
from benchmarks.photos.scoring import Score, failed

_CHANGES = {
    "right": "one pixel right",
    "down": "one pixel down",
    "brighter": "one grey level brighter",
    "pixels": "each of these three",
    "path": "the file instead of an array",
    "precision": "INT8 against float",
}
_MAX_MISREAD = 8  # kinds of misread digits on the page


def format_page(figures: dict[str, Any], scores: Sequence[Score]) -> str:
    """The figures as text for the terminal, with one line per image that was not read perfectly."""
    lines = [*_positive_lines(figures), *_text_lines(figures), *_negative_lines(figures)]
    lines += _confidence_lines(figures["by_confidence"])
    lines += [f"  {one.image.path.name}: {one.missed} missed, {one.false} false" for one in failed(scores)]
    stages = ", ".join(f"{stage} {ms:.2f}" for stage, ms in figures["ms"].items())
    lines.append(f"median ms per image: {stages}")
    return "\n".join(lines)


def _positive_lines(figures: dict[str, Any]) -> Iterator[str]:
    if "images" not in figures:
        return
    kinds, sources = figures["by_kind"].items(), figures["f1_by_source"].items()
    yield f"{figures['images']} images with {figures['digits']} digits"
    yield f"  F1 {figures['f1']:.3f}: precision {figures['precision']:.3f}, recall {figures['recall']:.3f}"
    yield f"  F1 of digits whose boxes have an IoU of 0.5 or more {figures['f1_at_iou_50']:.3f}"
    yield f"  mean F1 of the sources {figures['f1_mean_of_sources']:.3f}"
    yield f"  detection F1, ignoring the values, {figures['detection_f1']:.3f}"
    yield f"  images read perfectly {figures['perfect']:.1%}"
    yield from _number_lines(figures)
    for name, part in figures.get("by_document", {}).items():
        yield (
            f"  {name}: {part['images']} images with {part['digits']} digits; F1 {part['f1']:.3f}, "
            f"precision {part['precision']:.3f}, recall {part['recall']:.3f}, "
            f"mean F1 of the sources {part['f1_mean_of_sources']:.3f}, read perfectly {part['perfect']:.1%}"
        )
    yield "  F1 by kind: " + ", ".join(
        f"{name} {kind['f1']:.3f} ({kind['perfect']} of {kind['images']} perfect)" for name, kind in kinds
    )
    yield "  F1 by source: " + ", ".join(f"{name} {f1:.3f}" for name, f1 in sources)
    yield "  recall by digit height relative to the longer side of the image:"
    for name, part in figures["by_size"].items():
        if part["digits"]:
            yield (
                f"    {name}: {part['recall']:.3f} of {part['digits']} digits; "
                f"{part['misread']} misread, {part['not_found']} not found"
            )
    common = list(figures["misread_as"].items())[:_MAX_MISREAD]
    names = "; most often " + ", ".join(f"{name}: {count}" for name, count in common) if common else ""
    yield f"  misread digits {figures['misread']}{names}"
    yield from _stability_lines(figures.get("stability", {}))


def _text_lines(figures: dict[str, Any]) -> Iterator[str]:
    if part := figures.get("text_only"):
        yield f"{part['images']} images with {part['digits']} digits of known text, without boxes"
        yield f"  {part['correct']} read, {part['missed']} missed, {part['false']} false, wherever they are"
        yield f"  F1 {part['f1']:.3f}: precision {part['precision']:.3f}, recall {part['recall']:.3f}"
        yield f"  images with exactly these digits {part['perfect']:.1%}"


def _number_lines(figures: dict[str, Any]) -> Iterator[str]:
    for name, part in (
        ("numbers", figures["numbers"]),
        ("numbers of several digits", figures["numbers_of_several_digits"]),
    ):
        if part["found"]:
            yield (
                f"  {name} read whole {part['whole']:.1%} of the {part['found']} whose digits were all read; "
                f"{part['labelled']} are clear in the labels"
            )


def _negative_lines(figures: dict[str, Any]) -> Iterator[str]:
    if "negatives" not in figures:
        return
    yield f"{figures['negatives']} images without a digit"
    yield (
        f"  false digits per image {figures['false_per_negative']:.2f}; "
        f"{figures['clean_negatives']:.1%} of the images have none"
    )
    yield "  false digits per image, by category: " + ", ".join(
        f"{name} {false:.2f}" for name, false in figures["false_by_category"].items()
    )
    if "false_by_group" in figures:
        yield "  false digits per image, by group: " + ", ".join(
            f"{name} {group['false_per_image']:.2f} ({group['images']})"
            for name, group in figures["false_by_group"].items()
        )
    yield from _stability_lines(figures.get("stability_of_negatives", {}))


def _confidence_lines(by_confidence: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    yield "in all images, by --min-confidence (0: the model's own threshold):"
    for least, counts in by_confidence.items():
        yield f"  {least}: {counts['right']} digits right, {counts['wrong']} wrong, {counts['missed']} missed"


def _stability_lines(stability: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    if not stability:
        return
    yield "  images whose text (whose accepted digits) stay the same:"
    text, digits = stability["text"], stability["digits"]
    for name, change in _CHANGES.items():
        if name in text:
            yield f"    {change} {text[name]:.1%} ({digits[name]:.1%})"


def draw_chart(figures: dict[str, Any], path: Path) -> None:
    """Draw recall by digit height, and the shares of stability if they were measured.

    Raises `BenchmarkError` without labelled digits, and if the file cannot be written.
    """
    from matplotlib.figure import Figure

    if "by_size" not in figures:
        raise BenchmarkError("no chart without labelled digits: the folder has no labels.json")
    shares = figures.get("stability", {}).get("text", {})
    figure = Figure(figsize=(11 if shares else 6, 4), layout="constrained")
    axes = figure.subplots(1, 2 if shares else 1, squeeze=False)[0]
    sizes = {name: part for name, part in figures["by_size"].items() if name in SIZES}
    bars = axes[0].bar(
        [f"{name}\n{part['digits']} digits" for name, part in sizes.items()],
        [part["recall"] or 0 for part in sizes.values()],
    )
    axes[0].bar_label(
        bars, ["" if part["recall"] is None else f"{part['recall']:.2f}" for part in sizes.values()]
    )
    axes[0].set(title="Recall by digit height, % of the longer side", ylim=(0, 1.1))
    axes[0].tick_params(axis="x", labelsize=8)
    if shares:
        changes = {text: shares[name] for name, text in _CHANGES.items() if name in shares}
        bars = axes[1].barh(list(changes), list(changes.values()))
        axes[1].bar_label(bars, [f"{share:.0%}" for share in changes.values()], padding=2)
        axes[1].set(title="Images whose text stays the same", xlim=(0, 1.15))
        axes[1].invert_yaxis()
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:  # no such folder, or an unknown file extension
        raise BenchmarkError(f"cannot write {path}: give a .png file in an existing folder") from error
