"""Whether the INT8 model answers the same on other kinds of CPU, emulated by QEMU where it is installed.

Without VNNI instructions, integer kernels that add in 16 bits can saturate: the published reason for wrong
answers of quantised models on some devices. Emulation tells the function of such a CPU, not its speed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

EMULATOR = "qemu-x86_64-static"
KINDS = ("Nehalem", "Haswell")  # SSE 4.2 alone; AVX2 without VNNI
_TILES = 500
_PROGRAM = f"""
import hashlib
from edge_runtime import Classifier, profiling
logits = Classifier("int8").logits(profiling.sample_tiles({_TILES}))
print(hashlib.sha256(logits.tobytes()).hexdigest())
"""


def measure() -> Iterator[dict[str, Any]]:
    """Yield one result a kind of CPU: whether all logits are bit for bit those of this machine's own CPU."""
    if not shutil.which(EMULATOR):
        return
    own = _digest([sys.executable])
    for kind in KINDS:
        yield {
            "kind": "cpu",
            "cpu": kind,
            "tiles": _TILES,
            "same_logits": _digest([EMULATOR, "-cpu", kind, sys.executable]) == own,
        }


def _digest(python: list[str]) -> str:
    done = subprocess.run([*python, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    return done.stdout.strip()
