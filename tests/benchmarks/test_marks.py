"""`python -m benchmarks marks`: what is seen between the digits of drawn numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import marks
from benchmarks.__main__ import main
from edge_runtime.results import UNNAMED, Box, Digit, Reading
from tests import drawing
from train import pens
from train.synthetic.writers import PenStrokes

# Paths with a longer side of 1, and the size of the mark in heights of a digit.
MARKS = {
    ".": ([[(0, 0), (1, 0.6)]], 0.12),
    ",": ([[(0.3, 0), (0.3, 0.5), (0, 1)]], 0.35),
    "-": ([[(0, 0.1), (1, 0)]], 0.5),
    "/": ([[(0.6, 0), (0, 1)]], 1.3),
    ":": ([[(0, 0), (0.02, 0.02)], [(0, 0.96), (0.02, 1)]], 0.6),
    "+": ([[(0, 0.5), (1, 0.5)], [(0.5, 0), (0.5, 1)]], 0.6),
}


def two_writers(without=()):
    """One who writes all digits; and one who writes the marks, and a 4 only."""
    written = [(0, str(value), [path * 1000 for path in drawing.strokes(value)], 1.0) for value in range(10)]
    written.append((1, "4", written[4][2], 1.0))
    for mark, (paths, size) in MARKS.items():
        if mark not in without:
            written.append((1, mark, [1000 * np.array(path, float) for path in paths], size))
    strokes = [stroke for *_, paths, _ in written for stroke in paths]
    return PenStrokes(
        np.concatenate(strokes).astype(np.float32),
        np.cumsum([0, *map(len, strokes)]),
        np.cumsum([0, *(len(paths) for *_, paths, _ in written)]),
        np.array([label for _, label, _, _ in written]),
        np.array([writer for writer, *_ in written]),
        np.array([size for *_, size in written], np.float32),
    )


def test_command_measures_marks(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(pens, "load_pens", lambda root, part: asked.append((root, part)) or two_writers())
    monkeypatch.setattr(marks, "_PAGES", 4)
    assert main(["marks", "--data", str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert asked == [(tmp_path, "test")]  # from the others it was learned
    assert figures["numbers"] == 16
    assert 10 <= figures["digits_read"] <= 16
    assert figures["false_marks"] == 0
    assert list(figures["seen_as"]) == list(marks.KINDS[1:])
    named = sum(figures["seen_as"][kind].get(kind[-1], 0) for kind in (".", ",", "-", ":", "leading -"))
    assert named >= 7
    page = marks.format_page(figures)
    assert "16 numbers" in page
    assert "false marks 0, in" in page


@pytest.mark.parametrize("strokes", [None, two_writers(without=":")])
def test_command_needs_digits_and_marks(strokes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pens, "load_pens", lambda root, part: strokes)
    assert main(["marks", "--data", str(tmp_path)]) == 2
    assert "pen strokes" in capsys.readouterr().err


def test_pages_are_seeded_and_their_kinds_take_turns():
    writing = marks.Handwriting(two_writers())
    (first, above), (second, below) = writing.page(0), writing.page(1)
    assert [row.kind for row in [*above, *below]] == list(marks.KINDS)
    np.testing.assert_array_equal(first, writing.page(0)[0])
    assert second.dtype == np.uint8
    for row in [*above, *below]:
        assert (row.marked is None) == (row.kind == "none")
        assert (row.marked == 0) == (row.kind == "leading -")
    paper = np.median(first)
    for _, box in [digit for row in above for digit in row.digits]:
        part = first[box.y : box.y + box.height, box.x : box.x + box.width]
        assert part.shape == (box.height, box.width)
        assert part.min() < 0.7 * paper


def row_of(kind, values="1250", marked=2):
    boxes = [Box(50 * index, 0, 36, 60) for index in range(len(values))]
    return marks.Row(kind, tuple(zip(map(int, values), boxes, strict=True)), marked)


def reading_of(row, *, before=None, numbers=(0, 0, 0, 0), without=None, extra=()):
    """A reading of a row: `before` are the marks, `extra` are digits between two others, given the second."""
    found = []
    for index, (value, box) in enumerate(row.digits):
        if index in extra:
            found.append(Digit(1, 0.9, Box(box.x - 8, 0, 6, 60), number=numbers[index]))
        if index != without:
            mark = (before or {}).get(index, "")
            found.append(Digit(value, 0.9, box, number=numbers[index], before=mark))
    return Reading("", tuple(found))


@pytest.mark.parametrize(
    ("kind", "read", "seen_as", "whole"),
    [
        pytest.param(".", {"before": {2: "."}}, {".": 1}, 1.0, id="named"),
        pytest.param(".", {"before": {2: ","}}, {",": 1}, 0.0, id="another name"),
        pytest.param(
            ".", {"before": {2: "."}, "numbers": (0, 0, 1, 1)}, {".": 1}, 0.0, id="named, but split"
        ),
        pytest.param(".", {"before": {2: UNNAMED}, "numbers": (0, 0, 1, 1)}, {UNNAMED: 1}, 0.0, id="unnamed"),
        pytest.param(".", {}, {"nothing": 1}, 0.0, id="lost"),
        pytest.param("/", {"extra": (2,)}, {"a digit": 1}, 0.0, id="read as a digit"),
        pytest.param("+", {"before": {2: UNNAMED}, "numbers": (0, 0, 1, 1)}, {UNNAMED: 1}, 1.0, id="plus"),
        pytest.param("+", {}, {"nothing": 1}, 0.0, id="lost plus"),
    ],
)
def test_marks_are_named_unnamed_or_lost(kind, read, seen_as, whole):
    row = row_of(kind)
    figures = marks.sum_up([(row, reading_of(row, **read))])
    assert figures["seen_as"][kind] == seen_as
    assert figures["whole"] == {kind: whole}
    assert (figures["numbers"], figures["digits_read"], figures["false_marks"]) == (1, 1, 0)


def test_a_leading_minus_stands_before_the_first_digit():
    row = row_of("leading -", "250", 0)
    lost, named = reading_of(row), reading_of(row, before={0: "-"})
    figures = marks.sum_up([(row, lost), (row, named)])
    assert figures["seen_as"]["leading -"] == {"nothing": 1, "-": 1}
    assert figures["whole"] == {"leading -": 0.5}


@pytest.mark.parametrize(
    ("read", "figures"),
    [
        pytest.param({}, (1, 0, 0), id="none"),
        pytest.param({"before": {1: "."}}, (1, 1, 0), id="false"),
        pytest.param({"before": {0: "-"}}, (1, 1, 0), id="false minus"),
        pytest.param({"before": {3: "/"}, "without": 2}, (0, 0, 1), id="a digit read as a mark"),
        pytest.param({"before": {3: UNNAMED}, "without": 2}, (0, 0, 0), id="a digit that was not read"),
    ],
)
def test_marks_where_there_is_none(read, figures):
    row = row_of("none", "1215", None)
    found = marks.sum_up([(row, reading_of(row, **read))])
    assert (found["digits_read"], found["false_marks"], found["digits_as_marks"]) == figures
    assert found["digits"] == 4
