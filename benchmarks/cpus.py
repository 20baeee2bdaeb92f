"""Whether the INT8 models answer the same on other kinds of CPU, emulated by QEMU where it is installed.

Without VNNI instructions, integer kernels that add in 16 bits can saturate: the published reason for wrong
answers of quantised models on some devices. Emulation tells the function of such a CPU, not its speed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import profiling
from edge_runtime.model import Classifier, Locator

EMULATOR = "qemu-x86_64-static"
KINDS = ("Nehalem", "Haswell")  # SSE 4.2 alone; AVX2 without VNNI
_PROGRAM = """
import sys, numpy
from edge_runtime.model import Classifier, Locator
run = Classifier("int8").logits if sys.argv[3] == "classifier" else Locator("int8").scores
numpy.save(sys.argv[2], run(numpy.load(sys.argv[1])))
"""


def measure() -> Iterator[dict[str, Any]]:
    """Yield one result a network, kind of CPU and kind of picture: how far answers are from those here."""
    if not shutil.which(EMULATOR):
        return
    # Noise is full of the large sums that saturate.
    noise = np.random.default_rng(0).integers(0, 256, (500, 28, 28), np.uint8)
    classifier, locator = Classifier("int8"), Locator("int8")
    for name, tiles in (("drawn digits", profiling.sample_tiles(500)), ("noise", noise)):
        yield from _compare(
            "classifier", name, tiles, classifier.logits, lambda logits: logits.argmax(axis=1)
        )
    page = cv2.cvtColor(profiling.sample_page(320, 240), cv2.COLOR_BGR2GRAY)
    cloud = np.random.default_rng(1).integers(0, 256, page.shape, np.uint8)
    for name, picture in (("a page", page), ("noise", cloud)):
        yield from _compare("locator", name, picture[None], locator.scores, lambda scores: scores[:, 0] > 0)


def _compare(
    task: str,
    name: str,
    pictures: NDArray[np.uint8],
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    decide: Callable[[NDArray[np.float32]], NDArray[Any]],
) -> Iterator[dict[str, Any]]:
    own = run(pictures)
    for kind in KINDS:
        other = _emulated(kind, task, pictures)
        yield {
            "kind": "cpu",
            "task": task,
            "cpu": kind,
            "tiles": name,
            "count": len(pictures),
            "same_digit": round(float((decide(own) == decide(other)).mean()), 5),
            "largest_difference": float(np.abs(own - other).max()),
            "identical": round(float((own == other).mean()), 5),
        }


def _emulated(kind: str, task: str, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "pictures.npy", Path(folder) / "scores.npy"
        np.save(given, pictures)
        command = [EMULATOR, "-cpu", kind, sys.executable, "-c", _PROGRAM, str(given), str(found), task]
        subprocess.run(command, capture_output=True, check=True)
        scores: NDArray[np.float32] = np.load(found)
        return scores
