"""INT8 on a CPU without AVX and fused multiply-add, which QEMU emulates where it is installed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from benchmarks import cpus
from edge_runtime.profiling import workloads
from edge_runtime.reading.networks import Classifier


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which(cpus.EMULATOR), reason="needs QEMU")
def test_digits_are_the_same_on_an_old_cpu():
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28), np.uint8)
    tiles = np.concatenate([workloads.sample_tiles(100), noise])
    here, there = Classifier("int8").logits(tiles), cpus.run_emulated("Nehalem", "classifier", tiles)
    assert (here.argmax(axis=1) == there.argmax(axis=1)).all()
    assert np.abs(here - there).max() < 0.1
