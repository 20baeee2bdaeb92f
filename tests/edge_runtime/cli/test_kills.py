"""`edge-digits read --resume` after kills: exactly the rows of an uninterrupted run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.processes import COMMAND, started

_WAIT = 0.05  # s, the longest time from the first new rows to the kill


@pytest.fixture
def archive(image_file, tmp_path, monkeypatch):
    """A function that fills the folder `scans` with pages, blank pages and damaged files."""

    def fill(count):
        originals = [image_file(f"page{text}.png", text) for text in ("31 4", "27", "", "9 05 86 1")]
        damaged = tmp_path / "damaged.png"
        damaged.write_bytes(originals[0].read_bytes()[:100])
        (tmp_path / "scans").mkdir()
        for number in range(count):
            original = damaged if number % 7 == 3 else originals[number % 4]
            shutil.copy(original, tmp_path / "scans" / f"{number:04d}.png")

    monkeypatch.chdir(tmp_path)
    return fill


def content(path):
    """The rows of a results file, in their order."""
    if path.suffix != ".parquet":
        return path.read_text()
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path).to_pylist()


def size(path):
    return path.stat().st_size if path.exists() else 0


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("suffix", "kills", "images"),
    [
        pytest.param(".csv", 3, 120, id="csv"),
        pytest.param(".csv", 12, 120, id="csv, 12 kills", marks=pytest.mark.slow),
        pytest.param(".jsonl", 6, 60, id="jsonl, 6 kills", marks=pytest.mark.slow),
        pytest.param(".parquet", 6, 60, id="parquet, 6 kills", marks=pytest.mark.slow),
    ],
)
def test_killed_runs_end_with_the_rows_of_an_uninterrupted_run(run, archive, suffix, kills, images):
    archive(images)
    whole, out = Path(f"whole{suffix}"), Path(f"r{suffix}")
    growing = Path("r.parquet.partial.jsonl") if suffix == ".parquet" else out
    assert run("read", "scans", "--out", whole)[0] == 1  # some images are damaged
    chance = random.Random(kills)
    killed = 0
    for _ in range(kills):
        before = size(growing)
        command = (*COMMAND, "read", "scans", "--out", out, "--resume")
        with started(*command, stderr=subprocess.DEVNULL) as process:
            while size(growing) <= before and process.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, _WAIT))
            process.kill()
        killed += process.returncode == -signal.SIGKILL
    assert killed
    assert run("read", "scans", "--out", out, "--resume")[0] == 1
    assert content(out) == content(whole)
    left = {path.name for path in Path().iterdir() if path.name.startswith("r.")}
    assert left == ({out.name} if suffix == ".parquet" else {out.name, f"{out.name}.meta.json"})
