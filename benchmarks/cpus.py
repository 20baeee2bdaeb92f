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

from edge_runtime.profiling import workloads
from edge_runtime.reading.networks import Classifier, Detector

EMULATOR = "qemu-x86_64-static"
KINDS = ("Nehalem", "Haswell")  # SSE 4.2 alone; AVX2 without VNNI
_PROGRAM = """
import sys, numpy
from edge_runtime.model import Classifier, Detector
run = Classifier("int8").logits if sys.argv[3] == "classifier" else Detector("int8").scores
numpy.save(sys.argv[2], run(numpy.load(sys.argv[1])))
"""


def measure() -> Iterator[dict[str, Any]]:
    """Yield one result a network, kind of CPU and kind of image: how far answers are from those here."""
    if not shutil.which(EMULATOR):
        return
    # Noise is full of the large sums that saturate.
    noise = np.random.default_rng(0).integers(0, 256, (500, 28, 28), np.uint8)
    classifier, detector = Classifier("int8"), Detector("int8")
    for name, tiles in (("drawn digits", workloads.sample_tiles(500)), ("noise", noise)):
        yield from _compare(
            "classifier", name, tiles, classifier.logits, lambda logits: logits.argmax(axis=1)
        )
    page = cv2.cvtColor(workloads.sample_page(320, 240), cv2.COLOR_BGR2GRAY)
    cloud = np.random.default_rng(1).integers(0, 256, page.shape, np.uint8)
    for name, image in (("a page", page), ("noise", cloud)):
        yield from _compare("detector", name, image[None], detector.scores, lambda scores: scores[:, 0] > 0)


def _compare(
    task: str,
    name: str,
    images: NDArray[np.uint8],
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    decide: Callable[[NDArray[np.float32]], NDArray[Any]],
) -> Iterator[dict[str, Any]]:
    own = run(images)
    for kind in KINDS:
        other = _emulated(kind, task, images)
        yield {
            "kind": "cpu",
            "task": task,
            "cpu": kind,
            "tiles": name,
            "count": len(images),
            "same_digit": round(float((decide(own) == decide(other)).mean()), 5),
            "largest_difference": float(np.abs(own - other).max()),
            "identical": round(float((own == other).mean()), 5),
        }


def _emulated(kind: str, task: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "images.npy", Path(folder) / "scores.npy"
        np.save(given, images)
        command = [EMULATOR, "-cpu", kind, sys.executable, "-c", _PROGRAM, str(given), str(found), task]
        subprocess.run(command, capture_output=True, check=True)
        scores: NDArray[np.float32] = np.load(found)
        return scores
