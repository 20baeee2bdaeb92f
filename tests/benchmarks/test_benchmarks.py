"""`python -m benchmarks run`, `report` and `compare` on a small data set."""

import json
import os

import matplotlib.image
import pytest

from benchmarks import compare, cpus, record, robustness, speed
from benchmarks.__main__ import main
from benchmarks.errors import BenchmarkError
from edge_runtime.profiling import host

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def small(mnist_root, tmp_path_factory):
    """The path of a record of a short run."""
    path = tmp_path_factory.mktemp("records") / "small.jsonl"
    options = ["--data", mnist_root, "--seconds", 0.02, "--repeats", 1, "--out", path]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustness, "NEGATIVES", 10)
        patch.setattr(robustness, "IMAGES", 50)
        patch.setattr(cpus, "EMULATOR", "not-installed")
        patch.setattr(speed, "BATCHES", (1, 64))
        patch.setattr(host, "cores", lambda: 1)
        assert main(["run", *map(str, options)]) == 0
    return path


def altered(path, folder, change):
    """Copy a record and change its lines."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        change(line)
    copy = folder / "altered.jsonl"
    copy.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return copy


def test_records_are_complete(small):
    made = record.read(small)
    assert {"versions", "host", "before", "models", "started"} <= made.conditions.keys()
    assert {result["contender"] for result in made.of_kind("accuracy")} == {"float", "int8", "torch"}
    for result in made.of_kind("accuracy"):
        assert result["images"] == 300
        assert result["accuracy"] > 0.9
        assert sum(result["mistakes_by_digit"]) == result["mistakes"]
        assert result["agreement_with_float"] > 0.98
    assert [(result["threads"], result["batch"]) for result in made.of_kind("latency")] == [(1, 1), (1, 64)]
    for result in made.of_kind("latency"):
        assert set(result["us"]) == {"float", "int8", "torch"}
        assert all(timing["count"] > 0 for timing in result["us"].values())
    processes = {result["contender"] for result in made.of_kind("process")}
    assert processes == {"imports", "float", "int8", "torch", "read one image"}
    assert [result["images"] for result in made.of_kind("folder")] == [30, 300]
    for result in made.of_kind("page"):
        assert set(result["ms"]) == {"preprocess", "detect", "crop", "classify", "draw"}
        assert all(ms > 0 for ms in result["ms"].values())
    assert len(made.of_kind("robustness")) == 1 + len(robustness.DISTURBANCES)
    assert made.of_kind("rejection")[-1]["negatives"] == "all negatives"


def test_torch_runs_the_released_network(small):
    scores = {result["contender"]: result for result in record.read(small).of_kind("accuracy")}
    assert scores["torch"]["agreement_with_float"] == 1.0


def test_report_is_a_page_and_a_plot(small, capsys):
    assert main(["report", str(small)]) == 0
    output = capsys.readouterr().out
    assert output.splitlines()[:2] == [str(small.with_suffix(".md")), str(small.with_suffix(".png"))]
    page = small.with_suffix(".md").read_text()
    scores = {result["contender"]: result for result in record.read(small).of_kind("accuracy")}
    for name in ("int8", "float", "torch"):
        assert f"| {name} | {scores[name]['accuracy']:.2%} | {scores[name]['mistakes']} |" in page
    for text in ("p50 relative to float", "read one image", "640x480", "JPEG (quality)", "all negatives"):
        assert text in page
    assert "INT8" in output  # the table for the README
    assert min(matplotlib.image.imread(small.with_suffix(".png")).shape[:2]) > 200


def test_existing_records_are_not_overwritten(small, mnist_root, capsys):
    before = small.read_bytes()
    assert main(["run", "--data", str(mnist_root), "--out", str(small)]) == 2
    assert "exists" in capsys.readouterr().err
    assert small.read_bytes() == before


def test_incomplete_records_are_rejected(small, tmp_path, capsys):
    half = tmp_path / "half.jsonl"
    half.write_text("".join(small.read_text().splitlines(keepends=True)[:-1]))
    assert main(["compare", str(small), str(half)]) == 2
    assert f"{half} is not a record" in capsys.readouterr().err


def test_a_record_does_not_differ_from_itself(small, capsys):
    assert main(["compare", str(small), str(small)]) == 0
    assert capsys.readouterr().out == "no differences\n"


@pytest.mark.parametrize(("points", "code"), [(0.0004, 0), (0.0006, 1), (-0.01, 0)])
def test_accuracy_regressions_fail(small, tmp_path, capsys, points, code):
    def lose(line):
        if line["kind"] == "accuracy" and line["contender"] == "int8":
            line["accuracy"] -= points

    assert main(["compare", str(small), str(altered(small, tmp_path, lose))]) == code
    output, errors = capsys.readouterr()
    assert "accuracy, int8: " in output
    assert ("int8: accuracy" in errors) == bool(code)


def test_a_missing_model_is_a_regression(small, tmp_path):
    def rename(line):
        if line.get("contender") == "int8":
            line["contender"] = "other"

    before, after = record.read(small), record.read(altered(small, tmp_path, rename))
    assert any(line.startswith("int8: ") and "missing" in line for line in compare.regressions(before, after))
    assert "accuracy, int8: only in small" in compare.differences(before, after)
    assert "accuracy, other: only in altered" in compare.differences(before, after)


def test_different_results_on_another_cpu_are_a_regression(small, tmp_path):
    def add(line):
        if line["kind"] == "page":
            line.update(kind="cpu", cpu="Haswell", input="noise", same_decision=0.99)

    after = record.read(altered(small, tmp_path, add))
    assert "Haswell: INT8 decides differently on 1.00% of noise" in compare.regressions(
        record.read(small), after
    )


def test_changed_ratios_are_listed(small, tmp_path):
    def slow_down(line):
        if line["kind"] == "latency":
            line["ratio_to_float"]["int8"] *= 1.5

    lines = compare.differences(record.read(small), record.read(altered(small, tmp_path, slow_down)))
    assert len(lines) == len(record.read(small).of_kind("latency"))
    assert all(line.startswith("latency / float, int8, batch") for line in lines)


def test_older_records_are_comparable(small):
    old, new = (compare.figures(record.read(p)) for p in (record.FOLDER / "20261120-1236.jsonl", small))
    common = old.keys() & new.keys()
    for start, count in (("accuracy", 3), ("latency", 6), ("cold start", 5), ("reading a page", 2)):
        assert sum(name.startswith(start) for name in common) == count, start
    assert {"AUROC, all negatives", "mean accuracy, crossing lines (count)"} <= common


def test_records_without_comparable_figures_are_rejected(tmp_path):
    empty = record.write(tmp_path / "empty.jsonl", [{"kind": "video", "video": "still"}])
    with pytest.raises(BenchmarkError, match="nothing to compare"):
        compare.differences(empty, empty)


@pytest.mark.parametrize("content", ["", "text", "[1]", '{"kind": "accuracy"}'])
def test_invalid_records_are_reported_in_one_line(content, tmp_path, capsys):
    path = tmp_path / "record.jsonl"
    path.write_text(content)
    assert main(["report", str(path)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert f"{path} is not a record" in errors[0]


def test_records_in_an_old_format_are_reported_in_one_line(tmp_path, capsys):
    path = record.write(tmp_path / "old.jsonl", [{"kind": "accuracy", "contender": "int8"}]).path
    assert main(["report", str(path)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert f"cannot make a report of {path}" in errors[0]
    assert not path.with_suffix(".md").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("t10k-images-idx3-ubyte", None, "--data", id="missing"),
        pytest.param("t10k-images-idx3-ubyte", b"<html>", "damaged", id="another format"),
        pytest.param(
            "t10k-images-idx3-ubyte", b"\0\0\x08\x03" + b"\0\0\0\x05" * 3, "damaged", id="cut short"
        ),
        pytest.param("t10k-labels-idx1-ubyte", b"\0\0\x08\x01\0\0\0\x01\x07", "damaged", id="one label"),
    ],
)
def test_missing_or_damaged_data_is_reported_in_one_line(
    name, content, message, mnist_root, tmp_path, capsys
):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (mnist_root / "MNIST" / "raw").glob("t10k*"):
        if path.name != name:
            (raw / path.name).write_bytes(path.read_bytes())
        elif content is not None:
            (raw / path.name).write_bytes(content)
    assert main(["run", "--data", str(tmp_path), "--out", str(tmp_path / "r.jsonl")]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert str(raw) in errors
    assert len(errors.splitlines()) == 1
    assert not list(tmp_path.glob("*.jsonl*"))


@pytest.mark.skipif(os.name != "posix", reason="the emulator's stand-in is a shell script")
def test_emulated_cpus_are_compared(tmp_path, monkeypatch):
    emulator = tmp_path / "emulator"  # runs the program on this CPU
    emulator.write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
    emulator.chmod(0o755)
    monkeypatch.setattr(cpus, "EMULATOR", str(emulator))
    monkeypatch.setattr(cpus, "CPUS", ("Haswell",))
    results = list(cpus.measure())
    assert [(result["task"], result["input"]) for result in results] == [
        ("classifier", "drawn digits"),
        ("classifier", "noise"),
        ("detector", "a page"),
        ("detector", "noise"),
    ]
    for result in results:
        assert (result["cpu"], result["same_decision"], result["identical"]) == ("Haswell", 1.0, 1.0)
        assert result["largest_difference"] == 0
