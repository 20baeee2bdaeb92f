"""Scale: what images cost by kind, and what a Ray cluster of two nodes adds to `edge-digits read`.

The nodes are on this machine, one core each. CPU time is measured as well, because other programs may run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import pages
from benchmarks.errors import BenchmarkError
from edge_runtime import DigitReader
from edge_runtime.outputs.counts import Counts
from edge_runtime.reading.tile import make_tile
from train.synthetic import paper, strokes

_SEED = 14
_WORKER = b"ray::MapWorker"  # how the command lines of the processes begin that read partitions
_MARK = "EDGE_DIGITS_BENCHMARK"  # variable of the environment that tells the processes of a run from others
_AT_ONCE = 1000  # images that are read in one go; small ones are classified together
_POLL = 0.25  # s between two looks at the processes

# Prints the address of a cluster of two nodes, which ends with its standard input.
_CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster()
for _ in range(2):
    cluster.add_node(num_cpus=1, include_dashboard=False)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


def measure(images: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield the costs of single images, measured for `seconds` each, then those of the engine over `images`.

    Raises `BenchmarkError` without Ray or /proc, or if the rows of the runs differ.
    """
    if find_spec("ray") is None or not Path("/proc/self/stat").exists():
        raise BenchmarkError("this needs Linux and Ray: pip install -e '.[dev]'")
    yield from _costs(seconds)
    yield from _engine(images)


def _costs(seconds: float) -> Iterator[dict[str, Any]]:
    reader = DigitReader(threads=1)  # the CPU time of worker processes would not count
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, suffix, draw in _KINDS:
            path = Path(folder) / f"image{suffix}"
            path.write_bytes(cv2.imencode(suffix, draw())[1].tobytes())
            size = path.stat().st_size
            yield {"kind": "cost of an image", "image": name, "bytes": size, **_cost(reader, path, seconds)}


def _cost(reader: DigitReader, path: Path, seconds: float) -> dict[str, Any]:
    """CPU milliseconds of reading a file, and the share of fetching and decoding it."""
    paths = [path] * _AT_ONCE
    (warm_up,) = reader.read_many([path])
    count, stages = Counts(), dict.fromkeys(warm_up.seconds, 0.0)
    begin, end = time.process_time(), time.monotonic() + seconds
    while time.monotonic() < end:
        for reading in reader.read_many(paths):
            count.add([reading])
            for stage, took in reading.seconds.items():
                stages[stage] += took
            if time.monotonic() >= end:
                break
    milliseconds = 1000 * (time.process_time() - begin) / count.images
    return {
        "images": count.images,
        "cpu_ms": round(milliseconds, 3),
        "decode_share": round(stages["preprocess"] / sum(stages.values()), 3),
    }


def _tile() -> NDArray[np.uint8]:
    return make_tile(strokes.draw_digit(7, np.random.default_rng(_SEED), height=60, pen=6, variation=0.5))


def _field(seed: int) -> NDArray[np.uint8]:
    """A small field of a form with a number of four digits: grey uint8 `(48, 128)`."""
    generator = np.random.default_rng(seed)
    sheet = paper.blank(128, 48, generator)
    for place in range(4):
        ink = strokes.draw_digit(int(generator.integers(10)), generator, height=26, pen=3, variation=0.5)
        paper.place(sheet, ink, 8 + 28 * place, 10, shade=0.3)
    return paper.photograph(sheet, generator)


_KINDS: tuple[tuple[str, str, Callable[[], NDArray[np.uint8]]], ...] = (
    ("28x28 PNG", ".png", _tile),
    ("128x48 PNG, a number of four digits", ".png", partial(_field, _SEED)),
    ("640x480 JPEG, ten digits", ".jpg", lambda: pages.ten_digits(640, 480).image),
    ("12 MP JPEG, ten digits", ".jpg", lambda: pages.ten_digits(4000, 3000).image),
    ("A4 at 200 dpi JPEG, 300 digits", ".jpg", lambda: pages.dense_a4().image),
    ("A4 at 200 dpi JPEG, empty", ".jpg", lambda: pages.empty_a4().image),
)


def _engine(images: int) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scans").mkdir()
        for index in range(images):
            encoded = cv2.imencode(".png", _field(index))[1]
            (folder / "scans" / f"{index:06}.png").write_bytes(encoded.tobytes())
        (folder / "few").mkdir()
        (folder / "few" / "0.png").write_bytes(encoded.tobytes())
        alone = _Run(folder, "`edge-digits read`", "read", "scans", "--out", "alone.parquet")
        yield {"kind": "engine", "images": images, **alone.measure()}
        expected = _rows(folder / "alone.parquet")
        for run, source, kill in (
            ("two nodes, one image", "few", False),
            ("two nodes", "scans", False),
            ("two nodes, one worker killed", "scans", True),
        ):
            out = f"out-{source}-{kill}"
            with _cluster(folder) as address:
                scaled = _Run(folder, run, "scale", source, "--out", out, RAY_ADDRESS=address)
                result = scaled.measure(folder / out if kill else None)
            if source == "scans" and _rows(folder / out) != expected:
                raise BenchmarkError(f"{run}: other rows than those of edge-digits read")
            count = images if source == "scans" else 1
            yield {"kind": "engine", "images": count, **result, "rows": "equal" if count > 1 else ""}


class _Run:
    """One run of the command in a folder; its processes, and those of its cluster, are known by a mark."""

    def __init__(self, folder: Path, name: str, *arguments: str, **environment: str) -> None:
        self._folder, self._name, self._arguments = folder, name, arguments
        self._environment = _environment(folder) | environment
        self._ticks: dict[int, tuple[bool, int]] = {}  # by process: whether it is a worker, and its CPU time
        self._killed = False

    def measure(self, kill_in: Path | None = None) -> dict[str, Any]:
        """Wall and CPU seconds; a worker is killed once there are results in the folder `kill_in`."""
        start = time.monotonic()
        command = [sys.executable, "-m", "edge_runtime", *self._arguments, "--quiet"]
        with subprocess.Popen(command, env=self._environment, cwd=self._folder) as process:
            while process.poll() is None:
                time.sleep(_POLL)
                self._look()
                if kill_in and not self._killed and len(list(kill_in.glob("part-*"))) > 2:
                    self._kill()
            seconds = time.monotonic() - start
        if process.returncode:
            raise BenchmarkError(f"{self._name}: exit code {process.returncode}; its error is above")
        tick = os.sysconf("SC_CLK_TCK")
        return {
            "run": self._name,
            "seconds": round(seconds, 2),
            "cpu_seconds": round(sum(ticks for _, ticks in self._ticks.values()) / tick, 2),
            "cpu_seconds_of_workers": round(sum(t for worker, t in self._ticks.values() if worker) / tick, 2),
        }

    def _look(self) -> None:
        """Note the CPU time of every process of this run."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has just ended
                if self._environment[_MARK].encode() in (process / "environ").read_bytes():
                    worker = (process / "cmdline").read_bytes().startswith(_WORKER)
                    fields = (process / "stat").read_text().rpartition(")")[2].split()
                    self._ticks[int(process.name)] = (worker, int(fields[11]) + int(fields[12]))

    def _kill(self) -> None:
        for process, (worker, _) in self._ticks.items():
            if worker:
                os.kill(process, signal.SIGKILL)
                self._killed = True
                return


def _environment(folder: Path) -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[1])
    own = {
        _MARK: str(folder),
        "PYTHONPATH": root,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
        "OMP_NUM_THREADS": "1",
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | own


@contextlib.contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    """A cluster of two nodes; gives its address."""
    with subprocess.Popen(
        [sys.executable, "-c", _CLUSTER],
        env=_environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file or of the parts in a folder, in order."""
    import pyarrow.parquet

    files = sorted(path.glob("part-*")) if path.is_dir() else [path]
    return [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
