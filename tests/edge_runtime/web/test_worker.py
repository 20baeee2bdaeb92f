"""The worker thread: results, errors, and the rest after a job."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest

from edge_runtime.web import worker
from edge_runtime.web.worker import Worker


def run(thread, job):
    return asyncio.run(asyncio.wait_for(thread.run(job), 20))


def test_results_and_errors_are_passed_on():
    thread = Worker("test")
    assert run(thread, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        run(thread, lambda: 1 / 0)
    assert run(thread, lambda: 43) == 43
    thread.close()


def test_a_result_does_not_wait_for_the_rest_after_the_job(monkeypatch):
    rests, answered = [], threading.Event()

    def sleep(seconds):
        rests.append(seconds)
        assert answered.wait(20)

    monkeypatch.setattr(worker, "time", SimpleNamespace(sleep=sleep, perf_counter=time.perf_counter))
    thread = Worker("test", rest=0.5)
    assert run(thread, lambda: 42) == 42
    answered.set()
    assert run(thread, lambda: 43) == 43
    thread.close()
    assert 1 <= len(rests) <= 2
    assert min(rests) >= 0
