"""Graded disturbances, and how digits are told from what is none."""

import numpy as np
import pytest

from benchmarks import robustness
from benchmarks.__main__ import main
from tests import drawing


@pytest.mark.parametrize("name", sorted(robustness.DISTURBANCES))
def test_every_grade_disturbs_more_than_the_one_before(name):
    tiles, _ = drawing.drawn_tiles(40, seed=4)
    disturb, grades = robustness.DISTURBANCES[name]
    departures = []
    for grade in grades:
        generator = np.random.default_rng(0)
        changed = np.stack([np.clip(disturb(tile, grade, generator), 0, 255) for tile in tiles])
        assert changed.shape == tiles.shape
        departures.append(np.abs(changed.astype(float) - tiles).mean())
    assert departures[-1] > departures[0] > 0


@pytest.mark.parametrize(
    ("positive", "negative", "area"),
    [([0.9, 0.8], [0.1, 0.2], 1.0), ([0.1], [0.9], 0.0), ([0.5], [0.5], 0.5), ([0.9, 0.1], [0.5], 0.5)],
)
def test_the_area_under_the_curve(positive, negative, area):
    assert robustness.auroc(np.float32(positive), np.float32(negative)) == area


def test_the_command_measures_disturbance_and_refusal(mnist_root, monkeypatch, capsys):
    monkeypatch.setattr(robustness, "OTHERS", 10)
    assert main(["robustness", "--data", str(mnist_root)]) == 0
    page = capsys.readouterr().out
    for name in (*robustness.DISTURBANCES, "letters by hand", "all of them"):
        assert name in page
