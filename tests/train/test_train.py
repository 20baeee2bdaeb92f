"""The training stage: data, augmentation, networks, the loop and its command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
import torch

from edge_runtime.boxes import iou
from edge_runtime.contract import BOX_SCALE, CLASS_LOGITS, CLASSES, DETECTOR_CHANNELS, SIDES, STRIDE
from edge_runtime.reading.detector import detect
from tests import drawing
from train import checkpoint, classifier, data, detector, loop, report, sources
from train.__main__ import main
from train.augment import augment, corrupt
from train.classifier import ClassifierTask
from train.detector import DetectorTask
from train.detector_samples import EMPTY, UNJUDGED, DetectorSamples
from train.networks import ARCHITECTURES
from train.recipes import RECIPES
from train.sources import Source

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_torch_thread")]

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits(mnist_root):
    return data.split(data.load_mnist(mnist_root, train=True, download=False), validation=200)


@pytest.fixture(scope="module")
def few_digits(digits):
    """The first 200 training and 100 validation images."""
    training, validation = digits
    return training[slice(200)], validation[slice(100)]


def test_mnist_is_read(mnist_root):
    training = data.load_mnist(mnist_root, train=True, download=False)
    assert training.tiles.shape == (1200, 28, 28)
    assert training.tiles.dtype == torch.uint8
    assert training.labels.dtype == torch.int64


def missing(raw):
    (raw / "train-images-idx3-ubyte").unlink()


def truncated(raw):
    path = raw / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:5000])


def not_idx(raw):
    (raw / "train-images-idx3-ubyte").write_text("<html>not found</html>")


def too_few_labels(raw):
    drawing.write_idx(raw / "train-labels-idx1-ubyte", np.zeros(7, np.uint8))


def unknown_labels(raw):
    drawing.write_idx(raw / "train-labels-idx1-ubyte", np.full(1200, 77, np.uint8))


def other_size(raw):
    drawing.write_idx(raw / "train-images-idx3-ubyte", np.zeros((1200, 32, 32), np.uint8))


@pytest.mark.parametrize("harm", [missing, truncated, not_idx, too_few_labels, unknown_labels, other_size])
def test_missing_and_damaged_data_is_reported_in_one_line(harm, mnist_root, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(mnist_root, root)
    harm(root / "MNIST" / "raw")
    with pytest.raises(data.DataError) as caught:
        data.load_mnist(root, train=True, download=False)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_split_is_disjoint_balanced_and_the_same_for_all_seeds(mnist_root):
    everything = data.load_mnist(mnist_root, train=True, download=False)
    numbered = data.Digits(torch.arange(1200), everything.labels)
    training, validation = data.split(numbered, validation=200)
    assert len(training) == 1000
    assert set(training.tiles.tolist()).isdisjoint(validation.tiles.tolist())
    assert torch.bincount(validation.labels).tolist() == [20] * 10
    for seed in (0, 6):
        config = loop.Config(validation=200, seed=seed)
        _, held_out = sources.load_sources(mnist_root, config)
        assert torch.equal(held_out.digits.tiles, everything.tiles[validation.tiles])


def test_a_digit_with_too_few_images_is_named():
    with pytest.raises(data.DataError, match="digit 0"):
        data.balanced_indices(torch.ones(100, dtype=torch.int64), 5, seed=0)


def test_augmentation_varies_every_tile(digits):
    tiles = digits[0].tiles[:64]
    varied = augment(tiles, torch.Generator().manual_seed(1))
    assert varied.shape == tiles.shape
    assert varied.dtype == torch.uint8
    assert (varied != tiles).flatten(1).any(1).all()
    assert (varied.flatten(1).amax(1) > 100).all()
    assert torch.equal(varied, augment(tiles, torch.Generator().manual_seed(1)))
    assert not torch.equal(varied, augment(tiles, torch.Generator().manual_seed(2)))


def test_corruption_changes_most_tiles_and_is_seeded(digits):
    tiles = digits[0].tiles[:256]
    corrupted = corrupt(tiles, torch.Generator().manual_seed(1))
    assert corrupted.shape == tiles.shape
    assert corrupted.dtype == torch.uint8
    assert (corrupted != tiles).flatten(1).any(1).float().mean() > 0.8
    assert torch.equal(corrupted, corrupt(tiles, torch.Generator().manual_seed(1)))
    assert not torch.equal(corrupted, corrupt(tiles, torch.Generator().manual_seed(2)))


@pytest.mark.parametrize("arch", ["cnn", "mlp"])
def test_classifiers_map_raw_pixels_to_logits(arch):
    network = ARCHITECTURES[arch]().eval()
    logits = network(torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8))
    assert logits.shape == (3, CLASSES)
    assert logits.dtype == torch.float32


def test_the_detector_maps_images_of_any_size_to_scores_of_cells():
    scores = ARCHITECTURES["detector"]().eval()(torch.randint(0, 256, (2, 40, 64), dtype=torch.uint8))
    assert scores.shape == (2, DETECTOR_CHANNELS, 40 // STRIDE, 64 // STRIDE)
    assert scores.dtype == torch.float32


def train_classifier(config, digits, run, **options):
    return loop.train(config, ClassifierTask(config, tuple(map(Source, digits)), CPU), run, CPU, **options)


@pytest.mark.parametrize("arch", ["mlp", "cnn"])
def test_classifiers_learn(arch, few_digits, tmp_path):
    config = loop.Config(arch=arch, epochs=8, batch_size=20, augment=False, scenes=0)
    state = train_classifier(config, few_digits, tmp_path / "run")
    assert state.metrics[-1]["loss"] < state.metrics[0]["loss"] / 2
    assert state.metrics[-1]["validation_accuracy"] >= 0.95
    _, accuracy = classifier.evaluate(state.network(), few_digits[1])
    assert accuracy == state.metrics[-1]["validation_accuracy"]


def test_the_learning_rate_rises_then_falls_to_zero():
    factor = loop._warm_up_and_cosine(100)
    factors = [factor(step) for step in range(101)]
    assert factors.index(1.0) == 9
    assert factors[:10] == sorted(factors[:10])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[0] == pytest.approx(0.1)
    assert factors[-1] == pytest.approx(0)


class Killed(Exception):
    pass


def test_a_killed_run_resumes_to_the_same_result(few_digits, tmp_path, monkeypatch):
    config = loop.Config(arch="cnn", epochs=3, batch_size=64, scenes=0)
    whole = train_classifier(config, few_digits, tmp_path / "whole")

    saves = []

    def save_and_die(state, run):
        save(state, run)
        saves.append(state)
        if len(saves) == 2:
            raise Killed

    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", save_and_die)
    with pytest.raises(Killed):
        train_classifier(config, few_digits, tmp_path / "killed")
    assert not checkpoint.load(tmp_path / "killed").complete
    resumed = train_classifier(config, few_digits, tmp_path / "killed", resume=True)

    assert resumed.complete
    assert resumed.metrics == whole.metrics
    assert all(torch.equal(resumed.weights[name], value) for name, value in whole.weights.items())
    logged = (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in logged] == [1, 2, 3]


def test_a_kill_while_saving_leaves_the_previous_checkpoint(few_digits, tmp_path, monkeypatch):
    config = loop.Config(arch="mlp", epochs=1, scenes=0)
    state = train_classifier(config, few_digits, tmp_path / "run")

    def write_half(content, path):
        path.write_bytes(b"half")
        raise Killed

    monkeypatch.setattr(torch, "save", write_half)
    with pytest.raises(Killed):
        checkpoint.save(state, tmp_path / "run")
    assert checkpoint.load(tmp_path / "run").epoch == 1


def test_missing_and_damaged_checkpoints_are_reported(tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match=r"no checkpoint\.pt"):
        checkpoint.load(tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"half")
    with pytest.raises(checkpoint.CheckpointError, match="cannot be read"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("change", [{"arch": "unknown"}, {"scenes": None}])
def test_checkpoints_of_other_versions_are_reported(change, tmp_path):
    config = {"arch": "mlp", "scenes": 0} | change
    config = {name: value for name, value in config.items() if value is not None}
    checkpoint.save(checkpoint.Checkpoint("run", config, {}, 0, [], {}, {}), tmp_path)
    with pytest.raises(checkpoint.CheckpointError, match="another version"):
        checkpoint.load(tmp_path)


def test_weights_of_another_network_are_reported():
    state = checkpoint.Checkpoint("old", {"arch": "mlp"}, {}, 1, [], ARCHITECTURES["cnn"]().state_dict(), {})
    with pytest.raises(checkpoint.CheckpointError, match="run old"):
        state.network()


def test_the_command_can_be_interrupted_and_resumed(mnist_root, tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "_SCENES", 12)
    usual = ["--data", str(mnist_root), "--device", "cpu"]
    with monkeypatch.context() as patch:
        patch.setattr(classifier, "augment", interrupt)
        new = ["--runs", str(tmp_path), "--validation", "200", "--recipe", "baseline", "--epochs", "2"]
        assert main([*usual, *new, "--scenes", "8"]) == 130
    (run,) = tmp_path.iterdir()
    assert f"--resume {run}" in capsys.readouterr().err
    assert checkpoint.load(run).epoch == 0

    assert main([*usual, "--resume", str(run)]) == 0
    output, errors = capsys.readouterr()
    assert "test accuracy" in output
    assert errors == ""
    assert {path.name for path in run.iterdir()} == {
        "config.json", "metrics.jsonl", "checkpoint.pt", "report.json",
        "curves.png", "confusion.png", "samples.png", "mistakes.png", "scenes.png",
    }  # fmt: skip
    for path in run.glob("*.png"):
        image = matplotlib.image.imread(path)
        assert min(image.shape[:2]) > 100
        assert image.std() > 0.02
    metrics = json.loads((run / "report.json").read_text())
    assert metrics["test_images"] == 300
    assert metrics["test_mistakes"] == pytest.approx(300 * (1 - metrics["test_accuracy"]))
    assert {"validation_scene_accuracy", "validation_background_accuracy"} < checkpoint.load(run).metrics[
        -1
    ].keys()

    content = (run / "report.json").read_bytes()
    assert main([*usual, "--resume", str(run)]) == 1
    assert "is finished" in capsys.readouterr().err
    assert (run / "report.json").read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--device", "nonsense"], "nonsense"),
        (["--device", "cuda:7"], "cuda:7"),
        (["--data", "pyproject.toml"], "pyproject.toml"),
        (["--validation", "2000"], "digit 0"),
        (["--validation", "200", "--runs", "pyproject.toml"], "pyproject.toml"),
    ],
)
def test_runs_that_cannot_start_are_reported_in_one_line(arguments, named, mnist_root, tmp_path, capsys):
    usual = ["--data", str(mnist_root), "--runs", str(tmp_path / "runs"), "--scenes", "0"]
    assert main([*usual, *arguments]) == 1
    errors = capsys.readouterr().err
    assert named in errors
    assert len(errors.splitlines()) == 1


def test_resuming_a_missing_run_is_reported_in_one_line(capsys):
    assert main(["--resume", "gone"]) == 1
    errors = capsys.readouterr().err
    assert "no checkpoint.pt in gone" in errors
    assert len(errors.splitlines()) == 1


def test_the_command_trains_a_detector(mnist_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "_SCENES", 12)
    arguments = ["--data", str(mnist_root), "--runs", str(tmp_path), "--validation", "200", "--device", "cpu"]
    assert main([*arguments, "--recipe", "detector", "--scenes", "8", "--epochs", "2"]) == 0
    (run,) = tmp_path.iterdir()
    assert {path.name for path in run.iterdir()} == {
        "config.json", "metrics.jsonl", "checkpoint.pt", "report.json", "curves.png", "scenes.png",
    }  # fmt: skip
    state = checkpoint.load(run)
    assert state.config["batch_size"] == RECIPES["detector"].batch_size
    assert [entry["epoch"] for entry in state.metrics] == [1, 2]
    parts = {"objectness", "class", "box"}
    assert state.metrics[-1].keys() > {f"validation_{name}_loss" for name in parts}
    assert "recall" in capsys.readouterr().out


def test_a_perfect_prediction_has_nearly_no_detector_loss():
    cells = 6
    digit = torch.full((1, cells, cells), EMPTY, dtype=torch.int8)
    digit[0, 2, 3], digit[0, 2, 4] = 7, UNJUDGED
    sides = torch.zeros(1, 4, cells, cells)
    sides[0, :, 2, 3] = torch.tensor([6.0, 9.0, 8.0, 11.0])
    samples = DetectorSamples(torch.zeros(1, 24, 24, dtype=torch.uint8), digit, sides)
    output = torch.full((1, DETECTOR_CHANNELS, cells, cells), -20.0)
    output[0, 0, 2, 3] = output[0, CLASS_LOGITS, 2, 3][7] = 20
    output[0, 0, 2, 4] = 20  # a cell that is not judged may detect the digit as well
    output[0, SIDES, 2, 3] = sides[0, :, 2, 3] / BOX_SCALE
    parts = detector.losses(output, samples)
    assert all(float(part) < 1e-4 for part in parts.values())
    for name, channel in {"objectness": 0, "class": CLASS_LOGITS.start, "box": SIDES.start + 1}.items():
        wrong = output.clone()
        wrong[0, channel] = 25
        worse = detector.losses(wrong, samples)
        assert {part for part in parts if worse[part] > parts[part] + 0.1} == {name}


def true_digits(samples, index):
    """The boxes float32 `[N, 4]` and digits `[N]` that the targets of one sample describe."""
    found = {}
    for row, column in torch.nonzero(samples.digit[index] >= 0).tolist():
        left, top, right, bottom = samples.sides[index, :, row, column].tolist()
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        box = round(x - left), round(y - top), round(x + right), round(y + bottom)
        found[box] = int(samples.digit[index, row, column])
    return np.array(list(found), np.float32).reshape(-1, 4), np.array(list(found.values()), np.int64)


def test_the_detector_overfits_one_batch(digits):
    """Targets, loss, network and the runtime's decoding agree on cells, classes and boxes."""
    config = loop.Config(arch="detector", batch_size=4, scenes=4, augment=False, seed=15)
    torch.manual_seed(0)
    network = ARCHITECTURES["detector"]()
    task = DetectorTask(config, tuple(map(Source, digits)), CPU)
    (batch,) = task.batches(torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    history = []
    for _ in range(150):
        loss, _ = task.loss(network, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(float(loss.detach()))
    assert history[-1] < history[0] / 2

    network.eval()

    def scores(image):
        with torch.inference_mode():
            return network(torch.from_numpy(image)).numpy()

    total = found = 0
    for index, grey in enumerate(batch.grey.numpy()):
        boxes, values = true_digits(batch, index)
        candidates = detect(grey, scores)
        overlaps = iou(boxes, candidates.boxes)
        total += len(boxes)
        if overlaps.size:
            right = candidates.class_logits[overlaps.argmax(axis=1)].argmax(axis=1) == values
            found += int((right & (overlaps.max(axis=1) > 0.5)).sum())
    assert total == 36
    assert found >= 30


def test_a_share_of_the_initial_weights_is_kept(digits, tmp_path):
    """Of a detector, whose batch normalisation has to fit the mean of the weights."""
    sources = tuple(map(Source, digits))
    first = loop.Config(arch="detector", epochs=1, batch_size=4, scenes=16, seed=13)
    task = DetectorTask(first, sources, CPU)
    initial = loop.train(first, task, tmp_path / "first", CPU).network()
    further = replace(first, initial=str(tmp_path / "first"), learning_rate=0.05)
    trained = loop.train(further, task, tmp_path / "trained", CPU).network()
    mixed = loop.train(replace(further, keep=0.25), task, tmp_path / "mixed", CPU).network()
    names = [name for name, _ in mixed.named_parameters()]
    assert any(not torch.equal(initial.state_dict()[name], trained.state_dict()[name]) for name in names)
    for name in names:
        expected = 0.25 * initial.state_dict()[name] + 0.75 * trained.state_dict()[name]
        torch.testing.assert_close(mixed.state_dict()[name], expected)
    generator = torch.Generator().manual_seed(1)
    grey = torch.cat([batch.grey for batch in task.batches(generator)])
    convolution, normalisation = mixed.layers[0], mixed.layers[1]
    put_out = convolution(grey.unsqueeze(1) / 255)
    torch.testing.assert_close(normalisation.running_mean, put_out.mean((0, 2, 3)), rtol=0.2, atol=0.05)


def test_a_run_starts_from_the_weights_of_another(few_digits, mnist_root, tmp_path, monkeypatch, capsys):
    config = loop.Config(arch="mlp", epochs=1, batch_size=32, validation=200, scenes=0)
    first = train_classifier(config, few_digits, tmp_path / "first")
    metrics = {"test_accuracy": 1.0, "test_mistakes": 0}
    monkeypatch.setattr(report, "write_classifier_report", lambda *_: metrics)
    usual = ["--data", str(mnist_root), "--runs", str(tmp_path / "runs"), "--validation", "200"]
    usual += ["--recipe", "baseline", "--scenes", "0", "--epochs", "1", "--from", str(tmp_path / "first")]
    assert main([*usual, "--learning-rate", "0.000001", "--seed", "5"]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    second = checkpoint.load(run)
    assert second.config["initial"] == str(tmp_path / "first")
    for name, weight in first.weights.items():
        torch.testing.assert_close(second.weights[name], weight, rtol=1e-2, atol=1e-3)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["--recipe", "baseline", "--keep", "0.5"])
    assert "--keep needs the run that training starts from: add --from RUN" in capsys.readouterr().err
    for harm, advice in (
        (["--recipe", "classifier"], "the recipe of that run"),
        (["--validation", "100"], "--validation 200"),
        (["--digits", "mine"], "--validation 200 and no --digits"),
    ):
        assert main([*usual, *harm]) == 1
        assert advice in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "whole number from 1"),
        (["--epochs", "many"], "whole number"),
        (["--scenes", "-1"], "whole number from 0"),
        (["--recipe", "detector", "--scenes", "0"], "at least 1"),
        (["--validation", "5"], "whole number from 10"),
        (["--validation", "25"], "multiple of 10"),
        (["--learning-rate", "nan"], "more than 0"),
        (["--learning-rate", "fast"], "more than 0"),
        (["--seed", "-1"], "whole number from 0"),
        (["--seed", str(2**31)], "to 2147483647"),
        (["--resume", "run", "--epochs", "9", "--seed", "4"], "leave out --epochs, --seed"),
        (["--resume", "run", "--no-augment", "--from", "x"], "leave out --from, --no-augment"),
        (["--resume", "run", "--runs", "others"], "leave out --runs"),
        (["--recipe", "detector", "--repeats", "3"], "leave out --repeats"),
    ],
)
def test_invalid_settings_are_rejected(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_missing_torch_is_reported(tmp_path):
    blocked = "import sys, runpy; sys.modules['torch'] = None; runpy.run_module('train', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
