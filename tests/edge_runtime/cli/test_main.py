"""The command as a whole: help, version, exit codes, and one line for every error."""

from __future__ import annotations

import sys

import pytest

from edge_runtime import __version__, cli
from edge_runtime.cli.terminal import terminal_width


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "the following arguments are required: COMMAND", id="no command"),
        pytest.param(["nonsense"], "invalid choice: 'nonsense'", id="unknown command"),
        pytest.param(["read"], "the following arguments are required: SOURCE", id="no source"),
        pytest.param(
            ["read", "a.png", "--nonsense"], "unrecognized arguments: --nonsense", id="unknown option"
        ),
        pytest.param(
            ["read", "a.png", "--resume", "--overwrite"], "not allowed with argument --resume", id="conflict"
        ),
        pytest.param(
            ["classify", "a.png", "--resume", "--overwrite"],
            "not allowed with argument --resume",
            id="conflict, alias",
        ),
        pytest.param(
            ["read", "a.png", "--threads", "0"], "'0' is not a whole number from 1 to 1024", id="no thread"
        ),
        pytest.param(
            ["read", "a.png", "--threads", "x"],
            "'x' is not a whole number from 1 to 1024",
            id="text for a number",
        ),
        pytest.param(["read", "a.png", "--rotate", "45"], "invalid choice: '45'", id="no quarter turn"),
        pytest.param(
            ["profile", "--seconds", "-1"], "'-1' is not a number of seconds above 0", id="negative time"
        ),
        pytest.param(["profile", "--seconds", "nan"], "'nan' is not a number of seconds", id="NaN"),
        pytest.param(["camera", "--size", "640"], "'640' is not a size such as 1280x720", id="half a size"),
        pytest.param(["camera", "--size", "8x8"], "with sides from 16 to 16384", id="tiny size"),
        pytest.param(
            ["camera", "--fps", "0"], "'0' is not a frame rate from 0.1 to 1000", id="no frame rate"
        ),
    ],
)
def test_invalid_arguments_are_reported_with_the_usage(run, arguments, message):
    code, output, errors = run(*arguments)
    assert (code, output) == (2, "")
    *usage, error = errors.splitlines()
    assert usage[0].startswith("usage: edge-digits")
    assert message in error
    command = error.partition(": error: ")[0]
    assert command.startswith("edge-digits")
    assert error.endswith(f"; see {command} --help")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["read", "scans/a.png", "--model", "gone.onnx"], "gone.onnx", id="missing model file"),
        pytest.param(["read", "scans/a.png", "--model", "best"], "choose int8 or float", id="unknown model"),
        pytest.param(
            ["read", "scans/a.png", "--out", "r.xls"], ".csv, .jsonl or .parquet", id="unknown format"
        ),
        pytest.param(["read", "scans/a.png", "--resume"], "add --out FILE", id="resume without a file"),
        pytest.param(["read", "scans/a.png", "--overwrite"], "add --out FILE", id="overwrite without a file"),
        pytest.param(["read", "scans/a.png", "--tiles"], "add --annotate DIR", id="tiles without a folder"),
        pytest.param(
            ["read", "scans/a.png", "--out", "scans/a.png/r.csv"], "cannot write", id="file for a folder"
        ),
        pytest.param(["camera", "gone.mp4", "--no-window"], "gone.mp4", id="missing video"),
        pytest.param(["camera", "scans/a.txt", "--no-window"], "scans/a.txt", id="text for a video"),
    ],
)
def test_errors_are_reported_in_one_line(run, scans, arguments, message):
    (scans / "a.txt").write_text("text")
    code, output, errors = run(*arguments)
    assert (code, output) == (2, "")
    assert errors.startswith("edge-digits: ")
    assert len(errors.splitlines()) == 1
    assert message in errors


def test_help_lists_the_commands_and_exit_codes(run):
    code, output, errors = run("--help")
    assert (code, errors) == (0, "")
    lines = [line.split() for line in output.splitlines()]
    for first in ("read", "camera", "cameras", "serve", "profile", "models", "doctor", "0", "1", "2", "130"):
        assert [len(line) > 1 for line in lines if line[:1] == [first]] == [True], first
    assert "classify" not in output


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (
            "read",
            "SOURCE --model --threads --out --resume --overwrite --annotate --tiles --json --no-recursive "
            "alias: edge-digits classify",
        ),
        (
            "camera",
            "SOURCE --model --threads --size --fps --no-window --serve --json --out --record --raw",
        ),
        ("cameras", "--json"),
        ("serve", "HOST:PORT --model --threads"),
        ("profile", "--model --seconds --json"),
        ("models", "--json"),
        ("doctor", "--json"),
    ],
)
def test_help_of_a_command_lists_its_options(run, command, options):
    code, output, errors = run(command, "--help")
    assert (code, errors) == (0, "")
    assert output.startswith(f"usage: edge-digits {command} ")
    for option in options.split():
        assert option in output, option


def test_version(run):
    assert run("--version") == (0, f"edge-digits {__version__}\n", "")


def test_a_missing_package_or_library_is_reported_in_one_line(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    code, output, errors = run("read", "a.png")
    assert (code, output) == (2, "")
    assert "cv2" in errors
    assert "apt install libgl1" in errors
    # The two packages share their files: with one left over, pip would install nothing, or a mixture.
    assert "pip uninstall opencv-python opencv-python-headless, then pip install" in errors
    assert len(errors.splitlines()) == 1


def test_ctrl_c_while_modules_load_is_not_a_missing_library(monkeypatch, capsys):
    def interrupted(options):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr("edge_runtime.cli.doctor.doctor", interrupted)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "edge-digits: interrupted\n"


@pytest.mark.parametrize("command", ["read", "classify", "scale", "camera", "doctor"])
def test_the_parser_of_one_command_knows_it_as_that_of_all_does(command, capsys):
    texts = set()
    for parser in (cli.build_parser(), cli.build_parser(command)):
        with pytest.raises(SystemExit):
            parser.parse_args([command, "--help"])
        texts.add(capsys.readouterr().out)
    (text,) = texts
    assert f"usage: edge-digits {command} " in text


@pytest.mark.parametrize(("columns", "width"), [("50", 50), ("0", 80), ("wide", 80), (None, 80)])
def test_the_width_of_the_terminal(monkeypatch, columns, width):
    monkeypatch.setattr(sys, "__stdout__", None)
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert terminal_width() == width
