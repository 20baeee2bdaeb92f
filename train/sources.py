"""Sources: what the samples of a split are drawn from, MNIST's digits and real writers' pen strokes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train import data, pens
from train.data import Digits
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


def load_sources(root: Path, *, validation: int, seed: int, own: Path | None = None) -> tuple[Source, Source]:
    """Load the training and the validation source from the data folder `root`.

    `own` is a folder of one's own digits (see `data.load_folder`), which are added to MNIST's. `validation`
    images of these are held out, chosen by `seed`; the writers are split once and for all. Raises `DataError`
    when MNIST is missing or a file is damaged.
    """
    digits = data.load_mnist(root, train=True)
    if own is not None:
        digits = data.join([digits, data.load_folder(own)])
    training, held_out = data.split(digits, validation, seed)
    return Source(training, pens.load_pens(root, "train")), Source(
        held_out, pens.load_pens(root, "validation")
    )
