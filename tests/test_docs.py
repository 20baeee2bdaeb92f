"""The documents say what is so: help, figures, examples, links."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import record, report
from edge_runtime import DigitReader
from edge_runtime.cli import _parser
from edge_runtime.models import manifest

ROOT = Path(__file__).resolve().parent.parent

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

README = PAGES[0].read_text(encoding="utf-8")


def test_the_command_page_is_the_commands_help():
    rendered = runpy.run_path(str(ROOT / "docs" / "generate.py"))["render"]()
    # Versions of Python break the lines of help in other places.
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8").split() == rendered.split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_figures_are_those_of_the_newest_record():
    assert report.summary(record.read(record.newest())) in README


def test_the_live_figures_are_those_of_the_newest_record():
    assert report.live_summary(record.read(record.newest(record.LIVE))) in README


def test_the_newest_record_is_of_the_models_that_ship():
    made = record.read(record.newest())
    assert made.conditions["models"] == {entry.file: entry.sha256 for entry in manifest.entries()}
    scores = {result["contender"]: result["accuracy"] for result in made.of_kind("accuracy")}
    classifiers = [entry for entry in manifest.entries() if entry.task == manifest.CLASSIFIER]
    assert all(scores[entry.name] == entry.accuracy for entry in classifiers)


def examples():
    texts = runpy.run_path(str(ROOT / "examples" / "draw.py"))["TEXTS"]
    return [pytest.param(name, lines, id=name) for name, lines in texts.items()]


@pytest.mark.parametrize("name", ["int8", "float"])
@pytest.mark.parametrize(("image", "lines"), examples())
def test_the_examples_are_read_as_they_are_written(image, lines, name):
    reading = DigitReader(name).read(ROOT / "examples" / image)
    assert reading.lines == tuple(line.replace(" ", "") for line in lines)


def test_the_readme_shows_what_the_command_prints():
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "classify", "examples"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout in README


def test_the_readme_names_only_options_that_exist():
    help_text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for line in re.findall(r"^edge-digits .*$", README, re.MULTILINE):
        command, *words = line.partition("#")[0].split()[1:]
        assert command in _parser().format_help()
        assert all(word in help_text for word in words if word.startswith("--")), line
