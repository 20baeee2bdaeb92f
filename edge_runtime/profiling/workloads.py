"""What is timed: the networks on sample tiles, the stages of a camera frame, and whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.images import annotate, child
from edge_runtime.profiling.comparison import single_stream
from edge_runtime.reading import tile
from edge_runtime.reading.networks import Classifier
from edge_runtime.reading.reader import DigitReader
from edge_runtime.results import Reading

MIN_AGREEMENT = 0.95  # of INT8 with float; with integer kernels that saturate, it is lower


def sample_page(width: int = 640, height: int = 480) -> NDArray[np.uint8]:
    """A page to time the reader on: ten synthetic digits on unevenly lit paper, BGR uint8 `(H, W, 3)`."""
    light = np.linspace(150, 225, width, dtype=np.float32)[None, :] * np.linspace(1, 0.8, height)[:, None]
    page = cv2.cvtColor(np.asarray(light, np.float32).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    scale = width / 300
    for digit in range(10):
        column, row = digit % 5, digit // 5
        corner = (round(width * (0.07 + 0.18 * column)), round(height * (0.42 + 0.4 * row)))
        weight = max(1, round(width / 140))
        cv2.putText(
            page, str(digit), corner, cv2.FONT_HERSHEY_SIMPLEX, scale, (60, 40, 40), weight, cv2.LINE_AA
        )
    return np.asarray(page, np.uint8)


def sample_tiles(count: int) -> NDArray[np.uint8]:
    """Tiles of synthetic digits, uint8 `[count, 28, 28]`, in varying sizes, places and pens."""
    tiles = []
    for index in range(count):
        patch = np.zeros((96, 96), np.uint8)
        corner = (24 + index * 7 % 5, 70 + index * 3 % 5)
        cv2.putText(
            patch,
            str(index % 10),
            corner,
            cv2.FONT_HERSHEY_SIMPLEX,
            2.0 + 0.02 * (index % 13),
            255,
            4 + index // 10 % 6,
            cv2.LINE_AA,
        )
        tiles.append(tile.make_tile(patch))
    return np.stack(tiles)


def agreement(model: str, count: int = 500) -> float:
    """Share 0..1 of `count` synthetic tiles that a model and the float model classify alike on this CPU.

    Integer kernels that saturate, as some do on CPUs without VNNI, lower it.
    """
    tiles = sample_tiles(count)
    values, reference = (Classifier(name).classify(tiles)[0] for name in (model, "float"))
    return float((values == reference).mean())


Logits = Callable[[NDArray[np.uint8]], object]


def open_models(names: Iterable[str], threads: int) -> dict[str, Logits]:
    """Open classifiers by name, as functions from tiles uint8 `[N, 28, 28]` to logits."""
    return {name: Classifier(name, threads=threads).logits for name in names}


def latencies(
    contenders: Callable[[int], Mapping[str, Logits]],
    seconds: float,
    threads: tuple[int, ...],
    batches: tuple[int, ...],
) -> Iterator[dict[str, Any]]:
    """Time classifiers for `seconds` each: one record per number of threads and batch size.

    `contenders` opens the classifiers for a number of threads; one of them must be called "float". Each
    record is one of `single_stream`, in microseconds per call of a whole batch.
    """
    for count in threads:
        networks = contenders(count)
        for batch in batches:
            timed = single_stream(networks, seconds, [sample_tiles(batch)])
            yield {
                "kind": "single stream",
                "subject": "classifier",
                "input": f"{batch} synthetic tile{'s' * (batch > 1)}",
                "threads": count,
                "batch": batch,
                **timed,
            }


def frame_stages(
    seconds: float,
    model: str,
    size: tuple[int, int] = (640, 480),
    track: Callable[[Reading], object] | None = None,
) -> dict[str, float]:
    """Median milliseconds of every stage of a camera frame: reading ten digits, tracking and drawing them.

    `size` is (width, height) in pixels, and `track` what follows the digits of a reading. The frame is read
    as often as `seconds` allow, and at least once.
    """
    reader, page = DigitReader(model, rotate=0), sample_page(*size)
    stages: dict[str, list[float]] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end or not stages:
        reading = reader.read(page)
        taken = dict(reading.seconds)
        start = time.perf_counter()
        if track:
            track(reading)
            taken["track"] = time.perf_counter() - start
            start = time.perf_counter()
        annotate.annotate(page, reading.digits)
        taken["draw"] = time.perf_counter() - start
        for name, value in taken.items():
            stages.setdefault(name, []).append(value * 1000)
    return {name: round(float(np.median(times)), 3) for name, times in stages.items()}


_COLD = (
    "from edge_runtime import DigitReader; import numpy; "
    "DigitReader({model!r}).read_tiles(numpy.zeros((1, 28, 28), numpy.uint8))"
)

# Ends a program by printing its peak memory in KB, or -1 where it is unknown. On Linux, getrusage would count
# the parent's pages from before the program was loaded; VmHWM does not.
PRINT_PEAK = {
    "linux": "; print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])",
    "darwin": "; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)",
}.get(sys.platform, "; print(-1)")


def cold_programs(names: Iterable[str]) -> dict[str, str]:
    """Python programs by name: "imports" alone, and one that runs to the first result of each model."""
    programs = {"imports": "import numpy, cv2, onnxruntime"}
    programs |= {name: _COLD.format(model=name) for name in names}
    return {name: program + PRINT_PEAK for name, program in programs.items()}


def cold_starts(repeats: int, programs: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Run Python programs, which print their peak memory, as whole processes, in turn, `repeats` times each.

    Returns the median wall time `ms` and the peak memory `peak_mb` of each; the latter is None where unknown.
    """
    taken: dict[str, list[float]] = {name: [] for name in programs}
    peaks: dict[str, float | None] = {}
    for _ in range(repeats):
        for name, program in programs.items():
            start = time.perf_counter()
            output = _run_program(program)
            taken[name].append((time.perf_counter() - start) * 1000)
            peak = int(output.split()[-1])
            peaks[name] = round(peak / 1024, 1) if peak >= 0 else None
    return {
        name: {"ms": round(float(np.median(times)), 1), "peak_mb": peaks[name]}
        for name, times in taken.items()
    }


def _run_program(program: str) -> str:
    """The output of a Python program, run as a fresh process that keeps and uses compiled modules."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", child.SAFE_PATH + program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


# Stamps the time before its first import and after each part of a cold start.
_PARTS = ("interpreter", "numpy", "opencv", "onnxruntime", "edge-digits", "models", "first call")
_SPLIT = """
import time; stamps = [time.time()]
import numpy; stamps.append(time.time())
import cv2; stamps.append(time.time())
import onnxruntime; stamps.append(time.time())
from edge_runtime.reading.reader import DigitReader; stamps.append(time.time())
reader = DigitReader({model!r}); stamps.append(time.time())
reader.read_tiles(numpy.zeros((1, 28, 28), numpy.uint8)); stamps.append(time.time())
print(*stamps)
"""


def cold_parts(repeats: int, names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Where the cold start of each model goes: median milliseconds of each part, over fresh processes."""
    programs = {name: _SPLIT.format(model=name) for name in names}
    taken: dict[str, list[list[float]]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            start = time.time()
            stamps = [start, *map(float, _run_program(program).split())]
            taken[name].append(np.diff(stamps).tolist())
    return {
        name: {
            part: round(1000 * float(value), 1)
            for part, value in zip(_PARTS, np.median(rows, axis=0), strict=True)
        }
        for name, rows in taken.items()
    }
