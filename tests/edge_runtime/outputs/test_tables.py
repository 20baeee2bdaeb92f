"""Results files: rows are complete whatever interrupts them, and existing results are never lost."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import sys

import pytest

from edge_runtime import Box, Digit, MissingDependencyError, OutputError, Reading
from edge_runtime.outputs import tables
from edge_runtime.outputs.locked_file import LockedFile
from edge_runtime.outputs.rows import DIGIT
from edge_runtime.outputs.run_record import RunRecord

READINGS = [
    Reading(
        "a.png", (Digit(4, 0.99, Box(1, 2, 3, 4)), Digit(None, 0.41, Box(5, 6, 7, 8), "rejected: unsure"))
    ),
    Reading("b, with comma\nand line.png", (Digit(0, 1.0, Box(0, 0, 28, 28)),)),
    Reading("c.png", (), "no digit found"),
    Reading("d\udcff.png", (), "error: not an image"),
]

HEADER = ",".join(DIGIT.columns) + "\n"
ROW = "a.png,,,,,,,,,,,,,,no digit found\n"
JSON_ROW = json.dumps(dict.fromkeys(DIGIT.columns) | {"source": "a.png", "status": "no digit found"}) + "\n"

FORMATS = [".csv", ".jsonl", ".parquet"]

RUN = RunRecord("0.1", "int8", "int8", "c" * 64, "d" * 64, os.path.abspath("scans"))  # noqa: PTH100


def open_table(path, run=RUN, **options):
    return tables.open_table(path, run, **options)


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
    with open_table(path, **options) as output:
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
    assert tuple(rows[0]) == DIGIT.columns


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
        open_table(path)
    assert path.read_bytes() == before
    write(path, READINGS[:1], overwrite=True)
    assert len(read_rows(path)) == 2


def test_parquet_without_pyarrow_names_the_extra_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'edge-digits\[parquet\]'"):
        open_table(tmp_path / "results.parquet")
    assert list(tmp_path.iterdir()) == []


def test_unknown_formats_are_rejected_with_the_known_ones(tmp_path):
    with pytest.raises(OutputError, match=r"\.csv, \.jsonl or \.parquet$"):
        open_table(tmp_path / "results.xlsx")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_file_cut_anywhere_is_resumed_to_the_same_content(suffix, tmp_path):
    whole = tmp_path / f"whole{suffix}"
    write(whole, READINGS)
    content = whole.read_bytes()
    for cut in range(0, len(content) + 1, 7):
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(content[:cut])
        with open_table(path, resume=True) as output:
            # As the command does: the last image of the file first, then all that are missing.
            again = [reading for reading in READINGS if output.is_last(reading.source)]
            output.write(again + [r for r in READINGS if not output.contains(r.source)])
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
    with open_table(path, resume=True) as output:
        output.write([Reading("a.png", (), "error: no such file"), READINGS[2]])
    assert [row["source"] for row in read_rows(path)] == ["a.png", "a.png", "c.png"]


def test_failed_images_do_not_count_as_completed(tmp_path):
    path = tmp_path / "results.csv"
    write(path, [Reading("gone.png", (), "error: no such file"), READINGS[0], READINGS[2]])
    with open_table(path, resume=True) as output:
        assert [output.contains(name) for name in ("a.png", "c.png", "gone.png")] == [True, True, False]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("options", [{"overwrite": True}, {"resume": True}], ids=str)
def test_named_pipes_are_rejected(options, tmp_path):
    os.mkfifo(tmp_path / "r.csv")
    with pytest.raises(OutputError, match="regular file"):
        open_table(tmp_path / "r.csv", **options)


def test_an_interrupted_parquet_file_is_replaced_only_with_overwrite(tmp_path):
    path = tmp_path / "results.parquet"
    with pytest.raises(KeyboardInterrupt), open_table(path) as output:
        output.write(READINGS)
        raise KeyboardInterrupt
    with pytest.raises(OutputError, match="--resume"):
        open_table(path)
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
        pytest.param(".csv", HEADER + "1,2\n3,4\n", id="CSV with short rows"),
        pytest.param(".jsonl", "[1]\n", id="JSON lists"),
        pytest.param(".jsonl", "notes", id="text named .jsonl"),
        pytest.param(".jsonl", '{"source": 1}\n{}\n', id="JSON without a status"),
        pytest.param(".csv", HEADER + ROW + "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o\n", id="text for numbers"),
        pytest.param(".csv", HEADER + ROW + "a,1,1,1,,1,1,1,1,1,1,1,1,1,fine\n", id="another status"),
        pytest.param(".csv", HEADER + ROW + HEADER + ROW, id="two CSV files in one"),
        pytest.param(".csv", HEADER + ROW + '"' + ROW + ROW, id="CSV with a quote that is never closed"),
        pytest.param(".csv", HEADER + ROW + '"' + ROW + '"b;c",,,,,,,,,,,,,,ok\n', id="an odd quote"),
        pytest.param(".csv", HEADER + ROW + "\0" * 99, id="CSV that ends with zeros"),
        pytest.param(".csv", HEADER + ROW + "x" * 2**21, id="CSV with a long line"),
        pytest.param(".jsonl", JSON_ROW + '{"source": ' + "[" * 100_000 + "\n", id="deep nesting"),
        pytest.param(".jsonl", JSON_ROW + JSON_ROW.replace("null", "[]"), id="JSON with a list in it"),
        pytest.param(
            ".jsonl", JSON_ROW + JSON_ROW.replace('"a.png"', "1"), id="JSON with a number for a path"
        ),
        pytest.param(
            ".jsonl", JSON_ROW + JSON_ROW.replace('"a.png"', '"\\u0000/a"'), id="JSON without a path"
        ),
        pytest.param(".jsonl", JSON_ROW + JSON_ROW.replace("no digit", "no"), id="JSON with another status"),
        pytest.param(".jsonl", JSON_ROW + '{"event": "left"}\n', id="JSON with an event"),
        pytest.param(".jsonl", JSON_ROW + "5\n", id="JSON with a number"),
        pytest.param(".jsonl", JSON_ROW + "\0" * 99, id="JSON that ends with zeros"),
        pytest.param(".jsonl", JSON_ROW + "ends here", id="JSON that ends with text"),
    ],
)
def test_files_of_other_programs_are_not_resumed(suffix, content, tmp_path):
    path = tmp_path / f"other{suffix}"
    path.write_text(content)
    with pytest.raises(OutputError, match="not a results file") as caught:
        open_table(path, resume=True)
    assert len(str(caught.value).splitlines()) == 1
    assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_binary_files_are_not_resumed(suffix, tmp_path):
    path = tmp_path / f"other{suffix}"
    write(path, READINGS)
    for garbage in (b"\xff\xfe\0\1" * 9, b"\x89PNG\r\n\x1a\n\0\0"):
        content = path.read_bytes() + garbage
        path.write_bytes(content)
        with pytest.raises(OutputError, match="not a results file"):
            open_table(path, resume=True)
        assert path.read_bytes() == content


def test_an_interrupted_parquet_file_keeps_its_rows_and_can_be_resumed(tmp_path):
    path = tmp_path / "results.parquet"
    with pytest.raises(KeyboardInterrupt), open_table(path) as output:
        output.write(READINGS[:2])
        raise KeyboardInterrupt
    assert not path.exists()
    with open_table(path, resume=True) as output:
        assert [output.contains(reading.source) for reading in READINGS] == [True, True, False, False]
        assert output.last == READINGS[1].source
        output.write(READINGS[1:])
    assert len(read_rows(path)) == 5
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.parquet"]


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
    with open_table(path, resume=True) as output:
        assert output.contains("a.png")
        assert output.last == "b.png"
        output.write([again, READINGS[2]])
    assert [(row["source"], row["status"]) for row in read_rows(path)] == [
        ("a.png", "ok"),
        ("a.png", "refused: unsure"),
        ("b.png", "rejected: no digit"),
        ("c.png", "no digit found"),
    ]


def fill_disk(monkeypatch, room):
    """Leave `room` bytes on the disk."""
    write, truncate = LockedFile.write, LockedFile.truncate

    def limited_write(self, data):
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data[:room])
        room -= len(part)
        return write(self, part)

    def freeing_truncate(self, size):
        nonlocal room
        room += max(0, os.fstat(self.fileno()).st_size - size)
        return truncate(self, size)

    monkeypatch.setattr(LockedFile, "write", limited_write)
    monkeypatch.setattr(LockedFile, "truncate", freeing_truncate)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_full_disk_leaves_complete_rows(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"results{suffix}"
    with open_table(path) as output:
        output.write(READINGS[:1])
        before = path.read_bytes()
        fill_disk(monkeypatch, room=20)
        with pytest.raises(OutputError, match="No space left on device"):
            output.write(READINGS[1:])
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_full_disk_keeps_the_rows_of_the_last_image_while_they_are_replaced(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"results{suffix}"
    write(path, READINGS[:1])
    before = path.read_bytes()
    with open_table(path, resume=True) as output:
        fill_disk(monkeypatch, room=5)
        with pytest.raises(OutputError, match="No space left on device"):
            output.write(READINGS[:2])
    assert path.read_bytes() == before


def test_unwritable_paths_are_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        open_table(tmp_path / "file" / "results.csv")


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}], ids=str)
@pytest.mark.parametrize("suffix", FORMATS)
def test_folders_are_rejected(suffix, options, tmp_path):
    path = tmp_path / f"folder{suffix}"
    path.mkdir()
    with pytest.raises(OutputError, match="is not a regular file"):
        open_table(path, **options)
    assert list(tmp_path.rglob("*")) == [path]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_folder_with_the_name_of_the_record_is_named(suffix, tmp_path):
    record = tmp_path / f"results{suffix}.meta.json"
    record.mkdir()
    with pytest.raises(OutputError, match=re.escape(f"{record} is not a regular file")):
        open_table(tmp_path / f"results{suffix}")
    assert list(tmp_path.iterdir()) == [record]


def test_a_parquet_file_that_another_program_creates_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "results.parquet"
    message = r"another program created .*; all rows are in .*partial\.jsonl"
    with pytest.raises(OutputError, match=message), open_table(path) as output:
        output.write(READINGS)
        path.write_bytes(b"precious")
    assert path.read_bytes() == b"precious"
    path.unlink()
    write(path, [], resume=True)
    assert len(read_rows(path)) == 5


def test_a_disk_that_is_full_from_the_start_is_left_empty(tmp_path, monkeypatch):
    fill_disk(monkeypatch, room=3)
    with pytest.raises(OutputError, match="No space left on device"):
        open_table(tmp_path / "results.csv")
    assert list(tmp_path.iterdir()) == []


NAMES = {
    "=1+1.png": "'=1+1.png",
    "+1.png": "'+1.png",
    "-1.png": "'-1.png",
    "@sum.png": "'@sum.png",
    "\t=1.png": "'\t=1.png",
    "\n=1.png": "'\n=1.png",
    "\r=1.png": "'\r=1.png",
    "＝1.png": "'＝1.png",
    "'=1.png": "''=1.png",
    "''=1.png": "'''=1.png",
    "'1.png": "'1.png",
    "scans/=1.png": "scans/=1.png",
    "1=1.png": "1=1.png",
}


@pytest.mark.parametrize(("name", "cell"), NAMES.items(), ids=map(repr, NAMES))
def test_names_are_no_formulas_in_csv_and_keep_their_identity(name, cell, tmp_path):
    path = tmp_path / "results.csv"
    write(path, [Reading(name, (), "no digit found")])
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1][0] == cell
    assert re.sub(r"^'(?='*[=+\-@\t\r\n＝＋－＠])", "", cell) == name  # as in docs/results.md
    with open_table(path, resume=True) as output:
        assert [each for each in NAMES if output.contains(each)] == [name]


def test_spreadsheets_that_separate_at_other_characters_find_no_formula_in_csv(tmp_path):
    path = tmp_path / "results.csv"
    names = ["a;=1+1;.png", "a\t=1+1\t.png", '";=1;".png']
    write(path, [Reading(name, (), "error: damaged, or not an image") for name in names])
    for delimiter in ";\t":
        with path.open(newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file, delimiter=delimiter) for cell in row]
        assert not [cell for cell in cells if cell.startswith("=")]


@pytest.mark.parametrize("name", ["=1+1.png", "'=1.png"])
def test_other_formats_hold_names_as_they_are(name, tmp_path):
    for suffix in (".jsonl", ".parquet"):
        write(tmp_path / f"results{suffix}", [Reading(name, (), "no digit found")])
        assert [row["source"] for row in read_rows(tmp_path / f"results{suffix}")] == [name]
