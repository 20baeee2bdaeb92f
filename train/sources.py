"""Sources: what the samples of a split are drawn from, MNIST's digits and real writers' pen strokes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train import data, pens
from train.data import Digits
from train.loop import Config
from train.synthetic.handwriting import Handwriting
from train.synthetic.writers import PenStrokes


@dataclass(frozen=True)
class Source:
    """The digits of MNIST that belong to a split, and the strokes of its writers, None without such data."""

    digits: Digits
    pens: PenStrokes | None = None

    def handwriting(self, hand: Sequence[int]) -> Handwriting:
        """The handwriting of this split; `hand` is as in `Handwriting`."""
        return Handwriting(self.digits.tiles.numpy(), self.digits.labels.numpy(), hand, self.pens)


def load_sources(root: Path, config: Config) -> tuple[Source, Source]:
    """Load the training and the validation source of a run from the data folder `root`.

    One's own digits in the folder `config.digits`, if any, are added to MNIST's (see `data.load_folder`).
    `config.validation` images of both are held out. The split of images and writers does not depend on
    `config.seed`. Raises `DataError` when MNIST is missing or a file is damaged.
    """
    digits = data.load_mnist(root, train=True)
    if config.digits:
        digits = data.join([digits, data.load_folder(Path(config.digits))])
    training, validation = data.split(digits, config.validation)
    return (
        Source(training, pens.load_pens(root, "train")),
        Source(validation, pens.load_pens(root, "validation")),
    )
