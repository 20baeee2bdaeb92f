"""Scores the reading of photographs in which every digit is labelled with a box.

A labelled folder holds one or both of these files:

- `labels.json`, `{name: {source_repo, kind, digits: [{label, box}], ignore: [box]}}`: images in `photos/`
- `negatives.json`, `{name: {category, ignore: [box]}}`: images without a digit, in `negatives/`

A box is `[x, y, width, height]` in pixels of the image as `cv2.imread` decodes it. `ignore` is optional:
digits that are found there do not count.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.errors import BenchmarkError
from edge_runtime import DigitReader
from edge_runtime.boxes import area, corners, iou
from edge_runtime.images import decode
from edge_runtime.results import Box, Digit, Reading

# Two boxes match if their IoU is at least this, or if one contains the other's centre and its area is at most
# this many times as large.
_MIN_IOU = 0.4
_MAX_AREA = 3


@dataclass(frozen=True)
class LabelledImage:
    """One image with its labels; an image without a digit has none.

    `source` and `kind` are the groups that scores are summed up by.
    """

    path: Path
    source: str
    kind: str
    digits: tuple[tuple[int, Box], ...] = ()
    ignore: tuple[Box, ...] = ()
    negative: bool = False


@dataclass(frozen=True)
class Score:
    """How well one image was read.

    `digits` are those that count; `correct` of them match a label in place and value, and `false` do not;
    `detected` match in place, whatever the value, and `false_detections` do not. `seconds` is the time per
    stage.
    """

    image: LabelledImage
    digits: tuple[Digit, ...]
    correct: int
    false: int
    detected: int
    false_detections: int
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def missed(self) -> int:
        """Labelled digits that were not read, or were read as another digit."""
        return len(self.image.digits) - self.correct

    @property
    def perfect(self) -> bool:
        """Whether no digit is missed and none is false."""
        return self.missed == 0 and self.false == 0


def load(folder: Path) -> list[LabelledImage]:
    """List the images of a labelled folder. Raises `BenchmarkError` if it is not one."""

    def positive(name: str, entry: dict[str, Any]) -> LabelledImage:
        digits = tuple((int(digit["label"]), Box(*digit["box"])) for digit in entry["digits"])
        path = folder / "photos" / name
        return LabelledImage(path, entry["source_repo"], entry["kind"], digits, _ignored(entry))

    def negative(name: str, entry: dict[str, Any]) -> LabelledImage:
        path = folder / "negatives" / name
        return LabelledImage(
            path, entry.get("source", ""), entry["category"], (), _ignored(entry), negative=True
        )

    images = [
        *_entries(folder / "labels.json", positive),
        *_entries(folder / "negatives.json", negative),
    ]
    if not images:
        raise BenchmarkError(f"no labels in {folder}: it needs labels.json, negatives.json or both")
    return images


def _ignored(entry: dict[str, Any]) -> tuple[Box, ...]:
    return tuple(Box(*box) for box in entry.get("ignore", ()))


def _entries(path: Path, parse: Callable[[str, dict[str, Any]], LabelledImage]) -> list[LabelledImage]:
    try:
        return [parse(name, entry) for name, entry in json.loads(path.read_text(encoding="utf-8")).items()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise BenchmarkError(
            f"cannot read {path} ({error!r}); the docstring of benchmarks/photos.py describes its format"
        ) from error


def read_all(images: Sequence[LabelledImage], model: str) -> list[Score]:
    """Read every image with `DigitReader` on one thread. Raises `BenchmarkError` for an unreadable image."""
    reader = DigitReader(model)
    scores = []
    for image in tqdm(images, desc="reading", leave=False, disable=not sys.stderr.isatty()):
        decoded = cv2.imread(str(image.path))
        if decoded is None:
            raise BenchmarkError(f"{image.path} is missing or not an image that OpenCV can decode")
        scores.append(score(image, reader.read(decoded)))
    return scores


def score(image: LabelledImage, reading: Reading) -> Score:
    """Compare a reading with the labels. Rejected digits and those in an `ignore` box do not count."""
    accepted = [digit for digit in reading.digits if digit.value is not None]
    ignored = _contains_centre(corners(image.ignore), corners(digit.box for digit in accepted)).any(axis=0)
    digits = tuple(digit for digit, skip in zip(accepted, ignored, strict=True) if not skip)
    overlaps, matches = _compare((digit.box for digit in digits), (box for _, box in image.digits))
    correct = _count_pairs(overlaps, matches & _same_value(digits, image))
    detected = _count_pairs(overlaps, matches)
    return Score(
        image=image,
        digits=digits,
        correct=correct,
        false=len(digits) - correct,
        detected=detected,
        false_detections=len(digits) - detected,
        seconds=reading.seconds,
    )


def _same_value(digits: Sequence[Digit], image: LabelledImage) -> NDArray[np.bool_]:
    """Whether each of N digits has the value of each of M labels: bool `[N, M]`."""
    values = np.array([digit.value for digit in digits], np.int64)
    labels = np.array([label for label, _ in image.digits], np.int64)
    return np.equal.outer(values, labels)


def _compare(found: Iterable[Box], labelled: Iterable[Box]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """IoU `[N, M]` of N found with M labelled boxes, and whether they match."""
    a, b = corners(found), corners(labelled)
    overlaps = iou(a, b)
    matches = overlaps >= _MIN_IOU
    matches |= _contains_centre(a, b) & (area(a)[:, None] <= _MAX_AREA * area(b)[None])
    matches |= _contains_centre(b, a).T & (area(b)[None] <= _MAX_AREA * area(a)[:, None])
    return overlaps, matches


def _contains_centre(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of N boxes `[N, 4]` contains the centre of each of M boxes `[M, 4]`: bool `[N, M]`."""
    centre = (inner[None, :, :2] + inner[None, :, 2:]) / 2
    return ((outer[:, None, :2] <= centre) & (centre <= outer[:, None, 2:])).all(axis=2)


def _count_pairs(overlaps: NDArray[np.float64], allowed: NDArray[np.bool_]) -> int:
    """Pair N found with M labelled boxes one to one, largest IoU first; return the number of pairs."""
    pairs = sorted(((overlaps[i, j], i, j) for i, j in np.argwhere(allowed).tolist()), reverse=True)
    found: set[int] = set()
    labelled: set[int] = set()
    for _, i, j in pairs:
        if i not in found and j not in labelled:
            found.add(i)
            labelled.add(j)
    return len(found)


def figures(scores: Sequence[Score]) -> dict[str, Any]:
    """Sum up one or more scores: precision, recall, F1 (also by source and kind), false digits, times."""
    result = {
        **_positive_figures([one for one in scores if not one.image.negative]),
        **_negative_figures([one for one in scores if one.image.negative]),
    }
    stages = scores[0].seconds
    result["ms"] = {
        stage: round(1000 * float(np.median([one.seconds[stage] for one in scores])), 3) for stage in stages
    }
    return result


def _positive_figures(scores: Sequence[Score]) -> dict[str, Any]:
    if not scores:
        return {}
    by_source = _grouped(scores, lambda one: one.image.source)
    return {
        "images": len(scores),
        "digits": sum(len(one.image.digits) for one in scores),
        **_rates(scores),
        "detection_f1": round(_f1(scores, any_value=True), 4),
        "f1_mean_of_sources": round(float(np.mean([_f1(group) for group in by_source.values()])), 4),
        "perfect": round(float(np.mean([one.perfect for one in scores])), 4),
        "f1_by_source": {name: round(_f1(group), 4) for name, group in by_source.items()},
        "by_kind": {
            name: {"images": len(group), **_rates(group), "perfect": sum(one.perfect for one in group)}
            for name, group in _grouped(scores, lambda one: one.image.kind).items()
        },
    }


def _negative_figures(scores: Sequence[Score]) -> dict[str, Any]:
    if not scores:
        return {}
    return {
        "negatives": len(scores),
        "false_per_negative": round(float(np.mean([one.false for one in scores])), 4),
        "clean_negatives": round(float(np.mean([one.false == 0 for one in scores])), 4),
        "false_by_category": {
            name: round(float(np.mean([one.false for one in group])), 4)
            for name, group in _grouped(scores, lambda one: one.image.kind).items()
        },
    }


def _grouped(scores: Sequence[Score], key: Callable[[Score], str]) -> dict[str, list[Score]]:
    groups: dict[str, list[Score]] = defaultdict(list)
    for one in scores:
        groups[key(one)].append(one)
    return dict(sorted(groups.items()))


def _rates(scores: Sequence[Score]) -> dict[str, float]:
    correct, false = sum(one.correct for one in scores), sum(one.false for one in scores)
    missed = sum(one.missed for one in scores)
    return {
        "precision": round(correct / max(1, correct + false), 4),
        "recall": round(correct / max(1, correct + missed), 4),
        "f1": round(_f1(scores), 4),
    }


def _f1(scores: Sequence[Score], *, any_value: bool = False) -> float:
    correct = sum(one.detected if any_value else one.correct for one in scores)
    false = sum(one.false_detections if any_value else one.false for one in scores)
    labelled = sum(len(one.image.digits) for one in scores)
    return 2 * correct / max(1, correct + false + labelled)


def page(figures: dict[str, Any], scores: Sequence[Score]) -> str:
    """The figures as text for the terminal, with one line per image that was not read perfectly."""
    lines = []
    if "images" in figures:
        kinds, sources = figures["by_kind"].items(), figures["f1_by_source"].items()
        lines += [
            f"{figures['images']} images with {figures['digits']} digits",
            f"  F1 {figures['f1']:.3f}: precision {figures['precision']:.3f}, recall {figures['recall']:.3f}",
            f"  mean F1 of the sources {figures['f1_mean_of_sources']:.3f}",
            f"  detection F1, ignoring the values, {figures['detection_f1']:.3f}",
            f"  images read perfectly {figures['perfect']:.1%}",
            "  F1 by kind: "
            + ", ".join(
                f"{name} {kind['f1']:.3f} ({kind['perfect']} of {kind['images']} perfect)"
                for name, kind in kinds
            ),
            "  F1 by source: " + ", ".join(f"{name} {f1:.3f}" for name, f1 in sources),
        ]
    if "negatives" in figures:
        categories = figures["false_by_category"].items()
        lines += [
            f"{figures['negatives']} images without a digit",
            f"  false digits per image {figures['false_per_negative']:.2f}; "
            f"{figures['clean_negatives']:.1%} of the images have none",
            "  false digits per image, by category: "
            + ", ".join(f"{name} {false:.2f}" for name, false in categories),
        ]
    lines += [f"  {one.image.path.name}: {one.missed} missed, {one.false} false" for one in _failed(scores)]
    stages = ", ".join(f"{stage} {ms:.2f}" for stage, ms in figures["ms"].items())
    lines.append(f"median ms per image: {stages}")
    return "\n".join(lines)


def _failed(scores: Sequence[Score]) -> list[Score]:
    """The images that were not read perfectly, worst first."""
    failed = (one for one in scores if not one.perfect)
    return sorted(failed, key=lambda one: one.missed + one.false, reverse=True)


_CELL = 320  # px, side of a cell of the contact sheet
_COLUMNS = 6
_MAX_CELLS = 60


def draw_failures(scores: Sequence[Score], path: Path) -> int:
    """Write a contact sheet of the images that were not read perfectly, worst first; return their number.

    Labels are green, correct digits blue, false ones red. Writes nothing if all images were read perfectly.
    Raises `BenchmarkError` if the file cannot be written.
    """
    failed = _failed(scores)
    cells = [_draw_cell(one) for one in failed[:_MAX_CELLS]]
    if not cells:
        return 0
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % _COLUMNS)
    rows = [np.hstack(cells[index : index + _COLUMNS]) for index in range(0, len(cells), _COLUMNS)]
    try:
        written = cv2.imwrite(str(path), np.vstack(rows))
    except cv2.error:  # unknown file extension
        written = False
    if not written:
        raise BenchmarkError(f"cannot write {path}: give a .png or .jpg file in an existing folder")
    return len(failed)


def _draw_cell(one: Score) -> NDArray[np.uint8]:
    image = decode.decode_colour(one.image.path.read_bytes())
    scale = min(_CELL / image.shape[1], (_CELL - 20) / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    def outline(box: Box, text: str, colour: tuple[int, int, int]) -> None:
        x, y = round(box.x * scale), round(box.y * scale)
        corner = (x + round(box.width * scale), y + round(box.height * scale))
        cv2.rectangle(image, (x, y), corner, colour, 1)
        cv2.putText(image, text, (x, max(9, y - 2)), cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, 1, cv2.LINE_AA)

    for label, box in one.image.digits:
        outline(box, str(label), (0, 160, 0))
    _, matches = _compare((digit.box for digit in one.digits), (box for _, box in one.image.digits))
    correct = (matches & _same_value(one.digits, one.image)).any(axis=1)
    for digit, is_correct in zip(one.digits, correct, strict=True):
        outline(digit.box, str(digit.value), (220, 90, 0) if is_correct else (0, 0, 230))
    cell = np.full((_CELL, _CELL, 3), 255, np.uint8)
    cell[: image.shape[0], : image.shape[1]] = image
    title = f"{one.image.path.name[:26]} -{one.missed} +{one.false}"
    cv2.putText(cell, title, (3, _CELL - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return cell
