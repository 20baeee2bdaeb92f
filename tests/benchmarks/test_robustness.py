"""Robustness: corruptions of increasing severity, and the separation of digits from negatives."""

import numpy as np
import pytest

from benchmarks import robustness
from benchmarks.__main__ import main
from tests import drawing


@pytest.mark.parametrize("name", sorted(robustness.CORRUPTIONS))
def test_strong_grades_disturb_more_than_weak_ones(name):
    tiles, _ = drawing.drawn_tiles(40, seed=4)
    corrupt, grades = robustness.CORRUPTIONS[name]
    differences = []
    for grade in grades:
        generator = np.random.default_rng(0)
        changed = np.stack([np.clip(corrupt(tile, grade, generator), 0, 255) for tile in tiles])
        assert changed.shape == tiles.shape
        differences.append(np.abs(changed.astype(float) - tiles).mean())
    assert len(grades) == 5
    assert differences[-1] > differences[0] > 0


@pytest.mark.parametrize(
    ("positive", "negative", "area"),
    [
        pytest.param([0.9, 0.8], [0.1, 0.2], 1.0, id="separable"),
        pytest.param([0.1], [0.9], 0.0, id="reversed"),
        pytest.param([0.5], [0.5], 0.5, id="tie"),
        pytest.param([0.9, 0.1], [0.5], 0.5, id="on both sides"),
    ],
)
def test_area_under_the_roc_curve(positive, negative, area):
    assert robustness.auroc(np.float32(positive), np.float32(negative)) == area


def test_command_measures_corruptions_and_rejection(mnist_root, monkeypatch, capsys):
    monkeypatch.setattr(robustness, "NEGATIVES", 10)
    monkeypatch.setattr(robustness, "IMAGES", 100)
    assert main(["robustness", "--data", str(mnist_root)]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    cells = {row[0]: row[1:] for row in rows}
    for name, (_, grades) in robustness.CORRUPTIONS.items():
        accuracies = [float(cell.strip(" %")) for cell in cells[name][1].split(",")]
        assert len(accuracies) == len(grades)
        assert accuracies[0] > 50
    for name in ("letters by hand", "all negatives"):
        assert 0.5 < float(cells[name][0]) <= 1
