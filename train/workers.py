"""Worker processes that draw simulated scenes; their number changes neither the scenes nor their order."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from multiprocessing.context import BaseContext
from typing import Any

import cv2
from tqdm import tqdm

from edge_runtime.reading.cores import cores

_draw: Callable[[int], Any] | None = None


def draw_all(
    prepare: Callable[..., Callable[[int], Any]],
    arguments: tuple[Any, ...],
    count: int,
    *,
    chunk: int,
    processes: int | None = None,
) -> Iterator[Any]:
    """Yield `draw(index)` for every index below `count`, in order, where `draw` is `prepare(*arguments)`.

    Each of the `processes` (default: one per core) calls `prepare` once and is given `chunk` indices at a
    time. A single chunk is drawn in this process, as starting another one takes seconds.
    """
    processes = processes or cores()
    if processes == 1 or count <= chunk:
        yield from _with_progress(map(prepare(*arguments), range(count)), count)
        return
    context = _context(prepare.__module__)
    with context.Pool(processes, _start, (prepare, arguments)) as pool:
        yield from _with_progress(pool.imap(_call, range(count), chunksize=chunk), count)


def _context(module: str) -> BaseContext:
    """How processes are started: none is a fork of this one.

    Such a fork would inherit the locks of torch's threads, but not the threads. Where the system allows it,
    all are forks of one fresh process that has imported `module`: importing torch takes seconds, and a pool
    starts its processes one after another.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


def _with_progress(drawn: Iterator[Any], count: int) -> Iterator[Any]:
    terminal = sys.stderr.isatty()
    return iter(tqdm(drawn, total=count, desc="drawing samples", leave=False, disable=not terminal))


def _start(prepare: Callable[..., Callable[[int], Any]], arguments: tuple[Any, ...]) -> None:
    global _draw
    cv2.setNumThreads(1)
    _draw = prepare(*arguments)


def _call(index: int) -> Any:
    assert _draw is not None
    return _draw(index)
