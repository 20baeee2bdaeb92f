"""Writers: how well the classifier reads digits by held-out writers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.robustness import auroc
from edge_runtime import DigitReader
from edge_runtime.reading.tile import make_tile
from train.synthetic.strokes import render
from train.synthetic.writers import AMBIGUOUS, DIGITS, LONGER_SIDE, PenStrokes

_HEIGHT = 80.0  # px, longer side of a drawn character
_PEN = 9.0  # px, width of its strokes
_SURE = 0.9  # confidence of a reading that a user would trust
_SHOWN = 8  # kinds of misread digits


def load_test_writers(data: Path) -> PenStrokes:
    """The pen strokes of the test writers in `data/pens`. Raises `BenchmarkError` where there are none."""
    from train import pens

    strokes = pens.load_pens(data, "test")
    if strokes is None:
        raise BenchmarkError(f"no pen strokes in {data / 'pens'}; docs/data.md says where to get them")
    return strokes


def measure(data: Path, model: str = "int8") -> dict[str, Any]:
    """Read the characters of the test writers in `data/pens`, drawn as tiles without any variation.

    Digits are classified among the ten digits. Letters that cannot be mistaken for a digit measure rejection:
    the area under the ROC curve by which confidence separates them from digits. Raises `BenchmarkError`
    without pen strokes.
    """
    strokes = load_test_writers(data)
    labels = np.array([str(label) for label in strokes.labels])
    is_digit = np.isin(labels, list(DIGITS))
    is_letter = np.array([label.isascii() and label.isalpha() and label not in AMBIGUOUS for label in labels])
    reader = DigitReader(model)
    digits = reader.read_tiles(_draw(strokes, np.flatnonzero(is_digit)))
    letters = reader.read_tiles(_draw(strokes, np.flatnonzero(is_letter)))
    true = labels[is_digit].astype(np.int64)
    correct = digits.values == true
    writers = strokes.writers[is_digit]
    pairs = zip(true[~correct].tolist(), digits.values[~correct].tolist(), strict=True)
    misread = Counter(f"{label} read as {value}" for label, value in pairs)
    return {
        "digits": len(true),
        "accuracy": round(float(correct.mean()), 4),
        "writers": len(np.unique(writers)),
        "mean_of_writers": round(float(np.mean([correct[writers == one].mean() for one in set(writers)])), 4),
        "by_digit": {str(value): round(float(correct[true == value].mean()), 4) for value in range(10)},
        "misread": dict(misread.most_common(_SHOWN)),
        "sure_but_wrong": round(float((~correct & (digits.confidences >= _SURE)).mean()), 4),
        "letters": int(is_letter.sum()),
        "letters_auroc": round(auroc(digits.confidences, letters.confidences), 4),
    }


def format_page(figures: dict[str, Any]) -> str:
    """The figures as text for the terminal."""
    by_digit = ", ".join(f"{value} {share:.1%}" for value, share in figures["by_digit"].items())
    misread = ", ".join(f"{name}: {count}" for name, count in figures["misread"].items())
    return "\n".join(
        [
            f"{figures['digits']} digits by {figures['writers']} held-out writers",
            f"  accuracy {figures['accuracy']:.2%}, mean over the writers {figures['mean_of_writers']:.2%}",
            f"  by digit: {by_digit}",
            f"  most often misread: {misread or 'none'}",
            f"  misread with a confidence of at least {_SURE}: {figures['sure_but_wrong']:.2%}",
            f"{figures['letters']} letters: AUROC {figures['letters_auroc']:.4f}",
        ]
    )


def _draw(strokes: PenStrokes, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Tiles uint8 `[N, 28, 28]` of characters."""
    scale = (_HEIGHT - _PEN) / LONGER_SIDE
    drawn = (
        render([stroke.astype(np.float64) for stroke in strokes.strokes(int(index))], scale, _PEN)
        for index in indices
    )
    return np.stack([make_tile(ink) for ink in drawn])
