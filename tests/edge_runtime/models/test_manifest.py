"""The manifest of the released models, and the models that it describes."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from edge_runtime import Classifier, ModelError
from edge_runtime.models import manifest
from edge_runtime.reading.networks import Detector

TASKS = (manifest.CLASSIFIER, manifest.DETECTOR)


def test_every_task_has_a_model_of_either_precision():
    entries = manifest.entries()
    assert sorted((entry.task, entry.name) for entry in entries) == sorted(
        (task, name) for task in TASKS for name in ("int8", "float")
    )
    assert manifest.DEFAULT == "int8"


@pytest.mark.parametrize("entry", manifest.entries(), ids=lambda entry: entry.file)
def test_the_manifest_agrees_with_the_models(entry):
    entry.check()
    assert entry.bytes == entry.path.stat().st_size
    assert manifest.find(entry.name, entry.task) == entry.path
    if entry.task == manifest.DETECTOR:
        assert Detector(entry.name).run_id == entry.run_id
    else:
        info = Classifier(entry.name).info
        assert (info.precision, info.run_id, info.architecture) == (
            entry.precision,
            entry.run_id,
            entry.architecture,
        )


def test_released_models_are_accurate_and_small():
    int8 = {entry.task: entry for entry in manifest.entries() if entry.name == "int8"}
    assert int8[manifest.CLASSIFIER].accuracy >= 0.995
    assert sum(entry.bytes for entry in int8.values()) <= 400_000


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A copy of the installed models, to be damaged."""
    folder = tmp_path / "models"
    shutil.copytree(manifest.FOLDER, folder)
    monkeypatch.setattr(manifest, "FOLDER", folder)
    return folder


def _flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4  # one of the weights: the model would still run
    path.write_bytes(content)


@pytest.mark.parametrize("network", [Classifier, Detector])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(_flip_a_bit, "damaged (its SHA-256 is not that of the manifest)", id="one bit"),
        pytest.param(lambda path: path.write_bytes(b""), "damaged (its SHA-256", id="empty"),
        pytest.param(Path.unlink, "cannot be read (No such file or directory)", id="missing"),
    ],
)
def test_a_damaged_model_is_not_loaded(installed, network, damage, message):
    task = manifest.CLASSIFIER if network is Classifier else manifest.DETECTOR
    path = installed / f"{task}-int8.onnx"
    damage(path)
    with pytest.raises(ModelError) as caught:
        network("int8")
    assert str(caught.value).startswith(f"{path}: {message}")
    assert str(caught.value).endswith("; install edge-digits again")
    network("float")  # the others are still there


def test_a_path_is_not_compared_with_the_manifest(installed, tmp_path):
    """Somebody's own model has no entry, even if it takes the place of a released one."""
    shutil.copy(installed / "classifier-float.onnx", installed / "classifier-int8.onnx")
    assert Classifier(installed / "classifier-int8.onnx").info.precision == "float"


def test_models_are_hashed_without_the_fast_module_of_python(monkeypatch):
    expected = manifest._sha256(b"digits")
    monkeypatch.setitem(sys.modules, "_sha2", None)
    monkeypatch.setitem(sys.modules, "_sha256", None)
    assert manifest._sha256(b"digits") == expected == hashlib.sha256(b"digits").hexdigest()


@pytest.mark.parametrize(
    "text",
    [None, "", "[]", "{}", '{"models": [{"task": "classifier"}]}', '{"models": 1}'],
    ids=["missing", "empty", "list", "no models", "incomplete entry", "not a list"],
)
def test_an_unusable_manifest_is_reported(text, monkeypatch, tmp_path):
    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ModelError) as caught:
        manifest.find("int8")
    assert str(caught.value).startswith(f"{tmp_path / 'manifest.json'} is missing or damaged (")
    assert str(caught.value).endswith("; install edge-digits again")
    assert "\n" not in str(caught.value)


def test_a_path_needs_no_manifest(monkeypatch, tmp_path):
    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    path = tmp_path / "my.onnx"
    path.touch()
    assert manifest.find(path) == path
    assert manifest.find(str(path), manifest.DETECTOR) == path
