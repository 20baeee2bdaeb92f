"""Rows per digit, number and image: their values, in new files of every format and in resumed ones."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from edge_runtime import Box, Digit, OutputError, Reading
from edge_runtime.outputs.rows import ALL, BY_UNIT, DIGIT, FORMER, IMAGE, NUMBER
from edge_runtime.results import FIRST_ONLY, INCOMPLETE, UNNAMED
from tests import stand_ins
from tests.edge_runtime.outputs.test_tables import FORMATS, RUN, open_table, read_rows

UNSURE = "rejected: unsure, or not"


def digit(value, place, x, y=0, *, confidence=0.9, before=""):
    return Digit(
        value, confidence, Box(x, y, 8, 10), "ok" if value is not None else UNSURE, *place, before=before
    )


# 40 8,5 / ?7 · -6
PAGE = Reading(
    "page.png",
    (
        digit(4, (0, 0), 10),
        digit(0, (0, 0), 20, 2, confidence=0.70004),
        digit(8, (0, 1), 50),
        digit(5, (0, 1), 65, before=","),
        digit(None, (1, 2), 10, 30, confidence=0.4),
        digit(7, (1, 2), 20, 30),
        digit(1, (1, 3), 40, 30, before=UNNAMED),
        digit(6, (1, 4), 90, 30, before="-"),
    ),
    width=120,
    height=60,
    turn=90,
)
BLANK = Reading("blank.png", (), "no digit found", {}, 30, 20)
DAMAGED = Reading("damaged.png", (), "error: not an image, or damaged")
DENSE = Reading("dense.png", PAGE.digits[4:6], INCOMPLETE, {}, 120, 60, turn=90)
READINGS = [PAGE, BLANK, DAMAGED, DENSE]

EXPECTED = {
    "digit": [
        ("page.png", 0, 0, 0, "", 4, 0.9, 10, 0, 8, 10, 120, 60, 90, "ok"),
        ("page.png", 0, 0, 1, "", 0, 0.7, 20, 2, 8, 10, 120, 60, 90, "ok"),
        ("page.png", 0, 1, 0, "", 8, 0.9, 50, 0, 8, 10, 120, 60, 90, "ok"),
        ("page.png", 0, 1, 1, ",", 5, 0.9, 65, 0, 8, 10, 120, 60, 90, "ok"),
        ("page.png", 1, 2, 0, "", None, 0.4, 10, 30, 8, 10, 120, 60, 90, UNSURE),
        ("page.png", 1, 2, 1, "", 7, 0.9, 20, 30, 8, 10, 120, 60, 90, "ok"),
        ("page.png", 1, 3, 0, UNNAMED, 1, 0.9, 40, 30, 8, 10, 120, 60, 90, "ok"),
        ("page.png", 1, 4, 0, "-", 6, 0.9, 90, 30, 8, 10, 120, 60, 90, "ok"),
        ("blank.png", *(None,) * 10, 30, 20, 0, "no digit found"),
        ("damaged.png", *(None,) * 13, "error: not an image, or damaged"),
        ("dense.png", 1, 2, 0, "", None, 0.4, 10, 30, 8, 10, 120, 60, 90, UNSURE),
        ("dense.png", 1, 2, 1, "", 7, 0.9, 20, 30, 8, 10, 120, 60, 90, INCOMPLETE),
    ],
    "number": [
        ("page.png", 0, 0, "", "40", 0.7, 0.8, 10, 0, 18, 12, 2, 0, 120, 60, 90, "ok"),
        ("page.png", 0, 1, "", "8,5", 0.9, 0.9, 50, 0, 23, 10, 2, 0, 120, 60, 90, "ok"),
        ("page.png", 1, 2, "", "?7", 0.4, 0.65, 10, 30, 18, 10, 2, 1, 120, 60, 90, UNSURE),
        ("page.png", 1, 3, UNNAMED, "1", 0.9, 0.9, 40, 30, 8, 10, 1, 0, 120, 60, 90, "ok"),
        ("page.png", 1, 4, "-", "-6", 0.9, 0.9, 90, 30, 8, 10, 1, 0, 120, 60, 90, "ok"),
        ("blank.png", *(None,) * 12, 30, 20, 0, "no digit found"),
        ("damaged.png", *(None,) * 15, "error: not an image, or damaged"),
        ("dense.png", 1, 2, "", "?7", 0.4, 0.65, 10, 30, 18, 10, 2, 1, 120, 60, 90, UNSURE),
    ],
    "image": [
        ("page.png", f"40 8,5\n?7 {UNNAMED} 1 -6", 5, 0.4, 8, 1, 120, 60, 90, "ok"),
        ("blank.png", "", 0, None, 0, 0, 30, 20, 0, "no digit found"),
        ("damaged.png", *(None,) * 8, "error: not an image, or damaged"),
        ("dense.png", "?7", 1, 0.4, 2, 1, 120, 60, 90, INCOMPLETE),
    ],
}


def write(path, readings, rows=DIGIT, **options):
    with open_table(path, rows=rows, **options) as output:
        output.write(readings)


def as_text(rows):
    """Rows as CSV has them: every value as text, None for empty text as for no value."""
    return [tuple(None if value in (None, "") else str(value) for value in row) for row in rows]


@pytest.mark.parametrize("unit", EXPECTED)
def test_rows_hold_the_values_of_a_reading(unit):
    found = [row for reading in READINGS for row in BY_UNIT[unit].of(reading)]
    assert found == EXPECTED[unit]
    assert all(len(row) == len(BY_UNIT[unit].columns) for row in found)


@pytest.mark.parametrize("unit", EXPECTED)
@pytest.mark.parametrize("suffix", FORMATS)
def test_files_of_every_format_hold_the_rows(tmp_path, suffix, unit):
    path = tmp_path / f"r{suffix}"
    write(path, READINGS, BY_UNIT[unit])
    rows = read_rows(path)
    assert {tuple(row) for row in rows} == {BY_UNIT[unit].columns}
    found = [tuple(row.values()) for row in rows]
    if suffix == ".csv":
        assert as_text(found) == as_text(EXPECTED[unit])
    else:
        assert found == [
            pytest.approx(row, abs=1e-6) if suffix == ".parquet" else row for row in EXPECTED[unit]
        ]


def test_parquet_has_integers_also_where_values_are_missing(tmp_path):
    import pyarrow.parquet

    for rows in BY_UNIT.values():
        path = tmp_path / f"{rows.unit}.parquet"
        write(path, READINGS, rows)
        types = {field.name: str(field.type) for field in pyarrow.parquet.read_schema(path)}
        text = {"source", "before", "text", "status"}
        assert {name for name, kind in types.items() if kind == "string"} == text & set(rows.columns)
        assert all(
            kind == ("float" if name.endswith("confidence") else "int8" if name == "digit" else "int32")
            for name, kind in types.items()
            if kind != "string"
        )


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("unit", EXPECTED)
def test_images_of_which_only_the_first_page_was_read_say_so_and_are_resumed(tmp_path, suffix, unit):
    path = tmp_path / f"r{suffix}"
    readings = [replace(each, status=each.status + FIRST_ONLY) for each in (BLANK, PAGE, DENSE)]
    write(path, readings, BY_UNIT[unit])
    statuses = {row["status"] for row in read_rows(path)} - {UNSURE}
    dense = {INCOMPLETE + FIRST_ONLY} if unit != "number" else set()
    assert statuses == {f"ok{FIRST_ONLY}", f"no digit found{FIRST_ONLY}"} | dense
    with open_table(path, rows=BY_UNIT[unit], resume=True) as output:
        assert all(output.contains(reading.source) for reading in readings)


def test_readings_as_tables_have_the_same_columns_and_values(monkeypatch):
    stand_ins.provide(monkeypatch, "pandas")
    table = PAGE.to_pandas()
    assert tuple(table.columns) == DIGIT.columns
    for column, values in zip(DIGIT.columns, zip(*EXPECTED["digit"][:8], strict=True), strict=True):
        if column == "digit":
            assert table[column].tolist()[:4] == list(values[:4])
        else:
            assert table[column].tolist() == (
                pytest.approx(values, abs=1e-4) if column == "confidence" else list(values)
            )


@pytest.mark.parametrize(
    "name", ['a"b\\c\n.png', "é.png", "\U0001f600.png", "100%s.png", os.fsdecode(b"\xff.png")]
)
def test_json_lines_are_valid_json_with_any_name(name):
    reading = Reading(name, PAGE.digits, width=1, height=1)
    for rows in ALL:
        lines = rows.to_json_lines([reading]).splitlines()
        values = [dict(zip(rows.columns, row, strict=True)) for row in rows.of(reading)]
        assert lines == [json.dumps(each) for each in values]


# Resuming -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("unit", ["number", "image"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_file_cut_anywhere_is_resumed_to_the_same_content(tmp_path, suffix, unit):
    path = tmp_path / f"r{suffix}"
    write(path, READINGS, BY_UNIT[unit])
    content = path.read_bytes()
    for cut in range(0, len(content) + 1, 19):
        path.write_bytes(content[:cut])
        with open_table(path, rows=BY_UNIT[unit], resume=True) as output:
            again = [reading for reading in READINGS if output.is_last(reading.source)]
            output.write(again + [each for each in READINGS if not output.contains(each.source)])
        assert path.read_bytes() == content, cut


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_last_row_per_image_is_complete(tmp_path, suffix):
    path = tmp_path / f"r{suffix}"
    write(path, [PAGE], IMAGE)
    with open_table(path, rows=IMAGE, resume=True) as output:
        assert output.last is None
        assert output.contains("page.png")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("begun", "asked"), [(DIGIT, IMAGE), (NUMBER, DIGIT), (IMAGE, NUMBER), (FORMER, IMAGE)]
)
def test_a_file_is_not_continued_with_rows_of_another_kind(tmp_path, suffix, begun, asked):
    path = tmp_path / f"r{suffix}"
    write(path, READINGS, begun)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(OutputError) as caught:
        open_table(path, rows=asked, resume=True)
    assert str(caught.value) == (
        f"{path} has one row per {begun.unit}, not one per {asked.unit}; continue it with --rows "
        f"{begun.unit}, write to another file, or replace it with --overwrite"
    )
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    write(path, READINGS[:2], asked, overwrite=True)
    assert {tuple(row) for row in read_rows(path)} == {asked.columns}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("begun", [DIGIT, FORMER])
def test_a_file_without_rows_takes_rows_of_any_kind(tmp_path, suffix, begun):
    path = tmp_path / f"r{suffix}"
    write(path, [], begun)
    write(path, READINGS, NUMBER, resume=True)
    assert {tuple(row) for row in read_rows(path)} == {NUMBER.columns}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("finished", [True, False])
def test_files_of_earlier_versions_are_continued_in_their_columns(tmp_path, suffix, finished):
    path = tmp_path / f"r{suffix}"
    columns = ("source", "digit", "confidence", "x", "y", "width", "height", "status")
    old = Reading("old.png", (digit(3, (0, 0), 1), digit(None, (0, 0), 11)))
    if finished:
        write(path, [old], FORMER)
    else:
        with pytest.raises(KeyboardInterrupt), open_table(path, rows=FORMER) as output:
            output.write([old])
            raise KeyboardInterrupt
    with open_table(path, resume=True) as output:
        (warning,) = output.warnings
        assert "was begun by an earlier version and keeps its columns" in warning
        assert output.contains("old.png")
        assert output.last == "old.png"
        output.write([old, PAGE, BLANK, DAMAGED])
    rows = read_rows(path)
    assert {tuple(row) for row in rows} == {columns}
    kept = [DIGIT.columns.index(column) for column in columns]
    wanted = [[row[place] for place in kept] for each in (old, *READINGS[:3]) for row in DIGIT.of(each)]
    if suffix == ".csv":
        assert as_text(row.values() for row in rows) == as_text(wanted)
    else:
        assert [list(row.values()) for row in rows] == [pytest.approx(row, abs=1e-6) for row in wanted]
    with open_table(path, resume=True) as output:
        output.write([Reading("damaged.png", old.digits)])
    assert [row["status"] for row in read_rows(path) if row["source"] == "damaged.png"] == ["ok", UNSURE]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_of_two_kinds_in_one_file_are_of_another_program(tmp_path, suffix):
    path = tmp_path / f"r{suffix}"
    parts = []
    for rows in (DIGIT, NUMBER):
        write(path, [PAGE], rows, overwrite=True)
        parts.append(path.read_text())
    path.write_text("".join(parts))
    with pytest.raises(OutputError, match="is not a results file of edge-digits"):
        open_table(path, resume=True)
    assert path.read_text() == "".join(parts)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("options", "begun", "now"),
    [
        ({"min_confidence": 0.9}, "with --min-confidence 0.9", "without --min-confidence"),
        ({"rotate": "90"}, "with --rotate 90", "with --rotate auto"),
        (
            {"rotate": "0", "min_confidence": 0.75},
            "with --rotate 0 and with --min-confidence 0.75",
            "with --rotate auto and without --min-confidence",
        ),
    ],
)
def test_rows_that_were_read_otherwise_are_not_mixed(tmp_path, suffix, options, begun, now):
    path = tmp_path / f"r{suffix}"
    other = replace(RUN, **options)
    with open_table(path, other) as output:
        output.write([PAGE])
    with pytest.raises(OutputError, match=f" was begun {begun}, but this run is {now};"):
        open_table(path, resume=True)
    with open_table(path, other, resume=True) as output:
        assert output.contains("page.png")
