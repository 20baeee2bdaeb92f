"""Whether the INT8 model answers the same on other kinds of CPU, emulated by QEMU where it is installed.

Without VNNI instructions, integer kernels that add in 16 bits can saturate: the published reason for wrong
answers of quantised models on some devices. Emulation tells the function of such a CPU, not its speed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime import Classifier, profiling

EMULATOR = "qemu-x86_64-static"
KINDS = ("Nehalem", "Haswell")  # SSE 4.2 alone; AVX2 without VNNI
_PROGRAM = """
import sys, numpy
from edge_runtime import Classifier
numpy.save(sys.argv[2], Classifier("int8").logits(numpy.load(sys.argv[1])))
"""


def measure() -> Iterator[dict[str, Any]]:
    """Yield one result a kind of CPU and kind of tile: how far its logits are from this machine's own."""
    if not shutil.which(EMULATOR):
        return
    # Noise is full of the large sums that saturate.
    noise = np.random.default_rng(0).integers(0, 256, (500, 28, 28), np.uint8)
    for name, tiles in (("drawn digits", profiling.sample_tiles(500)), ("noise", noise)):
        own = Classifier("int8").logits(tiles)
        for kind in KINDS:
            other = _emulated(kind, tiles)
            yield {
                "kind": "cpu",
                "cpu": kind,
                "tiles": name,
                "count": len(tiles),
                "same_digit": round(float((own.argmax(1) == other.argmax(1)).mean()), 5),
                "largest_difference": float(np.abs(own - other).max()),
                "identical": round(float((own == other).all(axis=1).mean()), 5),
            }


def _emulated(kind: str, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "tiles.npy", Path(folder) / "logits.npy"
        np.save(given, tiles)
        command = [EMULATOR, "-cpu", kind, sys.executable, "-c", _PROGRAM, str(given), str(found)]
        subprocess.run(command, capture_output=True, check=True)
        logits: NDArray[np.float32] = np.load(found)
        return logits
