"""The command as its users see it: tables, exit codes, one line for everything that goes wrong."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_runtime import cli


@pytest.fixture
def run(capsys):
    """A function that runs the command and returns (exit code, output, errors)."""

    def call(*arguments):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        output, errors = capsys.readouterr()
        return code, output, errors

    return call


@pytest.fixture
def scans(image_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("scans/a.png", "31 4"), ("scans/b.jpg", "27"), ("scans/more/c.png", "9")):
        image_file(name, text)
    return tmp_path / "scans"


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "edge_runtime", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_a_table_has_a_line_a_image(run, scans):
    code, output, errors = run("classify", "scans")
    assert code == 0
    assert [line.split("  ")[0] for line in output.splitlines()[1:]] == [
        "scans/a.png", "scans/b.jpg", "scans/more/c.png",
    ]  # fmt: skip
    assert "31 / 4" in output
    assert errors == "edge-digits: 3 images, 6 digits\n"


def test_json_has_a_line_a_digit(run, scans):
    code, output, _ = run("classify", "scans/a.png", "--json")
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert [row["digit"] for row in rows] == [3, 1, 4]
    assert list(rows[0]) == ["source", "digit", "confidence", "x", "y", "width", "height", "status"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_results_go_to_a_file(run, scans, suffix):
    code, output, errors = run("classify", "scans", "--out", f"results{suffix}")
    assert (code, output) == (0, "")
    assert errors.endswith(f"; results in results{suffix}\n")
    assert (scans.parent / f"results{suffix}").stat().st_size > 100
    code, _, errors = run("classify", "scans", "--out", f"results{suffix}")
    assert code == 2
    assert "--resume" in errors


def test_resume_goes_on_after_what_is_done(run, scans):
    run("classify", "scans", "--out", "all.csv")
    whole = (scans.parent / "all.csv").read_text()
    run("classify", "scans/a.png", "scans/b.jpg", "--out", "part.csv")
    code, _, errors = run("classify", "scans", "--out", "part.csv", "--resume")
    assert code == 0
    assert (scans.parent / "part.csv").read_text() == whole
    assert "1 passed over" in errors


def test_folders_inside_folders_can_be_left_out(run, scans):
    _, output, _ = run("classify", "scans", "--no-recursive")
    assert "more" not in output


def test_annotated_images_are_saved_and_not_read_again(run, scans):
    for _ in range(2):
        code, output, _ = run("classify", "scans", "--annotate", "scans/drawn")
        assert code == 0
        assert "drawn" not in output
    assert (scans / "drawn" / "scans" / "more" / "c.png").is_file()


def test_a_broken_image_gives_exit_code_1_and_the_rest_is_read(run, scans):
    (scans / "broken.png").write_text("text")
    code, output, errors = run("classify", "scans", "--annotate", "drawn")
    assert code == 1
    assert "error: not an image" in output
    assert "27" in output
    assert "1 that could not be read" in errors


def test_no_digit_is_no_failure(run, tmp_path, image_file):
    code, output, errors = run("classify", image_file("blank.png", ""))
    assert code == 0
    assert "no digit found" in output
    assert "1 without a digit" in errors


def test_paths_come_from_standard_input(scans):
    done = command("classify", "-", "--json", input="scans/a.png\nscans/b.jpg\n\n", cwd=scans.parent)
    assert done.returncode == 0
    assert [json.loads(line)["digit"] for line in done.stdout.splitlines()] == [3, 1, 4, 2, 7]


@pytest.mark.skipif(os.name == "nt", reason="pipes cannot be asked there whether they hold something")
@pytest.mark.parametrize("out", [None, "r.csv"])
def test_a_list_that_waits_for_answers_gets_them(scans, out):
    """Another program writes a name and reads the answer before it writes the next."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_runtime", "classify", "-", *(["--out", out] if out else ["--json"])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=scans.parent,
        stderr=subprocess.DEVNULL,
    )
    for name, digit in (("scans/b.jpg", 2), ("scans/more/c.png", 9)):
        process.stdin.write(f"{name}\n")
        process.stdin.flush()
        if out:
            deadline = time.monotonic() + 30
            while name not in (scans.parent / out).read_text() if (scans.parent / out).exists() else True:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        else:
            row = json.loads(process.stdout.readline())
            assert (row["source"], row["digit"]) == (name, digit)
            if digit == 2:
                process.stdout.readline()
    process.stdin.close()
    process.stdout.close()
    assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing_but_the_speed(run, scans, threads):
    (scans / "broken.png").write_text("text")
    code, output, _ = run("classify", "scans", "--json", "--threads", threads)
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 1
    names = [Path(row["source"]).name for row in rows]
    assert names == ["a.png", "a.png", "a.png", "b.jpg", "b.jpg", "broken.png", "c.png"]
    assert [row["digit"] for row in rows] == [3, 1, 4, 2, 7, None, 9]


def test_a_image_that_cannot_be_drawn_on_stops_nothing(run, scans):
    (scans / ("n" * 250 + ".bmp")).write_bytes((scans / "b.jpg").read_bytes())
    code, _, errors = run("classify", "scans", "--annotate", "drawn")
    assert code == 1
    assert "name is too long" in errors
    assert (scans.parent / "drawn" / "scans" / "more" / "c.png").is_file()


def test_a_failure_half_way_leaves_parquet_to_be_resumed(run, scans):
    (scans.parent / "file").write_text("")
    arguments = ["classify", "scans", "--out", "r.parquet"]
    code, _, errors = run(*arguments, "--annotate", "file/drawn")
    assert code == 1
    assert "cannot write" in errors
    assert not (scans.parent / "r.parquet").exists()
    assert run(*arguments)[0] == 2
    assert run(*arguments, "--resume")[0] == 0
    assert (scans.parent / "r.parquet").exists()


def test_what_failed_is_tried_again_on_resume(run, scans, image_file):
    (scans / "late.png").write_text("text")
    assert run("classify", "scans", "--out", "r.csv")[0] == 1
    (scans / "late.png").write_bytes((scans / "a.png").read_bytes())
    assert run("classify", "scans", "--out", "r.csv", "--resume")[0] == 0
    assert "scans/late.png,3," in (scans.parent / "r.csv").read_text()


@pytest.mark.skipif(os.name == "nt", reason="streams are closed so on Unix")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_gives_no_traceback(scans, closed):
    line = f"{sys.executable} -m edge_runtime classify - scans/a.png {closed}"
    done = subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        cwd=scans.parent,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on Unix alone")
def test_a_name_that_is_no_text_goes_everywhere(scans):
    (scans / "b.jpg").rename(scans / os.fsdecode(b"\xff\x1b[31m.jpg"))
    for arguments in (("--out", "r.csv"), ("--out", "r.parquet"), ("--json",), ("--annotate", "drawn"), ()):
        done = command("classify", "scans", *arguments, cwd=scans.parent, env={**os.environ, "LC_ALL": "C"})
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout
    with (scans.parent / "r.csv").open(newline="", encoding="utf-8") as file:
        assert "scans/\\udcff\x1b[31m.jpg" in {row["source"] for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        pytest.param([], "COMMAND", id="nothing"),
        pytest.param(["classify"], "SOURCE", id="no source"),
        pytest.param(["classify", "gone.png"], "no such file", id="missing"),
        pytest.param(["classify", "*.bmp"], "no such file", id="glob without match"),
        pytest.param(["classify", "scans/a.png", "--model", "gone.onnx"], "gone.onnx", id="missing model"),
        pytest.param(["classify", "scans/a.png", "--out", "r.xls"], ".parquet", id="kind of results"),
        pytest.param(["classify", "scans/a.png", "--resume"], "--out", id="resume what"),
        pytest.param(["classify", "scans/a.png", "--threads", "0"], "from 1 to 1024", id="no thread"),
        pytest.param(["classify", "scans/a.png", "--threads", "x"], "from 1 to 1024", id="threads of text"),
        pytest.param(
            ["classify", "scans/a.png", "--out", "scans/a.png/r.csv"], "cannot write", id="no folder"
        ),
        pytest.param(["classify", "scans/a.png", "--annotate", "."], "overwrite", id="onto itself"),
        pytest.param(["camera", "gone.mp4", "--no-window"], "gone.mp4", id="missing video"),
        pytest.param(["camera", "scans/a.txt", "--no-window"], "video", id="no video"),
        pytest.param(["profile", "--seconds", "-1"], "more than 0", id="negative time"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(run, scans, arguments, word):
    (scans / "a.txt").write_text("text")
    code, output, errors = run(*arguments)
    assert code in (1, 2)
    assert word in output + errors
    assert "Traceback" not in errors
    if not errors.startswith("usage"):
        assert all(line.startswith("edge-digits: ") for line in errors.splitlines())


@pytest.mark.parametrize("name", ["", "classify", "camera", "profile", "models", "doctor"])
def test_help_names_everything(run, name):
    code, output, _ = run(*filter(None, [name]), "--help")
    assert code == 0
    assert "usage: edge-digits" in output


def test_a_missing_system_library_is_said_in_a_line(scans):
    blocked = (
        "import sys; sys.modules['cv2'] = None; from edge_runtime.cli import main; sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "apt install libgl1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_ctrl_c_while_modules_load_is_no_missing_library(monkeypatch, capsys):
    def interrupted(options):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr("edge_runtime.cli.inspect.doctor", interrupted)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "edge-digits: stopped\n"


def test_resuming_with_other_sources_reads_these_alone(run, scans):
    run("classify", "scans/a.png", "--out", "r.csv")
    (scans / "a.png").unlink()
    code, _, errors = run("classify", "scans/b.jpg", "--out", "r.csv", "--resume")
    assert code == 0
    assert errors.startswith("edge-digits: 1 images, 2 digits")
    rows = (scans.parent / "r.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["scans/a.png"] * 3 + ["scans/b.jpg"] * 2


def test_version(run):
    from edge_runtime import __version__

    assert run("--version")[1].split() == ["edge-digits", __version__]


def test_models_are_listed(run):
    code, output, _ = run("models")
    assert code == 0
    assert "int8" in output
    assert "(default)" in output
    listed = json.loads(run("models", "--json")[1])
    assert {entry["name"] for entry in listed} == {"int8", "float"}
    assert {entry["task"] for entry in listed} == {"classifier", "detector"}


def test_doctor_finds_the_installation_sound(run):
    code, output, _ = run("doctor")
    assert code == 0
    assert "intact" in output
    report = json.loads(run("doctor", "--json")[1])
    assert report["onnxruntime"]
    assert report["opencv"]


def test_doctor_reports_without_a_manifest(run, monkeypatch, tmp_path):
    from edge_runtime.models import manifest

    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    code, output, errors = run("doctor")
    assert code == 1
    assert "onnxruntime" in output
    assert "no usable manifest" in errors


def test_doctor_finds_a_damaged_model(run, monkeypatch, tmp_path):
    import shutil

    from edge_runtime.models import manifest

    shutil.copytree(manifest.FOLDER, tmp_path / "models")
    monkeypatch.setattr(manifest, "FOLDER", tmp_path / "models")
    (tmp_path / "models" / "classifier-int8.onnx").write_bytes(b"damaged")
    code, output, errors = run("doctor")
    assert code == 1
    assert "DAMAGED" in output
    assert "install edge-digits again" in errors


def test_profile_says_which_model_wins(run):
    from edge_runtime.models import manifest

    code, output, _ = run("profile", "--seconds", "0.02", "--model", manifest.FOLDER / "classifier-int8.onnx")
    assert code == 0
    assert "classifier-int8" in output
    assert "wins here" in output
    record = json.loads(run("profile", "--seconds", "0.02", "--json")[1])
    assert {entry["batch"] for entry in record["latency"]} == {1, 8, 64}
    timing = record["latency"][0]["us"]["int8"]
    assert 0 < timing["p50"] <= timing["p90"] <= timing["p99"]
    assert timing["count"] > 1
    assert set(record["frame_ms"]) == {"grey", "detect", "tile", "classify", "draw"}
    assert set(record["cold_start"]) == {"imports", "int8", "float"}


@pytest.mark.skipif(os.name == "nt", reason="signals are sent on Unix")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_ctrl_c_keeps_what_was_made(scans, suffix):
    """Paths come one by one and never end: after Ctrl-C the results of those that came are there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_runtime", "classify", "-", "--out", f"r{suffix}"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=scans.parent,
    )
    kept = scans.parent / ("r.csv" if suffix == ".csv" else "r.parquet.partial.jsonl")
    deadline = time.monotonic() + 30
    while not (kept.exists() and "scans/a.png" in kept.read_text()) and time.monotonic() < deadline:
        process.stdin.write("scans/a.png\n" * 20)
        process.stdin.flush()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped" in errors
    assert "Traceback" not in errors
    assert kept.read_text().endswith("\n")
    assert len(kept.read_text().splitlines()) > 3


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently there")
def test_a_reader_that_leaves_ends_it_quietly(scans):
    names = "scans/a.png\n" * 2000
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_runtime", "classify", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=scans.parent,
    )
    process.stdout.close()
    try:
        process.stdin.write(names)
        process.stdin.close()
    except BrokenPipeError:
        pass
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 128 + signal.SIGPIPE
    assert "Traceback" not in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_a_full_disk_under_standard_output_is_said(scans):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edge_runtime", "classify", "scans"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=scans.parent,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
