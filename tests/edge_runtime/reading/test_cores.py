"""Cores: what a container, a pool and the memory leave to this process."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import pytest

from edge_runtime.reading import cores


@pytest.fixture
def limits(tmp_path, monkeypatch):
    """A function that limits this process, which has 8 cores, as a container does."""
    monkeypatch.setattr(cores, "_GROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    def limit(**files):
        for name, text in files.items():
            (tmp_path / name.replace("_", ".", 1)).write_text(text)

    return limit


@pytest.mark.parametrize(
    ("quota", "count"),
    [("max 100000\n", 8), ("200000 100000\n", 2), ("50000 100000\n", 1), ("2000000 100000\n", 8), ("", 8)],
)
def test_containers_have_as_many_cores_as_their_quota(limits, quota, count):
    limits(cpu_max=quota)
    assert cores.cores() == count


def test_there_are_no_more_workers_than_fit_into_the_memory(limits, monkeypatch):
    limits(memory_max="max\n", memory_current="5\n")
    monkeypatch.setattr(cores, "WORKER_MEMORY", 1)
    assert cores.cores_for_workers() == 8
    limits(memory_max="1000\n", memory_current="700\n", memory_stat="anon 5\ninactive_file 100\n")
    monkeypatch.setattr(cores, "WORKER_MEMORY", 130)
    assert cores.cores_for_workers() == 3
    limits(memory_current="2000\n")
    assert cores.cores_for_workers() == 1


def test_a_process_of_a_pool_has_one_core_for_workers(monkeypatch):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(cores.cores_for_workers).result(60) == 1
