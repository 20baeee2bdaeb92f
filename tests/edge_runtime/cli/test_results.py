"""Results files of `edge-digits read`: never lost without a word, and no image has its rows twice."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from edge_runtime import Box, Digit, DigitReader, Reading
from edge_runtime.live.loop import Live
from edge_runtime.models import manifest
from edge_runtime.outputs import locked_file
from edge_runtime.outputs.locked_file import open_locked

posix = pytest.mark.skipif(os.name == "nt", reason="Windows does not remove open files")

READINGS = [Reading(f"{name}.png", (Digit(7, 0.99, Box(0, 0, 9, 9)),)) for name in "ab"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("option", ["--resume", "--overwrite"])
def test_a_file_that_another_process_writes_is_refused(run, scans, suffix, option):
    held = Path(f"r{suffix}" + (".partial.jsonl" if suffix == ".parquet" else ""))
    with open_locked(held) as file:
        file.write(b"rows of the other process")
        code, output, errors = run("read", "scans", "--out", f"r{suffix}", option)
        assert (code, output) == (2, "")
        assert errors.startswith(f"edge-digits: another process is writing {held}")
        assert len(errors.splitlines()) == 1
    assert held.read_bytes() == b"rows of the other process"
    assert [path for path in Path().iterdir() if path.is_file()] == [held]


@posix
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_file_that_is_removed_is_reported(run, monkeypatch, tmp_path, suffix, written):
    monkeypatch.chdir(tmp_path)
    held = Path(f"r{suffix}" + (".partial.jsonl" if suffix == ".parquet" else ""))

    def read_batches(self, images, **_):
        yield from ([reading] for reading in READINGS[:written])
        held.unlink()
        yield from ([reading] for reading in READINGS[written:])

    monkeypatch.setattr(DigitReader, "read_batches", read_batches)
    code, _, errors = run("read", "any", "--out", f"r{suffix}")
    assert code == 1
    assert "results in" not in errors
    _summary, message = errors.splitlines()
    assert f"{held} was removed, renamed or replaced" in message
    assert not Path(f"r{suffix}").exists()


def test_a_file_system_without_locks_is_mentioned_once(run, scans, monkeypatch):
    def fail(descriptor):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(locked_file, "_lock", fail)
    code, _, errors = run("read", "scans", "--out", "r.csv")
    assert code == 0
    assert errors.count("file system without locks") == 1
    assert len(errors.splitlines()) == 2


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_resume_knows_images_however_the_folder_is_spelled(run, scans):
    (scans.parent / "link").symlink_to(scans)
    (scans / "more" / "z.png").write_text("text")
    run("read", "scans", "--out", "r.csv")
    before = Path("r.csv").read_bytes()
    for spelling in (
        "scans",
        "./scans",
        scans,
        "scans/../scans",
        "scans/more/..",
        "link",
        "scans/*",
        "link/**",
    ):
        code, _, errors = run("read", spelling, "--out", "r.csv", "--resume")
        assert code == 1
        read = "1 image, 0 digits, 1 unreadable, 3 skipped as already read"
        assert errors == f"edge-digits: {read}; TIME; results in r.csv\n"
        assert Path("r.csv").read_bytes() == before, spelling


def test_resume_with_paths_on_standard_input_reads_the_last_image_first(run, scans, monkeypatch):
    run("read", "scans", "--out", "r.csv")
    before = Path("r.csv").read_bytes()
    for names, images in (("./scans/a.png\n", 1), (f"{scans}/more/c.png\n", 1)):
        Path("list").write_text(names)
        with Path("list").open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            code, _, errors = run("read", "-", "--out", "r.csv", "--resume")
        assert code == 0
        assert errors.startswith(f"edge-digits: {images} image, 1 digit")
        assert Path("r.csv").read_bytes() == before


def test_an_image_on_standard_input_is_another_one_each_time(run, scans, monkeypatch):
    for name in ("a.png", "b.jpg"):
        with (scans / name).open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            code, _, _ = run("read", "-", "--out", "r.csv", "--resume")
        assert code == 0
    rows = Path("r.csv").read_text().splitlines()[1:]
    assert {row.partition(",")[0] for row in rows} == {"'-"}  # no formula
    assert len(rows) == 5


def test_resume_does_not_mix_models(run, scans):
    run("read", "scans/a.png", "--out", "r.csv")
    before = Path("r.csv").read_bytes()
    code, output, errors = run("read", "scans", "--out", "r.csv", "--resume", "--model", "float")
    assert (code, output) == (2, "")
    assert len(errors.splitlines()) == 1
    assert "r.csv was begun with model int8" in errors
    assert "--overwrite" in errors
    assert Path("r.csv").read_bytes() == before
    recorded = json.loads(Path("r.csv.meta.json").read_text())
    assert (recorded["model"], recorded["precision"]) == ("int8", "int8")
    same = str(manifest.FOLDER / "classifier-int8.onnx")  # another name of the same model
    assert run("read", "scans", "--out", "r.csv", "--resume", "--model", same)[0] == 0


def test_resume_continues_files_that_record_no_model(run, scans):
    run("read", "scans/a.png", "--out", "r.csv")
    Path("r.csv.meta.json").unlink()
    code, _, errors = run("read", "scans", "--out", "r.csv", "--resume", "--model", "float")
    assert code == 0
    assert "r.csv does not record what its rows are from" in errors.splitlines()[0]


def test_an_event_file_that_another_process_writes_is_refused(run, scans):
    with open_locked(Path("events.jsonl")):
        code, output, errors = run("camera", "scans", "--no-window", "--out", "events.jsonl")
    assert (code, output) == (2, "")
    assert errors.startswith("edge-digits: another process is writing events.jsonl")


@posix
def test_an_event_file_that_is_removed_is_reported(run, scans, monkeypatch):
    def views(self):
        Path("events.jsonl").unlink()
        yield from ()

    monkeypatch.setattr(Live, "views", views)
    code, _, errors = run("camera", "scans", "--no-window", "--out", "events.jsonl")
    assert code == 1
    assert "events.jsonl was removed, renamed or replaced" in errors
