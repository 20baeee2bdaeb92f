"""The timing core (warm-up, alternation, percentiles) and the facts about the host."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import display, preprocess
from edge_runtime.model import Classifier
from edge_runtime.reader import DigitReader

WARM_UP_CALLS = 20
SLICE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Timing:
    """Percentiles of all calls of one contender, none dropped, in microseconds."""

    count: int
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, nanoseconds: list[int]) -> Timing:
        """Summarise single durations."""
        p50, p90, p99 = (float(v) / 1000 for v in np.percentile(nanoseconds, (50, 90, 99)))
        return cls(len(nanoseconds), round(p50, 2), round(p90, 2), round(p99, 2))


def alternate(contenders: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, Timing]:
    """Time contenders by turns within one run, so that whatever else the machine does hits all alike.

    Each is called `WARM_UP_CALLS` times first; then short slices of each alternate until `seconds` per
    contender have passed. Every single call of every slice counts.
    """
    for call in contenders.values():
        for _ in range(WARM_UP_CALLS):
            call()
    taken: dict[str, list[int]] = {name: [] for name in contenders}
    clock = time.perf_counter_ns
    for _ in range(max(1, round(seconds / SLICE_SECONDS))):
        for name, call in contenders.items():
            end = clock() + int(SLICE_SECONDS * 1e9)
            record = taken[name].append
            while True:
                start = clock()
                call()
                now = clock()
                record(now - start)
                if now >= end:
                    break
    return {name: Timing.of(durations) for name, durations in taken.items()}


def sample_page(width: int = 640, height: int = 480) -> NDArray[np.uint8]:
    """A page to time the reader on: ten drawn digits on unevenly lit paper, BGR `uint8 (H, W, 3)`."""
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
    """Tiles of drawn digits, uint8 `[count, 28, 28]`, each a little different from the others."""
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
        tiles.append(preprocess.make_tile(patch))
    return np.stack(tiles)


def agreement(model: str, count: int = 500) -> float:
    """Share 0..1 of drawn tiles on which a model names the same digit as the float model, on this CPU.

    Integer kernels that saturate, as some do on CPUs without VNNI, would show here.
    """
    tiles = sample_tiles(count)
    values, reference = (Classifier(name).classify(tiles)[0] for name in (model, "float"))
    return float((values == reference).mean())


Logits = Callable[[NDArray[np.uint8]], object]


def open_models(names: Iterable[str], threads: int) -> dict[str, Logits]:
    """Models by name, as functions from tiles to logits."""
    return {name: Classifier(name, threads=threads).logits for name in names}


def latencies(
    contenders: Callable[[int], Mapping[str, Logits]],
    seconds: float,
    threads: tuple[int, ...],
    batches: tuple[int, ...],
) -> Iterator[dict[str, Any]]:
    """Time what `contenders` opens for a number of threads: one record a number of threads and batch size.

    Every record holds each contender's timing in microseconds a call, and the ratio of its p50 to float's.
    """
    for count in threads:
        networks = contenders(count)
        for batch in batches:
            tiles = sample_tiles(batch)
            timings = alternate({name: partial(call, tiles) for name, call in networks.items()}, seconds)
            base = timings["float"].p50
            yield {
                "threads": count,
                "batch": batch,
                "us": {name: asdict(timing) for name, timing in timings.items()},
                "ratio_to_float": {name: round(timing.p50 / base, 3) for name, timing in timings.items()},
            }


def frame_stages(seconds: float, model: str, size: tuple[int, int] = (640, 480)) -> dict[str, float]:
    """Where the time of a page of ten digits, `size` px wide and high, goes: median milliseconds a stage."""
    reader, page = DigitReader(model), sample_page(*size)
    stages: dict[str, list[float]] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end or not stages:
        reading, taken = reader.read_timed(page)
        start = time.perf_counter()
        display.annotate(page, reading.digits)
        taken["draw"] = time.perf_counter() - start
        for name, value in taken.items():
            stages.setdefault(name, []).append(value * 1000)
    order = ("grey", "locate", "tile", "classify", "draw")
    return {name: round(float(np.median(stages[name])), 3) for name in order}


_COLD = (
    "from edge_runtime import DigitReader; import numpy; "
    "DigitReader({model!r}).read_tiles(numpy.zeros((1, 28, 28), numpy.uint8))"
)

# Peak memory of the process in KB, printed as its last word. getrusage would count the parent's pages from
# before the program began, so Linux's own figure for the program is taken where there is one.
PRINT_PEAK = {
    "linux": "; print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])",
    "darwin": "; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)",
}.get(sys.platform, "; print(-1)")


def cold_programs(names: Iterable[str]) -> dict[str, str]:
    """The bare imports, and from nothing to the first answer with each model, as Python programs."""
    models = {name: _COLD.format(model=name) for name in names}
    return {"imports": "import numpy, cv2, onnxruntime", **models}


def cold_starts(repeats: int, programs: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Start whole processes by turns: median wall milliseconds and peak memory in MB of each program."""
    taken: dict[str, list[float]] = {name: [] for name in programs}
    peaks: dict[str, float | None] = {}
    for _ in range(repeats):
        for name, program in programs.items():
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", program + PRINT_PEAK], capture_output=True, text=True, check=True
            )
            taken[name].append((time.perf_counter() - start) * 1000)
            peak = int(done.stdout.split()[-1])
            peaks[name] = round(peak / 1024, 1) if peak >= 0 else None
    return {
        name: {"ms": round(float(np.median(times)), 1), "peak_mb": peaks[name]}
        for name, times in taken.items()
    }


def versions(names: tuple[str, ...] = ()) -> dict[str, str | None]:
    """Versions of Python, this package, its dependencies and `names`; None for what is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("edge-digits", "numpy", "onnxruntime", *names):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    # OpenCV comes in packages of many names, from pip and from the system.
    return {**found, "opencv": cv2.__version__}


def opencv_build() -> dict[str, str]:
    """What this OpenCV was built with: its kind of window and its ways to open videos and cameras."""
    build = cv2.getBuildInformation()

    def has(part: str) -> bool:
        return re.search(rf"^\s*{part}:\s+YES", build, re.MULTILINE) is not None

    windows = [part for part in ("QT", "GTK", "Win32 UI", "Cocoa") if has(rf"{part}[\d+]*")]
    videos = [part for part in ("FFMPEG", "GStreamer", "v4l/v4l2", "AVFoundation", "DirectShow") if has(part)]
    return {"opencv window": ", ".join(windows) or "none", "opencv video": ", ".join(videos) or "none"}


_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")


def host() -> dict[str, Any]:
    """Facts about this machine that decide its speed: kind of CPU, integer instructions, cores, memory."""
    info = _read("/proc/cpuinfo")
    named = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", info, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", info, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo"), re.MULTILINE)
    board = _read("/proc/device-tree/model").strip("\0 \n")
    words = flags.group(1).split() if flags else []
    return {
        "machine": platform.machine(),
        "system": platform.platform(terse=True),
        "cpu": board or (named.group(1) if named else platform.processor() or "unknown"),
        "flags": [flag for flag in _FLAGS if flag in words],
        "cores": cores(),
        "memory_mb": int(memory.group(1)) // 1024 if memory else None,
    }


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def condition() -> dict[str, Any]:
    """What changes while a machine works: load, clock, temperature, and a Raspberry Pi's throttle flags."""
    degrees = _read("/sys/class/thermal/thermal_zone0/temp").strip()
    clock = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").strip()
    return {
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None,
        "clock_mhz": int(clock) // 1000 if clock.isdigit() else None,
        "celsius": int(degrees) / 1000 if degrees.isdigit() else None,
        "throttled": _throttled(),
    }


def _throttled() -> str | None:
    """A Raspberry Pi's own word on heat and supply: 0x0 is good."""
    if not shutil.which("vcgencmd"):
        return None
    done = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, check=False)
    return done.stdout.strip().partition("=")[2] or None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
