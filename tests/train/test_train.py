"""The training stage: data, augmentation, networks, the loop and its command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest
import torch

from edge_runtime.contract import CLASSES
from tests import drawing
from train import checkpoint, classifier, data, loop
from train.__main__ import main
from train.augment import augment, corrupt
from train.classifier import ClassifierTask
from train.detector import DetectorTask
from train.networks import ARCHITECTURES


@pytest.fixture(scope="session")
def digits(mnist_root):
    return data.split(data.load_mnist(mnist_root, train=True, download=False), validation=200, seed=0)


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


def no_idx(raw):
    (raw / "train-images-idx3-ubyte").write_text("<html>not found</html>")


def fewer_labels(raw):
    drawing.write_idx(raw / "train-labels-idx1-ubyte", np.zeros(7, np.uint8))


def strange_labels(raw):
    drawing.write_idx(raw / "train-labels-idx1-ubyte", np.full(1200, 77, np.uint8))


def other_size(raw):
    drawing.write_idx(raw / "train-images-idx3-ubyte", np.zeros((1200, 32, 32), np.uint8))


@pytest.mark.parametrize("harm", [missing, truncated, no_idx, fewer_labels, strange_labels, other_size])
def test_missing_or_damaged_data_gives_one_line(harm, mnist_root, tmp_path, capsys):
    root = tmp_path / "copy"
    shutil.copytree(mnist_root, root)
    harm(root / "MNIST" / "raw")
    with pytest.raises(data.DataError) as caught:
        data.load_mnist(root, train=True, download=False)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_split_is_disjoint_balanced_and_seeded(mnist_root):
    everything = data.load_mnist(mnist_root, train=True, download=False)
    numbered = data.Digits(torch.arange(1200), everything.labels)
    training, validation = data.split(numbered, validation=200, seed=5)
    assert len(training) == 1000
    assert set(training.tiles.tolist()).isdisjoint(validation.tiles.tolist())
    assert torch.bincount(validation.labels).tolist() == [20] * 10
    again, other = (data.split(numbered, validation=200, seed=seed)[1].tiles for seed in (5, 6))
    assert torch.equal(validation.tiles, again)
    assert not torch.equal(validation.tiles, other)


def test_a_class_with_too_few_images_is_named():
    with pytest.raises(data.DataError, match="digit 0"):
        data.balanced_indices(torch.ones(100, dtype=torch.int64), 5, seed=0)


def test_augmentation_varies_tiles_and_keeps_them_tiles(digits):
    tiles = digits[0].tiles[:64]
    varied = augment(tiles, torch.Generator().manual_seed(1))
    assert varied.shape == tiles.shape
    assert varied.dtype == torch.uint8
    assert (varied != tiles).flatten(1).any(1).all()
    assert (varied.flatten(1).amax(1) > 100).all()
    assert torch.equal(varied, augment(tiles, torch.Generator().manual_seed(1)))
    assert not torch.equal(varied, augment(tiles, torch.Generator().manual_seed(2)))


def test_corruption_leaves_tiles_and_comes_from_its_seed(digits):
    tiles = digits[0].tiles[:256]
    disturbed = corrupt(tiles, torch.Generator().manual_seed(1))
    assert disturbed.shape == tiles.shape
    assert disturbed.dtype == torch.uint8
    assert (disturbed != tiles).flatten(1).any(1).float().mean() > 0.8
    assert torch.equal(disturbed, corrupt(tiles, torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("arch", ["cnn", "mlp"])
def test_classifiers_take_pixels_as_they_are(arch):
    network = ARCHITECTURES[arch]().eval()
    logits = network(torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8))
    assert logits.shape == (3, CLASSES)
    assert logits.dtype == torch.float32


def test_the_locator_takes_any_image_and_answers_by_cell():
    scores = ARCHITECTURES["detector"]().eval()(torch.randint(0, 256, (2, 40, 64), dtype=torch.uint8))
    assert scores.shape == (2, 16, 10, 16)
    assert scores.dtype == torch.float32


def train_classifier(config, digits, run, **options):
    return loop.train(
        config, ClassifierTask(config, digits, torch.device("cpu")), run, torch.device("cpu"), **options
    )


@pytest.mark.parametrize(("arch", "epochs", "least"), [("mlp", 8, 0.95), ("cnn", 5, 0.95)])
def test_every_network_learns(arch, epochs, least, digits, tmp_path):
    config = loop.Config(arch=arch, epochs=epochs, batch_size=32, validation=200, scenes=0)
    state = train_classifier(config, digits, tmp_path / "run")
    assert state.metrics[-1]["validation_accuracy"] >= least
    assert state.metrics[-1]["loss"] < state.metrics[0]["loss"]
    _, accuracy = classifier.evaluate(state.network(), digits[1])
    assert accuracy == state.metrics[-1]["validation_accuracy"]


class Killed(Exception):
    pass


def test_a_killed_run_resumes_to_the_same_result(digits, tmp_path, monkeypatch):
    config = loop.Config(arch="cnn", epochs=3, batch_size=64, validation=200, scenes=0)
    whole = train_classifier(config, digits, tmp_path / "whole")

    saves = []

    def save_and_die(state, run):
        save(state, run)
        saves.append(state)
        if len(saves) == 2:
            raise Killed

    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", save_and_die)
    with pytest.raises(Killed):
        train_classifier(config, digits, tmp_path / "killed")
    assert not checkpoint.load(tmp_path / "killed").complete
    resumed = train_classifier(config, digits, tmp_path / "killed", resume=True)

    assert resumed.complete
    assert resumed.metrics == whole.metrics
    assert all(torch.equal(resumed.weights[name], value) for name, value in whole.weights.items())
    logged = (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in logged] == [1, 2, 3]


def test_a_kill_while_saving_leaves_the_former_checkpoint(digits, tmp_path, monkeypatch):
    config = loop.Config(arch="mlp", epochs=1, validation=200, scenes=0)
    state = train_classifier(config, digits, tmp_path / "run")

    def half_written(content, path):
        path.write_bytes(b"half")
        raise Killed

    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(Killed):
        checkpoint.save(state, tmp_path / "run")
    assert checkpoint.load(tmp_path / "run").epoch == 1


def test_a_damaged_checkpoint_is_named(tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match=r"no checkpoint\.pt"):
        checkpoint.load(tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"half")
    with pytest.raises(checkpoint.CheckpointError, match="cannot be read"):
        checkpoint.load(tmp_path)


def test_the_command_leaves_a_whole_run(mnist_root, tmp_path, capsys):
    arguments = ["--data", mnist_root, "--runs", tmp_path, "--device", "cpu", "--validation", 200]
    assert main([*map(str, arguments), "--arch", "mlp", "--epochs", "2", "--scenes", "20"]) == 0
    (run,) = tmp_path.iterdir()
    assert {path.name for path in run.iterdir()} == {
        "config.json", "metrics.jsonl", "checkpoint.pt", "report.json",
        "curves.png", "confusion.png", "samples.png", "mistakes.png", "scenes.png",
    }  # fmt: skip
    for path in run.glob("*.png"):
        image = matplotlib.image.imread(path)
        assert min(image.shape[:2]) > 100
        assert image.std() > 0.02
    report = json.loads((run / "report.json").read_text())
    assert report["test_images"] == 300
    output, errors = capsys.readouterr()
    assert "test accuracy" in output
    assert errors == ""
    report = (run / "report.json").read_bytes()
    assert main(["--data", str(mnist_root), "--resume", str(run)]) == 1
    assert "is finished" in capsys.readouterr().err
    assert (run / "report.json").read_bytes() == report


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--device", "nonsense"], "nonsense"),
        (["--device", "cuda:7"], "cuda:7"),
        (["--data", "pyproject.toml"], "pyproject.toml"),
        (["--validation", "2000"], "digit 0"),
        (["--validation", "200", "--runs", "pyproject.toml"], "pyproject.toml"),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_line(arguments, word, mnist_root, tmp_path, capsys):
    usual = ["--data", str(mnist_root), "--runs", str(tmp_path / "runs"), "--scenes", "0"]
    assert main([*usual, *arguments]) == 1
    errors = capsys.readouterr().err
    assert word in errors
    assert len(errors.splitlines()) == 1


def test_a_run_that_is_gone_is_said_in_a_line(capsys):
    assert main(["--resume", "gone"]) == 1
    errors = capsys.readouterr().err
    assert "no checkpoint.pt" in errors
    assert len(errors.splitlines()) == 1


def test_the_locator_learns_from_scenes_alone(mnist_root, tmp_path, capsys):
    arguments = ["--data", str(mnist_root), "--runs", str(tmp_path), "--validation", "200", "--device", "cpu"]
    assert main([*arguments, "--arch", "detector", "--scenes", "96", "--epochs", "3"]) == 0
    (run,) = tmp_path.iterdir()
    assert {path.name for path in run.iterdir()} == {
        "config.json", "metrics.jsonl", "checkpoint.pt", "report.json", "curves.png", "scenes.png",
    }  # fmt: skip
    state = checkpoint.load(run)
    assert state.config["batch_size"] == loop.SETTINGS["detector"]["batch_size"]
    assert state.metrics[-1]["loss"] < state.metrics[0]["loss"]
    assert "recall" in capsys.readouterr().out


def test_a_locator_finds_digits_after_some_steps(digits):
    """Enough to see that targets, loss and network speak of the same cells."""
    config = loop.Config(arch="detector", epochs=12, batch_size=16, scenes=160)
    task = DetectorTask(config, digits, torch.device("cpu"))
    network = ARCHITECTURES["detector"]()
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    for epoch in range(12):
        for batch in task.batches(torch.Generator().manual_seed(epoch)):
            loss, _ = task.loss(network, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    figures = task.validate(network)
    assert figures["loss"] < 6
    assert figures["box_loss"] < 0.7


def test_a_run_begins_with_the_weights_of_another(digits, mnist_root, tmp_path, capsys):
    config = loop.Config(arch="mlp", epochs=4, batch_size=32, validation=200, scenes=0)
    first = train_classifier(config, digits, tmp_path / "first")
    usual = ["--data", str(mnist_root), "--runs", str(tmp_path / "runs"), "--validation", "200"]
    usual += ["--arch", "mlp", "--scenes", "0", "--epochs", "1", "--from", str(tmp_path / "first")]
    assert main([*usual, "--learning-rate", "0.000001"]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    second = checkpoint.load(run)
    assert second.config["initial"] == str(tmp_path / "first")
    for name, weight in first.weights.items():
        torch.testing.assert_close(second.weights[name], weight, rtol=1e-2, atol=1e-3)
    capsys.readouterr()
    for harm, word in ((["--arch", "cnn"], "mlp"), (["--seed", "5"], "held out other images")):
        assert main([*usual, *harm]) == 1
        assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--epochs", "0"], "at least 1"),
        (["--scenes", "-1"], "at least 0"),
        (["--arch", "detector", "--scenes", "0"], "at least 1"),
        (["--validation", "5"], "multiple of 10"),
        (["--learning-rate", "nan"], "more than 0"),
        (["--seed", "-1"], "at least 0"),
        (["--resume", "run", "--epochs", "9", "--seed", "4"], "leave out epochs, seed"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, word, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert word in capsys.readouterr().err


def test_a_run_stopped_in_its_first_epoch_can_be_resumed(mnist_root, tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(classifier, "augment", interrupted)
    arguments = ["--data", str(mnist_root), "--validation", "200", "--arch", "mlp", "--epochs", "1"]
    arguments += ["--scenes", "0"]
    assert main([*arguments, "--runs", str(tmp_path)]) == 130
    (run,) = tmp_path.iterdir()
    assert f"--resume {run}" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(["--data", str(mnist_root), "--resume", str(run)]) == 0
    assert (run / "report.json").is_file()


def test_a_missing_torch_is_said_in_a_line(tmp_path):
    blocked = "import sys, runpy; sys.modules['torch'] = None; runpy.run_module('train', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
