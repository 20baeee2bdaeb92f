"""The checkpoint of a run: one file with everything that the next epoch, or export, needs.

It is replaced as a whole after every epoch, so a run that is killed at any moment leaves a complete one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from train.networks import ARCHITECTURES, TileNetwork

FILE_NAME = "checkpoint.pt"


class CheckpointError(Exception):
    """A checkpoint is missing, damaged or of another version; the message is one line."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `epoch` epochs.

    `config` are the fields of `loop.Config`; `origin` says which code and data the run used; `metrics` has
    one entry per epoch; `weights` is the averaged network, which is the result; `training` is the state of
    network, average, optimiser and schedule, from which the run can be resumed.
    """

    run_id: str
    config: dict[str, Any]
    origin: dict[str, str]
    epoch: int
    metrics: list[dict[str, float]]
    weights: dict[str, Any]
    training: dict[str, Any]

    @property
    def complete(self) -> bool:
        """Whether the run has reached its last epoch."""
        return self.epoch >= self.config["epochs"]

    def network(self) -> TileNetwork:
        """Build the trained network, in evaluation mode, on the CPU.

        Raises `CheckpointError` when the weights do not fit this version's network.
        """
        network = ARCHITECTURES[self.config["arch"]]()
        try:
            network.load_state_dict(self.weights)
        except RuntimeError as error:
            raise CheckpointError(
                f"run {self.run_id} was trained with another version of its network; train again"
            ) from error
        return network.eval()


def save(checkpoint: Checkpoint, run: Path) -> None:
    """Write `run/checkpoint.pt`, replacing the previous one only once the new one is complete."""
    partial = run / (FILE_NAME + ".partial")
    torch.save({field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}, partial)
    partial.replace(run / FILE_NAME)


def load(run: Path) -> Checkpoint:
    """Read `run/checkpoint.pt`.

    Raises `CheckpointError` when it is missing, damaged or of another version.
    """
    path = run / FILE_NAME
    if not path.is_file():
        raise CheckpointError(f"no {FILE_NAME} in {run}; name the folder of a run, such as runs/20260101-...")
    try:
        loaded = Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    # A damaged file fails in zipfile, pickle or torch itself, each with errors of its own.
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read ({type(error).__name__}); train again") from error
    if "recipe" not in loaded.config or loaded.config.get("arch") not in ARCHITECTURES:
        raise CheckpointError(f"{path} was made by another version; train again")
    return loaded
