"""The shape of the code: which way imports point, what each part may load, and how long modules may be."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import edge_runtime

ROOT = Path(__file__).resolve().parent.parent

# What each package may import of the others.
PACKAGES = {
    "edge_runtime": set(),
    "train": {"edge_runtime"},
    "export": {"edge_runtime", "train"},
    "benchmarks": {"edge_runtime", "train"},
}
# The rooms of edge_runtime, from top to bottom: each imports only from itself and from those below. Readings
# draw themselves, so the module `results` is a floor of its own, above `images`.
ROOMS = (
    "cli",
    "web",
    "window",
    "scale",
    "outputs",
    "live",
    "profiling",
    "reading",
    "results",
    "images",
    "models",
)
FLOORS = (*ROOMS, "")
# Modules, not rooms: the lowest floor, "".
BASE = {"boxes", "contract", "digits", "errors", "nms", "whole_file"}

RUNTIME_PACKAGES = {"cv2", "numpy", "onnxruntime", "tqdm"}
# Loaded by the functions that need them.
OPTIONAL_PACKAGES = {
    *("aiohttp", "av", "fsspec", "pandas", "picamera2", "pillow_heif", "pyarrow", "pypdfium2", "ray"),
}
WEB_PACKAGES = {"fastapi", "h11", "prometheus_client", "starlette", "uvicorn"}  # the extra web
TRAINING_PACKAGES = {"torch", "torchvision", "onnx", "onnxscript", "matplotlib", "PIL", "skimage"}

# The only way to PyTorch in the benchmarks. It is loaded by a function, and only if it is installed.
TORCH_CONTENDER = "benchmarks.torch_network"
# They turn the released ONNX files into those of other runtimes, if onnx is installed.
CONVERTERS = {"benchmarks.litert_file", "benchmarks.runtimes"}

GUI = {
    "createTrackbar",
    "destroyAllWindows",
    "destroyWindow",
    "getWindowImageRect",
    "getWindowProperty",
    "imshow",
    "moveWindow",
    "namedWindow",
    "pollKey",
    "resizeWindow",
    "selectROI",
    "setMouseCallback",
    "setWindowProperty",
    "setWindowTitle",
    "waitKey",
    "waitKeyEx",
}

LONGEST_MODULE = {"edge_runtime": 300, "train": 400, "export": 400, "benchmarks": 400}
LONGEST_FUNCTION = 60


def find_modules(package: str) -> dict[str, Path]:
    """The modules of a package or folder by their full names."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = {name: path for package in PACKAGES for name, path in find_modules(package).items()}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
RUNTIME = [name for name in MODULES if name.split(".")[0] == "edge_runtime"]


class Import(NamedTuple):
    """A name that is imported, as what it is bound, and when: at "load", in a "call", or for "types" only."""

    module: str
    name: str
    bound: str
    when: str

    @property
    def target(self) -> str:
        """The module that is imported, also where it is imported as a name from its package."""
        inner = f"{self.module}.{self.name}"
        return inner if inner in MODULES else self.module

    @property
    def top(self) -> str:
        return self.module.split(".")[0]


def find_imports(node: ast.AST, when: str = "load") -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, "", alias.asname or alias.name, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative import"
            yield from (
                Import(child.module or "", alias.name, alias.asname or alias.name, when)
                for alias in child.names
            )
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from find_imports(child, "call")
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from find_imports(child, "types")
        else:
            yield from find_imports(child, when)


IMPORTS = {name: list(find_imports(tree)) for name, tree in TREES.items()}


def floor(module: str) -> int:
    """The floor of a module of edge_runtime, 0 at the top."""
    parts = module.split(".")
    if parts[1] == "__main__":
        return 0
    return FLOORS.index("" if parts[1] in BASE else parts[1])


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_those_they_build_on(package):
    for name, imports in IMPORTS.items():
        if name.split(".")[0] == package and name != TORCH_CONTENDER:
            others = {each.top for each in imports} & PACKAGES.keys() - {package}
            assert others <= PACKAGES[package], name


def test_the_runtime_imports_downwards():
    """Also in functions and for type checkers: none of these imports is exempt."""
    upward = {
        (name, each.target)
        for name in RUNTIME
        for each in IMPORTS[name]
        if name != "edge_runtime" and each.top == "edge_runtime" and each.target != "edge_runtime"
        if floor(each.target) < floor(name)
    }
    assert not upward


def test_the_runtime_does_not_use_its_own_public_names():
    """They would hide which module is imported; the version is the exception."""
    used = {each.name for name in RUNTIME for each in IMPORTS[name] if each.target == "edge_runtime"}
    assert used <= {"__version__"}


def test_no_imports_are_circular():
    """Also in functions and for type checkers.

    Only a package and its own modules may import each other: a package can list what its modules provide.
    """
    graph = {
        name: {
            each.target
            for each in imports
            if each.target in MODULES and not f"{each.target}.".startswith(f"{name}.")
        }
        for name, imports in IMPORTS.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_private_names_stay_in_their_modules():
    crossing = set()
    for name, imports in IMPORTS.items():
        own = [each for each in imports if each.top in PACKAGES]
        crossing |= {(name, each.name) for each in own if each.name.startswith("_") and each.name[1] != "_"}
        modules = {each.bound for each in own if not each.name or each.target != each.module}
        for node in ast.walk(TREES[name]):
            private = isinstance(node, ast.Attribute) and node.attr.startswith("_") and node.attr[1] != "_"
            if private and ast.unparse(node.value) in modules:
                crossing.add((name, ast.unparse(node)))
    assert not crossing


def test_the_runtime_needs_three_large_packages_and_a_tiny_one():
    used = {each.top for name in RUNTIME for each in IMPORTS[name] if each.when != "types"}
    others = used - set(sys.stdlib_module_names) - {"edge_runtime"}
    assert others == RUNTIME_PACKAGES | OPTIONAL_PACKAGES | WEB_PACKAGES


@pytest.mark.parametrize(
    ("packages", "users"),
    [
        pytest.param({"onnxruntime"}, {"edge_runtime.reading.networks"}, id="onnxruntime"),
        pytest.param({"picamera2"}, {"edge_runtime.live.sources.devices"}, id="picamera2"),
        pytest.param({"av"}, {"edge_runtime.outputs.recording"}, id="av"),
        pytest.param({"pandas"}, {"edge_runtime.results", "edge_runtime.scale.batches"}, id="pandas"),
        pytest.param(
            {"pypdfium2", "pillow_heif"}, {"edge_runtime.images.decoder_process"}, id="pypdfium2, pillow_heif"
        ),
        pytest.param({"fsspec", "aiohttp"}, {"edge_runtime.images.remote"}, id="fsspec, aiohttp"),
        pytest.param({"ray"}, {"edge_runtime.scale.ray_engine"}, id="ray"),
    ],
)
def test_only_one_module_uses_a_package(packages, users):
    assert {name for name in RUNTIME if packages & {each.top for each in IMPORTS[name]}} == users


def test_only_parquet_and_scale_use_pyarrow():
    users = {name for name in RUNTIME if "pyarrow" in {each.top for each in IMPORTS[name]}}
    others = {name for name in users if name.split(".")[1] != "scale"}
    assert others == {"edge_runtime.outputs.parquet_file"}


def test_only_the_web_part_uses_the_web_packages():
    users = {name.split(".")[1] for name in RUNTIME if WEB_PACKAGES & {each.top for each in IMPORTS[name]}}
    assert users == {"web"}


def test_optional_packages_are_imported_in_functions():
    loaded = {(name, each.top) for name in RUNTIME for each in IMPORTS[name] if each.when == "load"}
    assert not {(name, package) for name, package in loaded if package in OPTIONAL_PACKAGES}


def test_only_the_window_uses_the_gui_of_opencv():
    users = {
        name
        for name in RUNTIME
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "cv2" and node.attr in GUI
    }
    assert users == {"edge_runtime.window.window"}


def test_only_the_command_prints():
    printing = {
        (name, node.lineno)
        for name in RUNTIME
        for node in ast.walk(TREES[name])
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr"))
        if name.split(".")[1:2] != ["cli"]
    }
    assert not printing


def test_benchmarks_use_only_the_simulations_and_pen_strokes_of_training():
    for name, imports in IMPORTS.items():
        if name.split(".")[0] != "benchmarks":
            continue
        foreign = {
            each.target
            for each in imports
            if each.top in TRAINING_PACKAGES - {"matplotlib"} | {"train", "export"}  # reports have plots
            if name != TORCH_CONTENDER or each.when != "call"
            if name not in CONVERTERS or (each.top, each.when) != ("onnx", "call")
        }
        allowed = ("train.synthetic.", "train.pens.")
        assert all(f"{target}.".startswith(allowed) for target in foreign), (name, foreign)


def test_simulations_need_only_numpy_and_opencv():
    for name, imports in IMPORTS.items():
        if f"{name}.".startswith("train.synthetic."):
            loaded = [each for each in imports if each.when == "load"]
            others = {each.top for each in loaded} - set(sys.stdlib_module_names)
            assert others <= {"numpy", "cv2", "edge_runtime", "train"}, name
            own = {each.target for each in imports if each.top == "train"}
            assert all(f"{target}.".startswith("train.synthetic.") for target in own), name


def test_the_tests_of_the_runtime_need_only_the_runtime():
    """They run beside an installed wheel, where there is no checkout."""
    helpers = [path for path in (ROOT / "tests").glob("*.py") if not path.name.startswith("test_")]
    files = [*helpers, *(ROOT / "tests" / "edge_runtime").rglob("*.py")]
    assert len(files) > 20
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tops = {each.top for each in find_imports(tree)}
        assert not tops & ({"train", "export", "benchmarks"} | TRAINING_PACKAGES), path


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_are_short(package):
    lengths = {
        name: len(path.read_text(encoding="utf-8").splitlines())
        for name, path in MODULES.items()
        if name.split(".")[0] == package
    }
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE[package]}


def test_functions_are_short():
    long = {}
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long[f"{name}.{node.name}"] = lines
    assert not long


def test_modules_say_what_they_own():
    unsaid = [name for name, tree in TREES.items() if len(ast.get_docstring(tree) or "") < 20]
    assert not unsaid


def loaded_by(program: str) -> set[str]:
    """The modules that a Python program has loaded when it ends."""
    code = f"{program}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


READ = (
    "import numpy; from edge_runtime import DigitReader; from edge_runtime.cli import main; "
    "DigitReader().read(numpy.zeros((28, 28), numpy.uint8)); main(['models'])"
)


def test_reading_loads_no_package_that_it_does_not_need():
    loaded = loaded_by(READ)
    assert "onnxruntime" in loaded
    assert not loaded & TRAINING_PACKAGES
    assert not loaded & (OPTIONAL_PACKAGES | WEB_PACKAGES | {"pydantic", "tqdm"})
    assert not loaded & {"train", "export", "benchmarks", "edge_runtime.web", "edge_runtime.window"}


def test_benchmarks_load_without_the_training_packages():
    names = [name for name in MODULES if name.split(".")[0] == "benchmarks" and "__main__" not in name]
    loaded = loaded_by(f"import {', '.join(names)}")
    assert set(names) <= loaded
    assert not loaded & (TRAINING_PACKAGES | {"export"})


def test_simulations_load_without_the_training_packages():
    names = [name for name in MODULES if f"{name}.".startswith("train.synthetic.")]
    loaded = loaded_by(f"import {', '.join(names)}")
    assert set(names) <= loaded
    assert not loaded & TRAINING_PACKAGES


def test_reading_leaves_the_home_folder_alone(tmp_path):
    """By default, onnxruntime 1.31 writes an identifier of the machine there."""
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
        ("import edge_runtime.cli; edge_runtime.cli.build_parser()", {"numpy", "cv2", "onnxruntime"}),
        (
            "from edge_runtime.cli import main; main(['read', 'gone.png'])",
            {"concurrent.futures", "csv", "hashlib", "multiprocessing", "shutil", "tqdm"},
        ),
        ("from edge_runtime import crop_tile", {"onnxruntime"}),
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
