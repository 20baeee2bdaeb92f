"""INT8 on other CPUs: compares the scores here with those on CPUs that QEMU emulates.

On CPUs without VNNI instructions, integer kernels that accumulate in 16 bits can saturate. This is a known
cause of wrong results of quantised models. Emulation shows whether results differ, but nothing about speed.
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
CPUS = ("Nehalem", "Haswell")  # SSE 4.2 only; AVX2 without VNNI
_PROGRAM = """
import sys, numpy
from edge_runtime.reading.networks import Classifier, Detector
run = Classifier("int8").logits if sys.argv[3] == "classifier" else Detector("int8").scores
numpy.save(sys.argv[2], run(numpy.load(sys.argv[1])))
"""


def measure() -> Iterator[dict[str, Any]]:
    """Yield one result per network, emulated CPU and kind of image; none where QEMU is not installed."""
    if not shutil.which(EMULATOR):
        return
    # Noise produces the large sums that saturate.
    noise = np.random.default_rng(0).integers(0, 256, (500, 28, 28), np.uint8)
    classifier, detector = Classifier("int8"), Detector("int8")
    for name, tiles in (("drawn digits", workloads.sample_tiles(500)), ("noise", noise)):
        yield from _compare(
            "classifier", name, tiles, classifier.logits, lambda logits: logits.argmax(axis=1)
        )
    page = cv2.cvtColor(workloads.sample_page(320, 240), cv2.COLOR_BGR2GRAY)
    noisy_page = np.random.default_rng(1).integers(0, 256, page.shape, np.uint8)
    for name, image in (("a page", page), ("noise", noisy_page)):
        yield from _compare("detector", name, image[None], detector.scores, lambda scores: scores[:, 0] > 0)


def _compare(
    task: str,
    name: str,
    images: NDArray[np.uint8],
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    decide: Callable[[NDArray[np.float32]], NDArray[Any]],
) -> Iterator[dict[str, Any]]:
    scores = run(images)
    for cpu in CPUS:
        emulated = run_emulated(cpu, task, images)
        yield {
            "kind": "cpu",
            "task": task,
            "cpu": cpu,
            "input": name,
            "count": len(images),
            "same_decision": round(float((decide(scores) == decide(emulated)).mean()), 5),
            "largest_difference": float(np.abs(scores - emulated).max()),
            "identical": round(float((scores == emulated).mean()), 5),
        }


def run_emulated(cpu: str, task: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run an INT8 network ("classifier" or "detector") on an emulated CPU and return its scores."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder) / "images.npy", Path(folder) / "scores.npy"
        np.save(inputs, images)
        command = [EMULATOR, "-cpu", cpu, sys.executable, "-c", _PROGRAM, str(inputs), str(outputs), task]
        subprocess.run(command, capture_output=True, text=True, check=True)
        scores: NDArray[np.float32] = np.load(outputs)
        return scores
