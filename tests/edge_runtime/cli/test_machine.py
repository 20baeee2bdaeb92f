"""`edge-digits profile`, `models` and `doctor`: what they report about this machine and installation."""

from __future__ import annotations

import json
import shutil

import pytest

from edge_runtime.models import manifest
from edge_runtime.profiling import host, workloads


def test_models_are_listed(run):
    code, output, errors = run("models")
    assert (code, errors) == (0, "")
    listed = json.loads(run("models", "--json")[1])
    assert {(entry["task"], entry["name"]) for entry in listed} == {
        (task, name) for task in ("classifier", "detector") for name in ("int8", "float")
    }
    for entry in listed:
        (line,) = [line for line in output.splitlines() if line.split()[:2] == [entry["task"], entry["name"]]]
        assert f"{entry['accuracy']:.2%}" in line
        assert line.endswith("(default)") == (entry["name"] == "int8")


def test_doctor_reports_an_intact_installation(run):
    code, output, errors = run("doctor")
    assert (code, errors) == (0, "")
    lines = [line.split() for line in output.splitlines()]
    assert ["problems", "none"] in lines
    code, output, _ = run("doctor", "--json")
    report = json.loads(output)
    assert code == 0
    assert report["problems"] == "none"
    assert ["onnxruntime", report["onnxruntime"]] in lines
    assert ["opencv", report["opencv"]] in lines
    for task in ("classifier", "detector"):
        for name in ("int8", "float"):
            assert report[f"{task} {name}"] == "intact"


def test_doctor_reports_the_machine_without_a_manifest(run, monkeypatch, tmp_path):
    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    code, output, errors = run("doctor")
    assert code == 1
    assert "onnxruntime" in output
    assert "manifest.json is missing or damaged" in errors
    assert len(errors.splitlines()) == 1


def test_doctor_reports_a_damaged_model(run, monkeypatch, tmp_path):
    shutil.copytree(manifest.FOLDER, tmp_path / "models")
    monkeypatch.setattr(manifest, "FOLDER", tmp_path / "models")
    (tmp_path / "models" / "classifier-int8.onnx").write_bytes(b"damaged")
    code, output, errors = run("doctor")
    assert code == 1
    states = {line.rsplit(maxsplit=1)[0]: line.split()[-1] for line in output.splitlines()}
    assert states["classifier int8"] == "DAMAGED"
    assert states["classifier float"] == "intact"
    (line,) = errors.splitlines()
    assert "classifier-int8.onnx: damaged (" in line and line.endswith("; install edge-digits again")


def test_doctor_reports_a_cpu_on_which_the_models_disagree(run, monkeypatch):
    monkeypatch.setattr(workloads, "agreement", lambda model: 0.5)
    code, output, errors = run("doctor")
    assert code == 1
    assert "50.0% of drawn tiles" in output
    assert "use --model float" in errors


def test_profile_measures_a_model_beside_the_released_ones(run, monkeypatch):
    cold_starts = workloads.cold_starts
    monkeypatch.setattr(workloads, "cold_starts", lambda repeats, programs: cold_starts(1, programs))
    model = str(manifest.FOLDER / "classifier-int8.onnx")
    code, output, _ = run("profile", "--seconds", "0.02", "--json", "--model", model)
    record = json.loads(output)
    assert code == 0
    assert {entry["batch"] for entry in record["latency"]} == {1, 8, 64}
    for entry in record["latency"]:
        assert set(entry["us"]) == set(entry["ratio_to_float"]) == {"float", "int8", model}
        for timing in entry["us"].values():
            assert 0 < timing["p50"] <= timing["p90"] <= timing["p99"]
            assert timing["count"] > 0
    assert set(record["frame_ms"]) == {"preprocess", "detect", "crop", "classify", "draw"}
    assert set(record["cold_start"]) == {"imports", "int8", "float", model}
    assert all(cold["ms"] > 0 for cold in record["cold_start"].values())
    assert record["agreement"] >= 0.98


@pytest.fixture
def measured(monkeypatch):
    """A function that replaces all measurements; `ratio` is the time of INT8 relative to float."""

    def replace(ratio, throttled=None):
        timing = {"count": 100, "p50": 50.0, "p90": 60.0, "p99": 70.0}
        latency = {
            "threads": 1,
            "batch": 1,
            "us": {"float": timing, "int8": {**timing, "p50": 50.0 * ratio}},
            "ratio_to_float": {"float": 1.0, "int8": ratio},
        }
        cold = {"imports": {"ms": 100.0, "peak_mb": None}, "int8": {"ms": 200.0, "peak_mb": 80.0}}
        for name, value in (
            ("agreement", 0.998),
            ("latencies", [latency]),
            ("frame_stages", {"detect": 12.5, "classify": 2.25}),
            ("cold_starts", cold),
        ):
            monkeypatch.setattr(workloads, name, lambda *_, value=value: value)
        monkeypatch.setattr(host, "state", lambda: {"throttled": throttled})

    return replace


@pytest.mark.parametrize(
    ("ratio", "conclusion"),
    [
        (0.8, "INT8 is faster on this machine; it is the default. INT8 takes 0.80x the time of float"),
        (
            1.25,
            "float is faster on this machine; use it with --model float. INT8 takes 1.25x the time of float",
        ),
    ],
)
def test_profile_reports_the_faster_model(run, measured, ratio, conclusion):
    measured(ratio)
    code, output, errors = run("profile")
    assert (code, errors) == (0, "")
    assert conclusion in output
    (row,) = [line.split() for line in output.splitlines() if line.split()[2:3] == ["int8"]]
    assert row == ["1", "1", "int8", f"{50 * ratio:.1f}", "60.0", "70.0", "100", f"{ratio:.2f}x"]
    assert "detect 12.50   classify 2.25" in output
    assert "200 ms, peak memory 80 MB" in output
    assert "agree on 99.8% of drawn tiles" in output
    assert "throttled" not in output


@pytest.mark.parametrize(("flags", "warned"), [("0x0", False), ("0x50005", True)])
def test_profile_warns_of_a_throttled_board(run, measured, flags, warned):
    measured(0.8, throttled=flags)
    assert (f"throttled (flags {flags})" in run("profile")[1]) == warned
