"""Speed of the released models: single calls, whole processes, a page, and a folder of small images."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import torch_network
from benchmarks.mnist import load_test_set
from benchmarks.pages import threshold_and_label
from edge_runtime import DigitReader
from edge_runtime.profiling import host, timing, workloads

_CHECKOUT = Path(__file__).resolve().parents[1]

BATCHES = (1, 8, 64, 256)  # tiles per call


def latency(seconds: float) -> Iterator[dict[str, Any]]:
    """Time the classifiers alone, PyTorch eager, float and INT8 alternating, for `seconds` per figure."""

    def contenders(threads: int) -> Mapping[str, Callable[[Any], object]]:
        torch = {"torch": torch_network.load(threads)} if torch_network.available() else {}
        return {**workloads.open_models(("float", "int8"), threads), **torch}

    threads = sorted({1, host.cores()})
    for record in workloads.latencies(contenders, seconds, tuple(threads), BATCHES):
        yield {"kind": "latency", **record}


def page(seconds: float) -> Iterator[dict[str, Any]]:
    """Time the reading of a page by stage, and against thresholding and labelling it once with OpenCV."""
    reader = DigitReader("int8")
    cv2.setNumThreads(1)
    for width, height in ((640, 480), (1280, 960)):
        image = workloads.sample_page(width, height)
        timings = timing.alternate(
            {"read": partial(reader.read, image), "reference": partial(_threshold_and_label, image)}, seconds
        )
        read, reference = timings["read"].p50, timings["reference"].p50
        yield {
            "kind": "page",
            "model": "int8",
            "size": f"{width}x{height}",
            "ms": workloads.frame_stages(seconds, "int8", (width, height)),
            "read_ms": round(read / 1000, 3),
            "reference_ms": round(reference / 1000, 3),
            "ratio_to_reference": round(read / reference, 3),
        }


def _threshold_and_label(image: NDArray[np.uint8]) -> int:
    return threshold_and_label(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8))


def processes(repeats: int) -> Iterator[dict[str, Any]]:
    """Time processes from their start to the first result: the models, the command, torch, bare imports."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "page.png"
        cv2.imwrite(str(image), workloads.sample_page())
        read = f"from edge_runtime.cli import main; main(['read', {str(image)!r}, '--json'])"
        programs = {**workloads.cold_programs(("float", "int8")), "read one image": read}
        if torch_network.available():
            programs["torch"] = (
                f"import sys; sys.path.insert(0, {str(_CHECKOUT)!r}); import numpy; from benchmarks import "
                "torch_network; torch_network.load(1)(numpy.zeros((1, 28, 28), numpy.uint8))"
            )
        results = workloads.cold_starts(repeats, programs)
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
