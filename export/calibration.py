"""What is fitted on pictures after training: confidence and the refusal threshold (validation split).

Both are fitted on the logits of the very model that carries them.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

# The share of true digits that the reader may refuse, on the validation split.
REFUSED_SHARE = 0.001
# A small or easy validation split may put that share among very sure answers: those are never refused.
HIGHEST_THRESHOLD = 0.9


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Temperature that makes the softmax of `logits` `[N, 10]` / T most likely (Guo et al., 2017)."""
    scores, targets = torch.from_numpy(logits).double(), torch.from_numpy(labels)
    inverse = torch.zeros((), dtype=torch.float64, requires_grad=True)  # log(1 / T)
    optimizer = torch.optim.LBFGS([inverse], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(scores * inverse.exp(), targets)
        value.backward()
        return value

    optimizer.step(loss)
    # Where nothing is misread no finite temperature is best: stay within reason.
    return float(np.clip(np.exp(-inverse.item()), 0.25, 4))


def refusal_threshold(logits: NDArray[np.float32], temperature: float) -> float:
    """Confidence below which `REFUSED_SHARE` of these digits, logits `[N, 10]`, would be refused."""
    confidences = torch.from_numpy(logits / np.float32(temperature)).softmax(1).amax(1)
    return min(float(np.quantile(confidences.numpy(), REFUSED_SHARE)), HIGHEST_THRESHOLD)
