"""`python -m benchmarks pages`: drawn pages, and the ratio of reading to thresholding."""

from functools import partial

import cv2
import numpy as np
import pytest

from benchmarks import compare, pages, record
from benchmarks.__main__ import main

PAGES = {"ten": partial(pages.ten_digits, 320, 240), "dense": pages.dense_a4, "empty": pages.empty_a4}


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        ("ten", (240, 320), 10),
        ("dense", (2339, 1654), 300),
        ("empty", (2339, 1654), 0),
    ],
)
def test_pages_are_drawn_as_named(name, shape, count):
    page = PAGES[name]()
    assert page.image.shape == shape
    assert page.image.dtype == np.uint8
    assert len(page.digits) == count
    np.testing.assert_array_equal(page.image, PAGES[name]().image)  # seeded
    paper = np.median(page.image)
    for _, box in page.digits:
        part = page.image[box.y : box.y + box.height, box.x : box.x + box.width]
        assert part.shape == (box.height, box.width)
        assert part.min() < 0.6 * paper


def test_the_reference_counts_components():
    page = np.full((100, 100), 200, np.uint8)
    cv2.circle(page, (30, 50), 8, 40, 3)
    cv2.circle(page, (70, 50), 8, 40, 3)
    assert pages.threshold_and_label(page) == 3  # with the background


def test_command_writes_a_record_and_its_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pages, "PAGES", (PAGES["ten"],))
    path = tmp_path / "pages.jsonl"
    threads = cv2.getNumThreads()
    assert main(["pages", "--seconds", "0.01", "--out", str(path)]) == 0
    assert cv2.getNumThreads() == threads
    made = record.read(path)
    assert "flags" in made.conditions["host"]
    (result,) = made.of_kind("drawn page")
    assert (result["page"], result["digits"], result["found"]) == ("320x240, ten digits", 10, 10)
    assert result["rounds"] >= 5
    low, high = result["ratio_quartiles"]
    assert 0 < low <= result["ratio_to_reference"] <= high
    assert set(result["ms"]) == {"preprocess", "detect", "crop", "classify"}
    row = f"| 320x240, ten digits | 320x240 | 10 | 10 | {result['read_ms']:.2f} |"
    assert row in path.with_suffix(".md").read_text()
    assert row in capsys.readouterr().out  # the table for the README
    name = "CPU time of reading / reference, 320x240, ten digits"
    assert compare.figures(made) == {name: result["ratio_to_reference"]}
