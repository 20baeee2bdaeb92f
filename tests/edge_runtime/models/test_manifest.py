"""The manifest of the released models, and the models that it describes."""

from __future__ import annotations

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
    assert entry.intact()
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
    assert int8[manifest.CLASSIFIER].accuracy >= 0.996
    assert sum(entry.bytes for entry in int8.values()) <= 150_000


def test_a_damaged_model_is_noticed(monkeypatch, tmp_path):
    entry = manifest.entries()[0]
    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    assert not entry.intact()
    (tmp_path / entry.file).write_bytes(b"something else")
    assert not entry.intact()


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
