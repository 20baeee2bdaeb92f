"""The documentation is true: help texts, figures, examples, links."""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import record, report, scale_report
from edge_runtime import DigitReader
from edge_runtime.cli.parser import build_parser
from edge_runtime.models import manifest
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.web.server import Server
from tests import stand_ins

ROOT = Path(__file__).resolve().parent.parent

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

README = PAGES[0].read_text(encoding="utf-8")


def test_command_page_matches_the_help():
    rendered = runpy.run_path(str(ROOT / "docs" / "generate.py"))["render"]()
    # Python versions wrap help texts differently.
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8").split() == rendered.split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def anchors(page):
    """The anchors of a page's headings, as code hosts make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings(page):
    for target, anchor in re.findall(r"\]\((?!https://)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        assert anchor in anchors(page.parent / target if target else page), f"{target}#{anchor}"


def test_figures_match_the_newest_record():
    assert report.summary(record.read(record.newest())) in README


@pytest.mark.parametrize(
    ("page", "folder"),
    [
        ("README.md", record.FOLDER),
        ("README.md", record.LIVE),
        ("README.md", record.PAGES),
        ("README.md", record.CONTENDERS),
        ("docs/model-card.md", record.FOLDER),
        ("docs/benchmarks.md", record.FILES),
        ("docs/scale.md", record.PAGES),
        ("docs/scale.md", record.SCALE),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_pages_link_to_the_newest_record(page, folder):
    place = f"{folder.relative_to(ROOT)}/{record.newest(folder).stem}."
    assert place in (ROOT / page).read_text(encoding="utf-8")


def test_live_figures_match_the_newest_record():
    assert report.live_summary(record.read(record.newest(record.LIVE))) in README


def test_tables_of_contenders_match_the_newest_record():
    assert report.readme_text(record.read(record.newest(record.CONTENDERS))) in README


def test_figures_of_many_machines_match_the_newest_record():
    made = record.read(record.newest(record.SCALE))
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert scale_report.cost_table(made) in page
    assert scale_report.engine_table(made) in page


def test_newest_record_measures_the_released_models():
    made = record.read(record.newest())
    assert made.conditions["models"] == {entry.file: entry.sha256 for entry in manifest.entries()}
    scores = {result["contender"]: result["accuracy"] for result in made.of_kind("accuracy")}
    classifiers = [entry for entry in manifest.entries() if entry.task == manifest.CLASSIFIER]
    assert all(scores[entry.name] == entry.accuracy for entry in classifiers)


def test_readme_has_the_sizes_of_the_released_detector():
    sizes = {entry.precision: entry.bytes for entry in manifest.entries() if entry.task == manifest.DETECTOR}
    int8, full = (f"{sizes[precision] / 1000:.0f} kB" for precision in ("int8", "float"))
    assert f"The detector adds {int8} as INT8 and {full} as float." in " ".join(README.split())


def test_model_card_has_the_figures_of_the_released_models():
    card = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8")
    for result in record.read(record.newest()).of_kind("accuracy"):
        if name := {"int8": "INT8", "float": "float"}.get(result["contender"]):
            assert (
                f"| {name} | {result['accuracy']:.2%} | {result['mistakes']} | {result['rejected']} "
                f"| {result['calibration_error']:.4f} | {result['bytes'] / 1000:.1f} kB |"
            ) in card
    parameters = {f"{entry.parameters:,} parameters" for entry in manifest.entries()}
    assert all(text in card for text in parameters)
    (score,) = (
        entry.accuracy
        for entry in manifest.entries()
        if (entry.task, entry.name) == (manifest.DETECTOR, "int8")
    )
    assert f"The detector's validation F1 is {score:.3f} (INT8)" in card


def examples():
    texts = runpy.run_path(str(ROOT / "examples" / "draw.py"))["TEXTS"]
    return [pytest.param(name, lines, id=name) for name, lines in texts.items()]


@pytest.mark.parametrize("name", ["int8", "float"])
@pytest.mark.parametrize(("image", "lines"), examples())
def test_examples_are_read_correctly(image, lines, name):
    reading = DigitReader(name).read(ROOT / "examples" / image)
    assert reading.lines == tuple(lines)


def test_readme_shows_the_output_of_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "read", "examples"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page):
    help_text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for line in re.findall(r"^edge-digits .*$", page.read_text(encoding="utf-8"), re.MULTILINE):
        command, *words = line.partition("#")[0].split()[1:]
        assert command in build_parser().format_help(), line
        assert all(word in help_text for word in words if word.startswith("--")), line


def python_examples(page):
    """The blocks of Python in a page, each padded with line breaks, so that errors show the line."""
    text = page.read_text(encoding="utf-8")
    blocks = re.finditer(r"```python\n(.*?)```", text, re.DOTALL)
    return ["\n" * text.count("\n", 0, block.start(1)) + block.group(1) for block in blocks]


def run_example(code, name, names):
    """Run a block; a comment behind an expression is its value."""
    lines, wrong = code.splitlines(), []
    for statement in ast.parse(code).body:
        comment = lines[statement.end_lineno - 1].partition("  # ")[2]
        if isinstance(statement, ast.Expr) and comment:
            value = repr(eval(compile(ast.Expression(statement.value), name, "eval"), names))
            if not doctest.OutputChecker().check_output(comment, value, doctest.ELLIPSIS):
                wrong.append(f"{name}:{statement.lineno}: {value} instead of {comment}")
        else:
            exec(compile(ast.Module([statement], []), name, "exec"), names)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["README.md", "docs/python.md"])
def test_python_examples_run(name, tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    for package in stand_ins.STAND_INS:
        stand_ins.provide(monkeypatch, package)
    names: dict[str, object] = {}
    scripts = []
    for code in python_examples(ROOT / name):
        if "__main__" in code:
            scripts.append(code)
        else:
            run_example(code, name, names)
    printed = capsys.readouterr().out
    assert printed.count("no such file") == (2 if name == "README.md" else 1)
    for number, code in enumerate(scripts):
        script = tmp_path / f"{number}.py"
        script.write_text(code, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
        assert done.stdout == "['408', '1356', '92', '7']\n['2718', '3141']\n", done.stderr


# Runs the examples of a page in a process of its own: Ray leaves threads and warnings behind.
EXAMPLES = """
import sys
from tests import stand_ins, test_docs
names = {"spark": stand_ins.Spark()}
for code in test_docs.python_examples(test_docs.ROOT / sys.argv[1]):
    test_docs.run_example(code, sys.argv[1], names)
"""


@pytest.mark.slow
@pytest.mark.skipif(not all(map(find_spec, ("ray", "pandas", "dask"))), reason="needs Ray, pandas and Dask")
def test_examples_for_engines_run(tmp_path):
    import pyarrow.parquet

    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    own = {
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "RAY_ADDRESS": "local",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES, "docs/scale.md"],
        env={**os.environ, **own},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = pyarrow.parquet.read_table(tmp_path / "rows-of-ray").to_pylist()
    assert {"0172", "945", "386"} <= {row["text"] for row in rows}
    assert (tmp_path / "rows-of-spark").is_dir()


def test_http_page_names_every_route_and_metric():
    page = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    with Server(SwitchableReader(), "127.0.0.1:0", live=True) as server:
        server.start()
        metrics, openapi = (
            urllib.request.urlopen(f"{server.url}{name}", timeout=60).read().decode()
            for name in ("metrics", "openapi.json")
        )
    exported = {
        name for name in re.findall(r"# TYPE (edge_digits_\w+)", metrics) if not name.endswith("_created")
    }
    assert set(re.findall(r"`(edge_digits_\w+)`", page)) == exported
    routes = {tuple(route.split()) for route in re.findall(r"^\| `([A-Z]+ /\S+)`", page, re.MULTILINE)}
    paths = json.loads(openapi)["paths"]
    assert routes == {(method.upper(), path) for path, methods in paths.items() for method in methods}
