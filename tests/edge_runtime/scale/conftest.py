"""Fixtures of the scale tests: a job in a folder, read without an engine."""

from __future__ import annotations

from collections import Counter

import pytest

from edge_runtime.outputs.run_record import RunRecord
from edge_runtime.reading.reader import DigitReader
from edge_runtime.scale import job as jobs
from edge_runtime.scale.partitions import PartitionReader
from edge_runtime.scale.stores import open_store


class Prepared:
    """A job in a folder. `reader` makes workers; `read_all` reads every partition with one of them."""

    def __init__(self, folder, sources, *, unit="digit", size=2, resume=False, overwrite=False, frames=False):
        self.folder = open_store(str(folder))
        self.stores = tuple(open_store(str(source)) for source in sources)
        self.skipped = Counter()
        addresses = tuple(store.address for store in self.stores)
        asked = jobs.Job(addresses, unit, True, size, RunRecord.of(DigitReader(), "int8", frames=frames))
        images = jobs.list_images(asked, self.stores, self.skipped)
        self.job = jobs.begin(self.folder, asked, images, resume=resume, overwrite=overwrite)

    def worker(self, run="first"):
        return PartitionReader(self.folder, self.stores, run)

    def read_all(self, run="first"):
        worker = self.worker(run)
        parts = [worker.read(index) for index in range(self.job.partitions)]
        jobs.finish(self.folder, self.job)
        return parts


@pytest.fixture
def prepare():
    return Prepared


@pytest.fixture
def rows_in():
    """A function that returns the rows of all files of a folder, file by file, as dictionaries."""
    import pyarrow.parquet

    def read(folder):
        files = sorted(folder.glob("part-*.parquet"))
        return [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]

    return read


@pytest.fixture
def scans(image_file, tmp_path, monkeypatch):
    """A folder `scans` in the working directory, with a subfolder and a file that is damaged."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("a.png", "31 4"), ("b.jpg", "27"), ("c.png", ""), ("more/d.png", "9")):
        image_file(f"scans/{name}", text, height=40)
    (tmp_path / "scans" / "broken.png").write_bytes(b"nonsense")
    (tmp_path / "scans" / "notes.txt").write_text("no image")
    return tmp_path / "scans"
