"""Score fusion: both networks' scores of a candidate, and its context, as one probability.

A linear model over the classifier's log probabilities and nine features, followed by a softmax: a product of
experts (Hinton, 1999, "Products of Experts"). Export fits the weights on simulated validation scenes with the
same functions that run here; but there, the context comes from a first fit of the networks' weights alone,
and here from the final weights. Fitting until both agree was tried, and read photographs worse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import blocks, covered
from edge_runtime.contract import BACKGROUND, CLASSES, MIN_OBJECTNESS
from edge_runtime.reading.beside import writing_beside
from edge_runtime.reading.candidates import Candidates
from edge_runtime.reading.surroundings import Surroundings

_NEAR = 3.0  # digit sizes over which the weight of a neighbour falls by a factor of e
_DOWN = 2.0  # what is above or below counts as this many times as far away as what is on the same line
_SAME_THING = 0.25  # two candidates that overlap by this share are the same thing
_LARGEST = 1000  # weights beyond this are no result of fitting, and their products overflow
_PRIOR_COUNT = 2.0  # undecided neighbours added for every candidate: a single real one has little effect

# Where the probability of being a digit is outside this range without its context, writing beside a candidate
# decides nothing.
_UNSURE = (0.2, 0.9)

_FEATURES = 9
_CONTEXT, _WRITING = slice(5, 8), 8  # those that depend on the other candidates, and the writing beside one

# The surroundings of candidates of an image, by index.
SurroundingsOf: TypeAlias = Callable[[Iterable[int]], Sequence[Surroundings]]


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """Weights of the features, and the sharpness of the softmax.

    The score of digit d is log P(d) of the classifier + `class_logits` * log P(d) of the detector. The score
    of the background is `classifier_background` * log P(background) of the classifier - `objectness` *
    objectness logit + `background` (a bias) + `overflow` * how clearly it is a 1 whose ink continues outside
    the box - `neighbours` * log-odds that the neighbours are digits + `faintness` * how much fainter the
    candidate is than the other digits of the image + `size_mismatch` * how much its size differs from
    theirs + `writing` * how much stands beside it that is no digit. All scores are multiplied by `sharpness`.
    """

    class_logits: float = 0.0
    objectness: float = 0.0
    background: float = 0.0
    classifier_background: float = 1.0
    overflow: float = 0.0
    neighbours: float = 0.0
    faintness: float = 0.0
    size_mismatch: float = 0.0
    writing: float = 0.0
    sharpness: float = 1.0

    @classmethod
    def from_json(cls, text: str) -> FusionWeights:
        """Parse what `to_json` wrote. Raises `ValueError` for anything else."""
        weights = json.loads(text)
        names = {field.name for field in fields(cls)}
        if not isinstance(weights, dict) or set(weights) != names:
            raise ValueError(f"fusion weights must be {', '.join(sorted(names))}, not {text[:200]!r}")
        if not all(type(value) in (int, float) and abs(value) <= _LARGEST for value in weights.values()):
            raise ValueError(f"fusion weights must be within {-_LARGEST}..{_LARGEST}, not {text[:200]!r}")
        if weights["sharpness"] <= 0:
            raise ValueError(f"the sharpness must be positive, not {weights['sharpness']}")
        return cls(**{name: float(value) for name, value in weights.items()})

    def to_json(self) -> str:
        """One line of JSON, for the metadata of a model."""
        return json.dumps({name: round(value, 4) for name, value in asdict(self).items()})

    def vector(self) -> list[float]:
        """The weights of the features, in the order of their columns."""
        return [value for name, value in asdict(self).items() if name != "sharpness"]


def fuse(
    weights: FusionWeights,
    probabilities: NDArray[np.float32],
    candidates: Candidates,
    contrasts: NDArray[np.float32],
    overflows: NDArray[np.float32],
    surroundings: SurroundingsOf,
) -> NDArray[np.float32]:
    """Probabilities float32 `[N, 11]` of the ten digits and the background, for the candidates of one image.

    `probabilities` `[N, 11]` are the classifier's; `contrasts` and `overflows` `[N]` are those of the crops;
    `surroundings` is asked only for those of close calls.
    """
    base, columns = features(probabilities, candidates, overflows)
    vector, sharpness = np.array(weights.vector(), np.float32), np.float32(weights.sharpness)
    alone = np.exp(log_softmax(scores(base, columns, vector, sharpness)))
    set_context(columns, 1 - alone[:, BACKGROUND], candidates, contrasts, surroundings)
    return np.exp(log_softmax(scores(base, columns, vector, sharpness)))


def features(
    probabilities: NDArray[np.float32], candidates: Candidates, overflows: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Inputs of `scores`: the classifier's log probabilities `[N, 11]`, and the features `[N, 11, 9]`.

    The log probability of the background is a feature with a weight of its own, so it is 0 in the former.
    The features of the context are 0 until `set_context` fills them in. The signs are such that a positive
    weight has the effect that `FusionWeights` describes.
    """
    base = np.log(np.maximum(probabilities, 1e-7)).astype(np.float32)
    columns = np.zeros((len(base), CLASSES, _FEATURES), np.float32)
    columns[:, :BACKGROUND, 0] = log_softmax(candidates.class_logits)
    columns[:, BACKGROUND, 1] = -candidates.objectness
    columns[:, BACKGROUND, 2] = 1
    columns[:, BACKGROUND, 3] = base[:, BACKGROUND]
    base[:, BACKGROUND] = 0
    # A piece of a line looks like a 1; other digits may well touch what is beside them. More than a twentieth
    # of the ink outside the box is no stronger evidence.
    columns[:, BACKGROUND, 4] = np.minimum(20 * overflows, 1) * probabilities[:, 1]
    return base, columns


def set_context(
    columns: NDArray[np.float32],
    p_digit: NDArray[np.float32],
    candidates: Candidates,
    contrasts: NDArray[np.float32],
    surroundings: SurroundingsOf,
) -> None:
    """Fill in the features of the context, given the probabilities `p_digit` `[N]` of being a digit."""
    if len(candidates) > 1:
        neighbours, faintness, size_mismatch = context(p_digit, candidates, contrasts)
        columns[:, BACKGROUND, _CONTEXT] = np.stack([-neighbours, faintness, size_mismatch], axis=1)
    unsure = np.flatnonzero((p_digit > _UNSURE[0]) & (p_digit < _UNSURE[1])).tolist()
    for index, around in zip(unsure, surroundings(unsure), strict=True):
        columns[index, BACKGROUND, _WRITING] = writing_beside(around, index, candidates.boxes, p_digit)


def scores(base: Any, columns: Any, vector: Any, sharpness: Any) -> Any:
    """Logits `[N, 11]` of the fused probabilities, from numpy arrays or, in export, torch tensors."""
    return sharpness * (base + columns @ vector)


def context(
    p_digit: NDArray[np.float32], candidates: Candidates, contrasts: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Evidence from the other candidates of an image, for each candidate.

    `p_digit` `[N]` are the probabilities of being a digit. Returns three float32 arrays `[N]`: the log-odds
    that its neighbours are digits, where near ones, those on the same line and those with a high objectness
    weigh more; by how many doublings, beyond the first, its contrast is lower than usual among the digits of
    the image; and by how many, beyond the first, its size differs from the usual one. The only candidate of
    an image gets zeros.
    """
    boxes = candidates.boxes
    sizes = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    log_contrasts, log_sizes = np.log2(np.maximum(contrasts, 1)), np.log2(sizes)
    x, y = (boxes[:, :2] + boxes[:, 2:]).T / 2
    # What the detector hardly proposes is often a speck or a rule, and says little about what is beside it.
    plausible = 1 / (1 + np.exp(MIN_OBJECTNESS - candidates.objectness))
    share = np.empty(len(boxes), np.float32)
    for some in blocks(len(boxes)):
        distances = np.maximum(np.abs(x[some, None] - x), _DOWN * np.abs(y[some, None] - y))
        near = np.exp(distances / (-_NEAR * sizes[some, None]))
        near *= np.abs(log_sizes[some, None] - log_sizes) < 1
        near *= covered(boxes[some], boxes) < _SAME_THING
        share[some] = (near @ (plausible * p_digit) + _PRIOR_COUNT / 2) / (near @ plausible + _PRIOR_COUNT)
    neighbours = np.log(share / (1 - share))

    # Probable, high-contrast and large digits define what is usual. A candidate that outweighs the others
    # counts as unusual only in part.
    weights = np.where(p_digit > 0.5, p_digit * contrasts * sizes, 0)
    total = weights.sum()
    others = np.maximum(total - weights, 0)
    relevance = np.clip(others / np.maximum(weights, 1e-6), 0, 1) * (others > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        usual_contrast, usual_size = (
            np.where(others > 0, ((weights * value).sum() - weights * value) / others, value)
            for value in (log_contrasts, log_sizes)
        )
    faintness = relevance * np.maximum(0, usual_contrast - log_contrasts - 1)
    size_mismatch = relevance * np.maximum(0, np.abs(usual_size - log_sizes) - 1)
    return neighbours.astype(np.float32), faintness.astype(np.float32), size_mismatch.astype(np.float32)


def log_softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Log of the softmax over the last axis of `[N, C]`."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float32)
