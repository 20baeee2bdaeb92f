"""What a device installs: the runtime and its models, and nothing else. What package indexes show."""

import re
import runpy
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """A folder with a source distribution, and with the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, capture_output=True, text=True, check=True)
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    return message_from_bytes(wheel.read(name))


def test_the_wheel_contains_the_runtime_and_its_models(wheel):
    names = set(wheel.namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"edge_runtime", next(top for top in tops if top.endswith(".dist-info"))}
    suffixes = {".css", ".html", ".jpg", ".js", ".json", ".onnx", ".py", ".svg", ".typed"}
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
    assert sum(entry.file_size for entry in wheel.infolist()) < 2_700_000


def test_the_wheel_requires_three_large_packages_and_a_tiny_one(metadata):
    assert requirements(metadata, "") == {"numpy", "onnxruntime", "opencv-python", "tqdm"}


def requirements(metadata, extra):
    """The names of the packages that an extra adds; "" for those that are always installed."""
    marker = f"; extra == '{extra}'" if extra else ""
    found = re.findall(
        rf"^([\w-]+)[^;\n]*{marker}$", "\n".join(metadata.get_all("Requires-Dist")), re.MULTILINE
    )
    return set(found)


def test_all_means_every_extra_of_devices(metadata):
    extras = set(metadata.get_all("Provides-Extra")) - {
        "all",
        "train",
        "contenders",
        "dev",
        "ray",
    }  # Ray is for clusters
    assert {"parquet", "record", "web"} <= extras
    assert requirements(metadata, "all") == set.union(*(requirements(metadata, extra) for extra in extras))


def test_the_source_distribution_contains_the_project_and_nothing_that_was_made_with_it(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "docs/install.md", "tests/test_wheel.py", "train/recipes.py"} <= names
    assert not {name.split("/")[0] for name in names} & {"data", "runs", "dist", "build", ".venv", ".git"}
    assert not [name for name in names if "__pycache__" in name]
    assert path.stat().st_size < 10_000_000


def test_indexes_show_no_address_that_needs_the_repository(metadata):
    text = metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "edge-digits read examples" in text
    assert all(target.startswith(("https://", "#")) for target in re.findall(r"\]\(([^)]+)\)", text))


@pytest.mark.parametrize(
    ("readme", "source", "expected"),
    [
        ("![A\npage](docs/a.jpg)", "", ""),
        ("see [Live](docs/live.md#keys)!", "", "see Live!"),
        ("![A page](docs/a.jpg)", "https://host/me/it/", "![A page](https://host/me/it/raw/v1.2/docs/a.jpg)"),
        (
            "[Live](docs/live.md#keys)",
            "https://host/me/it",
            "[Live](https://host/me/it/blob/v1.2/docs/live.md#keys)",
        ),
        ("[a](https://b/c) [d](#e) `tiles[0]`", "https://host", None),
        ("[a](https://b/c) [d](#e) `'.[web]'`", "", None),
    ],
    ids=["image left out", "link to text", "image", "link", "others stay", "others stay without source"],
)
def test_addresses_in_the_readme(readme, source, expected):
    standalone = runpy.run_path(str(ROOT / "hatch_build.py"))["standalone"]
    assert standalone(readme, source, "1.2") == (readme if expected is None else expected)
