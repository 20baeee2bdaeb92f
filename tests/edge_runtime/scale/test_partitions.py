"""Partitions: the rows of `edge-digits read`, each exactly once, whatever happens to the workers."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import cli
from edge_runtime.errors import OutputError
from edge_runtime.scale.partitions import Part
from tests import drawing
from tests.image_files import encode

pytest.importorskip("pyarrow", minversion="17")


@pytest.fixture
def rows_of_read():
    """A function that returns the rows that `edge-digits read` writes."""
    import pyarrow.parquet

    def read(*arguments):
        cli.main(["read", *map(str, arguments), "--out", "single.parquet", "--overwrite", "--quiet"])
        return pyarrow.parquet.read_table("single.parquet").to_pylist()

    return read


@pytest.mark.parametrize("unit", ["digit", "number", "image"])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_rows_are_those_of_a_single_process(prepare, scans, rows_in, rows_of_read, tmp_path, unit, size):
    parts = prepare("out", ["scans"], unit=unit, size=size).read_all()
    assert rows_in(tmp_path / "out") == rows_of_read("scans", "--rows", unit)
    assert sum(part.counts.images for part in parts) == 5
    assert sum(part.counts.unreadable for part in parts) == 1


@pytest.mark.parametrize("frames", [False, True])
def test_files_have_the_schema_and_the_record_of_a_single_process(prepare, scans, rows_of_read, frames):
    import pyarrow.parquet

    prepare("out", ["scans"], frames=frames).read_all()
    rows_of_read("scans", *["--frames"] * frames)
    single, part = (
        pyarrow.parquet.read_schema(name) for name in ("single.parquet", "out/part-00000.parquet")
    )
    assert part.equals(single)
    assert part.metadata[b"edge-digits"] == single.metadata[b"edge-digits"]


def test_sources_are_named_as_they_were_given(prepare, scans, rows_in, rows_of_read, tmp_path):
    names = [scans / "b.jpg", "scans/./a.png", "scans/*.jpg", "gone.png", "scans/a.png", "scans/a.png"]
    prepare("out", names, size=100).read_all()
    assert rows_in(tmp_path / "out") == rows_of_read(*names)


def test_pages_and_frames_have_rows_of_their_own(prepare, tmp_path, monkeypatch, rows_in, rows_of_read):
    monkeypatch.chdir(tmp_path)
    pages = [drawing.page(text, height=40) for text in ("12", "34")]
    assert cv2.imwritemulti("scan.tif", pages)
    prepare("out", ["scan.tif", "scan.tif#2"]).read_all()
    rows = rows_in(tmp_path / "out")
    assert rows == rows_of_read("scan.tif", "scan.tif#2")
    assert {row["source"] for row in rows} == {"scan.tif#1", "scan.tif#2"}


def test_workers_in_another_folder_find_the_images(
    prepare, scans, rows_in, rows_of_read, tmp_path, monkeypatch
):
    expected = rows_of_read("scans")
    prepared = prepare(tmp_path / "out", ["scans"])
    monkeypatch.chdir("/")
    prepared.read_all()
    assert rows_in(tmp_path / "out") == expected


def test_whole_files_are_not_written_again(prepare, scans, tmp_path):
    before = prepare("out", ["scans"]).read_all()
    first = tmp_path / "out" / "part-00000.parquet"
    os.utime(first, (1, 1))
    (tmp_path / "out" / "part-00001.parquet").unlink()
    after = prepare("out", ["scans"], resume=True).read_all("second")
    assert first.stat().st_mtime == 1
    assert [part.run for part in after] == ["first", "second", "first"]
    assert [part.counts for part in after] == [part.counts for part in before]


@pytest.mark.parametrize(
    "damage", ["cut off", "empty", "of another job", "of another partition", "no Parquet", "footer"]
)
def test_files_that_are_not_whole_are_written_again(prepare, scans, rows_in, tmp_path, damage):
    prepare("out", ["scans"]).read_all()
    expected = rows_in(tmp_path / "out")
    file = tmp_path / "out" / "part-00000.parquet"
    if damage == "of another job":
        prepare("other", ["scans"]).read_all()
        file.write_bytes((tmp_path / "other" / file.name).read_bytes())
    elif damage == "of another partition":
        file.write_bytes(file.with_name("part-00001.parquet").read_bytes())
    else:
        content = {"cut off": file.read_bytes()[:-100], "empty": b"", "no Parquet": b"x" * 999}
        content["footer"] = b"PAR1" + b"x" * 99 + b"c\0\0\0PAR1"
        file.write_bytes(content[damage])
    assert prepare("out", ["scans"], resume=True).read_all("second")[0].run == "second"
    assert rows_in(tmp_path / "out") == expected


def test_images_added_later_do_not_shift_the_partitions(prepare, scans, rows_in, image_file, tmp_path):
    prepare("out", ["scans"]).read_all()
    expected = rows_in(tmp_path / "out")
    image_file("scans/0.png", "5")
    (tmp_path / "out" / "part-00002.parquet").unlink()
    prepare("out", ["scans"], resume=True).read_all("second")
    assert rows_in(tmp_path / "out") == expected


def test_nothing_but_the_results_is_left(prepare, scans, tmp_path):
    prepared = prepare("out", ["scans"])
    (tmp_path / "out" / "_partial-0123-part-00000.parquet").write_bytes(b"of a lost worker")
    prepared.read_all()
    names = ["_listing.parquet", *(f"part-0000{index}.parquet" for index in range(3))]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_many_rows_are_written_in_groups(prepare, scans, rows_in, rows_of_read, tmp_path, monkeypatch):
    import pyarrow.parquet

    monkeypatch.setattr("edge_runtime.scale.partitions.ROW_GROUP", 2)
    monkeypatch.setattr("edge_runtime.reading.networks.Classifier.BATCH", 1)
    prepare("out", ["scans"], size=100).read_all()
    assert pyarrow.parquet.ParquetFile("out/part-00000.parquet").num_row_groups > 1
    assert rows_in(tmp_path / "out") == rows_of_read("scans")


def test_errors_of_a_worker_are_results(prepare, scans, tmp_path):
    worker = prepare("out", ["scans"]).worker()
    (result,) = worker({"item": np.array([0])})["part"]
    assert Part.parse(result).counts.images == 2
    (tmp_path / "out" / "_listing.parquet").unlink()
    (result,) = prepare_again(worker)({"item": [0]})["part"]
    assert json.loads(result) == {"error": "a worker cannot see out; every machine must share it"}


def prepare_again(worker):
    """The worker as another process receives it."""
    return type(worker)(*pickle.loads(pickle.dumps((worker._folder, worker._stores, worker._run))))


def test_a_worker_with_another_version_reads_nothing(prepare, scans, monkeypatch):
    worker = prepare("out", ["scans"]).worker()
    monkeypatch.setattr("edge_runtime.outputs.run_record.__version__", "9.9")
    with pytest.raises(OutputError, match=r"a worker has edge-digits 9\.9 and .*install the same on every"):
        worker.read(0)


def test_a_full_disk_leaves_no_file(prepare, scans, tmp_path, monkeypatch):
    import pyarrow.parquet

    worker = prepare("out", ["scans"]).worker()

    def write_table(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pyarrow.parquet.ParquetWriter, "write_table", write_table)
    (result,) = worker({"item": [0]})["part"]
    assert "No space left on device" in json.loads(result)["error"]
    assert not [path for path in (tmp_path / "out").iterdir() if "part" in path.name]


# A worker whose process ends while it reads the image b.jpg.
WORKER = """
import os, pickle, sys
from edge_runtime.images import files
from edge_runtime.scale.partitions import PartitionReader
read = files.read_file
def read_or_end(path):
    if path.endswith("b.jpg"):
        os._exit(3)
    return read(path)
files.read_file = read_or_end
PartitionReader(*pickle.loads(sys.stdin.buffer.read())).read(0)
"""


def test_an_image_that_ends_every_worker_becomes_a_row(prepare, scans, rows_in, rows_of_read, tmp_path):
    expected = rows_of_read("scans")
    prepared = prepare("out", ["scans"], size=100)
    given = pickle.dumps((prepared.folder, prepared.stores, "first"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    codes = []
    while not codes or (codes[-1] == 3 and len(codes) < 9):
        done = subprocess.run([sys.executable, "-c", WORKER], input=given, env=environment, cwd=Path.cwd())
        codes.append(done.returncode)
    assert codes == [3, 3, 3, 3, 0]
    rows = rows_in(tmp_path / "out")
    others = [row for row in expected if row["source"] != "scans/b.jpg"]
    assert [row for row in rows if row["source"] != "scans/b.jpg"] == others
    (left_out,) = [row["status"] for row in rows if row["source"] == "scans/b.jpg"]
    assert left_out == "error: 2 processes ended while they read it"


def test_lost_workers_cost_no_row(prepare, scans, rows_in, rows_of_read, tmp_path):
    """Attempts that ended at different images blame none of them."""
    prepared = prepare("out", ["scans"], size=100)
    attempts = {"attempts": 7, "ends": {"scans/a.png": 1}, "reading": "scans/b.jpg"}
    (tmp_path / "out" / "_attempts-00000.json").write_text(json.dumps(attempts))
    prepared.read_all()
    assert rows_in(tmp_path / "out") == rows_of_read("scans")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"attempts": 1', '{"attempts": "x", "ends": {}, "reading": ""}']
)
def test_a_note_that_is_cut_off_is_ignored(prepare, scans, tmp_path, content):
    prepared = prepare("out", ["scans"], size=100)
    (tmp_path / "out" / "_attempts-00000.json").write_text(content)
    assert prepared.read_all()[0].counts.images == 5


def test_tiles_are_read_as_by_a_single_process(prepare, tmp_path, monkeypatch, rows_in, rows_of_read):
    monkeypatch.chdir(tmp_path)
    tiles, _ = drawing.drawn_tiles(20, 0)
    (tmp_path / "tiles").mkdir()
    for index, tile in enumerate(tiles):
        (tmp_path / "tiles" / f"{index:02}.png").write_bytes(encode(".png", tile))
    prepare("out", ["tiles"], size=7).read_all()
    assert rows_in(tmp_path / "out") == rows_of_read("tiles")
