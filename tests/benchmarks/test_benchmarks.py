"""The benchmarks on a small data set: a whole record, its report, and a comparison that can fail."""

import json

import matplotlib.image
import pytest

from benchmarks import compare, record
from benchmarks.__main__ import main


@pytest.fixture(scope="session")
def small(mnist_root, tmp_path_factory):
    """A record of a short run."""
    path = tmp_path_factory.mktemp("records") / "small.jsonl"
    options = ["--data", mnist_root, "--seconds", 0.02, "--repeats", 1, "--out", path]
    assert main(["run", *map(str, options)]) == 0
    return path


def test_a_record_holds_everything(small):
    made = record.read(small)
    assert {"versions", "host", "before", "models", "started"} <= made.conditions.keys()
    assert {result["contender"] for result in made.of_kind("accuracy")} == {"float", "int8", "torch"}
    for result in made.of_kind("accuracy"):
        assert result["accuracy"] > 0.9
        assert sum(result["mistakes_by_digit"]) == result["mistakes"]
        assert result["agreement_with_float"] > 0.98
    for result in made.of_kind("latency"):
        assert set(result["us"]) == {"float", "int8", "torch"}
        assert all(timing["count"] > 0 for timing in result["us"].values())
    assert {result["contender"] for result in made.of_kind("process")} >= {"imports", "int8", "torch"}
    assert [result["images"] for result in made.of_kind("folder")] == [30, 300]
    assert made.of_kind("frame")[0]["ms"]["detect"] > 0


def test_torch_is_the_very_network_that_ships(small):
    scores = {result["contender"]: result for result in record.read(small).of_kind("accuracy")}
    assert scores["torch"]["agreement_with_float"] == 1.0


def test_the_report_is_a_page_and_a_plot(small, capsys):
    assert main(["report", str(small)]) == 0
    page = small.with_suffix(".md").read_text()
    assert "| int8 |" in page
    assert "p50 to float's" in page
    assert min(matplotlib.image.imread(small.with_suffix(".png")).shape[:2]) > 200


def altered(path, folder, change):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        change(line)
    other = folder / "other.jsonl"
    other.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return other


def test_a_record_is_never_written_over(small, mnist_root, capsys):
    before = small.read_bytes()
    assert main(["run", "--data", str(mnist_root), "--out", str(small)]) == 2
    assert "exists" in capsys.readouterr().err
    assert small.read_bytes() == before


def test_half_a_record_is_none(small, tmp_path, capsys):
    half = tmp_path / "half.jsonl"
    half.write_text("".join(small.read_text().splitlines(keepends=True)[:-1]))
    assert main(["compare", str(small), str(half)]) == 2
    assert "not whole" in capsys.readouterr().err


def lose(points):
    def change(line):
        if line["kind"] == "accuracy" and line["contender"] == "int8":
            line["accuracy"] -= points

    return change


def test_a_record_equals_itself(small, capsys):
    assert main(["compare", str(small), str(small)]) == 0
    assert capsys.readouterr().out == "nothing moved\n"


@pytest.mark.parametrize(("points", "code"), [(0.0004, 0), (0.0006, 1), (-0.01, 0)])
def test_a_loss_of_accuracy_fails(small, tmp_path, capsys, points, code):
    other = altered(small, tmp_path, lose(points))
    assert main(["compare", str(small), str(other)]) == code
    output, errors = capsys.readouterr()
    assert "accuracy, int8" in output
    assert bool(errors) == bool(code)


def test_a_model_that_vanished_is_a_loss(small, tmp_path):
    def rename(line):
        if line.get("contender") == "int8":
            line["contender"] = "other"

    before, after = record.read(small), record.read(altered(small, tmp_path, rename))
    assert compare.accuracy_losses(before, after)
    assert any("only in" in line for line in compare.moved(before, after))


def test_answers_that_depend_on_the_cpu_are_a_loss(small, tmp_path):
    def add(line):
        if line["kind"] == "frame":
            line.update(kind="cpu", cpu="Haswell", tiles="noise", same_digit=0.99)

    after = record.read(altered(small, tmp_path, add))
    assert any("Haswell" in line for line in compare.accuracy_losses(record.read(small), after))


def test_what_moved_is_shown(small, tmp_path):
    def slow_down(line):
        if line["kind"] == "latency":
            line["ratio_to_float"]["int8"] *= 1.5

    lines = compare.moved(record.read(small), record.read(altered(small, tmp_path, slow_down)))
    assert lines
    assert all(line.startswith("latency to float's, int8") for line in lines)


@pytest.mark.parametrize("content", ["", "text", "[1]", '{"kind": "accuracy"}'])
def test_what_is_no_record_is_said_in_a_line(content, tmp_path, capsys):
    path = tmp_path / "record.jsonl"
    path.write_text(content)
    assert main(["report", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("t10k-images-idx3-ubyte", None, "--data"),
        ("t10k-images-idx3-ubyte", b"<html>", "damaged"),
        ("t10k-images-idx3-ubyte", b"\0\0\x08\x03" + b"\0\0\0\x05" * 3, "damaged"),
        ("t10k-labels-idx1-ubyte", b"\0\0\x08\x01\0\0\0\x01\x07", "damaged"),
    ],
)
def test_missing_or_damaged_data_is_said_in_a_line(name, content, word, mnist_root, tmp_path, capsys):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (mnist_root / "MNIST" / "raw").glob("t10k*"):
        if path.name != name:
            (raw / path.name).write_bytes(path.read_bytes())
        elif content is not None:
            (raw / path.name).write_bytes(content)
    assert main(["run", "--data", str(tmp_path), "--out", str(tmp_path / "r.jsonl")]) == 2
    errors = capsys.readouterr().err
    assert word in errors
    assert len(errors.splitlines()) == 1
    assert not list(tmp_path.glob("*.jsonl*"))
