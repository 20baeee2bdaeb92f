"""The released float classifier in PyTorch, rebuilt from its ONNX file: a contender if torch is installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.models import manifest


def available() -> bool:
    """Whether torch and the packages that `load` needs are installed."""
    return all(find_spec(name) for name in ("torch", "onnx", "onnxscript"))


def load(threads: int, *, compiled: bool = False) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Load the classifier, in eager mode or compiled: tiles uint8 `[N, 28, 28]` to logits `[N, 11]`.

    It is compiled for a number of tiles at the first call with it, which takes seconds and a C++ compiler.
    """
    import onnx
    import torch

    from export import graph
    from train.networks import ARCHITECTURES

    entry = next(e for e in manifest.entries() if (e.task, e.name) == (manifest.CLASSIFIER, "float"))
    network: Any = graph.fold(ARCHITECTURES[entry.architecture]())
    network.load_state_dict(graph.weights(onnx.load(entry.path)))
    torch.set_num_threads(threads)
    if compiled:
        network = torch.compile(network, dynamic=False)

    def logits(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return network(torch.from_numpy(tiles)).numpy()

    return logits
