"""Candidates: the detector's proposals, before the classifier has judged them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Candidates:
    """N candidates, best first.

    `boxes` float32 `[N, 4]` are left, top, right, bottom in pixels of the image, `objectness` float32 `[N]`
    is the logit of being a digit, and `class_logits` float32 `[N, 10]` are the detector's own scores of the
    digits. `complete` is False where there were more candidates than the detector returns.
    """

    boxes: NDArray[np.float32]
    objectness: NDArray[np.float32]
    class_logits: NDArray[np.float32]
    complete: bool = True

    def __len__(self) -> int:
        return len(self.objectness)

    def __getitem__(self, chosen: list[int]) -> Candidates:
        return Candidates(
            self.boxes[chosen], self.objectness[chosen], self.class_logits[chosen], self.complete
        )

    def with_boxes(self, boxes: Sequence[Sequence[float]]) -> Candidates:
        """The same candidates with other boxes."""
        return replace(self, boxes=np.array(boxes, np.float32).reshape(-1, 4))

    @classmethod
    def concatenate(cls, parts: Sequence[Candidates]) -> Candidates:
        """All candidates of several parts, in the order of the parts."""
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.objectness for part in parts]),
            np.concatenate([part.class_logits for part in parts]),
        )
