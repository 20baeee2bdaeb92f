"""MNIST and one's own digits as tensors, and seeded, disjoint splits.

Training, validation and calibration images all come from MNIST's training set. Only the report of a finished
run, a release and the benchmarks use the test set, and no choice may depend on its results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from edge_runtime.errors import ImageError
from edge_runtime.images import paths
from edge_runtime.images.pages import Pages
from edge_runtime.reading.crop import whole_tile

DEFAULT_ROOT = Path("data")
_SPLIT_SEED = 0  # the same for all runs: one that continues another must not learn its validation images


class DataError(Exception):
    """The data set is missing, damaged or too small; the message is one line that says what to do."""


@dataclass(frozen=True)
class Digits:
    """Labelled tiles: `tiles` uint8 `[N, 28, 28]`, `labels` int64 `[N]`, 0..9 or `BACKGROUND`.

    `BACKGROUND` does not occur in MNIST, only among tiles that the project draws.
    """

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
    """Load MNIST's training set (60,000 images) or test set (10,000) through torchvision.

    Files in `root/MNIST/raw` are used as they are; with `download`, missing ones are downloaded. Raises
    `DataError` when there is no usable copy.
    """
    from torchvision.datasets import MNIST

    try:
        dataset = MNIST(str(root), train=train, download=download)
    # Reading and downloading raise errors of many types, which have no common base class.
    except Exception as error:
        reason = str(error).strip(" .:\n").splitlines()
        raise DataError(
            f"no usable MNIST under {root}: {reason[0] if reason else type(error).__name__}. "
            f"Put the four files in {root / 'MNIST' / 'raw'}, or name another folder with --data"
        ) from error
    tiles, labels = dataset.data, dataset.targets.to(torch.int64)
    if tiles.shape[1:] != (28, 28) or tiles.dtype != torch.uint8 or len(tiles) != len(labels):
        raise DataError(
            f"MNIST under {root} is damaged: {tuple(tiles.shape)} {tiles.dtype} images with "
            f"{len(labels)} labels. Delete {root / 'MNIST'} and run again to download it"
        )
    if len(labels) == 0 or labels.min() < 0 or labels.max() > 9:
        raise DataError(
            f"MNIST under {root} is damaged: its labels are not the digits 0 to 9. "
            f"Delete {root / 'MNIST'} and run again to download it"
        )
    return Digits(tiles, labels)


def load_folder(root: Path) -> Digits:
    """Load one's own digits: a folder for each label 0 to 9, with images of single digits of any size.

    The runtime makes tiles of them, as it does of small images. Raises `DataError` when there is no image, or
    when one cannot be read or shows no digit.
    """
    tiles, labels = [], []
    for label in range(10):
        for path in _images_in(root / str(label)):
            try:
                tile = whole_tile(Pages(path).first.decode())
            except ImageError as error:
                raise DataError(f"{path}: {error}; remove it, or leave out --digits") from error
            if tile is None:
                raise DataError(f"{path}: no ink found; remove it, or replace it by an image of a digit")
            tiles.append(torch.from_numpy(tile))
            labels.append(label)
    if not tiles:
        raise DataError(f"no images in {root / '0'} to {root / '9'}: --digits needs a folder for each label")
    return Digits(torch.stack(tiles), torch.tensor(labels, dtype=torch.int64))


def _images_in(folder: Path) -> Iterator[str]:
    name = str(folder)
    if folder.is_dir() and paths.holds_images(name, recursive=False):
        yield from filter(None, paths.expand([name], recursive=False))


def join(parts: Sequence[Digits]) -> Digits:
    """All digits of several parts, in the order of the parts."""
    return Digits(torch.cat([part.tiles for part in parts]), torch.cat([part.labels for part in parts]))


def balanced_indices(labels: Tensor, per_class: int, seed: int) -> Tensor:
    """Draw `per_class` indices of every digit: int64, sorted, the same for the same seed.

    Raises `DataError` when a digit has too few images.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for digit in range(10):
        members = torch.nonzero(labels == digit).flatten()
        if len(members) < per_class:
            raise DataError(
                f"MNIST has only {len(members)} images of digit {digit}, but {per_class} are needed: "
                "use a smaller --validation"
            )
        drawn.append(members[torch.randperm(len(members), generator=generator)[:per_class]])
    return torch.cat(drawn).sort().values


def split(digits: Digits, validation: int) -> tuple[Digits, Digits]:
    """Split into disjoint training and validation data; the latter has `validation // 10` images per digit.

    The same digits are always split alike. Raises `DataError` when a digit has too few images.
    """
    held_out = torch.zeros(len(digits), dtype=torch.bool)
    held_out[balanced_indices(digits.labels, validation // 10, _SPLIT_SEED)] = True
    return digits[~held_out], digits[held_out]
