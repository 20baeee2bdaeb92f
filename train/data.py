"""MNIST as tensors, and the seeded splits that keep its parts apart.

Training, validation and calibration images all come from MNIST's training set; the test set is
loaded by a finished run's report, by a release and by the benchmarks alone, and nothing is chosen by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

DEFAULT_ROOT = Path("data")


class DataError(Exception):
    """The data set is missing, damaged or of another form; the message says which and what to do."""


@dataclass(frozen=True)
class Digits:
    """Labelled tiles: `tiles` uint8 `[N, 28, 28]`, `labels` int64 `[N]` in 0..9."""

    tiles: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Tensor) -> Digits:
        return Digits(self.tiles[index], self.labels[index])

    def to(self, device: torch.device) -> Digits:
        """Copy to `device`."""
        return Digits(self.tiles.to(device), self.labels.to(device))


def load_mnist(root: Path, *, train: bool, download: bool = True) -> Digits:
    """Load MNIST's training set (60,000) or test set (10,000) through torchvision.

    A copy under `root/MNIST/raw` is used as it is; a missing one is downloaded if `download`.
    Raises `DataError` when there is no usable copy.
    """
    from torchvision.datasets import MNIST

    try:
        dataset = MNIST(str(root), train=train, download=download)
    # torchvision lets through whatever the reading or the download met: no one type covers it.
    except Exception as error:
        reason = str(error).strip(" .:\n").splitlines()
        raise DataError(
            f"no usable MNIST under {root}: {reason[0] if reason else type(error).__name__}. "
            f"Put the four files in {root / 'MNIST' / 'raw'}, or name another folder with --data."
        ) from error
    tiles, labels = dataset.data, dataset.targets.to(torch.int64)
    if tiles.shape[1:] != (28, 28) or tiles.dtype != torch.uint8 or len(tiles) != len(labels):
        raise DataError(
            f"MNIST under {root} is damaged: {tuple(tiles.shape)} {tiles.dtype} images with "
            f"{len(labels)} labels. Delete {root / 'MNIST'} and run again to fetch it anew."
        )
    if len(labels) == 0 or labels.min() < 0 or labels.max() > 9:
        raise DataError(f"MNIST under {root} is damaged: its labels are not the digits 0 to 9.")
    return Digits(tiles, labels)


def balanced_indices(labels: Tensor, per_class: int, seed: int) -> Tensor:
    """Draw `per_class` indices of every digit, sorted; the same ones for the same seed.

    Raises `DataError` when a class has too few images.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for digit in range(10):
        members = torch.nonzero(labels == digit).flatten()
        if len(members) < per_class:
            raise DataError(f"only {len(members)} images of digit {digit}; {per_class} are asked for.")
        drawn.append(members[torch.randperm(len(members), generator=generator)[:per_class]])
    return torch.cat(drawn).sort().values


def split(digits: Digits, validation: int, seed: int) -> tuple[Digits, Digits]:
    """Split into (train, validation): disjoint, seeded, `validation // 10` of each digit held out."""
    held_out = torch.zeros(len(digits), dtype=torch.bool)
    held_out[balanced_indices(digits.labels, validation // 10, seed)] = True
    return digits[~held_out], digits[held_out]
