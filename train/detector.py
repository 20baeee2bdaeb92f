"""The detector's task: its samples, their loss and the validation metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_runtime.contract import BOX_SCALE, CLASS_LOGITS, SIDES
from train.detector_samples import UNJUDGED, DetectorSamples, draw_detector_scenes
from train.loop import Config
from train.sources import Source

VALIDATION_SHARE = 0.04  # validation samples, drawn with held-out digits, per training sample
_MIN_VALIDATION = 20  # samples
_EVALUATION_BATCH = 250
_FOCUS = 2.0  # exponent of the focal loss (Lin et al., 2017, "Focal Loss for Dense Object Detection")
_WEIGHTS = {"objectness": 4.0, "class": 0.5, "box": 2.0}  # of the parts of the loss


class DetectorTask:
    """Trains the detector on `config.scenes` simulated scenes, which are drawn at construction."""

    def __init__(self, config: Config, sources: tuple[Source, Source], device: torch.device) -> None:
        self._config = config
        training, validation = sources
        self._training = draw_detector_scenes(config.scenes, training, (config.seed, 1)).to(device)
        held_out = max(_MIN_VALIDATION, round(VALIDATION_SHARE * config.scenes))
        self._validation = draw_detector_scenes(held_out, validation, (config.seed, 2)).to(device)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self._training) / self._config.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[DetectorSamples]:
        """The shuffled samples of one epoch: the middles of the scenes.

        With `config.augment`, they are random views instead, in varied light, some inverted.
        """
        device = self._training.grey.device
        order = torch.randperm(len(self._training), generator=generator)
        # The noise of every pixel is drawn where it is needed: drawing it on the CPU would slow down a GPU.
        noise_seed = int(torch.randint(2**62, (), generator=generator))
        noise = torch.Generator(device).manual_seed(noise_seed)
        for index in order.to(device).split(self._config.batch_size):
            scenes = self._training[index]
            if self._config.augment:
                views = scenes.random_views(generator)
                yield DetectorSamples(_augment(views.grey, generator, noise), views.digit, views.sides)
            else:
                yield scenes.middle()

    def loss(self, network: nn.Module, batch: DetectorSamples) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted loss of a batch; no further metrics."""
        return _total(losses(network(batch.grey).float(), batch)), {}

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """The loss, its parts, and recall, precision and accuracy over the cells of the validation samples.

        For recall and precision, 0..1, a cell with an objectness above 0 counts as detected. The accuracy,
        0..1, is the share of cells with a digit whose highest class logit is right. All are means over the
        batches, weighted by their sizes.
        """
        network.eval()
        sums: dict[str, float] = {}
        for start in range(0, len(self._validation), _EVALUATION_BATCH):
            batch = self._validation[slice(start, start + _EVALUATION_BATCH)].middle()
            output = network(batch.grey)
            parts = losses(output, batch)
            metrics = {"loss": float(_total(parts))}
            metrics |= {f"{name}_loss": float(part) for name, part in parts.items()}
            present = batch.digit >= 0
            detected = (output[:, 0] > 0) & (batch.digit != UNJUDGED)
            correct = (detected & present).sum()
            metrics["recall"] = float(correct / present.sum().clamp(min=1))
            metrics["precision"] = float(correct / detected.sum().clamp(min=1))
            classified = output[:, CLASS_LOGITS].argmax(1) == batch.digit
            metrics["accuracy"] = float((classified & present).sum() / present.sum().clamp(min=1))
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + value * len(batch)
        return {name: value / len(self._validation) for name, value in sums.items()}


def losses(output: Tensor, samples: DetectorSamples) -> dict[str, Tensor]:
    """The parts of the loss, unweighted scalars, for `output` float32 `[N, DETECTOR_CHANNELS, C, C]`.

    "objectness" is the focal loss of all judged cells, divided by the number of positive ones.
    "class" and "box" are means over the cells with a digit.
    """
    digit = samples.digit.long()
    present = digit >= 0
    count = present.sum().clamp(min=1)
    chosen = output.permute(0, 2, 3, 1)[present]
    sides = samples.sides.permute(0, 2, 3, 1)[present]
    return {
        "objectness": _focal_loss(output[:, 0], present, digit != UNJUDGED) / count,
        "class": functional.cross_entropy(chosen[:, CLASS_LOGITS], digit[present], reduction="sum") / count,
        "box": _box_loss(chosen[:, SIDES] * BOX_SCALE, sides) / count,
    }


def _total(parts: dict[str, Tensor]) -> Tensor:
    return torch.stack([_WEIGHTS[name] * part for name, part in parts.items()]).sum()


def _focal_loss(logits: Tensor, positive: Tensor, judged: Tensor) -> Tensor:
    """Sum of the focal loss over the judged cells; the easy ones, nearly all of them, hardly count."""
    target = positive.float()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    error = torch.sigmoid(torch.where(positive, -logits, logits))
    return 0.5 * (error**_FOCUS * entropy * judged).sum()


def _box_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Sum of 1 - IoU and a smooth L1 loss, which has a gradient even where boxes do not overlap.

    Boxes, float32 `[N, 4]`, are distances in px from one common point to left, top, right and bottom.
    """

    def area(sides: Tensor) -> Tensor:
        return (sides[:, 0] + sides[:, 2]).clamp(min=0.1) * (sides[:, 1] + sides[:, 3]).clamp(min=0.1)

    shared = torch.minimum(predicted, true)
    intersection = (shared[:, 0] + shared[:, 2]).clamp(min=0) * (shared[:, 1] + shared[:, 3]).clamp(min=0)
    iou = intersection / (area(predicted) + area(true) - intersection)
    smooth = functional.smooth_l1_loss(predicted / BOX_SCALE, true / BOX_SCALE, beta=0.05, reduction="none")
    return (1 - iou).sum() + smooth.mean(1).sum()


def _augment(grey: Tensor, generator: torch.Generator, noise: torch.Generator) -> Tensor:
    """Vary samples uint8 `[N, SIDE, SIDE]`: brightness, contrast and noise; three in ten are inverted.

    `noise` belongs to the device of the samples, `generator` to the CPU.
    """
    device = grey.device

    def uniform(low: float, high: float) -> Tensor:
        return (torch.rand(len(grey), 1, 1, generator=generator) * (high - low) + low).to(device)

    varied = grey.float()
    varied = torch.where(uniform(0, 1) < 0.3, 255 - varied, varied)
    varied = (varied - 128) * uniform(0.7, 1.15) + 128 + uniform(-25, 25)
    pixels = torch.randn(varied.shape, generator=noise, device=device)
    varied = varied + pixels * uniform(-6, 5).clamp(min=0)
    return varied.clamp(0, 255).round().to(torch.uint8)
