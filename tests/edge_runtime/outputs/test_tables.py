"""Results files: rows are complete whatever interrupts them, and existing results are never lost."""

from __future__ import annotations

import csv
import errno
import json
import os
import sys

import pytest

from edge_runtime import Box, Digit, MissingDependencyError, OutputError, Reading
from edge_runtime.outputs import tables
from edge_runtime.outputs.rows import COLUMNS, escape_source

READINGS = [
    Reading(
        "a.png", (Digit(4, 0.99, Box(1, 2, 3, 4)), Digit(None, 0.41, Box(5, 6, 7, 8), "rejected: unsure"))
    ),
    Reading("b, with comma\nand line.png", (Digit(0, 1.0, Box(0, 0, 28, 28)),)),
    Reading("c.png", (), "no digit found"),
    Reading("d\udcff.png", (), "error: not an image"),
]

FORMATS = [".csv", ".jsonl", ".parquet"]


def read_rows(path):
    """The rows of a results file as dictionaries; None for empty values."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [{k: v if v != "" else None for k, v in row.items()} for row in csv.DictReader(file)]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path).to_pylist()


def write(path, readings, **options):
    with tables.open_table(path, **options) as output:
        for reading in readings:
            output.write([reading])


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_digit_has_a_row_and_so_has_an_image_without_digits(suffix, tmp_path):
    path = tmp_path / "new folder" / f"results{suffix}"
    write(path, READINGS)
    rows = read_rows(path)
    assert [row["source"] for row in rows] == [
        "a.png", "a.png", "b, with comma\nand line.png", "c.png", "d\\udcff.png",
    ]  # fmt: skip
    assert [None if row["digit"] is None else int(row["digit"]) for row in rows] == [4, None, 0, None, None]
    assert [row["status"] for row in rows] == [
        "ok", "rejected: unsure", "ok", "no digit found", "error: not an image",
    ]  # fmt: skip
    assert float(rows[0]["confidence"]) == pytest.approx(0.99)
    assert [int(rows[0][name]) for name in ("x", "y", "width", "height")] == [1, 2, 3, 4]
    assert tuple(rows[0]) == COLUMNS


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_run_without_images_leaves_a_valid_file(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    write(path, [])
    assert read_rows(path) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_existing_files_are_replaced_only_with_overwrite(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    write(path, READINGS)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        tables.open_table(path)
    assert path.read_bytes() == before
    write(path, READINGS[:1], overwrite=True)
    assert len(read_rows(path)) == 2


def test_parquet_without_pyarrow_names_the_extra_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'edge-digits\[parquet\]'"):
        tables.open_table(tmp_path / "results.parquet")
    assert list(tmp_path.iterdir()) == []


def test_unknown_formats_are_rejected_with_the_known_ones(tmp_path):
    with pytest.raises(OutputError, match=r"\.csv, \.jsonl, \.parquet"):
        tables.open_table(tmp_path / "results.xlsx")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_file_cut_anywhere_is_resumed_to_the_same_content(suffix, tmp_path):
    whole = tmp_path / f"whole{suffix}"
    write(whole, READINGS)
    content = whole.read_bytes()
    for cut in range(0, len(content) + 1, 3):
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(content[:cut])
        with tables.open_table(path, resume=True) as output:
            # As the command does: the last image of the file first, then all that are missing.
            names = [escape_source(r.source) for r in READINGS]
            again = [READINGS[names.index(output.last)]] if output.last else []
            rest = [r for r, name in zip(READINGS, names, strict=True) if name not in output.completed]
            output.write(again + [r for r in rest if r not in again])
        assert path.read_bytes() == content, cut


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_resuming_with_other_images_keeps_all_rows(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    for readings in (READINGS[:1], READINGS[1:2], READINGS[2:3]):
        write(path, readings, resume=True)
    assert [row["source"] for row in read_rows(path)] == ["a.png", "a.png", READINGS[1].source, "c.png"]


def test_the_last_image_keeps_its_rows_when_it_has_become_unreadable(tmp_path):
    path = tmp_path / "results.csv"
    write(path, READINGS[:1])
    with tables.open_table(path, resume=True) as output:
        output.write([Reading("a.png", (), "error: no such file"), READINGS[2]])
    assert [row["source"] for row in read_rows(path)] == ["a.png", "a.png", "c.png"]


def test_failed_images_do_not_count_as_completed(tmp_path):
    path = tmp_path / "results.csv"
    write(path, [Reading("gone.png", (), "error: no such file"), READINGS[0], READINGS[2]])
    with tables.open_table(path, resume=True) as output:
        assert output.completed == {"a.png", "c.png"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("options", [{"overwrite": True}, {"resume": True}], ids=str)
def test_named_pipes_are_rejected(options, tmp_path):
    os.mkfifo(tmp_path / "r.csv")
    with pytest.raises(OutputError, match="regular file"):
        tables.open_table(tmp_path / "r.csv", **options)


def test_an_interrupted_parquet_file_is_replaced_only_with_overwrite(tmp_path):
    path = tmp_path / "results.parquet"
    with pytest.raises(KeyboardInterrupt), tables.open_table(path) as output:
        output.write(READINGS)
        raise KeyboardInterrupt
    with pytest.raises(OutputError, match="--resume"):
        tables.open_table(path)
    write(path, [], resume=True)
    assert len(read_rows(path)) == 5


def test_resume_starts_a_file_that_does_not_exist(tmp_path):
    write(tmp_path / "results.csv", READINGS, resume=True)
    assert len(read_rows(tmp_path / "results.csv")) == 5


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        pytest.param(".csv", "a,b\n1,2\n", id="CSV with other columns"),
        pytest.param(".csv", "notes", id="text named .csv"),
        pytest.param(".csv", ",".join(COLUMNS) + "\n1,2\n3,4\n", id="CSV with short rows"),
        pytest.param(".jsonl", "[1]\n", id="JSON lists"),
        pytest.param(".jsonl", "notes", id="text named .jsonl"),
        pytest.param(".jsonl", '{"source": 1}\n{}\n', id="JSON without a status"),
    ],
)
def test_files_of_other_programs_are_not_resumed(suffix, content, tmp_path):
    path = tmp_path / f"other{suffix}"
    path.write_text(content)
    with pytest.raises(OutputError, match="not a results file"):
        tables.open_table(path, resume=True)
    assert path.read_text() == content


def test_an_interrupted_parquet_file_keeps_its_rows_and_can_be_resumed(tmp_path):
    path = tmp_path / "results.parquet"
    with pytest.raises(KeyboardInterrupt), tables.open_table(path) as output:
        output.write(READINGS[:2])
        raise KeyboardInterrupt
    assert not path.exists()
    with tables.open_table(path, resume=True) as output:
        assert output.completed == {"a.png", READINGS[1].source}
        assert output.last == READINGS[1].source
        output.write(READINGS[1:])
    assert len(read_rows(path)) == 5
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.parquet"]
    with pytest.raises(OutputError, match="nothing to resume"):
        tables.open_table(path, resume=True)


OLD_STATUSES = {
    ".csv": "source,digit,confidence,x,y,width,height,status\n"
    "a.png,4,0.99,1,2,3,4,ok\n"
    "a.png,,0.41,5,6,7,8,refused: unsure\n"
    "b.png,,0.3,5,6,7,8,refused: no digit\n",
    ".jsonl": '{"source": "a.png", "digit": 4, "confidence": 0.99, "x": 1, "y": 2, "width": 3, "height": 4, '
    '"status": "ok"}\n'
    '{"source": "a.png", "digit": null, "confidence": 0.41, "x": 5, "y": 6, "width": 7, "height": 8, '
    '"status": "refused: unsure"}\n'
    '{"source": "b.png", "digit": null, "confidence": 0.3, "x": 5, "y": 6, "width": 7, "height": 8, '
    '"status": "refused: no digit"}\n',
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_with_the_former_statuses_are_resumed(suffix, tmp_path):
    """Rejected digits used to have the status "refused: ..."."""
    path = tmp_path / f"results{suffix}"
    parquet = suffix == ".parquet"
    started = path.with_name("results.parquet.partial.jsonl") if parquet else path
    started.write_text(OLD_STATUSES[started.suffix])
    again = Reading("b.png", (Digit(None, 0.3, Box(5, 6, 7, 8), "rejected: no digit"),))
    with tables.open_table(path, resume=True) as output:
        assert output.completed == {"a.png", "b.png"}
        assert output.last == "b.png"
        output.write([again, READINGS[2]])
    assert [(row["source"], row["status"]) for row in read_rows(path)] == [
        ("a.png", "ok"),
        ("a.png", "refused: unsure"),
        ("b.png", "rejected: no digit"),
        ("c.png", "no digit found"),
    ]


@pytest.mark.parametrize("row", ['{"source": "a.png", "digit": "4", "status": "ok"}\n', '{"source": 1}\n'])
def test_rows_that_parquet_cannot_hold_are_kept(row, tmp_path):
    path = tmp_path / "results.parquet"
    journal = tmp_path / "results.parquet.partial.jsonl"
    with (
        pytest.raises(OutputError, match=r"all rows are in .*partial\.jsonl"),
        tables.open_table(path) as output,
    ):
        output.write(READINGS)
        journal.write_text(journal.read_text() + row)
    assert journal.read_text().endswith(row)
    assert list(tmp_path.iterdir()) == [journal]


class FullDisk:
    """A file on a disk with `room` bytes left."""

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
def test_a_full_disk_leaves_complete_rows(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    with tables.open_table(path) as output:
        output.write(READINGS[:1])
        before = path.read_bytes()
        output._file = FullDisk(output._file, room=20)
        with pytest.raises(OutputError, match="No space left on device"):
            output.write(READINGS[1:])
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_full_disk_keeps_the_rows_of_the_last_image_while_they_are_replaced(suffix, tmp_path):
    path = tmp_path / f"results{suffix}"
    write(path, READINGS[:1])
    before = path.read_bytes()
    with tables.open_table(path, resume=True) as output:
        output._file = FullDisk(output._file, room=5)
        with pytest.raises(OutputError, match="No space left on device"):
            output.write(READINGS[:2])
    assert path.read_bytes() == before


def test_unwritable_paths_are_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        tables.open_table(tmp_path / "file" / "results.csv")
