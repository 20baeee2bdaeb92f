"""`python -m benchmarks writers`: accuracy on digits by held-out writers."""

from __future__ import annotations

import json

import numpy as np

from benchmarks import writers
from benchmarks.__main__ import main
from tests import drawing
from train import pens
from train.synthetic.writers import PenStrokes


def two_writers() -> PenStrokes:
    """One who writes all digits and two letters; and one whose only digit, a 4, is drawn as a 7."""
    written = [(0, str(value), value) for value in range(10)] + [(0, "M", "M"), (0, "K", "K"), (1, "4", 7)]
    drawn = [drawing.strokes(character) for _, _, character in written]
    strokes = [1000 * stroke for character in drawn for stroke in character]
    return PenStrokes(
        np.concatenate(strokes).astype(np.float32),
        np.cumsum([0, *map(len, strokes)]),
        np.cumsum([0, *map(len, drawn)]),
        np.array([label for _, label, _ in written]),
        np.array([writer for writer, _, _ in written]),
        np.ones(len(written), np.float32),
    )


def test_command_measures_digits_and_letters(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(pens, "load_pens", lambda root, part: asked.append((root, part)) or two_writers())
    assert main(["writers", "--data", str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert asked == [(tmp_path, "test")]  # the others were learned from
    assert (figures["digits"], figures["letters"], figures["writers"]) == (11, 2, 2)
    assert figures["accuracy"] == round(10 / 11, 4)
    assert figures["mean_of_writers"] == 0.5  # ten of ten, and none of one
    assert figures["by_digit"]["4"] == 0.5
    assert figures["misread"] == {"4 read as 7": 1}
    assert 0.5 < figures["letters_auroc"] <= 1
    page = writers.format_page(figures)
    assert "11 digits by 2 held-out writers" in page
    assert "mean over the writers 50.00%" in page


def test_command_needs_pen_strokes(tmp_path, capsys):
    assert main(["writers", "--data", str(tmp_path)]) == 2
    assert "no pen strokes in " in capsys.readouterr().err
