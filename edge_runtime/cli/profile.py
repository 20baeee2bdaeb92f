"""`edge-digits profile`: measures the models on this machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_runtime.profiling.readings import ReadImages
    from edge_runtime.reading.reader import DigitReader
    from edge_runtime.results import Reading

_BATCHES = (1, 8, 64)
_MOST_IMAGES = 25


def profile(options: argparse.Namespace) -> int:
    """Measure the models and print a report."""
    import cv2

    from edge_runtime.cli import profile_report
    from edge_runtime.models import manifest
    from edge_runtime.profiling import host, readings, workloads
    from edge_runtime.reading.reader import DigitReader

    cv2.setNumThreads(1)  # as in `read`
    names = ["float", "int8"]
    if options.model not in names:
        names.append(str(manifest.find(options.model)))
    readers = {name: DigitReader(name) for name in names}
    images = _read_images(readers, options)
    record: dict[str, Any] = {"kind": "profile", **host.conditions()}
    width, height = options.size
    page = readings.read_all(readers, [workloads.sample_page(width, height)])
    if page.unreadable:
        raise EdgeDigitsError(f"--size {width}x{height}: {page.unreadable[0]}")
    record["reading"] = [
        {
            "input": f"a synthetic page, {width}x{height}",
            "size": f"{width}x{height}",
            **_measure(readers, page, options, "a page"),
        }
    ]
    if images:
        record["reading"] += [
            {
                "input": "own images",
                "size": f"{len(images.images)} own images",
                "left_out": len(images.unreadable),
                **_measure(readers, images, options),
            }
        ]
    _measure_parts(record, names, options)
    record["energy_mj"] = _energy(readers, options)
    record["after"] = host.state()
    _print_step("")
    print(json.dumps(record) if options.json else profile_report.render(record, options.model))
    for line in images.unreadable if images else ():
        print_message(line)
    return 1 if images and images.unreadable else 0


def _measure_parts(record: dict[str, Any], names: list[str], options: argparse.Namespace) -> None:
    """Measure what a reading consists of, in less time, and the start of a process."""
    from edge_runtime.profiling import workloads
    from edge_runtime.reading.cores import cores

    seconds = options.seconds / 10
    _print_step("comparing the models")
    record["agreement"] = workloads.agreement("int8")
    _print_step("timing a camera frame")
    record["frame_ms"] = workloads.frame_stages(seconds, options.model, options.size, _tracker(options))
    _print_step("timing the networks")
    threads = (1,) if cores() == 1 else (1, cores())
    record["latency"] = list(
        workloads.latencies(lambda count: workloads.open_models(names, count), seconds, threads, _BATCHES)
    )
    _print_step("starting processes")
    repeats = max(3, round(seconds * 5))
    record["cold_start"] = workloads.cold_starts(repeats, workloads.cold_programs(names))
    record["cold_parts"] = workloads.cold_parts(repeats, [options.model])


def _energy(readers: dict[str, DigitReader], options: argparse.Namespace) -> dict[str, float]:
    """The millijoules of reading a synthetic page with each model; empty where the machine does not tell."""
    from edge_runtime.profiling import energy, workloads

    page = workloads.sample_page(*options.size)
    used = {
        name: energy.per_call(partial(each.read, page), options.seconds / 10)
        for name, each in readers.items()
    }
    return {name: value for name, value in used.items() if value is not None}


def _read_images(readers: dict[str, DigitReader], options: argparse.Namespace) -> ReadImages | None:
    """Read the user's images, or as many of them, evenly spread, as can be timed; None if there are none."""
    from edge_runtime.images import inputs
    from edge_runtime.profiling import readings

    if not options.sources:
        return None
    paths = [path for path in inputs.expand_paths(options.sources) if path]
    if not paths:
        raise EdgeDigitsError(
            f"no images in {', '.join(options.sources)}; name images, or a folder with some"
        )
    step = max(1.0, len(paths) / _MOST_IMAGES)
    chosen: list[str | NDArray[np.uint8]] = [
        paths[int(index * step)] for index in range(min(len(paths), _MOST_IMAGES))
    ]
    read = readings.read_all(readers, chosen, _progress("reading the images"))
    if not read.images:
        _print_step("")
        raise EdgeDigitsError(f"none of the images can be read; the first: {read.unreadable[0]}")
    return read


def _measure(
    readers: dict[str, DigitReader], images: ReadImages, options: argparse.Namespace, what: str = "the images"
) -> dict[str, Any]:
    from edge_runtime.profiling import readings

    return readings.measure(readers, images, options.seconds, _progress(f"timing {what}"))


def _tracker(options: argparse.Namespace) -> Callable[[Reading], object]:
    """What follows the digits from frame to frame, as `camera` does, at 30 frames per second."""
    from edge_runtime.live.numbers import NumberTracker
    from edge_runtime.live.tracker import Tracker

    tracker, numbers, frames = Tracker(0.5), NumberTracker(), iter(range(sys.maxsize))

    def track(reading: Reading) -> None:
        seconds = next(frames) / 30
        numbers.update(tracker.update(reading.digits, seconds, options.size), seconds, options.size[0])

    return track


def _progress(step: str) -> Callable[[float], object]:
    """A function that shows the share of a step that is done, in whole percent."""
    shown = -1

    def show(share: float) -> None:
        nonlocal shown
        if int(100 * share) != shown:
            shown = int(100 * share)
            _print_step(f"{step}: {shown}%")

    return show


def _print_step(step: str) -> None:
    """Replace the progress line, if standard error is a terminal."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r\033[K{step}", end="", file=sys.stderr, flush=True)
