"""The checkpoint of a run: everything that the next epoch, or export, needs, in one file.

A checkpoint is replaced as a whole after every epoch: a kill at any moment leaves the last complete one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from train.networks import ARCHITECTURES, TileNetwork

FILE_NAME = "checkpoint.pt"


class CheckpointError(Exception):
    """A checkpoint is missing, damaged or of no use for what is asked; the message says which."""


@dataclass(frozen=True)
class Checkpoint:
    """State after `epoch` epochs: the averaged weights that are the result, and what goes on from there."""

    run_id: str
    config: dict[str, Any]
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

        Raises `CheckpointError` where this version builds another one.
        """
        try:
            network = ARCHITECTURES[self.config["arch"]]()
            network.load_state_dict(self.weights)
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(
                f"run {self.run_id} is of a network of another version; train again"
            ) from error
        return network.eval()


def save(checkpoint: Checkpoint, run: Path) -> None:
    """Write `run/checkpoint.pt`, replacing the former one only once the new one is whole."""
    partial = run / (FILE_NAME + ".partial")
    torch.save({field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}, partial)
    partial.replace(run / FILE_NAME)


def load(run: Path) -> Checkpoint:
    """Read `run/checkpoint.pt`. Raises `CheckpointError` when it is missing or damaged."""
    path = run / FILE_NAME
    if not path.is_file():
        raise CheckpointError(f"no {FILE_NAME} in {run}; name the folder of a run, such as runs/20260101-...")
    try:
        loaded = Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    # A damaged file fails in zipfile, pickle or torch itself, each with errors of its own.
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read ({type(error).__name__}); train again.") from error
    if "scenes" not in loaded.config:
        raise CheckpointError(f"{path} was made by a version that knew no scenes; train again")
    return loaded
