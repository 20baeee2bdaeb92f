"""Export of networks that were trained for seconds: the whole pipeline, and the gates."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil

import numpy as np
import onnx
import pytest
import torch

from edge_runtime import Classifier, ModelError, contract
from edge_runtime.reading.candidates import Candidates
from edge_runtime.reading.fusion import FusionWeights, fuse
from edge_runtime.reading.networks import Detector
from edge_runtime.reading.surroundings import Surroundings
from export import calibration, graph, parity, pipeline, quantize
from export.__main__ import main
from export.errors import ExportError
from export.pipeline import export, release_run
from tests import drawing
from train import checkpoint, data, loop
from train.classifier import ClassifierTask
from train.detector import DetectorTask
from train.sources import Source

DEVICE = torch.device("cpu")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_torch_thread")]


# Each network is trained and exported once in any order of tests. pytest would drop a session fixture with
# parameters whenever the parameter changes.
@pytest.fixture(scope="session")
def train_run(one_torch_thread, mnist_root, tmp_path_factory):
    """A function that trains an architecture on drawn digits and returns the folder of the finished run."""

    @functools.cache
    def train(arch):
        folder = tmp_path_factory.mktemp("runs") / f"tiny-{arch}"
        config = loop.Config(arch=arch, epochs=4, batch_size=32, validation=200, scenes=0)
        digits = data.split(data.load_mnist(mnist_root, train=True, download=False), 200)
        loop.train(config, ClassifierTask(config, tuple(map(Source, digits)), DEVICE), folder, DEVICE)
        return folder

    return train


@pytest.fixture(scope="session")
def export_run(mnist_root):
    """A function that exports a run and returns the paths of its models."""
    return functools.cache(lambda run: export(run, mnist_root)[0])


@pytest.fixture(params=["cnn", "mlp"])
def run(request, train_run):
    """A finished run on drawn digits."""
    return train_run(request.param)


@pytest.fixture
def models(run, export_run):
    return export_run(run)


@pytest.fixture(scope="session")
def detector_run(one_torch_thread, mnist_root, tmp_path_factory):
    """A finished run of a detector, far too short to detect anything."""
    folder = tmp_path_factory.mktemp("runs") / "tiny-detector"
    config = loop.Config(arch="detector", epochs=1, batch_size=16, validation=200, scenes=48)
    digits = data.split(data.load_mnist(mnist_root, train=True, download=False), 200)
    loop.train(config, DetectorTask(config, tuple(map(Source, digits)), DEVICE), folder, DEVICE)
    return folder


@pytest.fixture(scope="session")
def exported_detector(detector_run, mnist_root):
    """The models of that run and their parity."""
    return export(detector_run, mnist_root)


def test_models_pass_the_gates(models, run):
    measured = json.loads((run / "export" / "parity.json").read_text())
    assert measured["score_difference"] < parity.SCORE_TOLERANCE
    assert measured["agreement"] >= parity.AGREEMENT
    assert measured["int8_bytes"] < measured["float_bytes"] / 2
    assert measured["integer_operators"] >= 2
    parity.check(parity.Parity(**measured))


def test_each_model_is_one_file_with_pinned_versions(models):
    for path in models.values():
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert model.ir_version == graph.IR_VERSION
        assert {(entry.domain, entry.version) for entry in model.opset_import} == {("", graph.OPSET)}
        assert not [t for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    assert {path.name for path in models["int8"].parent.iterdir()} == {
        "float.onnx",
        "int8.onnx",
        "parity.json",
    }


def test_models_take_raw_pixels(models, run):
    for path in models.values():
        model = onnx.load(path)
        (tiles,), (logits,) = model.graph.input, model.graph.output
        assert tiles.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        assert [d.dim_value or d.dim_param for d in tiles.type.tensor_type.shape.dim] == ["N", 28, 28]
        assert logits.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        operators = [node.op_type for node in model.graph.node]
        assert not {"Div", "Mul", "Sub", "BatchNormalization"} & set(operators)
        before_input = {"Unsqueeze", "Reshape", "Flatten", "Cast"}
        first = next(node for node in model.graph.node if graph.INPUT in node.input)
        assert first.op_type in before_input | {"DequantizeLinear"}
    int8 = [node.op_type for node in onnx.load(models["int8"]).graph.node]
    # Where the first layer is integer, raw pixels are its quantised input and nothing casts them.
    assert int8.count("Cast") == (1 if "cnn" in run.name else 0)


def test_weights_have_seven_bits(models):
    model = onnx.load(models["int8"])
    weights = [
        onnx.numpy_helper.to_array(t) for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8
    ]
    big = [w for w in weights if w.ndim > 1]
    assert big
    assert all(np.abs(w.astype(int)).max() <= 64 for w in big)


def test_metadata_is_complete(models, run):
    for precision, path in models.items():
        info = Classifier(path).info
        assert info.contract == contract.CONTRACT
        assert info.precision == precision
        assert info.run_id == run.name
        assert info.temperature > 0
        assert 0 < info.rejection_threshold < 1


def test_exported_models_read_digits(models):
    tiles, labels = drawing.drawn_tiles(100, seed=77)
    for path in models.values():
        values, confidences = Classifier(path).classify(tiles)
        assert (values == labels).mean() >= 0.95
        assert ((confidences > 0) & (confidences <= 1)).all()


def test_export_is_reproducible(models, run, mnist_root, tmp_path):
    copy = tmp_path / run.name
    shutil.copytree(run, copy)
    again, _ = export(copy, mnist_root)
    for precision, path in models.items():
        assert again[precision].read_bytes() == path.read_bytes()


def test_weights_can_be_restored_from_the_float_model(models, run):
    network = checkpoint.load(run).network()
    folded = graph.fold(type(network)(*network.layers))
    folded.load_state_dict(graph.weights(onnx.load(models["float"])))
    tiles = torch.from_numpy(drawing.drawn_tiles(20, seed=3)[0])
    torch.testing.assert_close(folded(tiles), network(tiles), rtol=1e-4, atol=1e-4)


def test_release_copies_models_and_writes_the_manifest(
    run, models, detector_run, exported_detector, mnist_root, tmp_path, monkeypatch
):
    from edge_runtime.models import manifest

    released = release_run(run, models, mnist_root, tmp_path)
    detectors = release_run(detector_run, exported_detector[0], mnist_root, tmp_path)
    monkeypatch.setattr(manifest, "FOLDER", tmp_path)
    assert list(manifest.entries()) == detectors + released
    for entry in released + detectors:
        entry.check()
    assert {(entry.task, entry.name) for entry in released + detectors} == {
        (task, name) for task in ("classifier", "detector") for name in ("float", "int8")
    }
    assert all(entry.accuracy > 0.9 for entry in released)
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json"} | {
        entry.file for entry in released + detectors
    }
    # Releasing one task leaves the models of the other alone.
    assert release_run(run, models, mnist_root, tmp_path) == released
    assert {entry.task for entry in manifest.entries()} == {"classifier", "detector"}


@pytest.mark.parametrize("run", ["mlp"], indirect=True)
def test_runs_with_scenes_get_fusion_weights_for_the_released_detector(
    run, mnist_root, tmp_path, monkeypatch
):
    state = checkpoint.load(run)
    copy = tmp_path / run.name
    copy.mkdir()
    checkpoint.save(dataclasses.replace(state, config=state.config | {"scenes": 1}), copy)
    monkeypatch.setattr(pipeline, "_MIN_SCENES", 4)
    monkeypatch.setattr(parity, "check", lambda _: None)  # other tests are about the gates
    models, _ = export(copy, mnist_root)
    for precision, path in models.items():
        fusion = Classifier(path).info.fusion
        assert fusion.class_logits > 0
        assert fusion.objectness > 0
        assert min(fusion.overflow, fusion.neighbours, fusion.faintness, fusion.size_mismatch) >= 0
        assert graph.metadata(path)["detector"] == Detector(precision).run_id

    released = release_run(copy, models, mnist_root, tmp_path / "released")
    assert {entry.name for entry in released} == set(models)
    model = onnx.load(models["int8"])
    graph.set_metadata(model, graph.metadata(models["int8"]) | {"detector": "another-run"})
    onnx.save(model, models["int8"])
    with pytest.raises(ExportError, match="calibrated for detector another-run"):
        release_run(copy, models, mnist_root, tmp_path / "rejected")
    assert not (tmp_path / "rejected").exists()


GOOD = parity.Parity(
    images=5000, score_difference=1e-6, torch_accuracy=0.996, float_accuracy=0.996, int8_accuracy=0.996,
    allowed_loss=0.0005, agreement=1.0, integer_operators=4, float_bytes=300_000, int8_bytes=90_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score_difference": 0.01}, "differ from torch by 0.01"),
        ({"int8_accuracy": 0.9954}, "loses 0.06% accuracy"),
        ({"agreement": 0.9988}, "agree on 99.88%"),
        ({"integer_operators": 0}, "no integer convolution"),
        ({"int8_bytes": 300_000}, "INT8 model has 300000 bytes"),
    ],
)
def test_each_gate_fails_on_its_own(change, message):
    parity.check(GOOD)
    with pytest.raises(ExportError, match=message):
        parity.check(dataclasses.replace(GOOD, **change))


def broken_quantisation(model, tiles):
    """Quantise, then reverse the largest tensor of weights."""
    quantized = GENUINE(model, tiles)
    weights = max(
        (t for t in quantized.graph.initializer if t.data_type == onnx.TensorProto.INT8),
        key=lambda t: np.prod(t.dims),
    )
    mixed = onnx.numpy_helper.to_array(weights)[::-1].copy()
    weights.CopyFrom(onnx.numpy_helper.from_array(mixed, weights.name))
    return quantized


def no_quantisation(model, tiles):
    return GENUINE_COPY(model)


GENUINE = quantize.quantize


def GENUINE_COPY(model):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


@pytest.mark.parametrize("spoil", [broken_quantisation, no_quantisation])
def test_command_fails_when_models_do_not_agree(spoil, run, mnist_root, tmp_path, monkeypatch, capsys):
    copy = tmp_path / run.name
    shutil.copytree(run, copy)
    monkeypatch.setattr(quantize, "quantize", spoil)
    monkeypatch.setattr("export.__main__.release_run", None)  # no model may get that far
    assert main([str(copy), "--data", str(mnist_root), "--release"]) == 1
    errors = capsys.readouterr().err
    assert "do not agree" in errors
    assert len(errors.splitlines()) == 1
    # Rejected models do not appear where those that passed would be.
    assert (copy / "export").exists() == (run / "export").exists()


def test_unfinished_runs_are_rejected(run, mnist_root, tmp_path, capsys):
    state = checkpoint.load(run)
    (tmp_path / "run").mkdir()
    checkpoint.save(dataclasses.replace(state, epoch=1), tmp_path / "run")
    assert main([str(tmp_path / "run"), "--data", str(mnist_root)]) == 1
    assert "python -m train --resume" in capsys.readouterr().err


def test_missing_run_gives_one_line(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_other_contract_versions_are_rejected(models, tmp_path):
    model = onnx.load(models["int8"])
    entries = {entry.key: entry.value for entry in model.metadata_props}
    graph.set_metadata(model, {**entries, "contract": 99})
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=rf"contract 99, this version needs {contract.CONTRACT}"):
        Classifier(tmp_path / "other.onnx")


@pytest.mark.parametrize(
    ("key", "value"), [("temperature", "0"), ("temperature", "nan"), ("rejection_threshold", "7")]
)
def test_invalid_metadata_is_rejected(key, value, models, tmp_path):
    model = onnx.load(models["int8"])
    graph.set_metadata(model, {entry.key: entry.value for entry in model.metadata_props} | {key: value})
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=f"invalid {key.replace('_', ' ')}"):
        Classifier(tmp_path / "other.onnx")


def test_models_with_other_inputs_are_rejected(models, tmp_path):
    model = onnx.load(models["float"])
    for node in model.graph.node:
        node.input[:] = ["bytes" if name == graph.INPUT else name for name in node.input]
    cast = onnx.helper.make_node("Cast", [graph.INPUT], ["bytes"], to=onnx.TensorProto.UINT8)
    model.graph.node.insert(0, cast)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="does not map uint8"):
        Classifier(tmp_path / "other.onnx")


@pytest.mark.parametrize("lacking", ["contract", "temperature", "fusion", "run_id"])
def test_missing_metadata_is_reported(lacking, models, tmp_path):
    model = onnx.load(models["int8"])
    entries = {entry.key: entry.value for entry in model.metadata_props if entry.key != lacking}
    graph.set_metadata(model, entries)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="export"):
        Classifier(tmp_path / "other.onnx")


def test_detector_passes_the_gates_and_takes_any_size(exported_detector):
    models, proof = exported_detector
    assert proof.integer_operators == 4
    for precision, path in models.items():
        detector = Detector(path)
        metadata = graph.metadata(path)
        assert (metadata["precision"], metadata["run_id"]) == (precision, "tiny-detector")
        for height, width in ((96, 96), (104, 240)):
            scores = detector.scores(np.zeros((1, height, width), np.uint8))
            assert scores.shape == (1, contract.DETECTOR_CHANNELS, height // 4, width // 4)


def test_classifier_and_detector_are_not_interchangeable(models, exported_detector):
    detectors, _ = exported_detector
    with pytest.raises(ModelError, match=r"does not map|missing"):
        Classifier(detectors["int8"])
    with pytest.raises(ModelError, match="stride"):
        Detector(models["int8"])


def test_detectors_of_other_digit_sizes_are_rejected(exported_detector, tmp_path):
    model = onnx.load(exported_detector[0]["float"])
    graph.set_metadata(model, {entry.key: entry.value for entry in model.metadata_props} | {"sizes": "20 90"})
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="sizes 20 90"):
        Detector(tmp_path / "other.onnx")


def test_fusion_weights_informative_features():
    generator = np.random.default_rng(0)

    def scene():
        count = 40
        labels = generator.integers(0, 11, count)
        digits = labels < 10
        unsure = np.full((count, 11), 1 / 11, np.float32)
        named = generator.normal(size=(count, 10)).astype(np.float32)
        named[digits, labels[digits]] += 3
        boxes = np.tile(np.float32([0, 0, 20, 30]), (count, 1)) + 40 * np.arange(count)[:, None]
        logits = (4.0 * digits - 2 + generator.normal(size=count)).astype(np.float32)
        candidates = Candidates(boxes.astype(np.float32), logits, named)
        zeros = np.zeros(count, np.float32)
        blank = Surroundings(np.full((1700, 1700), 200, np.uint8), 0, 0, 1.0, 1700, 80.0, whole=True)
        return calibration.SceneScores(unsure, candidates, zeros + 80, zeros, [blank] * count, labels)

    fitted = calibration.fit_fusion([scene() for _ in range(30)])
    assert fitted.class_logits > 0.3
    assert fitted.objectness > 0.3
    seen = scene()
    fused = fuse(
        fitted, seen.probabilities, seen.candidates, seen.contrasts, seen.overflows, seen.surroundings_of
    )
    assert (fused.argmax(1) == seen.labels).mean() > 0.75
    assert FusionWeights.from_json(fitted.to_json()).objectness == pytest.approx(fitted.objectness, abs=1e-3)


def test_threshold_rejects_at_most_its_share():
    confidences = np.linspace(0, 1, 100_001).astype(np.float32) ** 0.05
    least = calibration.choose_threshold(confidences)
    assert (confidences < least).mean() <= calibration.MAX_REJECTED + 1e-4
    assert calibration.choose_threshold(np.ones(9, np.float32)) < 1
    assert calibration.choose_threshold(np.zeros(9, np.float32)) == calibration.MIN_CONFIDENCE


def test_temperature_is_recovered():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 4000)
    honest = generator.normal(size=(4000, 10)).astype(np.float32)
    honest[np.arange(4000), labels] += 2
    # Sampling labels from the softmax makes temperature 1 the true one; logits times 3 need 3.
    probabilities = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    drawn = (probabilities.cumsum(1) > generator.random((4000, 1))).argmax(1)
    assert calibration.fit_temperature(honest * 3, drawn) == pytest.approx(3, rel=0.1)
