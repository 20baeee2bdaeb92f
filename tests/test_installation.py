"""How edge-digits is installed, as far as can be checked offline: the container, the versions of Python."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hatchling.build import build_wheel

from edge_runtime.cli import build_parser
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.web import address, limits
from edge_runtime.web.server import Server

ROOT = Path(__file__).resolve().parent.parent

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions: name and arguments."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    logical = lines.replace("\\\n", "").split("\n")
    return [tuple(line.split(maxsplit=1)) for line in logical if line]


def arguments(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def copied() -> list[str]:
    """The paths that the image takes from the checkout."""
    return [
        source for rest in arguments("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]
    ]


def health_check() -> list[str]:
    (rest,) = arguments("HEALTHCHECK")
    return json.loads(rest.partition("CMD ")[2])


def test_what_the_image_copies_is_enough_to_build_the_package(monkeypatch, tmp_path):
    for source in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert build_wheel("dist").startswith("edge_digits-")


def test_docker_receives_only_what_the_image_copies():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())


def test_the_image_installs_the_headless_opencv_as_documented():
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    documented = re.search(r"<!-- headless -->\n```sh\n(.*?)```", page, re.DOTALL)[1].splitlines()
    (installing,) = [rest for rest in arguments("RUN") if "pip" in rest]
    commands = [shlex.split(command) for command in installing.split("&&")]
    assert "web" in re.fullmatch(r"\.\[(.*)\]", commands[0].pop())[1].split(",")
    commands[0].append(".")
    assert commands == [shlex.split(line) for line in documented]


def test_the_image_serves_on_its_port_as_an_ordinary_user():
    ((command,), (defaults,)) = (
        [json.loads(rest) for rest in arguments(name)] for name in ("ENTRYPOINT", "CMD")
    )
    assert f"\n{command[0]} = " in PROJECT.partition("[project.scripts]")[2]
    options = build_parser().parse_args([*command[1:], *defaults])
    assert address.parse(options.address) == ("", 8000)
    assert arguments("EXPOSE") == ["8000"]
    assert "8000" in health_check()[-1]
    (user,) = arguments("USER")
    assert all(int(part) > 0 for part in user.split(":"))


@pytest.mark.parametrize(("live", "code"), [(False, 0), (True, 1)], ids=["serving", "camera lost"])
def test_the_health_check_tells_how_the_server_is(monkeypatch, live, code):
    monkeypatch.setattr(limits, "SOURCE_TIMEOUT", 0)
    monkeypatch.setenv("EDGE_DIGITS_TOKEN", "secret-of-the-operator")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # which the check must not ask
    with Server(SwitchableReader(), "127.0.0.1:0", live=live) as server:
        server.start()
        name, *rest = health_check()
        assert name == "python"
        check = [sys.executable, *(part.replace("8000", str(server.port)) for part in rest)]
        assert subprocess.run(check, check=False, timeout=60).returncode == code


def test_the_health_check_fails_without_a_server():
    check = [sys.executable, *(part.replace("8000", "9") for part in health_check()[1:])]
    assert subprocess.run(check, check=False, timeout=60, capture_output=True).returncode == 1


def test_the_versions_of_python_agree():
    (oldest,) = re.findall(r'requires-python = ">=(.*)"', PROJECT)
    named = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    tested = json.loads(re.search(r"python: (\[.*\])", WORKFLOW)[1])
    assert named[0] == tested[0] == oldest
    assert named[-1] == tested[-1]
    images = [rest.split()[0] for rest in arguments("FROM")]
    assert {re.fullmatch(r"python:(3\.\d+)-slim", image)[1] for image in images} <= set(named)


def test_the_workflow_runs_the_whole_ci_and_may_only_read():
    assert "run: bash .ci/run\n" in WORKFLOW
    assert re.findall(r"permissions:\n((?:  .*\n)+)", WORKFLOW) == ["  contents: read\n"]
