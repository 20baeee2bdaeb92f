"""`python -m benchmarks pad`: numbers that are written on simulated screens."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import pad
from benchmarks.__main__ import main
from edge_runtime.reading.strokes import span
from edge_runtime.results import Box, Digit, Reading
from tests import drawing
from train import pens
from train.synthetic.writers import PenStrokes


@pytest.fixture
def drawn():
    """The project's own digits, as those of one writer."""
    digits = [[path * 1000 for path in drawing.strokes(value)] for value in range(10)]
    strokes = [stroke for paths in digits for stroke in paths]
    return PenStrokes(
        np.concatenate(strokes).astype(np.float32),
        np.cumsum([0, *map(len, strokes)]),
        np.cumsum([0, *map(len, digits)]),
        np.array(list("0123456789")),
        np.zeros(10, int),
        np.ones(10, np.float32),
    )


def test_command_measures_the_test_writers(tmp_path, monkeypatch, drawn):
    asked = []
    monkeypatch.setattr(pens, "load_pens", lambda root, part: asked.append((root, part)) or drawn)
    monkeypatch.setattr(pad, "PADS", ((340, 260), (300, 500)))
    out = tmp_path / "pad.jsonl"
    assert main(["pad", "--data", str(tmp_path), "--numbers", "1", "--out", str(out)]) == 0
    assert asked == [(tmp_path, "test")]  # from the others it was learned
    results = [result for result in map(json.loads, out.read_text().splitlines()) if result["kind"] == "pad"]
    assert [result["pad"] for result in results] == ["340x260", "300x500", "all"]
    assert results[-1]["numbers"] == 18 and results[-1]["digits"] == 110
    assert results[-1]["digits_right"] > 0.95 and results[-1]["numbers_right"] > 0.8
    assert "| all |" in out.with_suffix(".md").read_text()


def test_without_pen_strokes_it_says_where_to_get_them(tmp_path, capsys):
    assert main(["pad", "--data", str(tmp_path), "--out", str(tmp_path / "pad.jsonl")]) != 0
    assert "docs/data.md" in capsys.readouterr().err


@pytest.mark.parametrize("size", pad.PADS)
def test_numbers_are_written_inside_the_pad(drawn, size):
    writers = pad._Writers(drawn)
    for length in pad.LENGTHS:
        written = writers.write(np.random.default_rng(length), size, length)
        low, high = span([stroke for digit in written.digits for stroke in digit])
        assert len(written.digits) == len(written.text) == length
        assert (low >= 0).all() and (high <= size).all()


@pytest.mark.parametrize(
    ("found", "right", "whole"),
    [
        pytest.param([(4, 0), (2, 50)], 2, True, id="both"),
        pytest.param([(4, 0)], 1, False, id="one is missing"),
        pytest.param([(4, 0), (3, 50)], 1, False, id="one is wrong"),
        pytest.param([(4, 0), (2, 50), (1, 90)], 2, False, id="one too many"),
        pytest.param([(2, 0), (4, 50)], 0, False, id="exchanged"),
        pytest.param([(4, 0), (None, 50)], 1, False, id="one is rejected"),
    ],
)
def test_a_digit_is_right_where_it_was_written(found, right, whole):
    strokes = [[np.array([(x, 0.0), (x + 40.0, 60.0)])] for x in (0, 50)]
    digits = tuple(Digit(value, 0.9, Box(x, 0, 40, 60)) for value, x in found)
    score = pad._score(pad.Written("42", strokes, "pen"), Reading("", digits))
    assert score[1:] == (right, whole)
