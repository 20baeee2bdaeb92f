"""The detector's task: windows of simulated scenes, what is asked of every cell, how well it is answered."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_runtime.contract import BOX_SCALE
from train.data import Digits
from train.detector_samples import UNJUDGED, Windows, draw_windows
from train.loop import Config

VALIDATION_SHARE = 0.04  # of as many windows as are trained on, drawn with validation digits
_EVALUATION_BATCH = 250

_FOCUS = 2.0  # the focal loss's exponent (Lin et al., 2017)

# What the parts of the loss weigh: is there a digit, is a finer level needed, which digit, where is its box.
_WEIGHTS = {"digit": 4.0, "finer": 1.0, "value": 0.5, "box": 2.0}


class DetectorTask:
    """Windows to learn from, the loss, and the validation figures."""

    def __init__(self, config: Config, digits: tuple[Digits, Digits], device: torch.device) -> None:
        self._config = config
        training, validation = digits
        self._training = draw_windows(config.scenes, training, (config.seed, 1)).to(device)
        held_out = max(20, round(VALIDATION_SHARE * config.scenes))
        self._validation = draw_windows(held_out, validation, (config.seed, 2)).to(device)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self._training) / self._config.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[Windows]:
        """Shuffled windows of one epoch, their light varied."""
        order = torch.randperm(len(self._training), generator=generator)
        for index in order.to(self._training.grey.device).split(self._config.batch_size):
            batch = self._training[index]
            grey = _vary(batch.grey, generator) if self._config.augment else batch.grey
            yield Windows(grey, batch.digit, batch.finer, batch.sides)

    def loss(self, network: nn.Module, batch: Windows) -> tuple[Tensor, dict[str, float]]:
        """Loss of one batch, and how many windows it speaks for."""
        parts = losses(network(batch.grey).float(), batch)
        return _total(parts), {}

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """The loss and its parts, and how often the network finds, names and sees by cell."""
        network.eval()
        sums: dict[str, float] = {}
        count = 0
        for start in range(0, len(self._validation), _EVALUATION_BATCH):
            batch = self._validation[slice(start, start + _EVALUATION_BATCH)]
            output = network(batch.grey)
            parts = losses(output, batch)
            figures = {"loss": float(_total(parts))}
            figures |= {f"{name}_loss": float(part) for name, part in parts.items()}
            there = batch.digit >= 0
            said = (output[:, 0] > 0) & (batch.digit != UNJUDGED)
            right = (said & there).sum()
            figures["recall"] = float(right / there.sum().clamp(min=1))
            figures["precision"] = float(right / said.sum().clamp(min=1))
            named = output[:, 2:12].argmax(1) == batch.digit
            figures["accuracy"] = float((named & there).sum() / there.sum().clamp(min=1))
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + value * len(batch)
            count += len(batch)
        return {name: value / count for name, value in sums.items()}


def losses(output: Tensor, windows: Windows) -> dict[str, Tensor]:
    """The parts of the loss for `output` float32 `[N, DETECTOR_CHANNELS, C, C]`."""
    digit = windows.digit.long()
    there = digit >= 0
    finer = windows.finer == 1
    chosen = output.permute(0, 2, 3, 1)[there]
    sides = windows.sides.permute(0, 2, 3, 1)[there].float()
    return {
        "digit": _focal(output[:, 0], there, digit != UNJUDGED) / there.sum().clamp(min=1),
        "finer": _focal(output[:, 1], finer, windows.finer != UNJUDGED) / finer.sum().clamp(min=1),
        "value": functional.cross_entropy(chosen[:, 2:12], digit[there], reduction="sum")
        / there.sum().clamp(min=1),
        "box": _box_loss(chosen[:, 12:] * BOX_SCALE, sides) / there.sum().clamp(min=1),
    }


def _total(parts: dict[str, Tensor]) -> Tensor:
    return torch.stack([_WEIGHTS[name] * part for name, part in parts.items()]).sum()


def _focal(logits: Tensor, there: Tensor, judged: Tensor) -> Tensor:
    """Cross-entropy that leaves what is plainly right alone: millions of cells hold nothing."""
    target = there.float()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    wrong = torch.sigmoid(torch.where(there, -logits, logits))
    return 0.5 * (wrong**_FOCUS * entropy * judged).sum()


def _box_loss(found: Tensor, true: Tensor) -> Tensor:
    """1 - overlap of boxes `[N, 4]` given by their sides' distances, and a pull where they do not overlap."""

    def area(sides: Tensor) -> Tensor:
        return (sides[:, 0] + sides[:, 2]).clamp(min=0.1) * (sides[:, 1] + sides[:, 3]).clamp(min=0.1)

    shared = torch.minimum(found, true)
    inner = (shared[:, 0] + shared[:, 2]).clamp(min=0) * (shared[:, 1] + shared[:, 3]).clamp(min=0)
    overlap = inner / (area(found) + area(true) - inner)
    pull = functional.smooth_l1_loss(found / BOX_SCALE, true / BOX_SCALE, beta=0.05, reduction="none")
    return (1 - overlap).sum() + pull.mean(1).sum()


def _vary(grey: Tensor, generator: torch.Generator) -> Tensor:
    """Other light and noise for windows `uint8 [N, SIDE, SIDE]`: some inverted, all of another contrast."""
    device = grey.device

    def uniform(low: float, high: float) -> Tensor:
        return (torch.rand(len(grey), 1, 1, generator=generator) * (high - low) + low).to(device)

    varied = grey.float()
    varied = torch.where(uniform(0, 1) < 0.3, 255 - varied, varied)
    varied = (varied - 128) * uniform(0.7, 1.15) + 128 + uniform(-25, 25)
    noise = torch.randn(varied.shape, generator=generator).to(device)
    varied = varied + noise * uniform(-6, 5).clamp(min=0)
    return varied.clamp(0, 255).round().to(torch.uint8)
