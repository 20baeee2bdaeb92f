"""Figures: sums and means over the scores of many images."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.photos.numbers import find_numbers
from benchmarks.photos.scoring import Score
from benchmarks.photos.stability import CHANGES, has_same_digits, is_same_text
from edge_runtime.results import Reading

# Classes of digit height in percent of the image's longer side, from and below.
SIZES = {
    "below 1.2%": (0.0, 1.2),
    "1.2 to 1.6%": (1.2, 1.6),
    "1.6 to 2%": (1.6, 2.0),
    "2 to 3%": (2.0, 3.0),
    "from 3%": (3.0, float("inf")),
}
_POOLED = {"1.2 to 3%": (1.2, 3.0)}
_CONFIDENCES = (
    0.0,
    0.7,
    0.8,
    0.9,
    0.95,
    0.98,
    0.99,
)  # of --min-confidence; at 0, the model's threshold counts


def sum_up(scores: Sequence[Score]) -> dict[str, Any]:
    """Sum up one or more scores: precision, recall and F1, also by group; false digits, stability, times."""
    result = {
        **_positive_figures([one for one in scores if not one.image.negative and one.image.text is None]),
        **_text_figures([one for one in scores if one.image.text is not None]),
        **_negative_figures([one for one in scores if one.image.negative]),
        "by_confidence": {f"{least:g}": _at_confidence(scores, least) for least in _CONFIDENCES},
    }
    times = [one.reading.seconds for one in scores]
    result["ms"] = {
        stage: round(1000 * float(np.median([each[stage] for each in times])), 3) for stage in times[0]
    }
    return result


def _positive_figures(scores: Sequence[Score]) -> dict[str, Any]:
    if not scores:
        return {}
    by_source = _grouped(scores, lambda one: one.image.source)
    by_document = _grouped(scores, lambda one: "documents" if one.image.group else "others")
    misread = _misread(scores)
    result = {
        **_summary(scores),
        "f1_at_iou_50": round(_f1_of(sum(one.correct_at_half for one in scores), scores), 4),
        "detection_f1": round(_f1(scores, any_value=True), 4),
        "f1_by_source": {name: round(_f1(group), 4) for name, group in by_source.items()},
        "by_kind": {
            name: {"images": len(group), **_rates(group), "perfect": sum(one.perfect for one in group)}
            for name, group in _grouped(scores, lambda one: one.image.kind).items()
        },
        "by_size": {name: _recall(scores, *limits) for name, limits in (SIZES | _POOLED).items()},
        "misread": sum(misread.values()),
        "misread_as": {f"{label} read as {value}": n for (label, value), n in misread.most_common()},
    }
    if "documents" in by_document:
        result["by_document"] = {name: _summary(group) for name, group in by_document.items()}
    if scores[0].varied:
        result["stability"] = _stability(scores)
    return result


def _text_figures(scores: Sequence[Score]) -> dict[str, Any]:
    """Counts of the images of whose digits only the text is known."""
    if not scores:
        return {}
    return {
        "text_only": {
            "images": len(scores),
            "digits": sum(len(one.image.values) for one in scores),
            **{name: sum(getattr(one, name) for one in scores) for name in ("correct", "missed", "false")},
            **_rates(scores),
            "perfect": _mean(one.perfect for one in scores),
        }
    }


def _negative_figures(scores: Sequence[Score]) -> dict[str, Any]:
    if not scores:
        return {}
    result = {
        "negatives": len(scores),
        "false_per_negative": _mean(one.false for one in scores),
        "clean_negatives": _mean(one.false == 0 for one in scores),
        "false_by_category": {
            name: _mean(one.false for one in group)
            for name, group in _grouped(scores, lambda one: one.image.kind).items()
        },
    }
    groups = _grouped([one for one in scores if one.image.group], lambda one: one.image.group)
    if groups:
        result["false_by_group"] = {
            name: {"images": len(group), "false_per_image": _mean(one.false for one in group)}
            for name, group in groups.items()
        }
    if scores[0].varied:
        result["stability_of_negatives"] = _stability(scores)
    return result


def _at_confidence(scores: Sequence[Score], least: float) -> dict[str, int]:
    """Digits right, wrong and missed in all images if those with a confidence below `least` are rejected."""
    right = [
        is_right
        for one in scores
        for digit, is_right in zip(one.digits, one.is_correct, strict=True)
        if digit.confidence >= least
    ]
    labelled = sum(len(one.image.values) for one in scores)
    return {"right": sum(right), "wrong": len(right) - sum(right), "missed": labelled - sum(right)}


def _grouped(scores: Iterable[Score], key: Callable[[Score], str]) -> dict[str, list[Score]]:
    groups: dict[str, list[Score]] = defaultdict(list)
    for one in scores:
        groups[key(one)].append(one)
    return dict(sorted(groups.items()))


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)


def _summary(scores: Sequence[Score]) -> dict[str, Any]:
    by_source = _grouped(scores, lambda one: one.image.source)
    return {
        "images": len(scores),
        "digits": sum(len(one.image.digits) for one in scores),
        **_rates(scores),
        "f1_mean_of_sources": _mean(_f1(group) for group in by_source.values()),
        "perfect": _mean(one.perfect for one in scores),
        "numbers": _whole_numbers(scores),
        "numbers_of_several_digits": _whole_numbers(scores, least=2),
    }


def _whole_numbers(scores: Sequence[Score], least: int = 1) -> dict[str, Any]:
    """How many numbers of at least so many digits were read whole.

    "found" are those of the labelled numbers whose digits were all read. "whole" is the share of these that
    the reading has as a number of exactly these digits.
    """
    labelled, whole = 0, []
    for one in scores:
        read = {label for number in one.numbers for label in number}
        numbers = [number for number in find_numbers(one.image) if len(number) >= least]
        labelled += len(numbers)
        whole += [number in one.numbers for number in numbers if read.issuperset(number)]
    return {
        "labelled": labelled,
        "found": len(whole),
        "whole": _mean(whole) if whole else None,
    }


def _rates(scores: Sequence[Score]) -> dict[str, float]:
    correct, false = sum(one.correct for one in scores), sum(one.false for one in scores)
    missed = sum(one.missed for one in scores)
    return {
        "precision": round(correct / max(1, correct + false), 4),
        "recall": round(correct / max(1, correct + missed), 4),
        "f1": round(_f1(scores), 4),
    }


def _f1(scores: Sequence[Score], *, any_value: bool = False) -> float:
    return _f1_of(sum(one.detected if any_value else one.correct for one in scores), scores)


def _f1_of(correct: int, scores: Sequence[Score]) -> float:
    """F1, given how many of all digits that were read are correct."""
    read = sum(len(one.digits) for one in scores)
    labelled = sum(len(one.image.values) for one in scores)
    return 2 * correct / max(1, read + labelled)


def _recall(scores: Sequence[Score], low: float, high: float) -> dict[str, Any]:
    """Outcomes of the labels with a height of at least `low` and below `high` percent of the longer side."""
    outcomes = [
        (label, value)
        for one in scores
        for (label, box), value in zip(one.image.digits, one.read_as, strict=True)
        if low <= 100 * box.height / one.longer_side < high
    ]
    correct = sum(label == value for label, value in outcomes)
    not_found = sum(value is None for _, value in outcomes)
    return {
        "digits": len(outcomes),
        "recall": round(correct / len(outcomes), 4) if outcomes else None,
        "misread": len(outcomes) - correct - not_found,
        "not_found": not_found,
    }


def _misread(scores: Sequence[Score]) -> Counter[tuple[int, int]]:
    """How often each label was read as each other value."""
    return Counter(
        (label, value)
        for one in scores
        for (label, _), value in zip(one.image.digits, one.read_as, strict=True)
        if value is not None and value != label
    )


def _stability(scores: Sequence[Score]) -> dict[str, dict[str, float]]:
    """Shares of the images whose "text", or whose accepted "digits", stay the same in each variation.

    "pixels" is the share that stays the same under every one of `CHANGES`.
    """
    return {
        "text": _shares(scores, is_same_text),
        "digits": _shares(scores, has_same_digits),
    }


def _shares(scores: Sequence[Score], same: Callable[[Reading, Reading], bool]) -> dict[str, float]:
    stays = [{name: same(one.reading, other) for name, other in one.varied.items()} for one in scores]
    shares = {name: _mean(each[name] for each in stays) for name in stays[0]}
    return {**shares, "pixels": _mean(all(each[name] for name in CHANGES) for each in stays)}
