"""One verdict out of two votes: the locator's on a place in a picture, the classifier's on its tile.

The rest of the picture has a say as well: digits stand in the company of digits, in one ink, of one size.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.locate import Candidates, covered
from edge_runtime.preprocess import NO_DIGIT

_NEAR = 4.0  # heights within which candidates are company
_TIED = 0.25  # share of overlap from which on two candidates are about one thing
_SPARSE = 2.0  # so many undecided candidates stand for the company that is not there


@dataclass(frozen=True, slots=True)
class Vote:
    """How the votes are weighed: a product of experts whose few weights export fits on validation scenes.

    The evidence for digit d is log P(d | tile) + `reading` * log P(d | place); that for none is
    log P(none | tile) + `bias` - `finding` * logit(digit | place) - `company` * log-odds of the candidates
    near by + `faint` and `odd` for every halving of contrast and doubling or halving of size against the
    picture's digits, beyond the first, + `spilt` * how plainly ink goes on beyond the box. A softmax over
    all, sharpened by `gain`, gives the probabilities (Hinton, 1999, "Products of Experts").
    """

    reading: float = 0.0
    finding: float = 0.0
    bias: float = 0.0
    gain: float = 1.0
    company: float = 0.0
    faint: float = 0.0
    odd: float = 0.0
    spilt: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Vote:
        """From numbers as `str` gives them. Raises `ValueError` for anything else."""
        weights = [float(part) for part in text.split()]
        if len(weights) != len(astuple(cls())) or not all(map(math.isfinite, weights)):
            raise ValueError(f"no vote: {text!r}")
        return cls(*weights)

    def __str__(self) -> str:
        return " ".join(f"{weight:.4f}" for weight in astuple(self))

    def combine(
        self,
        probabilities: NDArray[np.float32],
        candidates: Candidates,
        contrasts: NDArray[np.float32],
        spills: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Probabilities float32 `[N, 11]` of ten digits and none for the candidates of one picture.

        `probabilities` `[N, 11]` are the classifier's; `contrasts` and `spills` `[N]` are those of the cuts
        (`preprocess.Cut`).
        """
        evidence = np.log(np.maximum(probabilities, 1e-7))
        evidence[:, :NO_DIGIT] += self.reading * log_softmax(candidates.digits)
        evidence[:, NO_DIGIT] += self.bias - self.finding * candidates.logits
        evidence[:, NO_DIGIT] += self.spilt * spilt(spills)
        if len(candidates) > 1:
            alone = 1 - np.exp(log_softmax(self.gain * evidence))[:, NO_DIGIT]
            company, faint, odd = context(alone, candidates.boxes, contrasts)
            evidence[:, NO_DIGIT] += self.faint * faint + self.odd * odd - self.company * company
        return np.exp(log_softmax(self.gain * evidence)).astype(np.float32)


def spilt(spills: NDArray[np.float32]) -> NDArray[np.float32]:
    """How plainly a piece of ink goes on beyond its box, 0..1: a tenth of it there is as plain as more."""
    return np.asarray(np.minimum(10 * spills, 1), np.float32)


def context(
    likely: NDArray[np.float32], boxes: NDArray[np.float32], contrasts: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What a picture's candidates, probably digits by `likely` `[N]`, say of each other.

    Returns float32 `[N]` thrice: log-odds that what is near is digits; and by how many doublings contrast is
    fainter, and size other, than is usual among the picture's digits. What stands alone gets zeros.
    """
    sizes = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    apart = np.abs(middles[:, None] - middles[None]).max(axis=2)
    alike = np.abs(np.log2(sizes[:, None] / sizes[None])) < 1
    # Parts of one thing are not each other's company, and nothing is its own.
    near = (apart < _NEAR * sizes[:, None]) & alike & (covered(boxes) < _TIED)
    share = (near @ likely + _SPARSE / 2) / (near.sum(axis=1) + _SPARSE)
    company = np.log(share / (1 - share))

    # What is likely, strong and large says how digits look here; nobody is measured by lesser ones.
    weights = np.where(likely > 0.5, likely * contrasts * sizes, 0)
    total = weights.sum()
    others = np.maximum(total - weights, 0)
    pressure = np.clip(others / np.maximum(weights, 1e-6), 0, 1) * (others > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        usual = [
            np.where(others > 0, ((weights * value).sum() - weights * value) / others, value)
            for value in (np.log2(np.maximum(contrasts, 1)), np.log2(sizes))
        ]
    faint = pressure * np.maximum(0, usual[0] - np.log2(np.maximum(contrasts, 1)) - 1)
    odd = pressure * np.maximum(0, np.abs(usual[1] - np.log2(sizes)) - 1)
    return company.astype(np.float32), faint.astype(np.float32), odd.astype(np.float32)


def log_softmax(scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Log of the softmax over the last axis of `[N, C]`."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float32)
