"""`edge-digits scale`: options, messages and exit codes. A loop takes the place of the engine."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext

import pytest

from edge_runtime.errors import OutputError
from edge_runtime.scale import ray_engine
from edge_runtime.scale.partitions import Part, PartitionReader

pytest.importorskip("pyarrow", minversion="17")


@pytest.fixture
def loop(monkeypatch):
    """Read the partitions one after another in this process, without Ray."""

    def read(folder, stores, run, partitions):
        worker = PartitionReader(folder, stores, run)
        return (worker.read(index) for index in range(partitions))

    monkeypatch.setattr(ray_engine, "require", lambda: None)
    monkeypatch.setattr(ray_engine, "connected", nullcontext)
    monkeypatch.setattr(ray_engine, "read", read)
    monkeypatch.setattr("edge_runtime.cli.scale.raise_on_sigterm", lambda: None)


def rows(folder):
    import pyarrow.parquet

    return [
        row for file in sorted(folder.glob("part-*")) for row in pyarrow.parquet.read_table(file).to_pylist()
    ]


def test_it_reads_folders_into_parquet_files(run, scans, loop, tmp_path):
    (scans / "note.txt").write_text("no image")
    assert run("scale", "scans", "--out", "out", "--partition", "2") == (
        *(0, ""),
        "edge-digits: 3 images, 6 digits; TIME; results in out\nedge-digits: 1 file skipped (txt 1)\n",
    )
    assert [row["source"] for row in rows(tmp_path / "out")] == ["scans/a.png"] * 3 + ["scans/b.jpg"] * 2 + [
        "scans/more/c.png"
    ]
    assert run("scale", "scans", "--out", "out", "--resume") == (
        *(0, ""),
        "edge-digits: 0 images, 0 digits, 3 skipped as already read; TIME; results in out\n",
    )


def test_another_partition_size_does_not_continue_a_run(run, scans, loop):
    assert run("scale", "scans", "--out", "out", "--partition", "2", "--quiet")[0] == 0
    assert run("scale", "scans", "--out", "out", "--partition", "2", "--quiet", "--resume")[0] == 0
    assert run("scale", "scans", "--out", "out", "--partition", "3", "--resume") == (
        *(2, ""),
        "edge-digits: out was begun with --partition 2; continue it without\n",
    )


def test_images_that_cannot_be_read_are_rows_and_exit_code_1(run, scans, loop, tmp_path):
    (scans / "d.png").write_bytes(b"nonsense")
    code, _, errors = run("scale", "scans", "--out", "out", "--rows", "image")
    assert (code, errors) == (1, "edge-digits: 4 images, 6 digits, 1 unreadable; TIME; results in out\n")
    assert run("scale", "scans", "--out", "out", "--rows", "image", "--resume") == (
        *(1, ""),
        "edge-digits: 0 images, 0 digits, 4 skipped as already read, 1 of these unreadable; TIME; "
        "results in out\n",
    )
    statuses = {row["source"]: row["status"] for row in rows(tmp_path / "out")}
    assert statuses.pop("scans/d.png").startswith("error: ")
    assert set(statuses.values()) == {"ok"}


def test_options_change_the_rows(run, scans, loop, tmp_path):
    options = ("--no-recursive", "--min-confidence", "1", "--rotate", "0", "--quiet", "--rows", "number")
    assert run("scale", "scans", "--out", "out", *options) == (0, "", "")
    assert {row["source"] for row in rows(tmp_path / "out")} == {"scans/a.png", "scans/b.jpg"}
    assert {row["text"].strip("?") for row in rows(tmp_path / "out")} == {""}


def test_an_error_of_the_engine_ends_the_run_and_keeps_the_results(run, scans, loop, monkeypatch, tmp_path):
    def read_one(folder, stores, run, partitions):
        yield PartitionReader(folder, stores, run).read(0)
        raise OutputError("Ray gave up: the cluster is gone")

    with monkeypatch.context() as patched:
        patched.setattr(ray_engine, "read", read_one)
        code, _, errors = run("scale", "scans", "--out", "out", "--partition", "1")
    assert code == 1
    assert errors == (
        "edge-digits: Ray gave up: the cluster is gone; continue with --resume\n"
        "edge-digits: 1 image, 3 digits; TIME; results in out\n"
    )
    assert run("scale", "scans", "--out", "out", "--resume")[0] == 0
    assert len(rows(tmp_path / "out")) == 6


@pytest.mark.parametrize("statement", ["os._exit(1)", "os.abort()", "sys.exit(1)", "pass"])
def test_a_process_that_ray_ends_says_so(statement):
    """Ray ends it at once where it loses its cluster; after any other end, nothing is said."""
    script = "import os, sys\nfrom edge_runtime.cli.scale import _say_if_killed\n"
    script += f"with _say_if_killed(): {statement}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    lost = "edge-digits: Ray has lost its cluster, or this process was killed; continue with --resume\n"
    assert (done.stdout, done.stderr) == ("", lost if statement.startswith("os.") else "")


def test_an_interrupted_run_says_how_to_continue(run, scans, loop, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ray_engine, "read", interrupt)
    code, _, errors = run("scale", "scans", "--out", "out")
    assert code == 130
    assert errors.endswith("edge-digits: interrupted; continue with --resume\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "--out", "out"], "scale does not read standard input; give files, folders or addresses"),
        (["https://example.org", "--out", "out"], "https://example.org cannot be opened: "),
        (["scans", "--out", "nonsense://out"], "nonsense://out cannot be opened: "),
        (["scans", "--out", "scans"], "scans contains other files; choose another folder"),
        (["scans", "--out", "scans/a.png"], "scans/a.png is a file, not a folder"),
        (["scans", "--out", "out", "--model", "gone.onnx"], "no model file gone.onnx; check the path"),
    ],
)
def test_wrong_arguments_are_named(run, scans, loop, arguments, message):
    code, output, errors = run("scale", *arguments)
    assert (code, output) == (2, "")
    assert errors.startswith(f"edge-digits: {message}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("size", ["0", "-1", "1.5", "many", "1000001"])
def test_a_partition_holds_a_number_of_images(run, size):
    code, _, errors = run("scale", "scans", "--out", "out", "--partition", size)
    assert code == 2
    assert f"argument --partition: {size!r} is not a whole number from 1 to 1000000" in errors


def test_without_ray_it_says_what_to_install(run, scans, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    code, _, errors = run("scale", "scans", "--out", "out")
    assert code == 2
    assert "pip install 'edge-digits[ray]'" in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "environment", "expected"),
    [
        (None, None, "0"),
        ('{"usage_stats": false}', None, "0"),
        ("nonsense", None, "0"),
        ("[]", None, "0"),
        ('{"usage_stats": true}', None, None),
        (None, "1", "1"),
    ],
)
def test_ray_sends_statistics_only_if_the_user_has_said_so(
    monkeypatch, tmp_path, content, environment, expected
):
    import os

    config = tmp_path / "config.json"
    if content is not None:
        config.write_text(content)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    monkeypatch.setenv("RAY_USAGE_STATS_CONFIG_PATH", str(config))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", environment or "")
    if environment is None:
        monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    with pytest.raises(Exception, match="pip install"):
        ray_engine.require()
    assert os.environ.get("RAY_USAGE_STATS_ENABLED") == expected


def test_parts_survive_their_file_as_json():
    part = Part.parse(json.dumps({"partition": 1, "job": "a", "run": "b", "counts": {"images": 2}}))
    assert Part.parse(part.as_json()) == part
