"""The training loop: batches, optimiser, learning rate, averaged weights, metrics, resume.

Everything random in an epoch is drawn from (seed, epoch), so that a run which is killed and resumed
ends with the same weights as one that was not.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from train import checkpoint
from train.augment import augment
from train.checkpoint import Checkpoint
from train.data import Digits
from train.networks import ARCHITECTURES

WARM_UP_SHARE = 0.1
LABEL_SMOOTHING = 0.05
EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Config:
    """What decides a run. `validation` pictures are held out of MNIST's training set by `seed`."""

    arch: str = "cnn"
    epochs: int = 120
    batch_size: int = 128
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    average_decay: float = 0.999
    augment: bool = True
    validation: int = 5000
    seed: int = 0


def pick_device(name: str | None = None) -> torch.device:
    """The device named, or the best one there is: CUDA, then Apple's MPS, then the CPU."""
    if name is not None:
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def train(
    config: Config, digits: tuple[Digits, Digits], run: Path, device: torch.device, *, resume: bool = False
) -> Checkpoint:
    """Train on `digits` = (train, validation) and leave config, metrics and checkpoint in `run`.

    With `resume`, go on from the checkpoint in `run`. Returns the checkpoint of the last epoch.
    """
    torch.manual_seed(config.seed)
    torch.backends.cudnn.deterministic = True  # or a seed would not mean one run on a GPU
    training, validation = (part.to(device) for part in digits)
    network = ARCHITECTURES[config.arch]().to(device)
    average = AveragedModel(network, avg_fn=_growing_average(config.average_decay), use_buffers=True)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    steps = math.ceil(len(training) / config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_up_and_cosine(steps * config.epochs))
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}

    metrics: list[dict[str, float]] = []

    def keep() -> None:
        state = Checkpoint(
            run_id=run.name,
            config=asdict(config),
            epoch=len(metrics),
            metrics=metrics,
            weights=average.module.state_dict(),
            training={name: part.state_dict() for name, part in parts.items()},
        )
        checkpoint.save(state, run)

    if resume:
        state = checkpoint.load(run)
        metrics = state.metrics
        for name, part in parts.items():
            part.load_state_dict(state.training[name])
    else:
        run.mkdir(parents=True)
        (run / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n")
        keep()  # a run that is stopped in its first epoch can be resumed too

    for epoch in range(len(metrics), config.epochs):
        generator = torch.Generator().manual_seed(config.seed * 100_003 + epoch)
        network.train()
        loss_sum, correct = 0.0, 0
        progress = tqdm(
            _batches(training, config, generator),
            total=steps,
            desc=f"epoch {epoch + 1}/{config.epochs}",
            leave=False,
            disable=not sys.stderr.isatty(),
        )
        for tiles, labels in progress:
            logits = network(tiles)
            loss = functional.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
            loss_sum += float(loss.detach()) * len(labels)
            correct += int((logits.argmax(1) == labels).sum())
            progress.set_postfix(loss=f"{float(loss.detach()):.3f}", refresh=False)
        validation_loss, validation_accuracy = evaluate(average.module, validation)
        metrics.append(
            {
                "epoch": epoch + 1,
                "loss": loss_sum / len(training),
                "accuracy": correct / len(training),
                "validation_loss": validation_loss,
                "validation_accuracy": validation_accuracy,
                "learning_rate": schedule.get_last_lr()[0],
            }
        )
        _write_metrics(metrics, run)
        keep()
        if sys.stderr.isatty():
            tqdm.write(
                f"epoch {epoch + 1:3d}  loss {metrics[-1]['loss']:.4f}  "
                f"accuracy {metrics[-1]['accuracy']:.4f}"
                f"  validation: loss {validation_loss:.4f}  accuracy {validation_accuracy:.4f}",
                file=sys.stderr,
            )
    return checkpoint.load(run)


@torch.no_grad()
def predict(network: nn.Module, tiles: Tensor) -> Tensor:
    """Logits `float32 [N, 10]` of any number of tiles `uint8 [N, 28, 28]`, in evaluation mode."""
    network.eval()
    return torch.cat([network(batch) for batch in tiles.split(EVALUATION_BATCH)])


def evaluate(network: nn.Module, digits: Digits) -> tuple[float, float]:
    """Return (mean cross-entropy, accuracy in 0..1) on `digits`."""
    logits = predict(network, digits.tiles)
    accuracy = (logits.argmax(1) == digits.labels).double().mean()
    return float(functional.cross_entropy(logits, digits.labels)), float(accuracy)


def _batches(digits: Digits, config: Config, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled, augmented mini-batches of one epoch. Indexing one tensor beats a DataLoader by far here."""
    order = torch.randperm(len(digits), generator=generator).to(digits.labels.device)
    for index in order.split(config.batch_size):
        tiles = digits.tiles[index]
        yield (augment(tiles, generator) if config.augment else tiles), digits.labels[index]


def _growing_average(decay: float):
    """Exponential moving average of weights whose memory grows from nothing to `decay`.

    Without the growth, the random start would weigh on the results of short runs.
    """

    def step(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        if not averaged.is_floating_point():
            return current
        return averaged.lerp(current, 1 - min(decay, float(1 + count) / float(10 + count)))

    return step


def _warm_up_and_cosine(steps: int):
    """Factor of the learning rate at a step: a linear rise, then half a cosine down to zero."""
    warm_up = max(1, round(steps * WARM_UP_SHARE))

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    return factor


def _write_metrics(metrics: list[dict[str, float]], run: Path) -> None:
    """Write every epoch's line anew, so that a resumed run never repeats one."""
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics))
