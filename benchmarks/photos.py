"""Score readings of labelled photographs: a folder of images with a box around every digit.

The folder holds `labels.json`, {name: {source_repo, kind, digits: [{label, box}], ignore: [box]}} with boxes
[x, y, width, height], and its images in `photos/`; and `negatives.json`, {name: {category, ignore}}, with
images of no digit in `negatives/`. Either may be missing. Boxes are in pixels of the image as OpenCV
decodes it.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.errors import BenchmarkError
from edge_runtime import DigitReader
from edge_runtime.images import decode
from edge_runtime.results import Box, Digit, Reading

# A digit is found where the boxes overlap by so much, or one holds the other's middle and is no larger than
# so many times its area.
LEAST_OVERLAP = 0.4
MOST_AREA = 3

Read = Callable[[NDArray[np.uint8]], tuple[Reading, dict[str, float]]]


@dataclass(frozen=True)
class Labelled:
    """One image and what is in it; an image without a digit has no labels."""

    path: Path
    source: str
    kind: str
    digits: tuple[tuple[int, Box], ...] = ()
    ignore: tuple[Box, ...] = ()
    negative: bool = False


@dataclass(frozen=True)
class Score:
    """How one image was read: `right` of its digits, `false` ones, and `located` whatever their value."""

    image: Labelled
    digits: tuple[Digit, ...]
    right: int
    false: int
    located: int
    unlocated: int
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def missed(self) -> int:
        """Labelled digits that were not read, or as another one."""
        return len(self.image.digits) - self.right

    @property
    def perfect(self) -> bool:
        """Whether nothing is missed and nothing made up."""
        return self.missed == 0 and self.false == 0


def load(folder: Path) -> list[Labelled]:
    """The images of a labelled folder. Raises `BenchmarkError` where it is not one."""

    def with_digits(name: str, about: dict[str, Any]) -> Labelled:
        digits = tuple((int(digit["label"]), Box(*digit["box"])) for digit in about["digits"])
        path = folder / "photos" / name
        return Labelled(path, about["source_repo"], about["kind"], digits, _boxes(about))

    def without(name: str, about: dict[str, Any]) -> Labelled:
        path = folder / "negatives" / name
        return Labelled(path, about.get("source", ""), about["category"], (), _boxes(about), negative=True)

    images = [
        *_listed(folder / "labels.json", with_digits),
        *_listed(folder / "negatives.json", without),
    ]
    if not images:
        raise BenchmarkError(f"no labels.json and no negatives.json in {folder}: name a labelled folder")
    return images


def _boxes(about: dict[str, Any]) -> tuple[Box, ...]:
    return tuple(Box(*box) for box in about.get("ignore", ()))


def _listed(path: Path, entry: Callable[[str, dict[str, Any]], Labelled]) -> list[Labelled]:
    try:
        return [entry(name, about) for name, about in json.loads(path.read_text(encoding="utf-8")).items()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise BenchmarkError(f"{path} is damaged or not of the form that is wanted: {error!r}") from error


def read_all(images: Sequence[Labelled], model: str) -> list[Score]:
    """Read every image with the runtime's own reader, one thread. Raises `BenchmarkError`."""
    reader = DigitReader(model)
    scores = []
    for image in tqdm(images, desc="reading", leave=False, disable=not sys.stderr.isatty()):
        decoded = cv2.imread(str(image.path))
        if decoded is None:
            raise BenchmarkError(f"{image.path} is missing or not an image that OpenCV can decode")
        scores.append(score(image, reader.read(decoded)))
    return scores


def score(image: Labelled, reading: Reading) -> Score:
    """Compare a reading with the labels. What was rejected, or lies where anything goes, does not count."""
    digits = tuple(
        digit
        for digit in reading.digits
        if digit.value is not None and not any(_holds_middle(box, digit.box) for box in image.ignore)
    )
    found = [(digit.value, digit.box) for digit in digits]
    right = _pairs(found, image.digits, by_value=True)
    located = _pairs(found, image.digits, by_value=False)
    return Score(image, digits, right, len(found) - right, located, len(found) - located, reading.seconds)


def _pairs(found: Sequence[Any], labelled: Sequence[Any], *, by_value: bool) -> int:
    """How many of the found digits match a labelled one, one to one, best overlap first."""
    matches = sorted(
        (
            (overlap, i, j)
            for i, (value, box) in enumerate(found)
            for j, (label, truth) in enumerate(labelled)
            if (value == label or not by_value) and (overlap := _match(box, truth)) is not None
        ),
        reverse=True,
    )
    used: tuple[set[int], set[int]] = set(), set()
    for _, i, j in matches:
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
    return len(used[0])


def _match(found: Box, truth: Box) -> float | None:
    """Overlap (intersection over union) of boxes that match, None of those that do not."""
    across = min(found.x + found.width, truth.x + truth.width) - max(found.x, truth.x)
    down = min(found.y + found.height, truth.y + truth.height) - max(found.y, truth.y)
    shared = max(0, across) * max(0, down)
    one, other = found.width * found.height, truth.width * truth.height
    overlap = shared / max(1, one + other - shared)
    if overlap >= LEAST_OVERLAP:
        return overlap
    if _holds_middle(found, truth) and one <= MOST_AREA * other:
        return overlap
    if _holds_middle(truth, found) and other <= MOST_AREA * one:
        return overlap
    return None


def _holds_middle(outer: Box, inner: Box) -> bool:
    x, y = inner.x + inner.width / 2, inner.y + inner.height / 2
    return outer.x <= x <= outer.x + outer.width and outer.y <= y <= outer.y + outer.height


def figures(scores: Sequence[Score]) -> dict[str, Any]:
    """Sum scores up: precision, recall and F1 over all digits and by source and kind, and the rest."""
    positive = [one for one in scores if not one.image.negative]
    negative = [one for one in scores if one.image.negative]
    result: dict[str, Any] = {}
    if positive:
        by_source = _grouped(positive, lambda one: one.image.source)
        result |= {
            "images": len(positive),
            "digits": sum(len(one.image.digits) for one in positive),
            **_rates(positive),
            "detection_f1": round(_f1(positive, located=True), 4),
            "f1_mean_of_sources": round(float(np.mean([_f1(group) for group in by_source.values()])), 4),
            "perfect": round(float(np.mean([one.perfect for one in positive])), 4),
            "f1_by_source": {name: round(_f1(group), 4) for name, group in by_source.items()},
            "by_kind": {
                name: {"images": len(group), **_rates(group), "perfect": sum(one.perfect for one in group)}
                for name, group in _grouped(positive, lambda one: one.image.kind).items()
            },
        }
    if negative:
        result |= {
            "negatives": len(negative),
            "false_per_negative": round(float(np.mean([one.false for one in negative])), 4),
            "clean_negatives": round(float(np.mean([one.false == 0 for one in negative])), 4),
            "false_by_category": {
                name: round(float(np.mean([one.false for one in group])), 4)
                for name, group in _grouped(negative, lambda one: one.image.kind).items()
            },
        }
    stages = scores[0].seconds
    result["ms"] = {
        stage: round(1000 * float(np.median([one.seconds[stage] for one in scores])), 3) for stage in stages
    }
    return result


def _grouped(scores: Sequence[Score], key: Callable[[Score], str]) -> dict[str, list[Score]]:
    groups: dict[str, list[Score]] = defaultdict(list)
    for one in scores:
        groups[key(one)].append(one)
    return dict(sorted(groups.items()))


def _rates(scores: Sequence[Score]) -> dict[str, float]:
    right, false = sum(one.right for one in scores), sum(one.false for one in scores)
    missed = sum(one.missed for one in scores)
    return {
        "precision": round(right / max(1, right + false), 4),
        "recall": round(right / max(1, right + missed), 4),
        "f1": round(_f1(scores), 4),
    }


def _f1(scores: Sequence[Score], *, located: bool = False) -> float:
    right = sum(one.located if located else one.right for one in scores)
    false = sum(one.unlocated if located else one.false for one in scores)
    labelled = sum(len(one.image.digits) for one in scores)
    return 2 * right / max(1, right + false + labelled)


def page(figures: dict[str, Any], scores: Sequence[Score]) -> str:
    """The figures for a person to read."""
    lines = []
    if "images" in figures:
        lines += [
            f"{figures['images']} images, {figures['digits']} digits",
            f"  F1 {figures['f1']:.3f}: precision {figures['precision']:.3f}, recall {figures['recall']:.3f}",
            f"  mean over sources {figures['f1_mean_of_sources']:.3f}",
            f"  found, whatever the value: F1 {figures['detection_f1']:.3f}",
            f"  read perfectly {figures['perfect']:.1%}",
            "  by kind: "
            + ", ".join(
                f"{name} {kind['f1']:.3f} ({kind['perfect']} of {kind['images']} perfect)"
                for name, kind in figures["by_kind"].items()
            ),
            "  by source: " + ", ".join(f"{name} {f1:.3f}" for name, f1 in figures["f1_by_source"].items()),
        ]
    if "negatives" in figures:
        lines += [
            f"{figures['negatives']} images without a digit",
            f"  false digits an image {figures['false_per_negative']:.2f}; "
            f"none in {figures['clean_negatives']:.1%} of them",
            "  by kind: "
            + ", ".join(f"{name} {false:.2f}" for name, false in figures["false_by_category"].items()),
        ]
    lines += [f"  {one.image.path.name}: {one.missed} missed, {one.false} false" for one in _failed(scores)]
    stages = ", ".join(f"{stage} {ms:.2f}" for stage, ms in figures["ms"].items())
    lines.append(f"median milliseconds an image: {stages}")
    return "\n".join(lines)


def _failed(scores: Sequence[Score]) -> list[Score]:
    """What was not read perfectly, worst first."""
    failed = (one for one in scores if not one.perfect)
    return sorted(failed, key=lambda one: one.missed + one.false, reverse=True)


_CELL = 320  # px, of the contact sheet
_COLUMNS = 6
_MOST = 60


def draw_failures(scores: Sequence[Score], path: Path) -> int:
    """Write a contact sheet of the images that were not read perfectly, worst first; return their number.

    Green is what is there, blue what was read rightly, red what was made up or misread.
    """
    failed = _failed(scores)
    cells = [_cell(one) for one in failed[:_MOST]]
    if not cells:
        return 0
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % _COLUMNS)
    rows = [np.hstack(cells[index : index + _COLUMNS]) for index in range(0, len(cells), _COLUMNS)]
    try:
        written = cv2.imwrite(str(path), np.vstack(rows))
    except cv2.error:  # no format of that name
        written = False
    if not written:
        raise BenchmarkError(f"cannot write {path}: name a .png or .jpg file in a folder that is there")
    return len(failed)


def _cell(one: Score) -> NDArray[np.uint8]:
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
    for digit in one.digits:
        right = any(
            label == digit.value and _match(digit.box, box) is not None for label, box in one.image.digits
        )
        outline(digit.box, str(digit.value), (220, 90, 0) if right else (0, 0, 230))
    cell = np.full((_CELL, _CELL, 3), 255, np.uint8)
    cell[: image.shape[0], : image.shape[1]] = image
    title = f"{one.image.path.name[:26]} -{one.missed} +{one.false}"
    cv2.putText(cell, title, (3, _CELL - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return cell
