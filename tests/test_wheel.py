"""What a device installs: the runtime and its models, and nothing else."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, capture_output=True, text=True, check=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_contains_the_runtime_and_its_models(wheel):
    names = set(wheel.namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"edge_runtime", next(top for top in tops if top.endswith(".dist-info"))}
    suffixes = {".css", ".html", ".js", ".json", ".onnx", ".py", ".svg", ".typed"}
    shipped = {name for name in names if name.startswith("edge_runtime/")}
    assert {Path(name).suffix for name in shipped} <= suffixes
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "edge_runtime").rglob("*.*")}
    assert shipped == {path for path in sources if Path(path).suffix in suffixes}
    assert {"edge_runtime/py.typed", "edge_runtime/web/page/index.html"} <= names
    assert {name for name in names if name.startswith("edge_runtime/models/") and name.endswith(".onnx")} == {
        f"edge_runtime/models/{task}-{precision}.onnx"
        for task in ("classifier", "detector")
        for precision in ("int8", "float")
    }


def test_the_wheel_is_small(wheel):
    assert sum(entry.file_size for entry in wheel.infolist()) < 2_500_000


def test_the_wheel_requires_three_large_packages_and_a_tiny_one(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    lines = wheel.read(metadata).decode().splitlines()
    required = [line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    names = {re.match(r"Requires-Dist: ([\w-]+)", line).group(1) for line in required}
    assert names == {"numpy", "onnxruntime", "opencv-python", "tqdm"}
