"""`python -m benchmarks run`, `report` and `compare` on a small data set."""

import json
import os

import matplotlib.image
import pytest

from benchmarks import (
    accuracy,
    bounds,
    compare,
    contenders,
    cpus,
    pages,
    record,
    report,
    robustness,
    scenarios,
)
from benchmarks.__main__ import main
from benchmarks.errors import BenchmarkError
from edge_runtime.profiling import timing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def small(mnist_root, tmp_path_factory):
    """The path of a record of a short run."""
    path = tmp_path_factory.mktemp("records") / "small.jsonl"
    options = ["--data", mnist_root, "--seconds", 0.02, "--minutes", 0.001, "--repeats", 1]
    options += ["--out", path]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustness, "NEGATIVES", 10)
        patch.setattr(robustness, "IMAGES", 50)
        patch.setattr(cpus, "EMULATOR", "not-installed")
        patch.setattr(scenarios, "BATCHES", (1, 64))
        patch.setattr(scenarios, "SIZES", ((640, 480),))
        patch.setattr(accuracy, "DRAWN", 100)
        patch.setattr(accuracy, "PAGES", pages.PAGES[:1])
        patch.setattr(timing, "WARM_UP_CALLS", 2)
        patch.setattr(scenarios, "cores", lambda: 1)
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
    drawn = made.of_kind("drawn accuracy")
    mnist = made.of_kind("accuracy")
    assert [(result["contender"], result["images"]) for result in mnist] == [
        *(("float", 300), ("int8", 300), ("torch", 300))
    ]
    assert {(result["data"], result["contender"], result["images"]) for result in drawn} == {
        *(("drawn tiles", name, 100) for name in ("float", "int8", "torch")),
        *(("drawn pages", name, 10) for name in ("float", "int8")),
    }
    for result in (*mnist, *drawn):
        assert result["accuracy"] > 0.9
        assert result["mistakes"] == round((1 - result["accuracy"]) * result["images"])
        if "wrong" in result:
            assert sum(result["mistakes_by_digit"]) == len(result["wrong"]) == result["mistakes"]
            assert result["agreement_with_float"] > 0.98
        if "read" in result:
            assert sum(result["read"].values()) == 300
    *single, tiles, bare, bare_detector = made.of_kind("single stream")
    assert (set(tiles["us"]), tiles["batch"]) == ({"float", "int8"}, 64)
    for result, subject in ((bare, "classifier"), (bare_detector, "detector")):
        assert (set(result["us"]), result["baseline"]) == ({contenders.BARE, "int8"}, contenders.BARE)
        assert result["subject"] == subject
    assert [result["subject"] for result in single] == ["classifier", "detector", "reading"]
    assert [set(result["us"]) for result in single] == [
        {"float", "int8", "torch"},
        {"float", "int8"},
        {"float", "int8", "reference"},
    ]
    for result in single:
        assert result["noise"] >= 0.01
        for name, times in result["us"].items():
            assert sum(result["histogram"][name]["counts"]) == times["count"] > 0
    assert [(result["threads"], result["batch"]) for result in made.of_kind("offline")] == [(1, 1), (1, 64)]
    assert all(rate > 0 for result in made.of_kind("offline") for rate in result["per_second"].values())
    for kind in ("multi stream", "sustained"):
        assert [result["contender"] for result in made.of_kind(kind)] == ["float", "int8"]
    # The run is too short for a p99.
    assert [(each["cameras"], each["tried"]) for each in made.of_kind("multi stream")] == [(None, [])] * 2
    processes = {result["contender"] for result in made.of_kind("process")}
    assert processes == {"imports", "float", "int8", "torch", "read one image"}
    assert [result["contender"] for result in made.of_kind("cold start")] == ["float", "int8"]
    networks = {(r["subject"], r["contender"]): r["operators"] for r in made.of_kind("operators")}
    assert networks.keys() == {
        (task, name) for task in ("classifier", "detector") for name in ("float", "int8")
    }
    for (_, name), operators in networks.items():
        kinds = [each["type"] for each in operators]
        assert sum("Conv" in kind for kind in kinds) >= 4
        assert ("QLinearConv" in kinds) == (name == "int8")
        assert all(each["us"] >= 0 for each in operators)
    assert [result["images"] for result in made.of_kind("folder")] == [30, 300]
    assert len(made.of_kind("robustness")) == 1 + len(robustness.CORRUPTIONS)
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
    for text in (
        "one call after another",
        "read one image",
        "640x480",
        "JPEG (quality)",
        "all negatives",
        "QLinearConv",
        "| int8 | not measured | - | 33.3 |",
    ):
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
        if line["kind"] == "sustained":
            line.update(kind="cpu", cpu="Haswell", input="noise", same_decision=0.99)

    after = record.read(altered(small, tmp_path, add))
    assert "Haswell: INT8 decides differently on 1.00% of noise" in compare.regressions(
        record.read(small), after
    )


def test_ratios_that_moved_beyond_noise_are_listed(small, tmp_path):
    def slow_down(line):
        if line["kind"] == "single stream" and line["subject"] == "detector" and line["baseline"] == "float":
            line["noise"] = 0.1
            for end in ("value", "low", "high"):
                line["ratio"]["int8"][end] *= 10

    (line,) = compare.differences(record.read(small), record.read(altered(small, tmp_path, slow_down)))
    assert line.startswith("detector / float, int8, 640x480: ")


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        pytest.param((0.7, 0.68, 0.72, 0.02), (0.8, 0.78, 0.82, 0.02), True, id="moved"),
        pytest.param((0.7, 0.68, 0.72, 0.02), (0.8, 0.71, 0.9, 0.02), False, id="intervals overlap"),
        pytest.param((0.7, 0.68, 0.72, 0.02), (0.8, 0.78, 0.82, 0.2), False, id="within noise"),
        pytest.param((0.995, 0.995, 0.995, 0), (0.994, 0.994, 0.994, 0), True, id="exact"),
        pytest.param((0.7, 0.7, 0.7, 0.05), (0.73, 0.73, 0.73, 0.05), False, id="old record"),
    ],
)
def test_figures_move_if_noise_cannot_explain_it(old, new, moved):
    one, other = compare.Figure(*old), compare.Figure(*new)
    assert one.moved_to(other) == other.moved_to(one) == moved


def test_changed_images_are_counted(small, tmp_path):
    def change(line):
        if line["kind"] == "accuracy" and line["contender"] == "int8":
            line["wrong"] = [*line["wrong"], 299, 298]
            line["mistakes"] += 2
            line["accuracy"] -= 2 / 300

    lines = compare.differences(record.read(small), record.read(altered(small, tmp_path, change)))
    assert len(lines) == 1
    assert ", +2 mistakes of 300 (0 now right, 2 now wrong; McNemar p = 0.5)" in lines[0]


@pytest.mark.parametrize(("gained", "lost", "p"), [(0, 0, 1), (1, 1, 1), (0, 6, 0.03125), (10, 1, 0.01172)])
def test_mcnemar(gained, lost, p):
    assert compare.mcnemar(gained, lost) == compare.mcnemar(lost, gained) == pytest.approx(p, abs=1e-5)


def test_speed_counts_only_with_the_accuracy_of_the_same_weights(small, tmp_path):
    assert bounds.invalid(record.read(small)) == []

    def forget(line):
        if line.get("contender") == "torch" and "hashes" in line:
            line["hashes"] = ["of other weights"]

    (line,) = bounds.invalid(record.read(altered(small, tmp_path, forget)))
    assert line == "torch: invalid speed, the record has no accuracy of the same weights"

    def lose(line):
        if line["kind"] == "accuracy" and line["contender"] == "int8":
            line["accuracy"] = 0.99

    worse = altered(small, tmp_path, lose)
    (line,) = bounds.invalid(record.read(worse))
    assert line == "int8: invalid speed, its accuracy is 99.00% on MNIST, below 99.50%"
    assert main(["report", str(worse)]) == 0
    assert f"**{line}.**" in worse.with_suffix(".md").read_text()


class Camera:
    """A fake clock, and a reading that takes a while of its time."""

    def __init__(self, *milliseconds):
        self.now, self.times, self.calls = 0.0, milliseconds, 0

    def read(self, image):
        self.now += self.times[self.calls % len(self.times)] / 1000
        self.calls += 1

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize(
    ("milliseconds", "cameras"),
    [
        pytest.param((12,), 2, id="two at 30 fps"),
        pytest.param((8,), 4, id="four"),
        pytest.param((40,), 0, id="none"),
        pytest.param((400,), 0, id="hopelessly late"),
        pytest.param((5, 5, 5, 5, 5, 5, 5, 5, 5, 40), 0, id="too late too often"),
    ],
)
def test_cameras_are_added_until_one_is_too_many(milliseconds, cameras):
    camera = Camera(*milliseconds)
    contender = contenders.Contender("a", camera.read, ("hash",))
    result = scenarios.multi_stream(contender, None, 10, clock=lambda: camera.now, sleep=camera.sleep)
    assert result["cameras"] == cameras
    assert all(tried["frames"] >= timing.calls_for("p99") for tried in result["tried"])
    assert [tried["cameras"] for tried in result["tried"]] == list(range(1, cameras + 2))
    assert [tried["p99_ms"] > result["bound_ms"] for tried in result["tried"]] == [False] * cameras + [True]
    assert result["models"] == {"a": ("hash",)}


def test_too_few_frames_for_a_p99_are_not_measured():
    camera = Camera(1)
    contender = contenders.Contender("a", camera.read)
    result = scenarios.multi_stream(contender, None, 9.9, clock=lambda: camera.now, sleep=camera.sleep)
    assert (result["cameras"], result["tried"], camera.calls) == (None, [], 0)


@pytest.mark.parametrize(("frames", "shown"), [(91, "-"), (299, "330.7")])
def test_reports_show_no_p99_of_too_few_frames(frames, shown):
    tried = [{"cameras": 2, "frames": frames, "p99_ms": 330.7}]
    result = {"kind": "multi stream", "contender": "a", "cameras": 1, "bound_ms": 33.3, "tried": tried}
    ((_, text),) = report.sections(record.make([result], "made"))
    assert f"| a | 1 | {shown} | 33.3 |" in text


def test_drift_is_measured_over_minutes():
    camera = Camera(*(10 + step / 50 for step in range(1000)))  # ever slower
    contender = contenders.Contender("a", camera.read)
    shares = []
    result = scenarios.endurance(contender, None, 15, shares.append, clock=lambda: camera.now)
    assert len(result["windows"]) == len(shares) == 30
    assert sum(window["count"] for window in result["windows"]) == camera.calls
    assert result["drift"] == pytest.approx(1.95, abs=0.1)
    assert shares[-1] == 1


def test_older_records_are_comparable(small):
    old, new = (compare.figures(record.read(p)) for p in (record.FOLDER / "20261120-1236.jsonl", small))
    common = old.keys() & new.keys()
    for start, count in (("accuracy", 3), ("latency", 4), ("cold start", 5), ("reading a page", 1)):
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
