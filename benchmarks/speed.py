"""Speed of whole processes: from their start to the first result, and of a folder of small images."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import torch_network
from benchmarks.contenders import PRECISIONS
from benchmarks.mnist import load_test_set
from edge_runtime.profiling import workloads

_CHECKOUT = Path(__file__).resolve().parents[1]
_END = "; import os, sys; sys.stdout.flush(); os._exit(0)"  # as the process of the command does


def processes(repeats: int, models: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Time processes from their start to the first result: the models, the command, torch, bare imports.

    With `models`, only these and the imports.
    """
    if models:
        yield from _ratios(workloads.cold_starts(repeats, workloads.cold_programs(models)), repeats)
        return
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "page.png"
        cv2.imwrite(str(image), workloads.sample_page())
        read = f"from edge_runtime.cli import main; main(['read', {str(image)!r}, '--json'])"
        read += workloads.PRINT_PEAK + _END
        programs = {**workloads.cold_programs(("float", "int8")), "read one image": read}
        if torch_network.available():
            programs["torch"] = (
                f"import sys; sys.path.insert(0, {str(_CHECKOUT)!r}); import numpy; from benchmarks import "
                "torch_network; torch_network.load(1)(numpy.zeros((1, 28, 28), numpy.uint8))"
                + workloads.PRINT_PEAK
            )
        yield from _ratios(workloads.cold_starts(repeats, programs), repeats)


def cold_parts(repeats: int) -> Iterator[dict[str, Any]]:
    """What the cold start of each precision consists of, in milliseconds."""
    for name, parts in workloads.cold_parts(repeats, PRECISIONS).items():
        yield {"kind": "cold start", "contender": name, "repeats": repeats, "ms": parts}


def _ratios(results: Mapping[str, dict[str, Any]], repeats: int) -> Iterator[dict[str, Any]]:
    imports = results["imports"]["ms"]
    for name, result in results.items():
        ratio = round(result["ms"] / imports, 3)
        yield {"kind": "process", "contender": name, "repeats": repeats, **result, "ratio_to_imports": ratio}


# Both programs print their time in seconds, without start-up, and their peak memory in KB.
_DECODE = (
    """
import sys, time, pathlib, numpy, cv2
start = time.perf_counter()
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    with open(path, "rb") as file:
        cv2.imdecode(numpy.frombuffer(file.read(), numpy.uint8), cv2.IMREAD_GRAYSCALE)
print(time.perf_counter() - start)"""
    + workloads.PRINT_PEAK
)

_READ = (
    """
import sys, time, numpy, cv2, onnxruntime
from edge_runtime.cli import main
start = time.perf_counter()
main(["read", sys.argv[1], "--out", sys.argv[2], "--overwrite"])
print(time.perf_counter() - start)"""
    + workloads.PRINT_PEAK
)


def folder(data: Path, repeats: int) -> Iterator[dict[str, Any]]:
    """Time the MNIST test set as PNG files on one core: `edge-digits read` against a `cv2.imdecode` loop."""
    tiles, _ = load_test_set(data)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for count in (len(tiles) // 10, len(tiles)):
            images = root / str(count)
            images.mkdir()
            for index, tile in enumerate(tiles[:count]):
                cv2.imwrite(str(images / f"{index:05d}.png"), tile)
            times: dict[str, list[float]] = {"imdecode": [], "read": []}
            peaks: dict[str, float] = {}
            for _ in range(repeats):
                for contender, program in (("imdecode", _DECODE), ("read", _READ)):
                    seconds, peak = _run_on_one_core(program, str(images), str(root / "results.csv"))
                    times[contender].append(seconds)
                    peaks[contender] = round(peak / 1024, 1)
            rates = {contender: count / float(np.median(taken)) for contender, taken in times.items()}
            yield {
                "kind": "folder",
                "images": count,
                "repeats": repeats,
                "per_second": {contender: round(rate) for contender, rate in rates.items()},
                "ratio_to_imdecode": round(rates["read"] / rates["imdecode"], 3),
                "peak_mb": peaks,
            }


def _run_on_one_core(program: str, *arguments: str) -> tuple[float, float]:
    pin = None
    if hasattr(os, "sched_setaffinity"):
        pin = partial(os.sched_setaffinity, 0, {min(os.sched_getaffinity(0))})
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=pin,
    )
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak)
