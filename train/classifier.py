"""The classifier's task: MNIST and tiles of simulated scenes, what is no digit among them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_runtime.contract import BACKGROUND
from train.augment import augment, corrupt
from train.classifier_samples import draw_tiles
from train.data import Digits
from train.loop import Config

LABEL_SMOOTHING = 0.05
VALIDATION_SHARE = 0.05  # of as many scenes as are trained on, drawn with validation digits
_CORRUPTED = 0.2  # share of a batch that is disturbed as badly as real images can be
_EVALUATION_BATCH = 1000

Batch = tuple[Tensor, Tensor]


class ClassifierTask:
    """Tiles to learn from, the loss, and the validation figures."""

    def __init__(self, config: Config, digits: tuple[Digits, Digits], device: torch.device) -> None:
        self._config = config
        training, validation = digits
        self.mnist = validation.to(device)
        self.scenes: Digits | None = None
        if config.scenes:
            drawn = draw_tiles(config.scenes, training, (config.seed, 3))
            parts = [training] * config.repeats + [drawn]
            training = Digits(
                torch.cat([part.tiles for part in parts]), torch.cat([part.labels for part in parts])
            )
            held_out = max(20, round(VALIDATION_SHARE * config.scenes))
            self.scenes = draw_tiles(held_out, validation, (config.seed, 4)).to(device)
        self._training = training.to(device)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self._training) / self._config.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[Batch]:
        """Shuffled, augmented tiles of one epoch. Indexing one tensor beats a DataLoader by far here."""
        order = torch.randperm(len(self._training), generator=generator).to(self._training.labels.device)
        for index in order.split(self._config.batch_size):
            tiles = self._training.tiles[index]
            if self._config.augment:
                tiles = augment(tiles, generator)
                share = int(_CORRUPTED * len(tiles))
                tiles = torch.cat([corrupt(tiles[:share], generator), tiles[share:]])
            yield tiles, self._training.labels[index]

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy over ten digits and none; accuracy as the figure."""
        tiles, labels = batch
        logits = network(tiles).float()
        loss = functional.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
        return loss, {"accuracy": float((logits.argmax(1) == labels).float().mean())}

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Loss and accuracy on MNIST; on scenes the digits' accuracy, and the share of others told."""
        loss, accuracy = evaluate(network, self.mnist)
        figures = {"loss": loss, "accuracy": accuracy}
        if self.scenes is not None:
            logits = predict(network, self.scenes.tiles)
            digits = self.scenes.labels != BACKGROUND
            right = logits[digits, :BACKGROUND].argmax(1) == self.scenes.labels[digits]
            figures["scene_accuracy"] = float(right.double().mean())
            others = logits[~digits].argmax(1) == BACKGROUND
            figures["others_accuracy"] = float(others.double().mean())
        return figures


@torch.no_grad()
def predict(network: nn.Module, tiles: Tensor) -> Tensor:
    """Logits `float32 [N, 11]` of any number of tiles `uint8 [N, 28, 28]`, in evaluation mode."""
    network.eval()
    return torch.cat([network(batch) for batch in tiles.split(_EVALUATION_BATCH)])


def evaluate(network: nn.Module, digits: Digits) -> tuple[float, float]:
    """Return (mean cross-entropy, accuracy in 0..1) on `digits`; the accuracy is among the ten digits."""
    logits = predict(network, digits.tiles)
    accuracy = (logits[:, :BACKGROUND].argmax(1) == digits.labels).double().mean()
    return float(functional.cross_entropy(logits, digits.labels)), float(accuracy)
