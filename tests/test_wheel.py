"""What is installed on a device: the runtime and its models, nothing else."""

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
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_runtime_alone(wheel):
    names = set(wheel.namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"edge_runtime", next(top for top in tops if top.endswith(".dist-info"))}
    assert {
        "edge_runtime/py.typed",
        "edge_runtime/models/manifest.json",
        *(f"edge_runtime/web/page/{name}" for name in ("index.html", "app.js", "style.css", "icon.svg")),
    } <= names
    shipped = {name for name in names if name.startswith("edge_runtime/models/")}
    assert shipped - {"edge_runtime/models/manifest.json"} == {
        f"edge_runtime/models/{task}-{precision}.onnx"
        for task in ("classifier", "detector")
        for precision in ("int8", "float")
    }
    assert sum(entry.file_size for entry in wheel.infolist()) < 1_100_000


def test_the_wheel_asks_for_three_packages_and_what_is_tiny(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    lines = wheel.read(metadata).decode().splitlines()
    needed = [line for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line]
    names = {line.split()[1].split(">")[0].split("<")[0] for line in needed}
    assert names == {"numpy", "onnxruntime", "opencv-python", "imagesize", "tqdm"}
