"""Results files: whole whatever happens, and never dropped."""

from __future__ import annotations

import csv
import errno
import json
import os
import sys

import pytest

from edge_runtime import Box, Digit, MissingDependencyError, OutputError, Reading
from edge_runtime.outputs import annotated, rows, tables

READINGS = [
    Reading(
        "a.png", (Digit(4, 0.99, Box(1, 2, 3, 4)), Digit(None, 0.41, Box(5, 6, 7, 8), "rejected: unsure"))
    ),
    Reading("b, with comma\nand line.png", (Digit(0, 1.0, Box(0, 0, 28, 28)),)),
    Reading("c.png", (), "no digit found"),
    Reading("d\udcff.png", (), "error: not an image"),
]

KINDS = [".csv", ".jsonl", ".parquet"]


def rows_of(path):
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [{k: v if v != "" else None for k, v in row.items()} for row in csv.DictReader(file)]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path).to_pylist()


def write(path, readings, **options):
    with tables.open_output(path, **options) as output:
        for reading in readings:
            output.write([reading])


@pytest.mark.parametrize("suffix", KINDS)
def test_one_row_a_digit_and_one_for_a_image_without(suffix, tmp_path):
    path = tmp_path / "new folder" / f"results{suffix}"
    write(path, READINGS)
    rows = rows_of(path)
    assert [row["source"] for row in rows] == [
        "a.png", "a.png", "b, with comma\nand line.png", "c.png", "d\\udcff.png",
    ]  # fmt: skip
    assert [None if row["digit"] is None else int(row["digit"]) for row in rows] == [4, None, 0, None, None]
    assert [row["status"] for row in rows] == [
        "ok", "rejected: unsure", "ok", "no digit found", "error: not an image",
    ]  # fmt: skip
    assert float(rows[0]["confidence"]) == pytest.approx(0.99)
    assert [int(rows[0][name]) for name in ("x", "y", "width", "height")] == [1, 2, 3, 4]
    assert tuple(rows[0]) == rows.COLUMNS


@pytest.mark.parametrize("suffix", KINDS)
def test_nothing_at_all_is_a_valid_file(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    write(path, [])
    assert rows_of(path) == []


@pytest.mark.parametrize("suffix", KINDS)
def test_a_file_that_exists_is_not_touched_unasked(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    write(path, READINGS)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        tables.open_output(path)
    assert path.read_bytes() == before
    write(path, READINGS[:1], overwrite=True)
    assert len(rows_of(path)) == 2


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'edge-digits\[parquet\]'"):
        tables.open_output(tmp_path / "results.parquet")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_of_file_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"\.csv, \.jsonl, \.parquet"):
        tables.open_output(tmp_path / "results.xlsx")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_file_cut_anywhere_is_continued_to_the_same_content(suffix, tmp_path):
    whole = tmp_path / f"whole{suffix}"
    write(whole, READINGS)
    content = whole.read_bytes()
    for cut in range(0, len(content) + 1, 3):
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(content[:cut])
        with tables.open_output(path, resume=True) as output:
            # As the command does: the unsure one first, then all that are not done.
            names = [rows.printable(r.source) for r in READINGS]
            again = [READINGS[names.index(output.unsure)]] if output.unsure else []
            rest = [r for r, name in zip(READINGS, names, strict=True) if name not in output.done]
            output.write(again + [r for r in rest if r not in again])
        assert path.read_bytes() == content, cut


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_resuming_with_other_images_drops_nothing(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    for readings in (READINGS[:1], READINGS[1:2], READINGS[2:3]):
        write(path, readings, resume=True)
    assert [row["source"] for row in rows_of(path)] == ["a.png", "a.png", READINGS[1].source, "c.png"]


def test_a_last_image_that_is_gone_keeps_its_rows(tmp_path):
    path = tmp_path / "results.csv"
    write(path, READINGS[:1])
    with tables.open_output(path, resume=True) as output:
        output.write([Reading("a.png", (), "error: no such file"), READINGS[2]])
    assert [row["source"] for row in rows_of(path)] == ["a.png", "a.png", "c.png"]


def test_what_failed_is_tried_again(tmp_path):
    path = tmp_path / "results.csv"
    write(path, [Reading("gone.png", (), "error: no such file"), READINGS[0], READINGS[2]])
    with tables.open_output(path, resume=True) as output:
        assert output.done == {"a.png", "c.png"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a Unix thing")
@pytest.mark.parametrize("options", [{"overwrite": True}, {"resume": True}], ids=str)
def test_a_pipe_is_no_results_file(options, tmp_path):
    os.mkfifo(tmp_path / "r.csv")
    with pytest.raises(OutputError, match="regular file"):
        tables.open_output(tmp_path / "r.csv", **options)


def test_an_interrupted_parquet_is_not_wiped_unasked(tmp_path):
    path = tmp_path / "results.parquet"
    with pytest.raises(KeyboardInterrupt), tables.open_output(path) as output:
        output.write(READINGS)
        raise KeyboardInterrupt
    with pytest.raises(OutputError, match="--resume"):
        tables.open_output(path)
    write(path, [], resume=True)
    assert len(rows_of(path)) == 5


def test_resuming_needs_no_file_to_begin_with(tmp_path):
    write(tmp_path / "results.csv", READINGS, resume=True)
    assert len(rows_of(tmp_path / "results.csv")) == 5


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", "a,b\n1,2\n"),
        (".csv", "notes"),
        (".csv", ",".join(rows.COLUMNS) + "\n1,2\n3,4\n"),
        (".jsonl", "[1]\n"),
        (".jsonl", "notes"),
        (".jsonl", '{"source": 1}\n{}\n'),
    ],
)
def test_another_file_is_never_continued(suffix, content, tmp_path):
    path = tmp_path / f"other{suffix}"
    path.write_text(content)
    with pytest.raises(OutputError, match="not a results file"):
        tables.open_output(path, resume=True)
    assert path.read_text() == content


def test_a_parquet_that_is_cut_short_keeps_its_rows_and_goes_on(tmp_path):
    path = tmp_path / "results.parquet"
    with pytest.raises(KeyboardInterrupt), tables.open_output(path) as output:
        output.write(READINGS[:2])
        raise KeyboardInterrupt
    assert not path.exists()
    with tables.open_output(path, resume=True) as output:
        assert output.done == {"a.png", READINGS[1].source}
        assert output.unsure == READINGS[1].source
        output.write(READINGS[1:])
    assert len(rows_of(path)) == 5
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.parquet"]
    with pytest.raises(OutputError, match="nothing to resume"):
        tables.open_output(path, resume=True)


class FullDisk:
    """A file on a disk that has room for so many bytes only."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data[: self.room])
        self.room -= len(part)
        return self.file.write(part)

    def truncate(self, size):
        self.room += max(0, self.file.seek(0, 2) - size)
        self.file.truncate(size)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_full_disk_leaves_whole_rows(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    with tables.open_output(path) as output:
        output.write(READINGS[:1])
        before = path.read_bytes()
        output._file = FullDisk(output._file, room=20)
        with pytest.raises(OutputError, match="No space left on device"):
            output.write(READINGS[1:])
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_disk_that_fills_while_the_last_image_is_replaced_keeps_its_rows(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    write(path, READINGS[:1])
    before = path.read_bytes()
    with tables.open_output(path, resume=True) as output:
        output._file = FullDisk(output._file, room=5)
        with pytest.raises(OutputError, match="No space left on device"):
            output.write(READINGS[:2])
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        tables.open_output(tmp_path / "file" / "results.csv")


def test_annotated_images_are_laid_out_as_their_sources(image_file, tmp_path, monkeypatch):
    import cv2

    monkeypatch.chdir(tmp_path)
    image_file("scans/a/1.jpg", "4", height=160)
    image_file("scans/1.webp", "4", height=160)
    folder = annotated.AnnotatedImages(tmp_path / "out")
    for name in ("scans/a/1.jpg", "scans/1.webp"):
        folder.write(Reading(name, (Digit(4, 0.99, Box(40, 40, 60, 80)),)))
    for name, original in (("scans/a/1.jpg", "scans/a/1.jpg"), ("scans/1.webp.png", "scans/1.webp")):
        drawn = cv2.imread(str(tmp_path / "out" / name))
        assert (drawn != cv2.imread(original)).any()


@pytest.mark.parametrize("source", ["../up/a.png", "/abs/a.png", "a/../../b.png"])
def test_annotated_images_stay_inside_their_folder(source, tmp_path):
    target = annotated.AnnotatedImages(tmp_path / "out").target(tables.Path(source))
    assert (tmp_path / "out") in target.resolve().parents


def test_a_source_is_never_drawn_over(image_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = image_file("a.png", "4")
    before = path.read_bytes()
    with pytest.raises(OutputError, match="overwrite"):
        annotated.AnnotatedImages(tmp_path).write(Reading("a.png", ()))
    assert path.read_bytes() == before
