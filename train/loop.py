"""The training loop: optimiser, learning rate, averaged weights, metrics, resume. What is learnt is a task's.

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
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from train import checkpoint
from train.checkpoint import Checkpoint
from train.networks import ARCHITECTURES

WARM_UP_SHARE = 0.1


@dataclass(frozen=True)
class Config:
    """What decides a run.

    `validation` images are held out of MNIST's training set by `seed`; `scenes` is how many simulated
    photographs are drawn from the rest, `repeats` how often an epoch goes through MNIST beside them;
    `initial` is the run whose weights to begin with, "" for none.
    """

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
    seed: int = 0


# What another network learns best with, where that is not as above.
SETTINGS: dict[str, dict[str, Any]] = {
    "detector": {"epochs": 14, "batch_size": 64, "scenes": 100_000},
}


class Task(Protocol):
    """What a network is to learn: batches, a loss for them, and figures on what was held out."""

    @property
    def steps(self) -> int:
        """Batches in an epoch."""

    def batches(self, generator: torch.Generator) -> Iterator[Any]:
        """The batches of one epoch; everything random in them comes from `generator`."""

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, a mean over what is in it, and figures of the same kind."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on the validation split, `loss` among them."""


def pick_device(name: str | None = None) -> torch.device:
    """The device named, or the best one there is: CUDA, then Apple's MPS, then the CPU."""
    if name is not None:
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def train(config: Config, task: Task, run: Path, device: torch.device, *, resume: bool = False) -> Checkpoint:
    """Train on `task` and leave config, metrics and checkpoint in `run`.

    With `resume`, go on from the checkpoint in `run`. Returns the checkpoint of the last epoch.
    """
    torch.manual_seed(config.seed)
    torch.backends.cudnn.deterministic = True  # or a seed would not mean one run on a GPU
    network = ARCHITECTURES[config.arch]()
    if config.initial:
        network.load_state_dict(checkpoint.load(Path(config.initial)).network().state_dict())
    network = network.to(device)
    average = AveragedModel(network, avg_fn=_growing_average(config.average_decay), use_buffers=True)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_up_and_cosine(task.steps * config.epochs))
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
        run.mkdir(parents=True, exist_ok=True)
        (run / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n")
        keep()  # a run that is stopped in its first epoch can be resumed too

    for epoch in range(len(metrics), config.epochs):
        generator = torch.Generator().manual_seed(config.seed * 100_003 + epoch)
        network.train()
        sums: dict[str, float] = {}
        progress = tqdm(
            task.batches(generator),
            total=task.steps,
            desc=f"epoch {epoch + 1}/{config.epochs}",
            leave=False,
            disable=not sys.stderr.isatty(),
        )
        for batch in progress:
            with torch.autocast(device.type, torch.bfloat16, enabled=_half_precision_pays(device)):
                loss, figures = task.loss(network, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
            for name, value in ({"loss": float(loss.detach())} | figures).items():
                sums[name] = sums.get(name, 0.0) + value / task.steps
            progress.set_postfix(loss=f"{float(loss.detach()):.3f}", refresh=False)
        validation = {f"validation_{name}": value for name, value in task.validate(average.module).items()}
        metrics.append({"epoch": epoch + 1, **sums, **validation, "learning_rate": schedule.get_last_lr()[0]})
        _write_metrics(metrics, run)
        keep()
        if sys.stderr.isatty():
            shown = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics[-1].items())
            tqdm.write(shown, file=sys.stderr)
    return checkpoint.load(run)


def _half_precision_pays(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster here: twice, on a CPU that has them."""
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


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
