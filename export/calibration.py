"""Calibration: temperature, rejection threshold and fusion weights, fitted on validation data.

Each model is calibrated on its own outputs: INT8 and float separately.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from edge_runtime.contract import BACKGROUND, CLASSES
from edge_runtime.reading import fusion
from edge_runtime.reading.candidates import Candidates
from edge_runtime.reading.fusion import FusionWeights
from edge_runtime.reading.surroundings import Surroundings
from export.errors import ExportError

# A digit whose calibrated confidence is lower is more likely wrong than right.
MIN_CONFIDENCE = 0.5
MAX_REJECTED = 0.003  # share of the correctly classified validation digits below the rejection threshold
_MAX_THRESHOLD = 0.9

_PRIOR = 1e-3  # weight decay; without it, a feature that separates the sample would get an infinite weight
_START = (0.2, 0.5, 0.0, 1.0, 1.0)  # weights of the two networks' features, and the sharpness
_START_CONTEXT = (0.3, 0.3, 0.3, 0.3, 0.3)  # weights of the other features
_BIAS = 2  # index of the weight that may be negative

# Background candidates count this many times in the fit: the development photographs, where large pages hold
# few digits, have more of them for each digit than the validation scenes. This value was chosen on these
# photographs.
_BACKGROUND_WEIGHT = 5.0


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature under which `labels` are most likely, given `logits` `[N, 11]` (Guo et al., 2017)."""
    scores, targets = torch.from_numpy(logits).double(), torch.from_numpy(labels)
    (log_inverse,) = _minimise(
        [0.0], lambda values: functional.cross_entropy(scores * values[0].exp(), targets)
    )
    # Where every digit is classified correctly, the likelihood has no maximum: limit the temperature.
    return float(np.clip(np.exp(-log_inverse), 0.25, 4))


def choose_threshold(confidences: NDArray[np.float32]) -> float:
    """Confidence below which the share `MAX_REJECTED` of `confidences` `[N]` lies, clipped to 0.5..0.9."""
    quantile = float(np.quantile(confidences, MAX_REJECTED))
    return float(np.clip(quantile, MIN_CONFIDENCE, _MAX_THRESHOLD))


@dataclass(frozen=True)
class SceneScores:
    """The candidates of one scene as `fusion.fuse` takes them, and their labels.

    `labels` int64 `[N]` are 0..9, `BACKGROUND`, or -1 for candidates that are only context for others.
    """

    probabilities: NDArray[np.float32]
    candidates: Candidates
    contrasts: NDArray[np.float32]
    overflows: NDArray[np.float32]
    surroundings: Sequence[Surroundings]
    labels: NDArray[np.int64]

    def surroundings_of(self, chosen: Iterable[int]) -> list[Surroundings]:
        """The surroundings of some of the candidates, by index."""
        return [self.surroundings[index] for index in chosen]


def fit_fusion(scenes: Sequence[SceneScores]) -> FusionWeights:
    """Fit the fusion weights that make the labels of the scenes' candidates most likely.

    The weights of both networks are fitted first. Their probabilities then give the features of the context,
    with which all weights are fitted. Raises `ExportError` where no scene has a candidate.
    """
    if not scenes:
        raise ExportError("the detector finds no candidates in validation scenes; train it longer")
    bases, columns = zip(
        *(fusion.features(scene.probabilities, scene.candidates, scene.overflows) for scene in scenes),
        strict=True,
    )
    labels = np.concatenate([scene.labels for scene in scenes])
    networks = slice(4)
    *first, sharpness = _fit_weights(bases, [part[:, :, networks] for part in columns], labels, _START)
    for scene, base, part in zip(scenes, bases, columns, strict=True):
        scores = fusion.scores(base, part[:, :, networks], np.array(first, np.float32), sharpness)
        p_digit = 1 - np.exp(fusion.log_softmax(scores))[:, BACKGROUND]
        fusion.set_context(part, p_digit, scene.candidates, scene.contrasts, scene.surroundings_of)
    start = [*first, *_START_CONTEXT, sharpness]
    return FusionWeights(*_fit_weights(bases, columns, labels, start))


def _fit_weights(
    bases: Sequence[NDArray[np.float32]],
    columns: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    start: Sequence[float],
) -> list[float]:
    """The weights, then the sharpness, that minimise the cross-entropy. Only the bias may be negative."""
    base = torch.from_numpy(np.concatenate(bases)).double()
    column = torch.from_numpy(np.concatenate(columns)).double()
    targets = torch.from_numpy(labels)
    class_weights = torch.ones(CLASSES, dtype=torch.float64)
    class_weights[BACKGROUND] = _BACKGROUND_WEIGHT

    def bounded(weights: list[Tensor]) -> list[Tensor]:
        # No weight but the bias may reverse the effect of its feature, whatever the sample suggests.
        return [weight if index == _BIAS else weight.clamp(min=0) for index, weight in enumerate(weights)]

    def loss(weights: list[Tensor]) -> Tensor:
        scores = fusion.scores(base, column, torch.stack(bounded(weights[:-1])), weights[-1])
        prior = _PRIOR * sum(weight**2 for weight in weights)
        return functional.cross_entropy(scores, targets, class_weights, ignore_index=-1) + prior

    *weights, sharpness = _minimise(start, loss)
    return [value if index == _BIAS else max(0.0, value) for index, value in enumerate(weights)] + [sharpness]


def _minimise(start: Sequence[float], loss: Callable[[list[Tensor]], Tensor]) -> list[float]:
    values = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in start]
    optimizer = torch.optim.LBFGS(values, max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        value = loss(values)
        value.backward()
        return value

    optimizer.step(step)
    return [value.item() for value in values]
