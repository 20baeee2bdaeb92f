"""Folders: what reading many files costs beside decoding them, on one core and on two, and after kills."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import pages
from edge_runtime import DigitReader
from edge_runtime.outputs.run_record import RunRecord
from edge_runtime.outputs.tables import open_table
from edge_runtime.profiling.workloads import PRINT_PEAK
from edge_runtime.reading.cores import cores
from edge_runtime.reading.pipeline import STAGES
from edge_runtime.reading.tile import make_tile
from train.synthetic import strokes

_SEED = 14
_SECONDS = 10.0  # of CPU time that one core takes for the files that two are compared on
_SMALL = (1000, 10_000)  # files
_PER_KILL = 60  # files
_CHECKOUT = Path(__file__).resolve().parent.parent


def _jpeg(page: pages.DrawnPage) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(page.image, cv2.COLOR_GRAY2BGR))[1].tobytes()


def _png(image: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def tile(value: int) -> NDArray[np.uint8]:
    """A drawn digit, scaled and centred as in MNIST. The same `value` always gives the same tile."""
    generator = np.random.default_rng(_SEED + value)
    return make_tile(strokes.draw_digit(value % 10, generator, height=80, pen=9, variation=0.5))


# The kinds of files: how many are read in one round, and what one of them contains.
KINDS: dict[str, tuple[int, Callable[[], list[bytes]]]] = {
    "28x28 PNG": (4000, lambda: [_png(tile(value)) for value in range(100)]),
    "640x480 JPEG": (60, lambda: [_jpeg(pages.ten_digits(640, 480))]),
    "12 MP JPEG": (5, lambda: [_jpeg(pages.ten_digits(4000, 3000))]),
    "A4 scan, empty": (10, lambda: [_png(pages.empty_a4().image)]),
    "A4 scan, dense": (3, lambda: [_png(pages.dense_a4().image)]),
}


def measure(rounds: int, kills: int, many: int | None) -> Iterator[dict[str, Any]]:
    """Yield all results. `kills` is how often a run is killed, `many` how many files memory is measured over.

    Contenders alternate, `rounds` times. Ratios of CPU times are the median of the rounds' ratios.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name in KINDS:
                yield _per_core(name, _write(root / name, name), root / "rows.csv", rounds)
            if cores() > 1:
                for name in ("28x28 PNG", "640x480 JPEG"):
                    yield _two_cores(name, _write(root / name, name), rounds)
            yield _small_folder(root, rounds)
            if kills:
                yield _killed(root, kills)
            if many:
                yield _memory(root, many)
    finally:
        cv2.setNumThreads(threads)


def _write(folder: Path, kind: str, count: int | None = None) -> list[str]:
    """Write files of a kind to a folder, unless they are there; return their paths."""
    usual, draw = KINDS[kind]
    suffix = ".jpg" if "JPEG" in kind else ".png"
    names = [f"{index:07}{suffix}" for index in range(usual if count is None else count)]
    if not folder.exists():
        folder.mkdir()
        contents = draw()
        for index, name in enumerate(names):
            (folder / name).write_bytes(contents[index % len(contents)])
    return [str(folder / name) for name in names]


def decode(paths: list[str]) -> None:
    """The reference: open, read and decode each file as grey."""
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123  the fastest way
            cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_GRAYSCALE)


def _per_core(kind: str, paths: list[str], out: Path, rounds: int) -> dict[str, Any]:
    """CPU time of reading files into a table, on one core, with a loaded reader, against `decode`."""
    reader = DigitReader(threads=1)
    times: list[tuple[float, float]] = []
    stages, wall = dict.fromkeys(STAGES, 0.0), 0.0
    for _ in range(rounds + 1):
        start = time.process_time()
        decode(paths)
        middle, wall_start = time.process_time(), time.perf_counter()
        with open_table(out, RunRecord.of(reader, "int8"), overwrite=True) as table:
            for batch in reader.read_batches(iter(paths)):
                table.write(batch)
                for reading in batch:
                    for stage in STAGES:
                        stages[stage] += reading.seconds[stage]
        wall += time.perf_counter() - wall_start
        times.append((middle - start, time.process_time() - middle))
    decoding, reading_time = np.array(times[1:]).T  # the first round is a warm-up
    shares = {stage: round(seconds / wall, 3) for stage, seconds in stages.items()}
    return {
        "kind": "files on one core",
        "files": kind,
        "count": len(paths),
        "rounds": rounds,
        "decode_us": round(1e6 * float(np.median(decoding)) / len(paths), 1),
        "read_us": round(1e6 * float(np.median(reading_time)) / len(paths), 1),
        **_ratio("ratio_to_decode", decoding / reading_time),
        "shares": {**shares, "rest": round(1 - sum(shares.values()), 3)},
    }


def _ratio(name: str, ratios: NDArray[np.float64]) -> dict[str, Any]:
    low, median, high = np.percentile(ratios, (25, 50, 75)).tolist()
    return {name: round(median, 3), "quartiles": [round(low, 3), round(high, 3)]}


def _two_cores(kind: str, paths: list[str], rounds: int) -> dict[str, Any]:
    """The rate of two cores against that of one, and the CPU time that two need against that of one.

    The files are read again and again for some seconds, so that starting the workers matters little. On a
    busy machine only the CPU time says anything: two cores would be `2 / cpu_ratio` times as fast as one.
    """
    images = paths * _repeats(paths)
    readers = [DigitReader(threads=count) for count in (1, 2)]
    walls, costs = [], []
    for _ in range(rounds):
        for reader in readers:
            start, before = time.perf_counter(), _cpu()
            for _ in reader.read_batches(iter(images)):
                pass
            walls.append(time.perf_counter() - start)
            costs.append(_cpu() - before)
    wall, cost = np.array(walls).reshape(-1, 2), np.array(costs).reshape(-1, 2)
    return {
        "kind": "files on two cores",
        "files": kind,
        "count": len(images),
        "rounds": rounds,
        **_ratio("rate_ratio", wall[:, 0] / wall[:, 1]),
        "cpu_ratio": round(float(np.median(cost[:, 1] / cost[:, 0])), 3),
    }


def _repeats(paths: list[str]) -> int:
    """How often to read files so that one core takes some seconds."""
    reader, start = DigitReader(threads=1), time.process_time()
    for _ in reader.read_batches(iter(paths)):
        pass
    return max(1, round(_SECONDS / (time.process_time() - start)))


def _cpu() -> float:
    """Seconds of CPU time of this process and of its children that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _small_folder(root: Path, rounds: int) -> dict[str, Any]:
    """The rate at 1,000 small files against that at 10,000, with a loaded reader."""
    few, many = (_write(root / f"small {count}", "28x28 PNG", count) for count in _SMALL)
    reader = DigitReader()
    walls: list[tuple[float, ...]] = []
    for _ in range(rounds + 1):
        taken = []
        for paths in (few, many):
            start = time.perf_counter()
            for _ in reader.read_batches(iter(paths)):
                pass
            taken.append((time.perf_counter() - start) / len(paths))
        walls.append(tuple(taken))
    each_of_few, each_of_many = np.array(walls[1:]).T
    return {
        "kind": "small folder",
        "files": "28x28 PNG",
        "rounds": rounds,
        **_ratio("rate_ratio", each_of_many / each_of_few),
    }


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edge_runtime", "read", *map(str, arguments)]


def _killed(root: Path, kills: int) -> dict[str, Any]:
    """Kill a run at random points of its time, resume it each time, and compare the rows in the end."""
    folder, whole, out = root / "killed", root / "whole.csv", root / "resumed.csv"
    _write(folder, "28x28 PNG", _PER_KILL * kills)
    run = partial(subprocess.run, cwd=_CHECKOUT, capture_output=True, text=True, check=True)
    start = time.perf_counter()
    run(_command(folder, "--out", whole))
    took = time.perf_counter() - start
    chance, killed = random.Random(_SEED), 0
    while killed < kills:
        command = _command(folder, "--out", out, "--resume")
        with subprocess.Popen(command, cwd=_CHECKOUT, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(chance.uniform(0, took))
                out.unlink()  # it has read all: begin again
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
    run(_command(folder, "--out", out, "--resume"))
    same = whole.read_bytes() == out.read_bytes()
    return {"kind": "killed runs", "kills": kills, "files": _PER_KILL * kills, "same_rows": same}


_PEAK = "import sys; from edge_runtime.cli import main; main(sys.argv[1:])" + PRINT_PEAK


def _memory(root: Path, many: int) -> dict[str, Any]:
    """Peak memory of the process that reads a tenth of many small files, and all of them, in one folder."""
    peaks, rates = {}, {}
    for count in (many // 10, many):
        folder = root / f"many {count}"
        _write(folder, "28x28 PNG", count)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, "read", str(folder), "--out", str(root / f"{count}.csv")],
            cwd=_CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
        rates[str(count)] = round(count / (time.perf_counter() - start))
        peaks[str(count)] = round(int(done.stdout.split()[-1]) / 1024, 1)
    return {"kind": "many files", "files": "28x28 PNG", "peak_mb": peaks, "per_second": rates}
