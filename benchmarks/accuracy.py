"""Accuracy of the contenders, through the functions that are timed: on MNIST and on drawn digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders import PRECISIONS, Contender, classifiers, readers
from benchmarks.mnist import load_test_set
from benchmarks.pages import PAGES, count_found
from edge_runtime import DigitReader
from edge_runtime.contract import BACKGROUND
from edge_runtime.models import manifest
from edge_runtime.reading.tile import make_tile
from train.synthetic import strokes

DRAWN = 1000  # tiles

_BINS = 15
_CALL = 64  # tiles per call
_SEED = 5


def mnist(data: Path) -> Iterator[dict[str, Any]]:
    """Yield one result per classifier: accuracy by argmax on the test set, mistakes by digit, agreement.

    Of the released ones also calibration, and what `read` makes of the same images: right, rejected, wrong.
    """
    tiles, labels = load_test_set(data)
    entries = {entry.name: entry for entry in manifest.entries() if entry.task == manifest.CLASSIFIER}
    for result in classify(classifiers(1), tiles, labels):
        name = result["contender"]
        if name in PRECISIONS:
            result |= _decisions(DigitReader(name), tiles, labels)
            result["bytes"] = entries[name].bytes
        yield {"kind": "accuracy", **result}


def drawn_tiles() -> Iterator[dict[str, Any]]:
    """Yield one result per classifier on `DRAWN` drawn digits, which need no data set."""
    yield from _drawn("drawn tiles", variation=1.4, noise=0)


def disturbed_tiles() -> Iterator[dict[str, Any]]:
    """The same of an unsteadier hand and with noise: who lost a point on MNIST loses several here."""
    yield from _drawn("disturbed tiles", variation=2.2, noise=100)


def _drawn(data: str, variation: float, noise: float) -> Iterator[dict[str, Any]]:
    """Results on tiles of an unsteady hand; `noise` is the standard deviation of the pixels' levels."""
    generator = np.random.default_rng(_SEED)
    labels = np.arange(DRAWN, dtype=np.int64) % BACKGROUND
    tiles = np.stack([_draw(int(label), variation, generator) for label in labels])
    if noise:
        tiles = np.clip(tiles + generator.normal(0, noise, tiles.shape), 0, 255).astype(np.uint8)
    for result in classify(classifiers(1), tiles, labels):
        yield {"kind": "drawn accuracy", "data": data, **result}


def _draw(value: int, variation: float, generator: np.random.Generator) -> NDArray[np.uint8]:
    """A tile of a digit, with a pen and a slant of its own."""
    pen = float(generator.uniform(4, 14))
    ink = strokes.draw_digit(value, generator, height=72, pen=pen, variation=variation)
    ink = cv2.copyMakeBorder(ink, 12, 12, 12, 12, cv2.BORDER_CONSTANT)
    return make_tile(np.asarray(ink, np.uint8))


def drawn_pages() -> Iterator[dict[str, Any]]:
    """Yield one result per precision: the share of the digits on drawn pages that the whole reading finds."""
    pages = [draw() for draw in PAGES]
    total = sum(len(page.digits) for page in pages)
    for contender in readers():
        found = sum(count_found(page, contender.run(page.image)) for page in pages)
        yield {
            "kind": "drawn accuracy",
            "data": "drawn pages",
            "contender": contender.name,
            "hashes": contender.hashes,
            "images": total,
            "accuracy": round(found / total, 5),
            "mistakes": total - found,
        }


def classify(
    contenders: Sequence[Contender], tiles: NDArray[np.uint8], labels: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    """Yield one result per classifier, of which the first is float: accuracy by argmax, agreement with it."""
    float_values: NDArray[np.int64] | None = None
    for contender in contenders:
        parts = [contender.run(tiles[start : start + _CALL]) for start in range(0, len(tiles), _CALL)]
        values = np.concatenate(parts)[:, :BACKGROUND].argmax(axis=1)
        float_values = values if float_values is None else float_values
        wrong = values != labels
        yield {
            "contender": contender.name,
            "hashes": contender.hashes,
            "own": contender.own,
            "images": len(labels),
            "accuracy": round(1 - float(wrong.mean()), 5),
            "mistakes": int(wrong.sum()),
            "mistakes_by_digit": np.bincount(labels[wrong], minlength=10).tolist(),
            "wrong": np.flatnonzero(wrong).tolist(),
            "agreement_with_float": round(float((values == float_values).mean()), 5),
        }


def _decisions(reader: DigitReader, tiles: NDArray[np.uint8], labels: NDArray[np.int64]) -> dict[str, Any]:
    batch = reader.read_tiles(tiles)
    read = {"right": 0, "rejected": 0, "wrong": 0}
    for reading, label in zip(reader.read_many(list(tiles)), labels.tolist(), strict=True):
        values = [digit.value for digit in reading.digits]
        accepted = [value for value in values if value is not None]
        read["right" if accepted == [label] == values else "wrong" if accepted else "rejected"] += 1
    return {
        "rejected": int(batch.rejected.sum()),
        "wrong_and_accepted": int(((batch.values != labels) & ~batch.rejected).sum()),
        "read": read,
        "calibration_error": round(_calibration_error(batch.confidences, batch.values == labels), 5),
    }


def _calibration_error(confidences: NDArray[np.float32], correct: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al., 2017)."""
    bins = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(float(confidences[bins == index].mean()) - float(correct[bins == index].mean()))
        * float((bins == index).mean())
        for index in range(_BINS)
        if (bins == index).any()
    ]
    return sum(gaps)
