"""Robustness of the released classifiers: accuracy on corrupted tiles, and rejection of negatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.mnist import load_test_set
from edge_runtime import DigitReader

IMAGES = 2000  # the first tiles of the test set, which are corrupted
NEGATIVES = 1000  # tiles per kind of negative
SEED = 2026

Tiles = NDArray[np.uint8]
Corrupt = Callable[[Tiles, float, np.random.Generator], NDArray[Any]]


def _noise(tile: Tiles, sigma: float, generator: np.random.Generator) -> NDArray[Any]:
    return tile + sigma * generator.normal(size=tile.shape)


def _blur(tile: Tiles, sigma: float, generator: np.random.Generator) -> NDArray[Any]:
    return cv2.GaussianBlur(tile, (0, 0), sigma)


def _contrast(tile: Tiles, factor: float, generator: np.random.Generator) -> NDArray[Any]:
    return tile * factor


def _brightness(tile: Tiles, level: float, generator: np.random.Generator) -> NDArray[Any]:
    return tile.astype(np.float32) + level


def _rotation(tile: Tiles, degrees: float, generator: np.random.Generator) -> NDArray[Any]:
    angle = degrees * generator.choice([-1, 1])
    return cv2.warpAffine(tile, cv2.getRotationMatrix2D((13.5, 13.5), angle, 1), tile.shape[::-1])


def _thickness(tile: Tiles, pixels: float, generator: np.random.Generator) -> NDArray[Any]:
    """Strokes thicker by `pixels`; thinner if it is negative."""
    large = cv2.resize(tile, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    size = round(abs(pixels) * 4) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    changed = cv2.dilate(large, kernel) if pixels > 0 else cv2.erode(large, kernel)
    return cv2.resize(changed, tile.shape[::-1], interpolation=cv2.INTER_AREA)


def _jpeg(tile: Tiles, quality: float, generator: np.random.Generator) -> NDArray[Any]:
    _, packed = cv2.imencode(".jpg", tile, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE))


def _occlusion(tile: Tiles, side: float, generator: np.random.Generator) -> NDArray[Any]:
    y, x = generator.integers(4, 24 - int(side) + 1, 2)
    hidden = tile.copy()
    hidden[y : y + int(side), x : x + int(side)] = 0
    return hidden


def _lines(tile: Tiles, count: float, generator: np.random.Generator) -> NDArray[Any]:
    crossed = tile.copy()
    for _ in range(int(count)):
        angle, offset = generator.uniform(0, np.pi), generator.uniform(-7, 7)
        along = np.array([np.cos(angle), np.sin(angle)]) * 40
        middle = 14 + offset * np.array([-np.sin(angle), np.cos(angle)])
        ends = [tuple(np.rint(middle + way * along).astype(int).tolist()) for way in (-1, 1)]
        cv2.line(crossed, ends[0], ends[1], 255, 1, cv2.LINE_AA)
    return crossed


# Five severities of each corruption, the strongest last.
CORRUPTIONS: dict[str, tuple[Corrupt, tuple[float, ...]]] = {
    "noise (sigma)": (_noise, (10, 20, 40, 60, 80)),
    "blur (sigma, px)": (_blur, (0.5, 1, 1.5, 2, 2.5)),
    "contrast (share)": (_contrast, (0.8, 0.6, 0.4, 0.25, 0.15)),
    "brightness (levels)": (_brightness, (20, 50, 80, 120, 160)),
    "rotation (degrees)": (_rotation, (5, 10, 15, 20, 30)),
    "thinner strokes (px)": (_thickness, (-0.25, -0.5, -0.75, -1, -1.25)),
    "thicker strokes (px)": (_thickness, (0.5, 1, 1.5, 2, 3)),
    "JPEG (quality)": (_jpeg, (60, 40, 20, 10, 5)),
    "occlusion (side, px)": (_occlusion, (4, 6, 8, 10, 12)),
    "crossing lines (count)": (_lines, (1, 2, 3, 4, 5)),
}


def missing() -> str:
    """The first package that is needed to draw negatives but not installed, or ""."""
    return next((name for name in ("PIL", "matplotlib", "skimage") if not find_spec(name)), "")


def measure(data: Path, model: str = "int8") -> Iterator[dict[str, Any]]:
    """Yield one result per corruption and one per kind of negative. Raises `BenchmarkError`.

    Rejection is scored by how well confidence separates digits from negatives: the area under the ROC curve,
    and the share of negatives that is accepted at the confidence that 95% of the unchanged digits reach.
    """
    if missing():
        raise BenchmarkError(f"{missing()} is missing: pip install -e '.[train]'")
    tiles, labels = (part[:IMAGES] for part in load_test_set(data))
    reader = DigitReader(model)
    clean = reader.read_tiles(tiles)
    yield _accuracy("none", [0], [float((clean.values == labels).mean())])
    for name, (corrupt, severities) in CORRUPTIONS.items():
        generator = np.random.default_rng(SEED)
        accuracies = []
        for severity in severities:
            corrupted = np.stack([corrupt(tile, severity, generator) for tile in tiles])
            readings = reader.read_tiles(np.clip(np.rint(corrupted), 0, 255).astype(np.uint8))
            accuracies.append(float((readings.values == labels).mean()))
        yield _accuracy(name, list(severities), accuracies)
    digits, threshold = clean.confidences, reader.classifier.info.rejection_threshold
    by_kind = []
    for name, negatives in _draw_negatives():
        by_kind.append(reader.read_tiles(negatives).confidences)
        yield _rejection(name, digits, by_kind[-1], threshold)
    yield _rejection("all negatives", digits, np.concatenate(by_kind), threshold)


def _accuracy(name: str, severities: list[float], accuracies: list[float]) -> dict[str, Any]:
    return {
        "kind": "robustness",
        "disturbance": name,
        "grades": severities,
        "accuracy": [round(accuracy, 4) for accuracy in accuracies],
    }


def _rejection(
    name: str, digits: NDArray[np.float32], negatives: NDArray[np.float32], threshold: float
) -> dict[str, Any]:
    """Score the confidences of digits `[N]` and negatives `[M]`; `threshold` is the model's own."""
    return {
        "kind": "rejection",
        "negatives": name,
        "auroc": round(auroc(digits, negatives), 4),
        "accepted_at_95": round(float((negatives >= float(np.quantile(digits, 0.05))).mean()), 4),
        "accepted": round(float((negatives >= threshold).mean()), 4),
    }


def auroc(positive: NDArray[np.float32], negative: NDArray[np.float32]) -> float:
    """Area under the ROC curve: the share of pairs in which the positive scores higher; ties count half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    upto = np.searchsorted(ordered, positive, side="right")
    return float((below + upto).mean() / 2 / len(negative))


def _draw_negatives() -> Iterator[tuple[str, Tiles]]:
    """Negatives by kind, uint8 `[N, 28, 28]`, drawn as for training but with another seed."""
    from train.synthetic import negatives
    from train.synthetic.handwriting import Handwriting

    no_tiles = Handwriting(np.empty((0, 28, 28), np.uint8), np.empty(0, np.int64), (SEED,))
    for index, (name, (draw, _)) in enumerate(negatives.KINDS.items()):
        generator = np.random.default_rng([SEED, index])
        yield name, np.stack([draw(generator, no_tiles) for _ in range(NEGATIVES)])
