"""`edge-digits profile`, `models` and `doctor`: what they report about this machine and installation."""

from __future__ import annotations

import itertools
import json
import shutil
from importlib import metadata

import pytest

from edge_runtime.cli import profile
from edge_runtime.images import decode
from edge_runtime.models import manifest
from edge_runtime.profiling import energy, host, readings, workloads


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


def test_doctor_lists_what_the_extras_install(run, monkeypatch):
    found = {"pypdfium2": "4.30.0"}

    def version(name):
        try:
            return found[name]
        except KeyError:
            raise metadata.PackageNotFoundError from None

    monkeypatch.setattr(metadata, "version", version)
    lines = run("doctor")[1].splitlines()
    states = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert states["pypdfium2"] == "4.30.0"
    assert states["pandas"] == states["pillow-heif"] == states["fsspec"] == "not installed"


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
    assert "50.0% of synthetic tiles" in output
    assert "use --model float" in errors


@pytest.fixture
def quick(monkeypatch):
    """Make `profile` start no processes, which are tested with the workloads."""
    cold = {"ms": 1.0, "peak_mb": None}
    monkeypatch.setattr(workloads, "cold_starts", lambda repeats, programs: dict.fromkeys(programs, cold))
    monkeypatch.setattr(
        workloads, "cold_parts", lambda repeats, names: {name: {"numpy": 1.0} for name in names}
    )


def test_profile_measures_a_model_beside_the_released_ones(run, quick):
    model = str(manifest.FOLDER / "classifier-int8.onnx")
    code, output, _ = run("profile", "--seconds", "0.02", "--json", "--size", "320x240", "--model", model)
    record = json.loads(output)
    assert code == 0
    assert {entry["batch"] for entry in record["latency"]} == {1, 8, 64}
    (page,) = record["reading"]
    assert page["input"] == "a synthetic page, 320x240"
    for entry in (page, *record["latency"]):
        assert set(entry["us"]) == {"float", "int8", model}
        assert set(entry["ratio"]) == {"int8", model}
        for timing in entry["us"].values():
            assert 0 < timing["p50"] <= timing["p90"] <= timing["p99"] <= timing["p999"]
            assert timing["count"] > 0
    assert set(record["frame_ms"]) == {"preprocess", "detect", "crop", "classify", "track", "draw"}
    assert set(record["cold_start"]) == {"imports", "int8", "float", model}
    assert all(cold["ms"] > 0 for cold in record["cold_start"].values())
    assert record["cold_parts"] == {model: {"numpy": 1.0}}
    assert record["agreement"] >= 0.98
    assert {"versions", "host", "before", "after", "models", "started"} <= record.keys()


def test_profile_measures_the_users_own_images(run, image_file, monkeypatch):
    monkeypatch.setattr(profile, "_measure_parts", lambda *_: None)
    folder = image_file("scans/a.png", "12 7").parent
    image_file("scans/b.png", "345")
    (folder / "broken.png").write_text("no image")
    code, output, errors = run("profile", "--seconds", "0.01", "--json", str(folder))
    assert code == 1
    assert "broken.png" in errors
    assert len(errors.splitlines()) == 1
    own = json.loads(output)["reading"][1]
    assert (own["input"], own["images"], own["left_out"]) == ("own images", 2, 1)
    assert own["agreement"]["int8"]["digits"] == 6
    assert own["agreement"]["int8"]["images"] == 2
    assert str(folder) not in output  # the record can be given away


def test_profile_reads_some_images_of_a_large_folder(run, image_file, monkeypatch):
    monkeypatch.setattr(profile, "_measure_parts", lambda *_: None)
    monkeypatch.setattr(profile, "_MOST_IMAGES", 3)
    folder = image_file("scans/0.png", "0").parent
    for index in range(1, 8):
        image_file(f"scans/{index}.png", str(index))
    code, output, _ = run("profile", "--seconds", "0.01", "--json", str(folder))
    assert code == 0
    assert json.loads(output)["reading"][1]["images"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["missing.png"], "missing.png: no such file or directory", id="missing"),
        pytest.param(["."], ".: a folder that contains no images", id="an empty folder"),
    ],
)
def test_profile_reports_what_it_cannot_read_in_one_line(run, arguments, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, output, errors = run("profile", "--seconds", "0.01", *arguments)
    assert (code, output) == (2, "")
    assert len(errors.splitlines()) == 1
    assert message in errors


def test_profile_reports_a_page_that_does_not_fit_into_memory(run, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(decode, "to_grey", fail)
    code, output, errors = run("profile", "--size", "9000x9000")
    assert (code, output) == (2, "")
    assert errors == (
        "edge-digits: --size 9000x9000: too large for this machine's memory; scale it down first\n"
    )


TIMES = {"count": 1000, "mean": 5100.0, "p50": 5000.0, "p90": 6000.0, "p99": 7000.0, "p999": 9000.0}


@pytest.fixture
def measured(monkeypatch):
    """A function that replaces all measurements; `ratio` is the time of INT8 relative to float."""

    def replace(ratio, *, noise=0.02, tiles=0.998, count=1000, after=None, mj=None):
        timed = {
            "baseline": "float",
            "noise": noise,
            "us": {
                "float": {**TIMES, "count": count},
                "int8": {**TIMES, "count": count, "p50": 5000 * ratio},
            },
            "ratio": {"int8": {"value": ratio, "low": ratio - 0.01, "high": ratio + 0.01}},
        }
        agreed = {
            "digits": 10,
            "same_digits": 9,
            "numbers": 5,
            "same_numbers": 4,
            "images": 1,
            "same_images": 0,
        }
        stages = {"detect": 12.5, "classify": 2.25}
        page = {**timed, "images": 1, "stages_ms": {"int8": stages}, "agreement": {"int8": agreed}}
        cold = {"imports": {"ms": 100.0, "peak_mb": None}, "int8": {"ms": 200.0, "peak_mb": 80.0}}
        states = itertools.cycle([{}, after or {}])
        for module, name, value in (
            (workloads, "agreement", tiles),
            (workloads, "latencies", [{"threads": 1, "batch": 1, **timed}]),
            (workloads, "frame_stages", stages),
            (workloads, "cold_starts", cold),
            (workloads, "cold_parts", {"int8": {"interpreter": 20.0, "numpy": 80.4}}),
            (energy, "per_call", mj),
            (readings, "measure", page),
        ):
            monkeypatch.setattr(module, name, lambda *_, value=value: value)
        state = {"load": None, "governor": None, "clock_mhz": None, "celsius": None, "throttled": None}
        monkeypatch.setattr(host, "state", lambda: {**state, **next(states)})

    return replace


@pytest.mark.parametrize(
    ("ratio", "options", "advice"),
    [
        pytest.param(
            0.8,
            {},
            "Use INT8, the default: it is faster here; 4.00 ms for a page, float 5.00 ms",
            id="faster",
        ),
        pytest.param(
            1.25, {}, "Use float (--model float): it is faster here; 6.25 ms for a page", id="slower"
        ),
        pytest.param(0.8, {"noise": 0.3}, "Use INT8, the default: it is smaller (", id="noise"),
        pytest.param(1.25, {"noise": 0.3}, "and no slower here; 6.25 ms", id="more noise"),
        pytest.param(
            0.8, {"tiles": 0.6}, "Use float (--model float): INT8 reads wrongly on this CPU", id="wrong"
        ),
    ],
)
def test_profile_begins_with_which_model_to_use(run, measured, ratio, options, advice):
    measured(ratio, **options)
    code, output, errors = run("profile")
    assert (code, errors) == (0, "")
    first, second, empty = output.splitlines()[:3]
    assert advice in first
    assert second.startswith("They agree on 9 of 10 digits, 4 of 5 numbers, and ")
    assert empty == ""
    (row,) = [line.split() for line in output.splitlines() if line.split()[2:3] == ["int8"]]
    assert row[:7] == ["1", "1", "int8", f"{5000 * ratio:.2f}", "6000.00", "7000.00", "1000"]
    assert "detect 12.50   classify 2.25" in output
    assert "14.75 in all: 44% of one core at 30 frames per second" in output
    assert "200 ms, peak memory 80 MB" in output
    assert "int8 step by step, in other processes, ms: interpreter 20   numpy 80" in output
    assert "throttled" not in output and "energy" not in output


def test_profile_shows_no_percentile_of_too_few_calls(run, measured):
    measured(0.8, count=100)
    output = run("profile")[1]
    (row,) = [line.split() for line in output.splitlines() if line.startswith("  float    ")]
    assert row[:6] == ["float", "5.00", "6.00", "-", "196.1", "100"]
    assert "p99 needs 299 (--seconds 3)" in output


def test_profile_tells_the_energy_where_there_is_a_counter(run, measured):
    measured(0.8, mj=104.4)
    assert "mJ:\n  float 104   int8 104" in run("profile")[1]
    assert json.loads(run("profile", "--json")[1])["energy_mj"] == {"float": 104.4, "int8": 104.4}


@pytest.mark.parametrize(("flags", "warned"), [("0x0", False), ("0x50005", True)])
def test_profile_tells_the_state_of_a_board(run, measured, flags, warned):
    measured(0.8, after={"throttled": flags, "celsius": 61.3, "clock_mhz": 1500})
    output = run("profile")[1]
    assert (f"The board throttled (flags {flags})" in output) == warned
    for text in ("unknown, 61.3 °C", "unknown, 1500 MHz", f"unknown, throttle flags {flags}"):
        assert text in output
