"""What confidence means: fitted after training, on the validation split, for the very models it is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from edge_runtime.locate import Candidates
from edge_runtime.preprocess import NO_DIGIT
from edge_runtime.vote import Vote, context, spilt
from export.errors import ExportError

# With a calibrated confidence, less is more likely wrong than right; no threshold is lower than this.
LEAST_CONFIDENCE = 0.5
# Share of the validation digits that may be refused, to refuse as much else as possible.
REFUSED = 0.003
_MOST_CONFIDENCE = 0.9
# Scenes crowd digits and mix inks, photographs seldom do: of 411 digits in photographs none ran out of its
# box, and what is four times as faint as the digits beside it is another page's ink or dirt.
_LEAST_SPILT = 6.0
_LEAST_FAINT = 1.5
_PRIOR = 1e-3  # of the squares of a vote's weights


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Temperature that makes the softmax of `logits` `[N, 11]` / T most likely (Guo et al., 2017)."""
    scores, targets = torch.from_numpy(logits).double(), torch.from_numpy(labels)
    (inverse,) = _minimise([0.0], lambda log: functional.cross_entropy(scores * log[0].exp(), targets))
    # Where nothing is misread no finite temperature is best: stay within reason.
    return float(np.clip(np.exp(-inverse), 0.25, 4))


def choose_threshold(confidences: NDArray[np.float32]) -> float:
    """Confidence below which the share `REFUSED` of validation digits, with these confidences, lies."""
    quantile = float(np.quantile(confidences, REFUSED))
    return float(np.clip(quantile, LEAST_CONFIDENCE, _MOST_CONFIDENCE))


@dataclass(frozen=True)
class Scene:
    """A picture's candidates as `Vote.combine` takes them, and what each is.

    `labels` int64 `[N]` are 0..9, `NO_DIGIT`, or -1 for what is neither: it is company to others, no more.
    """

    probabilities: NDArray[np.float32]
    candidates: Candidates
    contrasts: NDArray[np.float32]
    spills: NDArray[np.float32]
    labels: NDArray[np.int64]


def fit_vote(scenes: Sequence[Scene]) -> Vote:
    """Weights of the votes that make the labels of the scenes' candidates most likely.

    First those of the two networks, then, with what these say, all: what stands near is judged by them.
    Raises `ExportError` where no scene has a candidate.
    """
    if not scenes:
        raise ExportError("the locator finds nothing in validation scenes; train it longer")
    tile = torch.from_numpy(np.log(np.maximum(_all(scenes, "probabilities"), 1e-7))).double()
    place = functional.log_softmax(
        torch.from_numpy(np.concatenate([scene.candidates.digits for scene in scenes])).double(), dim=1
    )
    there = torch.from_numpy(np.concatenate([scene.candidates.logits for scene in scenes])).double()
    targets = torch.from_numpy(_all(scenes, "labels"))
    spills = torch.from_numpy(spilt(_all(scenes, "spills"))).double()
    around = torch.zeros(3, len(targets), dtype=torch.float64)

    def loss(weights: list[Tensor]) -> Tensor:
        reading, finding, bias, gain, *rest = weights
        named = tile[:, :NO_DIGIT] + reading.clamp(min=0) * place
        # No vote counts against what it says, whatever a sample suggests.
        company, faint, odd, spilling = (
            (weight.clamp(min=0) for weight in rest) if rest else torch.zeros(4, dtype=torch.float64)
        )
        none = tile[:, NO_DIGIT] + bias - finding.clamp(min=0) * there + spilling * spills
        none = none - company * around[0] + faint * around[1] + odd * around[2]
        scores = gain * torch.cat([named, none[:, None]], dim=1)
        # Where one kind of evidence parts the sample, nothing else would keep its weight finite.
        prior = _PRIOR * sum(weight**2 for weight in weights)
        return functional.cross_entropy(scores, targets, ignore_index=-1) + prior

    alone = _minimise([0.2, 0.5, 0.0, 1.0], loss)
    first = Vote(max(0.0, alone[0]), max(0.0, alone[1]), alone[2], alone[3])
    likely = [
        1 - first.combine(scene.probabilities, scene.candidates, scene.contrasts, scene.spills)[:, NO_DIGIT]
        for scene in scenes
    ]
    parts = [
        context(each, scene.candidates.boxes, scene.contrasts) if len(each) > 1 else np.zeros((3, len(each)))
        for each, scene in zip(likely, scenes, strict=True)
    ]
    around = torch.from_numpy(np.concatenate([np.stack(part) for part in parts], axis=1)).double()
    reading, finding, bias, gain, *rest = _minimise([*alone, 0.3, 0.3, 0.3, 0.3], loss)
    company, faint, odd, spilling = (max(0.0, weight) for weight in rest)
    return Vote(
        reading=max(0.0, reading),
        finding=max(0.0, finding),
        bias=bias,
        gain=gain,
        company=company,
        faint=max(_LEAST_FAINT, faint),
        odd=odd,
        spilt=max(_LEAST_SPILT, spilling),
    )


def _all(scenes: Sequence[Scene], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(scene, name) for scene in scenes])


def _minimise(start: list[float], loss) -> list[float]:
    values = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in start]
    optimizer = torch.optim.LBFGS(values, max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        value = loss(values)
        value.backward()
        return value

    optimizer.step(step)
    return [value.item() for value in values]
