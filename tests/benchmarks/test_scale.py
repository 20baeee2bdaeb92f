"""`python -m benchmarks scale`: what images cost, and what Ray adds."""

from __future__ import annotations

import pytest

from benchmarks import record, report, scale, scale_report
from benchmarks.__main__ import main
from edge_runtime import DigitReader

RESULTS = [
    {"kind": "cost of an image", "image": "a page", "bytes": 950_000, "cpu_ms": 36.0, "decode_share": 0.25},
    {"kind": "engine", "images": 20000, "run": "`edge-digits read`", "seconds": 110.0, "cpu_seconds": 100.0},
    {
        "kind": "engine",
        "images": 20000,
        "run": "two nodes",
        "seconds": 60.0,
        "cpu_seconds": 118.0,
        "rows": "equal",
    },
]
RECORD = record.make(RESULTS, "a test")


def test_costs_of_many_images_are_those_of_one_a_hundred_million_times():
    last = scale_report.cost_table(RECORD).splitlines()[-1]
    assert last == "| a page | 950 kB | 36 ms | 25% | 1,000 core-hours | $50 | $20 | 95 TB |"


def test_the_engine_is_compared_with_the_command():
    last = scale_report.engine_table(RECORD).splitlines()[-1]
    assert last == "| two nodes | 20000 | 60 | 118 | 118% | equal |"


def test_a_record_has_a_page_with_both_tables(tmp_path):
    made = record.write(tmp_path / "scale.jsonl", iter(RESULTS))
    assert report.write_report(made) == [tmp_path / "scale.md"]
    page = (tmp_path / "scale.md").read_text()
    assert scale_report.cost_table(made) in page
    assert scale_report.engine_table(made) in page


def test_fields_and_tiles_are_drawn_as_named():
    readings = list(DigitReader().read_many([scale._field(3), scale._tile()]))
    assert [len(reading) for reading in readings] == [4, 1]
    assert readings[1].text == "7"


def test_a_cost_is_measured(tmp_path, image_file):
    cost = scale._cost(DigitReader(), image_file("a.png", "31"), 0.01)
    assert cost["images"] >= 1
    assert cost["cpu_ms"] > 0
    assert 0 < cost["decode_share"] < 1


def test_without_ray_it_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scale, "find_spec", lambda name: None)
    assert main(["scale", "--out", str(tmp_path / "a.jsonl")]) == 2
    assert "this needs Linux and Ray: pip install -e '.[dev]'" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "x"])
def test_the_number_of_images_is_checked(number, capsys):
    with pytest.raises(SystemExit):
        main(["scale", "--images", number])
    assert "is not a whole number" in capsys.readouterr().err
