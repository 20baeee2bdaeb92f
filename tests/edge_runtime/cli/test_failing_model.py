"""Models that cannot be used: each command reports them in one line."""

from __future__ import annotations

import shutil

import pytest

from edge_runtime.models import manifest
from tests import model_files

COMMANDS = [
    pytest.param(("read", "scans"), id="read"),
    pytest.param(("read", "scans", "--threads", "2"), id="read with threads"),
    pytest.param(("camera", "scans", "--no-window"), id="live"),
    pytest.param(("profile", "--seconds", "0.01"), id="profile"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_that_fails_is_reported_in_one_line(run, scans, command):
    model_files.classifier(scans.parent / "own.onnx", weight=float("nan"))
    code, output, errors = run(*command, "--model", "own.onnx")
    assert (code, output) == (2, "")
    assert errors.splitlines()[-1].startswith("edge-digits: own.onnx: gives invalid scores")
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_model_is_reported_in_one_line(run, scans, command, tmp_path, monkeypatch):
    shutil.copytree(manifest.FOLDER, tmp_path / "models")
    monkeypatch.setattr(manifest, "FOLDER", tmp_path / "models")
    path = tmp_path / "models" / "classifier-int8.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    code, output, errors = run(*command)
    assert (code, output) == (2, "")
    (line,) = errors.splitlines()
    assert line.startswith(f"edge-digits: {path}: damaged (") and "install edge-digits again" in line
