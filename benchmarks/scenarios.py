"""The scenarios, after MLPerf: SingleStream, Offline, MultiStream and Sustained, of networks and readings.

Each result names its contenders with the hashes of their weights (`models`), so that it can be held against
the accuracy that the same weights reach; see `benchmarks.bounds`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders import PRECISIONS, Contender, bare_session, classifiers, detectors, readers
from benchmarks.pages import threshold_and_label
from edge_runtime.models import manifest
from edge_runtime.profiling import energy, host, workloads
from edge_runtime.profiling.comparison import ratio, single_stream
from edge_runtime.profiling.timing import Timing, alternate, calls_for
from edge_runtime.reading.cores import cores

CAMERA_FPS = 30
BOUND_MS = 1000 / CAMERA_FPS  # of the p99 of a camera frame: before the next one of the same camera
BATCHES = (1, 8, 64, 256)  # tiles per call
SIZES = ((640, 480), (1280, 960))  # of drawn pages
_WINDOWS = 30  # of a sustained run

Progress = Callable[[float], object]


def single(seconds: float, progress: Progress) -> Iterator[dict[str, Any]]:
    """SingleStream: one call after another, of each network and of the whole reading."""
    yield _single(classifiers(1), seconds, workloads.sample_tiles(1), progress, subject="classifier", batch=1)
    for width, height in SIZES:
        page, size = workloads.sample_page(width, height), f"{width}x{height}"
        yield _single(detectors(1), seconds, _grey(page)[None], progress, subject="detector", size=size)
        reference = Contender("reference", _threshold_and_label)
        yield _single([*readers(), reference], seconds, page, progress, subject="reading", size=size)


def sessions(seconds: float, progress: Progress) -> Iterator[dict[str, Any]]:
    """64 tiles with both precisions, and both INT8 networks against sessions that the benchmark itself opens.

    Settings of the runtime's sessions that slow both precisions down alike show only against the latter.
    """
    tiles, page = workloads.sample_tiles(64), workloads.sample_page(*SIZES[0])
    both = [each for each in classifiers(1) if each.name in PRECISIONS]
    for contenders in (both, [bare_session("int8", manifest.CLASSIFIER), both[1]]):
        yield _single(contenders, seconds, tiles, progress, subject="classifier", batch=64)
    (detector,) = (each for each in detectors(1) if each.name == "int8")
    pair, size = [bare_session("int8", manifest.DETECTOR), detector], "x".join(map(str, SIZES[0]))
    yield _single(pair, seconds, _grey(page)[None], progress, subject="detector", size=size)


def page(seconds: float, progress: Progress) -> Iterator[dict[str, Any]]:
    """The whole reading of a 640x480 page with both precisions."""
    image, size = workloads.sample_page(*SIZES[0]), "x".join(map(str, SIZES[0]))
    yield _single(readers(), seconds, image, progress, subject="reading", size=size)


def _single(
    contenders: Sequence[Contender], seconds: float, value: Any, progress: Progress, **about: Any
) -> dict[str, Any]:
    calls = {each.name: each.run for each in contenders}
    baseline = "float" if "float" in calls else contenders[0].name
    timed = single_stream(calls, seconds, [value], baseline=baseline, progress=progress)
    return {"kind": "single stream", "threads": 1, **about, "models": models_of(contenders), **timed}


def models_of(contenders: Sequence[Contender]) -> dict[str, tuple[str, ...]]:
    """The hashes of the contenders' weights, as a record holds them."""
    return {each.name: each.hashes for each in contenders if each.hashes}


def _threshold_and_label(image: NDArray[np.uint8]) -> int:
    return threshold_and_label(_grey(image))


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def offline(seconds: float, progress: Progress) -> Iterator[dict[str, Any]]:
    """Offline: images per second of the classifiers, by batch size and number of threads."""
    for threads in sorted({1, cores()}):
        contenders = classifiers(threads)
        calls = {each.name: each.run for each in contenders}
        for batch in BATCHES:
            trial = alternate(calls, seconds, [workloads.sample_tiles(batch)], progress=progress)
            yield {
                "kind": "offline",
                "subject": "classifier",
                "threads": threads,
                "batch": batch,
                "models": models_of(contenders),
                "per_second": {name: round(batch * 1e6 / trial.timing(name).mean, 1) for name in calls},
                "ratio": {name: asdict(ratio(trial, name, "float")) for name in calls if name != "float"},
            }


def multi_stream(
    contender: Contender,
    value: Any,
    seconds: float,
    *,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
) -> dict[str, Any]:
    """MultiStream: how many cameras of 30 frames per second one core holds, with their p99 below `BOUND_MS`.

    Cameras are added until one is too many. With each number, frames come from all in turn, evenly spaced,
    for `seconds`, and are read in order; a frame's time runs from its arrival to its result, so it includes
    its wait. 0 cameras means that not even one is held, and None that `seconds` are too few for a p99.
    """
    tried: list[dict[str, Any]] = []
    measurable = round(seconds * CAMERA_FPS) >= calls_for("p99")
    while measurable and not (tried and tried[-1]["p99_ms"] > BOUND_MS):
        cameras = len(tried) + 1
        taken = _serve(contender.run, value, cameras, seconds, clock, sleep)
        p99 = Timing.of(taken).p99 / 1000
        tried.append({"cameras": cameras, "frames": len(taken), "p99_ms": round(p99, 2)})
    return {
        "kind": "multi stream",
        "contender": contender.name,
        "models": models_of([contender]),
        "bound_ms": round(BOUND_MS, 1),
        "cameras": len(tried) - 1 if tried else None,
        "tried": tried,
    }


def _serve(
    call: Callable[[Any], object],
    value: Any,
    cameras: int,
    seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> list[int]:
    """The nanoseconds from arrival to result of every frame of some cameras."""
    interval, begin, taken = 1 / (CAMERA_FPS * cameras), clock(), []
    for index in range(round(seconds / interval)):
        arrival = begin + index * interval
        if (early := arrival - clock()) > 0:
            sleep(early)
        call(value)
        taken.append(round((clock() - arrival) * 1e9))
        # Hopelessly late, and later with every frame.
        if taken[-1] > 10 * BOUND_MS * 1e6 and len(taken) >= calls_for("p99"):
            break
    return taken


def multi(seconds: float) -> Iterator[dict[str, Any]]:
    """MultiStream of the whole reading of a 640x480 page, for both precisions."""
    width, height = SIZES[0]
    page = workloads.sample_page(width, height)
    for contender in readers():
        yield {**multi_stream(contender, page, seconds), "subject": "reading", "size": f"{width}x{height}"}


def energies(seconds: float) -> Iterator[dict[str, Any]]:
    """The millijoules of reading a 640x480 page with each precision, where the machine tells."""
    image = workloads.sample_page(*SIZES[0])
    for contender in readers():
        used = energy.per_call(partial(contender.run, image), seconds)
        if used is not None:
            about = {
                "contender": contender.name,
                "models": models_of([contender]),
                "input": "a page, 640x480",
            }
            yield {"kind": "energy", **about, "mj": used}


def sustained(seconds: float, progress: Progress) -> Iterator[dict[str, Any]]:
    """Sustained reading of a 640x480 page with each precision for `seconds`; nothing if these are 0."""
    for contender in readers() if seconds else ():
        yield {
            **endurance(contender, workloads.sample_page(*SIZES[0]), seconds, progress),
            "subject": "reading",
        }


def endurance(
    contender: Contender,
    value: Any,
    seconds: float,
    progress: Progress,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Sustained: one call after another for minutes, and how the time of a call drifts.

    The run is divided into windows. `drift` is the ratio of the p50 of the last fifth of them to that of the
    first fifth; each has the state of the machine at its end: temperature, clock and throttling.
    """
    windows: list[dict[str, Any]] = []
    durations: list[list[int]] = []
    begin = clock()
    for index in range(_WINDOWS):
        taken: list[int] = []
        while not taken or clock() - begin < seconds * (index + 1) / _WINDOWS:
            before = clock()
            contender.run(value)
            taken.append(round((clock() - before) * 1e9))
        durations.append(taken)
        times, state = Timing.of(taken), host.state()
        windows.append(
            {
                "second": round(clock() - begin, 1),
                "count": times.count,
                "p50": times.p50,
                "p99": times.p99,
                **{name: state[name] for name in ("celsius", "clock_mhz", "throttled")},
            }
        )
        progress((index + 1) / _WINDOWS)
    fifth = _WINDOWS // 5
    first, last = (
        Timing.of([duration for taken in part for duration in taken]).p50
        for part in (durations[:fifth], durations[-fifth:])
    )
    return {
        "kind": "sustained",
        "contender": contender.name,
        "models": models_of([contender]),
        "seconds": seconds,
        "drift": round(last / first, 3),
        "windows": windows,
    }
