"""`python -m benchmarks folder`: many files, and the ratio of decoding to reading."""

import cv2
import pytest

from benchmarks import folder, record
from benchmarks.__main__ import main
from edge_runtime import DigitReader


def test_tiles_are_read_without_a_detector():
    tiles = [folder.tile(value) for value in range(10)]
    readings = [DigitReader(threads=1).read(tile) for tile in tiles]
    assert [reading.seconds["detect"] for reading in readings] == [0] * 10
    assert sum(reading.text == str(value) for value, reading in enumerate(readings)) == 10


@pytest.mark.parametrize(("kills", "many"), [(0, None), (1, 20)])
def test_command_writes_a_record_and_its_report(tmp_path, monkeypatch, capsys, kills, many):
    count, draw = 20, folder.KINDS["28x28 PNG"][1]
    monkeypatch.setattr(folder, "KINDS", {"28x28 PNG": (count, draw), "640x480 JPEG": (2, draw)})
    monkeypatch.setattr(folder, "_SECONDS", 0.001)
    monkeypatch.setattr(folder, "_SMALL", (10, 20))
    monkeypatch.setattr(folder, "_PER_KILL", 20)
    monkeypatch.setattr(folder, "cores", lambda: 2)
    threads = cv2.getNumThreads()
    path = tmp_path / "files.jsonl"
    arguments = ["--rounds", "2", "--kills", str(kills), "--out", str(path)]
    arguments += ["--many", str(many)] if many else []
    assert main(["folder", *arguments]) == 0
    assert cv2.getNumThreads() == threads
    made = record.read(path)
    first, second = made.of_kind("files on one core")
    assert (first["files"], first["count"], second["count"]) == ("28x28 PNG", 20, 2)
    assert 0 < first["quartiles"][0] <= first["ratio_to_decode"] <= first["quartiles"][1]
    assert sum(first["shares"].values()) == pytest.approx(1, abs=0.01)
    assert [each["files"] for each in made.of_kind("files on two cores")] == ["28x28 PNG", "640x480 JPEG"]
    assert len(made.of_kind("small folder")) == 1
    assert [each["same_rows"] for each in made.of_kind("killed runs")] == [True] * bool(kills)
    assert [list(each["peak_mb"]) for each in made.of_kind("many files")] == [["2", "20"]] * bool(many)
    page = path.with_suffix(".md").read_text()
    row = f"| 28x28 PNG | {first['read_us']:.0f} | {first['decode_us']:.0f} |"
    assert row in page
    assert row in capsys.readouterr().out
    assert ("exactly the rows of an uninterrupted one" in page) == bool(kills)
    assert ("for 20 files" in page) == bool(many)
