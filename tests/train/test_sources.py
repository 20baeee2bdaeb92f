"""What the samples of a split are drawn from: MNIST, one's own digits, pen strokes; and the record of it."""

from __future__ import annotations

import subprocess

import cv2
import numpy as np
import pytest
import torch

from tests import drawing
from train import data, origin
from train.data import DataError, Digits
from train.loop import Config
from train.recipes import RECIPES, is_unchanged
from train.sources import Source, load_sources


@pytest.fixture
def own_digits(tmp_path):
    """A folder with two drawn images of each digit, of different sizes."""
    generator = np.random.default_rng(0)
    for digit in range(10):
        folder = tmp_path / "own" / str(digit)
        folder.mkdir(parents=True)
        for height in (40, 90):
            ink = drawing.draw(digit, generator, height=height, pen=height / 10)
            cv2.imwrite(str(folder / f"{height}.png"), 255 - np.pad(ink, 12))
    return tmp_path / "own"


def test_own_digits_become_tiles(own_digits):
    digits = data.load_folder(own_digits)
    assert digits.tiles.shape == (20, 28, 28)
    assert digits.labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert (digits.tiles.amax((1, 2)) == 255).all()
    assert (digits.tiles[:, 0] == 0).all()


def test_files_that_other_programs_leave_are_no_digits(own_digits):
    for name in (".DS_Store", "._40.png", "Thumbs.db"):
        (own_digits / "3" / name).write_bytes(b"junk")
    assert len(data.load_folder(own_digits)) == 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"text", "a text file, not an image", id="not an image"),
        pytest.param(
            cv2.imencode(".png", np.full((40, 40), 200, np.uint8))[1].tobytes(), "no ink", id="blank"
        ),
    ],
)
def test_unusable_own_digits_are_reported(own_digits, content, message):
    (own_digits / "3" / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=message) as raised:
        data.load_folder(own_digits)
    assert "bad.png" in str(raised.value)


def test_a_folder_without_digits_is_reported(tmp_path):
    with pytest.raises(DataError, match="--digits needs a folder for each label"):
        data.load_folder(tmp_path)


def test_own_digits_are_added_to_mnist(mnist_root, own_digits):
    without, _ = load_sources(mnist_root, Config(validation=200))
    training, validation = load_sources(mnist_root, Config(validation=200, digits=str(own_digits)))
    assert len(training.digits) == len(without.digits) + 20
    assert len(validation.digits) == 200
    assert training.pens is None  # no pen strokes beside this MNIST


def test_the_origin_of_a_run_depends_on_its_data():
    tiles = torch.zeros((3, 28, 28), dtype=torch.uint8)
    one, same, other = (origin.describe(Source(Digits(tiles + step, torch.arange(3)))) for step in (0, 0, 1))
    assert one == same
    assert one["digits_sha256"] != other["digits_sha256"]
    assert one["commit"] == other["commit"]


def test_a_commit_is_unknown_outside_of_a_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(origin, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert origin._commit() == "unknown"


def test_changes_to_the_code_are_recorded(monkeypatch, tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    (tmp_path / "code.py").write_text("1")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    monkeypatch.setattr(origin, "ROOT", tmp_path)
    clean = origin._commit()
    (tmp_path / "code.py").write_text("2")
    assert origin._commit() == clean + "+changes"
    assert len(clean) == 40


def test_a_recipe_is_recognised_until_a_setting_changes():
    for name, recipe in RECIPES.items():
        assert recipe.recipe == name
        assert is_unchanged(recipe)
        assert not is_unchanged(type(recipe)(**{**recipe.__dict__, "epochs": recipe.epochs + 1}))
