"""The training loop: optimiser, learning rate, averaged weights, metrics, resuming; the same for every task.

Everything random in an epoch is drawn from the seed and the epoch's number, so a run that is killed and
resumed ends with the same weights as one that is not.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from train import checkpoint
from train.checkpoint import Checkpoint
from train.networks import ARCHITECTURES

WARM_UP_SHARE = 0.1  # of all steps
_STATISTICS_BATCHES = 100


@dataclass(frozen=True)
class Config:
    """The settings of a run.

    `recipe` names the entry of `recipes.RECIPES` that it started from. `validation` images of MNIST's
    training set are held out. `scenes` is the number of simulated scenes, drawn with the other digits. A
    classifier's epoch consists of their tiles and `repeats` passes over MNIST. `average_decay` is the weight
    of the past in the moving average of the weights. `initial` is the folder of a run whose weights training
    starts from, and `digits` a folder of one's own digits, or "". `keep` is the share of the initial weights
    in the final ones, 0 to 1. `seed` decides the scenes, the order of the samples and, without `initial`, the
    first weights.
    """

    recipe: str = ""
    arch: str = "cnn"
    epochs: int = 120
    batch_size: int = 128
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    average_decay: float = 0.999
    augment: bool = True
    validation: int = 5000
    scenes: int = 20_000
    repeats: int = 1
    initial: str = ""
    keep: float = 0.0
    digits: str = ""
    seed: int = 0


class Task(Protocol):
    """What a network learns: batches, their loss, and metrics on held-out data."""

    @property
    def steps(self) -> int:
        """Batches in an epoch."""

    def batches(self, generator: torch.Generator) -> Iterator[Any]:
        """The batches of one epoch; everything random in them comes from `generator`."""

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, which does not grow with its size, and further metrics; all are averaged."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Metrics on the validation data; "loss" and "accuracy" are among them."""


def pick_device(name: str | None = None) -> torch.device:
    """The named device, or the best available one: CUDA, then Apple's MPS, then the CPU."""
    if name is not None:
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def train(
    config: Config,
    task: Task,
    run: Path,
    device: torch.device,
    *,
    origin: Mapping[str, str] | None = None,
    resume: bool = False,
) -> Checkpoint:
    """Train on `task` and write configuration, metrics and checkpoint to the folder `run`.

    `origin` is recorded with the run (see `origin.describe`). With `resume`, continue from the checkpoint in
    `run`. Returns the checkpoint of the last epoch. Raises `CheckpointError` when the checkpoint to resume
    from, or that of `config.initial`, cannot be used.
    """
    torch.manual_seed(config.seed)
    torch.backends.cudnn.deterministic = True  # otherwise, equal seeds would give different runs on a GPU
    state = _build(config, task.steps, device)
    initial = checkpoint.load(Path(config.initial)).network().to(device) if config.keep else None
    metrics: list[dict[str, float]] = []
    origin = dict(origin or {})
    if resume:
        saved = checkpoint.load(run)
        metrics, origin = saved.metrics, saved.origin
        for name, part in state.items():
            part.load_state_dict(saved.training[name])
    else:
        run.mkdir(parents=True, exist_ok=True)
        (run / "config.json").write_text(json.dumps(asdict(config) | origin, indent=2) + "\n")
        # A run that is stopped in its first epoch can be resumed too.
        _save(config, origin, metrics, state, run)
    for epoch in range(len(metrics), config.epochs):
        training = _train_epoch(config, task, state, epoch, device)
        if initial is not None and epoch + 1 == config.epochs:
            mix(state["average"].module, initial, config.keep)
            batches = task.batches(_generator(config, config.epochs))
            update_batch_norm(state["average"].module, task, batches)
        validated = task.validate(state["average"].module)
        validation = {f"validation_{name}": value for name, value in validated.items()}
        learning_rate = state["schedule"].get_last_lr()[0]
        metrics.append({"epoch": epoch + 1, **training, **validation, "learning_rate": learning_rate})
        _write_metrics(metrics, run)
        _save(config, origin, metrics, state, run)
        if sys.stderr.isatty():
            shown = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics[-1].items())
            tqdm.write(shown, file=sys.stderr)
    return checkpoint.load(run)


def mix(network: nn.Module, other: nn.Module, share: float) -> None:
    """Make the weights of a network the mean of its own and those of another, which has the given share.

    The mean of a network and of the one that its training started from is often better than both, above all
    on other data than the training set (Wortsman et al., 2022, "Robust fine-tuning of zero-shot models").
    """
    with torch.no_grad():
        for own, others in zip(network.parameters(), other.parameters(), strict=True):
            own.lerp_(others, share)


@torch.no_grad()
def update_batch_norm(network: nn.Module, task: Task, batches: Iterable[Any]) -> None:
    """Take the means and variances of batch normalisation from up to `_STATISTICS_BATCHES` batches.

    Like `torch.optim.swa_utils.update_bn`, which cannot unpack the batches of a task.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
    network.train()
    for batch in islice(batches, _STATISTICS_BATCHES):
        task.loss(network, batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _build(config: Config, steps: int, device: torch.device) -> dict[str, Any]:
    """Everything that changes during training: network, average, optimizer, schedule."""
    network = ARCHITECTURES[config.arch]()
    if config.initial:
        network.load_state_dict(checkpoint.load(Path(config.initial)).network().state_dict())
    # On a CPU, channels last are a fifth faster.
    network = network.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    return {
        "network": network,
        "average": AveragedModel(
            network, multi_avg_fn=_growing_average(config.average_decay), use_buffers=True
        ),
        "optimizer": optimizer,
        "schedule": torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_up_and_cosine(steps * config.epochs)),
    }


def _save(
    config: Config, origin: dict[str, str], metrics: list[dict[str, float]], state: dict[str, Any], run: Path
) -> None:
    checkpoint.save(
        Checkpoint(
            run_id=run.name,
            config=asdict(config),
            origin=origin,
            epoch=len(metrics),
            metrics=metrics,
            weights=state["average"].module.state_dict(),
            training={name: part.state_dict() for name, part in state.items()},
        ),
        run,
    )


def _train_epoch(
    config: Config, task: Task, state: dict[str, Any], epoch: int, device: torch.device
) -> dict[str, float]:
    """Train for one epoch, numbered from 0; return the means of loss and metrics over its batches."""
    generator = _generator(config, epoch)
    network, optimizer = state["network"].train(), state["optimizer"]
    # Sums stay on the device: reading one would wait for a GPU in every step.
    sums: dict[str, Tensor] = {}
    progress = tqdm(
        task.batches(generator),
        total=task.steps,
        desc=f"epoch {epoch + 1}/{config.epochs}",
        leave=False,
        disable=not sys.stderr.isatty(),
    )
    for batch in progress:
        with torch.autocast(device.type, torch.bfloat16, enabled=_has_fast_bfloat16(device)):
            loss, metrics = task.loss(network, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        state["schedule"].step()
        state["average"].update_parameters(network)
        for name, value in ({"loss": loss.detach()} | metrics).items():
            sums[name] = sums[name] + value if name in sums else value
        if not progress.disable:
            progress.set_postfix(loss=f"{float(loss.detach()):.3f}", refresh=False)
    return {name: float(total) / task.steps for name, total in sums.items()}


def _generator(config: Config, epoch: int) -> torch.Generator:
    """The generator of all random numbers of an epoch."""
    # A prime larger than any number of epochs: no two seeds share the random numbers of an epoch.
    return torch.Generator().manual_seed(config.seed * 100_003 + epoch)


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Whether `device` has instructions for bfloat16, which halve the time of training."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def _growing_average(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor | int], None]:
    """Exponential moving average of weights whose decay grows with the number of steps, up to `decay`.

    Without the growth, the random initial weights would dominate the results of short runs.
    """

    def step(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        # All tensors are of one type: the weights, or the counters of batch normalisation.
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, 1 - min(decay, float(1 + count) / float(10 + count)))
        else:
            torch._foreach_copy_(averaged, current)

    return step


def _warm_up_and_cosine(steps: int) -> Callable[[int], float]:
    """The learning rate at a step as a share of the highest: a linear rise, then half a cosine down to 0."""
    warm_up = max(1, round(steps * WARM_UP_SHARE))

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    return factor


def _write_metrics(metrics: list[dict[str, float]], run: Path) -> None:
    """Rewrite the whole file, one line per epoch, so that a resumed run never repeats a line."""
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics))
