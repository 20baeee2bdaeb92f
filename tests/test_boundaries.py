"""Which way imports point, and what the runtime may load."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import edge_runtime

ROOT = Path(__file__).resolve().parent.parent
OWN = {"edge_runtime", "train", "export", "benchmarks"}
# What each part may import of the others, and, for the runtime, of other people's packages.
ALLOWED = {
    "edge_runtime": set(),
    "train": {"edge_runtime"},
    "export": {"edge_runtime", "train"},
    "benchmarks": {"edge_runtime", "train", "export"},
}
RUNTIME_PACKAGES = {"cv2", "imagesize", "numpy", "onnxruntime", "tqdm"}
OPTIONAL_PACKAGES = {"av", "picamera2", "pyarrow"}  # loaded when they are asked for
WEB_PACKAGES = {"fastapi", "h11", "prometheus_client", "starlette", "uvicorn"}  # of the extra web


def imports(path):
    """Modules that a file imports, and whether each import runs when the file is loaded."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inner = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in inner) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module, id(node) not in inner


@pytest.fixture(params=sorted(OWN))
def part(request):
    files = sorted((ROOT / request.param).rglob("*.py"))
    assert files
    return request.param, files


def test_imports_point_one_way(part):
    name, files = part
    for path in files:
        others = {module.split(".")[0] for module, _ in imports(path)} & OWN - {name}
        assert others <= ALLOWED[name], path


def test_benchmarks_run_without_torch(part):
    name, files = part
    if name == "benchmarks":
        loaded = {module.split(".")[0] for path in files for module, at_once in imports(path) if at_once}
        assert not loaded & {"torch", "torchvision", "onnx", "matplotlib", "train", "export"}


def test_the_runtime_needs_three_packages_and_what_is_tiny(part):
    name, files = part
    if name == "edge_runtime":
        used = {module.split(".")[0] for path in files for module, _ in imports(path)}
        assert (
            used - set(sys.stdlib_module_names) - {"edge_runtime"}
            <= RUNTIME_PACKAGES | OPTIONAL_PACKAGES | WEB_PACKAGES
        )


def test_only_the_server_talks_to_the_web_packages(part):
    name, files = part
    if name == "edge_runtime":
        users = {
            path.parent.name
            for path in files
            if {module.split(".")[0] for module, _ in imports(path)} & WEB_PACKAGES
        }
        assert users == {"web"}


def test_only_the_model_module_talks_to_onnxruntime(part):
    name, files = part
    if name == "edge_runtime":
        users = {path.name for path in files if any(module == "onnxruntime" for module, _ in imports(path))}
        assert users == {"model.py"}


def loaded_by(program):
    code = f"{program}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_reading_never_loads_the_training_stack(tmp_path):
    program = (
        "import numpy; from edge_runtime import DigitReader; from edge_runtime.cli import main; "
        "DigitReader().read(numpy.zeros((28, 28), numpy.uint8)); main(['models'])"
    )
    loaded = loaded_by(program)
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "torchvision", "onnx", "matplotlib", "tqdm", "train", "export"}
    assert not loaded & OPTIONAL_PACKAGES


def test_nothing_of_the_web_is_loaded_before_something_is_served(tmp_path):
    program = (
        "import numpy; from edge_runtime import DigitReader, live; from edge_runtime.cli import main; "
        "DigitReader().read(numpy.zeros((28, 28), numpy.uint8)); main(['models'])"
    )
    assert not loaded_by(program) & (WEB_PACKAGES | {"pydantic", "edge_runtime.web"})


def test_nothing_is_written_home_and_nobody_is_called(tmp_path):
    """onnxruntime 1.31 leaves an identifier of the machine in the home folder unless it is told not to."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")
    }
    program = (
        "import numpy; from edge_runtime import DigitReader as D; D().read(numpy.eye(28, dtype='uint8'))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**environment, "HOME": str(tmp_path)})
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import edge_runtime", {"numpy", "cv2", "onnxruntime"}),
        ("import edge_runtime.cli; edge_runtime.cli._parser()", {"numpy", "cv2", "onnxruntime"}),
        ("from edge_runtime import preprocess", {"onnxruntime"}),
        ("from edge_runtime import Box", {"numpy", "cv2", "onnxruntime"}),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(program, absent):
    assert not loaded_by(program) & absent


def test_public_names_resolve_and_are_documented():
    for name in edge_runtime.__all__:
        value = getattr(edge_runtime, name)
        assert name == "__version__" or value.__doc__, name
        assert name in dir(edge_runtime)
    with pytest.raises(AttributeError, match="nonsense"):
        edge_runtime.nonsense  # noqa: B018
