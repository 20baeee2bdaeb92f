"""Run records: which version and models the rows of a results file are from."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from edge_runtime import DigitReader, OutputError, __version__
from edge_runtime.models import manifest
from edge_runtime.outputs.run_record import RunRecord

RUN = RunRecord("0.1", "int8", "int8", "c" * 64, "d" * 64, "folder")


def test_a_record_holds_the_version_and_the_hashes_of_the_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hashes = {entry.path.name: entry.sha256 for entry in manifest.entries()}
    assert RunRecord.of(DigitReader("float"), "float") == RunRecord(
        __version__,
        "float",
        "float",
        hashes["classifier-float.onnx"],
        hashes["detector-float.onnx"],
        os.path.realpath(tmp_path),
    )


def test_a_record_is_read_as_it_was_saved(tmp_path):
    path = tmp_path / "r.csv.meta.json"
    assert RunRecord.load(path) is None
    RUN.save(path)
    assert RunRecord.load(path) == RUN == RunRecord.parse(RUN.as_json())


def test_records_of_earlier_versions_have_no_options():
    values = json.loads(RUN.as_json())
    del values["min_confidence"], values["rotate"], values["frames"]
    assert RunRecord.parse(json.dumps(values)) == RUN


def test_a_record_has_the_options_of_its_reader():
    record = RunRecord.of(DigitReader(rotate=180, min_confidence=0.9), "int8")
    assert (record.rotate, record.min_confidence) == ("180", 0.9)
    assert RunRecord.of(DigitReader(), "int8").rotate == "auto"
    assert RunRecord.of(DigitReader(), "int8", frames=True).frames


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the working directory from being deleted")
def test_a_deleted_working_directory_is_named(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(OutputError, match="the current folder no longer exists"):
        RunRecord.of(DigitReader(), "int8")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"version": "0.2"}, False),
        ({"classifier": "x"}, False),
        ({"detector": "x"}, False),
        ({"min_confidence": 0.9}, False),
        ({"rotate": "90"}, False),
        ({"frames": True}, False),
        ({"model": "/models/int8.onnx"}, True),
        ({"folder": "elsewhere"}, True),
    ],
    ids=str,
)
def test_records_match_if_the_same_digits_would_be_read(change, same):
    assert (RUN.difference(replace(RUN, **change)) is None) == same


def test_a_difference_names_nothing_that_is_the_same():
    other = replace(RUN, rotate="90", frames=True)
    assert RUN.difference(other) == (
        "was begun with --rotate auto and without --frames, "
        "but this run is with --rotate 90 and with --frames"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "5",
        "{}",
        "[" * 100_000,
        json.dumps({**json.loads(RUN.as_json()), "folder": 1}),
        "\0",
        json.dumps({**json.loads(RUN.as_json()), "min_confidence": "0.9"}),
    ],
    ids=lambda text: text[:9],
)
def test_damaged_records_are_reported_in_one_line(tmp_path, text):
    path = tmp_path / "r.csv.meta.json"
    path.write_text(text)
    with pytest.raises(OutputError, match="is damaged; delete it"):
        RunRecord.load(path)
