"""The classifier's task: MNIST and tiles of simulated scenes, their loss and the validation metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_runtime.contract import BACKGROUND
from train import data
from train.augment import augment, corrupt
from train.classifier_samples import draw_tiles
from train.data import Digits
from train.loop import Config
from train.sources import Source

LABEL_SMOOTHING = 0.05
VALIDATION_SHARE = 0.05  # validation scenes, drawn with held-out digits, per training scene
_MIN_VALIDATION = 20  # scenes
_CORRUPTED_SHARE = 0.2  # of each batch
_EVALUATION_BATCH = 1000

Batch = tuple[Tensor, Tensor]  # tiles and labels


class ClassifierTask:
    """Trains a classifier on MNIST, `config.repeats` times an epoch, and on tiles of `config.scenes` scenes.

    The tiles of scenes are drawn at construction. `mnist` and `scenes` are the validation data; `scenes` is
    None for a run without scenes.
    """

    def __init__(self, config: Config, sources: tuple[Source, Source], device: torch.device) -> None:
        self._config = config
        source, held_out_source = sources
        training, validation = source.digits, held_out_source.digits
        self.mnist = validation.to(device)
        self.scenes: Digits | None = None
        parts = [training] * config.repeats
        if config.scenes:
            parts.append(draw_tiles(config.scenes, source, (config.seed, 3)))
            held_out = max(_MIN_VALIDATION, round(VALIDATION_SHARE * config.scenes))
            self.scenes = draw_tiles(held_out, held_out_source, (config.seed, 4)).to(device)
        self._training = data.join(parts).to(device)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self._training) / self._config.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[Batch]:
        """The shuffled tiles of one epoch; with `config.augment`, all are varied and some corrupted."""
        # Indexing one tensor is far faster than a DataLoader for images this small.
        order = torch.randperm(len(self._training), generator=generator).to(self._training.labels.device)
        for index in order.split(self._config.batch_size):
            tiles = self._training.tiles[index]
            if self._config.augment:
                tiles = augment(tiles, generator)
                count = int(_CORRUPTED_SHARE * len(tiles))
                tiles = torch.cat([corrupt(tiles[:count], generator), tiles[count:]])
            yield tiles, self._training.labels[index]

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Smoothed cross-entropy over the ten digits and the background, and the accuracy over all eleven."""
        tiles, labels = batch
        logits = network(tiles).float()
        loss = functional.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
        return loss, {"accuracy": (logits.argmax(1) == labels).float().mean()}

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Loss and accuracy on MNIST; for a run with scenes, two accuracies on their tiles too.

        `scene_accuracy` is measured on tiles of digits, among the ten digits, as on MNIST;
        `background_accuracy` is the share of the other tiles that are classified as background.
        """
        loss, accuracy = evaluate(network, self.mnist)
        metrics = {"loss": loss, "accuracy": accuracy}
        if self.scenes is not None:
            logits = predict(network, self.scenes.tiles)
            digits = self.scenes.labels != BACKGROUND
            correct = logits[digits, :BACKGROUND].argmax(1) == self.scenes.labels[digits]
            metrics["scene_accuracy"] = float(correct.double().mean())
            rejected = logits[~digits].argmax(1) == BACKGROUND
            metrics["background_accuracy"] = float(rejected.double().mean())
        return metrics


@torch.no_grad()
def predict(network: nn.Module, tiles: Tensor) -> Tensor:
    """Logits float32 `[N, 11]` of any number of tiles uint8 `[N, 28, 28]`; switches to evaluation mode."""
    network.eval()
    return torch.cat([network(batch) for batch in tiles.split(_EVALUATION_BATCH)])


def evaluate(network: nn.Module, digits: Digits) -> tuple[float, float]:
    """The mean cross-entropy over all classes, and the accuracy 0..1 among the ten digits."""
    logits = predict(network, digits.tiles)
    accuracy = (logits[:, :BACKGROUND].argmax(1) == digits.labels).double().mean()
    return float(functional.cross_entropy(logits, digits.labels)), float(accuracy)
