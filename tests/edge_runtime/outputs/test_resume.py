"""Resumed results files: one row per image and digit, of one model, and nothing lost to other programs."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from edge_runtime import Box, Digit, OutputError, Reading
from edge_runtime.outputs.run_record import RunRecord
from tests.edge_runtime.outputs.test_tables import FORMATS, READINGS, RUN, open_table, read_rows, write

posix = pytest.mark.skipif(os.name == "nt", reason="Windows does not remove, rename or link open files")

DAMAGED, GONE = (Reading("x.png", (), f"error: {reason}") for reason in ("damaged", "no such file"))
READ = Reading("x.png", (Digit(1, 0.9, Box(0, 0, 9, 9)), Digit(2, 0.9, Box(9, 0, 9, 9))))


def statuses(path):
    return [(row["source"], row["status"]) for row in read_rows(path)]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("again", "rows"),
    [
        pytest.param([], [("x.png", "error: damaged")], id="not read again"),
        pytest.param([DAMAGED], [("x.png", "error: damaged")], id="failed again"),
        pytest.param([DAMAGED, DAMAGED], [("x.png", "error: damaged")], id="failed twice"),
        pytest.param([GONE], [("x.png", "error: no such file")], id="failed for another reason"),
        pytest.param([READ], [("x.png", "ok")] * 2, id="read"),
        pytest.param([GONE, READ], [("x.png", "ok")] * 2, id="failed and read"),
        pytest.param([replace(READ, source="./x.png")], [("./x.png", "ok")] * 2, id="another spelling"),
    ],
)
def test_an_image_that_failed_has_one_result_however_often_it_is_read(tmp_path, suffix, again, rows):
    path = tmp_path / f"results{suffix}"
    write(path, [READINGS[0], DAMAGED, READINGS[2]])
    for reading in again:
        write(path, [reading], resume=True)
    found = statuses(path)
    others = [("a.png", "ok"), ("a.png", "rejected: unsure"), ("c.png", "no digit found")]
    assert [row for row in found if row not in rows] == others
    assert [row for row in found if row in rows] == rows
    with open_table(path, resume=True) as output:
        assert output.contains("x.png") == (rows[0][1] == "ok")


@pytest.mark.parametrize("suffix", FORMATS)
def test_failures_that_earlier_versions_repeated_are_removed(tmp_path, suffix):
    path = tmp_path / f"results{suffix}"
    write(path, [READINGS[0], DAMAGED, READINGS[3]] + [DAMAGED, READINGS[3]] * 3)
    assert len(read_rows(path)) == 10
    write(path, [], resume=True)
    assert statuses(path)[2:] == [("x.png", "error: damaged"), ("d\\udcff.png", "error: not an image")]


@posix
def test_an_interrupted_run_leaves_no_replaced_failures(tmp_path):
    path = tmp_path / "results.csv"
    write(path, [DAMAGED])
    path.chmod(0o640)
    with pytest.raises(KeyboardInterrupt), open_table(path, resume=True) as output:
        output.write([READ])
        raise KeyboardInterrupt
    assert statuses(path) == [("x.png", "ok")] * 2
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_full_disk_keeps_the_rows_while_failures_are_removed(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"results{suffix}"
    write(path, [DAMAGED])

    def fail(self, target):
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(OutputError, match="No space left on device"),
        open_table(path, resume=True) as output,
    ):
        output.write([READ])
        monkeypatch.setattr("pathlib.Path.replace", fail)
    monkeypatch.undo()
    assert statuses(path) == [("x.png", "error: damaged"), *[("x.png", "ok")] * 2]
    write(path, [], resume=True)
    assert statuses(path) == [("x.png", "ok")] * 2


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_second_writer_is_refused(tmp_path, suffix):
    path = tmp_path / f"results{suffix}"
    write(path, READINGS[:1])
    with open_table(path, resume=True) as output:
        before = {file: file.read_bytes() for file in tmp_path.iterdir()}
        for options in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(OutputError, match="another process is writing"):
                open_table(path, replace(RUN, version="2"), **options)
        assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
        output.write(READINGS[2:3])
    assert len(read_rows(path)) == 3


def remove(path):
    path.unlink()


def put_another_in_its_place(path):
    path.rename(path.with_name("other"))
    path.write_text("mine\n")


def cut(path):
    os.truncate(path, 10)


def append(path):
    with path.open("a") as file:
        file.write("mine\n")


@posix
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("deed", [remove, put_another_in_its_place, cut, append])
@pytest.mark.parametrize("last", [True, False], ids=["at the end", "before a write"])
def test_a_file_that_another_program_changes_is_reported_and_left_alone(tmp_path, suffix, deed, last):
    path = tmp_path / f"results{suffix}"
    output = open_table(path)
    held = output.rows_path
    with (
        pytest.raises(OutputError, match=r"was removed, renamed or replaced|another program changed"),
        output,
    ):
        output.write(READINGS[:1])
        deed(held)
        after = held.read_bytes() if held.exists() else None
        if not last:
            output.write(READINGS[1:])
    assert output.rows_path is None
    assert (held.read_bytes() if held.exists() else None) == after
    assert held == path or not path.exists()


@posix
def test_ctrl_c_does_not_hide_that_the_file_is_gone(tmp_path):
    path = tmp_path / "results.csv"
    with pytest.raises(OutputError, match="was removed"), open_table(path):
        path.unlink()
        raise KeyboardInterrupt


@posix
def test_a_link_to_a_file_stays_one(tmp_path):
    path, target = tmp_path / "results.csv", tmp_path / "disk" / "target.csv"
    target.parent.mkdir()
    path.symlink_to(target)
    write(path, [DAMAGED])
    write(path, [READ], resume=True)
    assert path.is_symlink()
    assert statuses(target) == [("x.png", "ok")] * 2
    assert sorted(file.name for file in target.parent.iterdir()) == ["target.csv", "target.csv.meta.json"]


OTHERS = [replace(RUN, version="0.2"), replace(RUN, model="float", classifier="f" * 64)]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("other", OTHERS, ids=["version", "model"])
def test_rows_of_other_versions_and_models_are_not_mixed(tmp_path, suffix, finished, other):
    path = tmp_path / f"results{suffix}"
    if finished:
        write(path, READINGS)
    else:
        with pytest.raises(KeyboardInterrupt), open_table(path) as output:
            output.write(READINGS)
            raise KeyboardInterrupt
    with pytest.raises(OutputError, match="was begun with ") as caught:
        open_table(path, other, resume=True)
    assert f"{path} {RUN.difference(other)}; " in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    write(path, [], resume=True)
    assert len(read_rows(path)) == 5
    with open_table(path, other, overwrite=True) as output:
        output.write(READINGS[:1])
    with open_table(path, other, resume=True) as output:
        assert output.contains("a.png")


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_that_do_not_record_their_model_are_resumed_with_a_warning(tmp_path, suffix):
    path = tmp_path / f"results{suffix}"
    with pytest.raises(KeyboardInterrupt), open_table(path) as output:
        output.write(READINGS[:1])
        raise KeyboardInterrupt
    (tmp_path / f"results{suffix}.meta.json").unlink()
    with open_table(path, OTHERS[0], resume=True) as output:
        (warning,) = output.warnings
        assert "does not record what its rows are from" in warning
        output.write(READINGS[2:3])
    assert len(read_rows(path)) == 3
    with open_table(path, OTHERS[1], resume=True) as output:
        assert len(output.warnings) == 1


def test_a_file_without_rows_is_begun_anew(tmp_path):
    path = tmp_path / "results.csv"
    write(path, [])
    with open_table(path, OTHERS[0], resume=True) as output:
        output.write(READINGS[:1])
    with pytest.raises(OutputError, match="was begun with"):
        open_table(path, resume=True)


def test_parquet_files_hold_the_record_themselves(tmp_path):
    import pyarrow.parquet

    path = tmp_path / "results.parquet"
    write(path, READINGS)
    assert list(tmp_path.iterdir()) == [path]
    assert RunRecord.parse(pyarrow.parquet.read_schema(path).metadata[b"edge-digits"]) == RUN


def test_a_finished_parquet_file_keeps_its_rows_when_it_is_resumed(tmp_path):
    path = tmp_path / "results.parquet"
    write(path, READINGS)
    before = read_rows(path)
    write(path, [], resume=True)
    assert read_rows(path) == before
    with pytest.raises(KeyboardInterrupt), open_table(path, resume=True) as output:
        output.write([READ])
        raise KeyboardInterrupt
    assert read_rows(path) == before
    write(path, [], resume=True)
    assert read_rows(path)[:5] == before
    assert len(read_rows(path)) == 7


@pytest.mark.parametrize("content", ["text", "other columns", "another status"])
def test_parquet_files_of_other_programs_are_not_resumed(tmp_path, content):
    import pyarrow.parquet

    path = tmp_path / "results.parquet"
    if content == "text":
        path.write_text("mine")
    elif content == "other columns":
        pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), path)
    else:
        write(path, [Reading("a.png", (), "mine")])
    before = path.read_bytes()
    with pytest.raises(OutputError, match="is not a results file") as caught:
        open_table(path, resume=True)
    assert len(str(caught.value).splitlines()) == 1
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_may_be_resumed_from_another_folder(tmp_path, suffix):
    path = tmp_path / f"results{suffix}"
    (tmp_path / "scans").mkdir()
    here, there = (replace(RUN, folder=str(folder)) for folder in (tmp_path, tmp_path / "scans"))
    with open_table(path, here) as output:
        output.write([replace(READINGS[0], source=f"scans/{name}.png") for name in "ab"])
    with open_table(path, there, resume=True) as output:
        assert output.path_of_last() == os.path.join(str(tmp_path), "scans/b.png")  # noqa: PTH118
        assert output.is_last("b.png")
        assert [output.contains(name) for name in ("a.png", "c.png")] == [True, False]
        output.write([replace(READINGS[0], source="b.png"), replace(READINGS[2], source="c.png")])
    c = str(tmp_path / "scans" / "c.png")
    assert [row["source"] for row in read_rows(path)] == ["scans/a.png"] * 2 + ["scans/b.png"] * 2 + [c]
    with open_table(path, here, resume=True) as output:
        assert all(output.contains(f"scans/{name}.png") for name in "abc")
