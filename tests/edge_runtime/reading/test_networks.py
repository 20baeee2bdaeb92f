"""The two networks: batches of any size, agreement of INT8 and float, and models that cannot be loaded."""

from __future__ import annotations

import json
import types

import numpy as np
import onnxruntime
import pytest

from edge_runtime import Classifier, ModelError
from edge_runtime.contract import DETECTOR_CHANNELS, GRID
from edge_runtime.models import manifest
from edge_runtime.reading.networks import Detector
from tests import model_files
from tests.drawing import drawn_tiles, page


@pytest.fixture(scope="module", params=["int8", "float"])
def classifier(request):
    return Classifier(request.param)


def test_batches_of_any_size_agree(classifier):
    tiles, _ = drawn_tiles(150, seed=10)
    whole = classifier.logits(tiles)
    parts = np.concatenate([classifier.logits(part) for part in (tiles[:1], tiles[1:64], tiles[64:])])
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-4)
    assert classifier.logits(tiles[:0]).shape == (0, 11)


def test_probabilities_add_up_and_name_the_digits(classifier):
    tiles, labels = drawn_tiles(100, seed=9)
    probabilities = classifier.probabilities(tiles)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-5)
    values, confidences = classifier.classify(tiles)
    assert (values == labels).mean() >= 0.98
    assert (confidences == probabilities[np.arange(100), values]).all()


@pytest.mark.parametrize(
    "tiles",
    [np.zeros((28, 28), np.uint8), np.zeros((2, 28, 27), np.uint8), np.zeros((2, 28, 28), np.float32)],
    ids=["no batch", "shape", "dtype"],
)
def test_invalid_batches_are_rejected(classifier, tiles):
    with pytest.raises(ValueError, match=r"tiles must be uint8 \[N, 28, 28\], not "):
        classifier.logits(tiles)


def test_int8_and_float_agree_on_drawn_tiles():
    tiles, _ = drawn_tiles(300, seed=12)
    int8, floating = (Classifier(name).classify(tiles)[0] for name in ("int8", "float"))
    assert (int8 == floating).mean() >= 0.99


def test_several_threads_give_the_same_logits(classifier):
    tiles, _ = drawn_tiles(20, seed=13)
    logits = Classifier(classifier.info.precision, threads=2).logits(tiles)
    np.testing.assert_allclose(logits, classifier.logits(tiles), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", ["int8", "float"])
def test_the_detector_scores_every_cell(model):
    grey = page("4", height=24)
    grey = grey[: grey.shape[0] // GRID * GRID, : grey.shape[1] // GRID * GRID]
    scores = Detector(model).scores(grey[None])
    assert scores.shape == (1, DETECTOR_CHANNELS, grey.shape[0] // 4, grey.shape[1] // 4)
    assert scores.dtype == np.float32
    row, column = np.unravel_index(scores[0, 0].argmax(), scores.shape[2:])
    assert scores[0, 0].max() > 0
    # The digit is 24 px high, 0.6 times its height from the top and the left.
    assert abs(row * 4 - 0.6 * 24 - 14) <= 8
    assert abs(column * 4 - 0.6 * 24 - 10) <= 8


@pytest.mark.parametrize("network", [Classifier, Detector])
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("nonsense", "no model 'nonsense'; choose int8 or float, or give the path of an .onnx file"),
        ("gone.onnx", "no model file gone.onnx; check the path"),
        ("text.onnx", "text.onnx: onnxruntime cannot load this model: "),
        ("", "no model ''; choose int8 or float"),
    ],
    ids=["unknown name", "missing file", "text file", "empty name"],
)
def test_models_that_cannot_be_loaded_are_reported(network, model, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.onnx").write_text("text")
    with pytest.raises(ModelError) as caught:
        network(model)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("precision", ["int8", "float"])
def test_a_model_of_the_other_task_is_rejected(precision):
    # The detector's metadata is checked before its shapes.
    with pytest.raises(ModelError, match=r"detector-.*\.onnx: does not map uint8 \[N, 28, 28\] to float32"):
        Classifier(manifest.find(precision, manifest.DETECTOR))
    with pytest.raises(ModelError, match=r"classifier-.*\.onnx: a detector with stride None, but"):
        Detector(manifest.find(precision))


def _fusion(**weights):
    return json.dumps(json.loads(model_files.METADATA["fusion"]) | weights)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        pytest.param({"temperature": "1e-300"}, "invalid temperature 1e-300", id="tiny temperature"),
        pytest.param({"temperature": "-1"}, "invalid temperature -1.0", id="negative temperature"),
        pytest.param({"temperature": "inf"}, "invalid temperature inf", id="infinite temperature"),
        pytest.param({"temperature": "nan"}, "invalid temperature nan", id="temperature NaN"),
        pytest.param({"temperature": "warm"}, "missing or damaged metadata (could not", id="text"),
        pytest.param({"rejection_threshold": "1.1"}, "invalid rejection threshold 1.1", id="above 1"),
        pytest.param({"rejection_threshold": "nan"}, "invalid rejection threshold nan", id="threshold NaN"),
        pytest.param({"fusion": "[]"}, "missing or damaged metadata (fusion weights ", id="no weights"),
        pytest.param({"fusion": "[" * 100_000}, "missing or damaged metadata (", id="deeply nested weights"),
        pytest.param(
            {"fusion": _fusion(objectness=float("nan"))},
            "missing or damaged metadata (fusion weights must be within",
            id="weight NaN",
        ),
        pytest.param(
            {"fusion": _fusion(objectness=10**400)},
            "missing or damaged metadata (fusion weights must be within",
            id="huge weight",
        ),
        pytest.param(
            {"fusion": _fusion(sharpness=0)},
            "missing or damaged metadata (the sharpness must be positive",
            id="no sharpness",
        ),
    ],
)
def test_damaged_metadata_are_reported(metadata, message, tmp_path):
    path = model_files.classifier(tmp_path / "own.onnx", **metadata)
    with pytest.raises(ModelError) as caught:
        Classifier(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert str(caught.value).endswith("; export it again")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"weight": float("nan")}, "gives invalid scores (NaN, infinite or huge)", id="NaN"),
        pytest.param({"weight": float("-inf")}, "gives invalid scores", id="infinite"),
        pytest.param({"weight": 1e30}, "gives invalid scores", id="huge"),
        pytest.param({"width": 392}, "gives scores [6, 11] instead of [3, 11]", id="too many rows"),
        pytest.param({"width": 5}, "onnxruntime cannot run this model: ", id="failing"),
    ],
)
def test_models_that_do_not_work_are_reported(options, message, tmp_path):
    classifier = Classifier(model_files.classifier(tmp_path / "own.onnx", **options))
    with pytest.raises(ModelError) as caught:
        classifier.classify(drawn_tiles(3, seed=1)[0])
    assert str(caught.value).startswith(f"{classifier.path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_model_of_ones_own_works(tmp_path):
    """As the models above would, if they were not broken."""
    classifier = Classifier(model_files.classifier(tmp_path / "own.onnx"))
    assert classifier.probabilities(drawn_tiles(3, seed=1)[0]) == pytest.approx(np.full((3, 11), 1 / 11))


class _Session:
    """A session of onnxruntime whose network gives these scores, or this error."""

    def __init__(self, result):
        self._result = result

    def get_inputs(self):
        return [types.SimpleNamespace(name="images")]

    def run(self, outputs, inputs):
        if isinstance(self._result, Exception):
            raise self._result
        return [self._result]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        pytest.param(np.full((1, 15, 4, 6), np.nan, np.float32), "gives invalid scores", id="NaN"),
        pytest.param(np.zeros((1, 15, 4, 4), np.float32), "gives scores [1, 15, 4, 4] ", id="shape"),
        pytest.param(RuntimeError("no\nmemory"), "onnxruntime cannot run this model: no", id="failing"),
    ],
)
def test_a_detector_that_does_not_work_is_reported(monkeypatch, result, message):
    detector = Detector()
    monkeypatch.setattr(detector, "_session", _Session(result))
    with pytest.raises(ModelError) as caught:
        detector.scores(np.zeros((1, 16, 24), np.uint8))
    assert str(caught.value).startswith(f"{detector.path}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 20),
    reason="old versions always fall back, and print that",
)
def test_onnxruntime_prints_nothing_about_a_damaged_model(tmp_path, capfd):
    """Standard output may be a table. onnxruntime prints when a name in the model is not UTF-8."""
    path = model_files.classifier(tmp_path / "own.onnx")
    path.write_bytes(path.read_bytes().replace(b"MatMul", b"MatM\xfcl"))
    with pytest.raises(ModelError, match="onnxruntime cannot load this model: "):
        Classifier(path)
    assert capfd.readouterr() == ("", "")
