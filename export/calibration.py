"""What confidence means: fitted after training, on the validation split, for the very model it is for."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

# With a calibrated confidence this refuses what is more likely wrong than right, and nothing else.
REFUSE_BELOW = 0.5


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
