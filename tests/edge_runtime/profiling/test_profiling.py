"""The timing core, the facts about the host, and the workloads."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_runtime.profiling import host, timing, workloads


def test_percentiles_are_those_of_all_calls():
    durations = list(range(1000, 101_000, 1000))  # 1 to 100 microseconds
    summary = timing.Timing.of([*durations, 10_000_000])
    assert summary.count == 101
    assert summary.p50 == 51.0
    assert summary.p90 == 91.0
    assert summary.p99 == 100.0


def test_contenders_alternate_after_their_warm_up():
    calls = []
    timings = timing.alternate({name: lambda name=name: calls.append(name) for name in "ab"}, seconds=0.05)
    warm_up = timing.WARM_UP_CALLS
    assert calls[: 2 * warm_up] == ["a"] * warm_up + ["b"] * warm_up
    slices = "".join(name for name, before in zip(calls, [None, *calls], strict=False) if name != before)
    assert slices == "ab" + "ab" * round(0.05 / timing.SLICE_SECONDS)
    assert {name: timing.count for name, timing in timings.items()} == {
        name: calls.count(name) - warm_up for name in "ab"
    }


def test_every_contender_is_timed_at_least_once():
    assert timing.alternate({"a": lambda: None}, seconds=0)["a"].count >= 1


def test_versions_include_what_is_not_installed():
    found = host.versions(("no-such-package",))
    assert found["no-such-package"] is None
    assert all(found[name] for name in ("python", "edge-digits", "numpy", "onnxruntime", "opencv"))


def test_facts_about_the_host_can_be_written_as_json():
    record = json.loads(json.dumps({"facts": host.facts(), "state": host.state()}))
    assert record["facts"]["cores"] == host.cores() >= 1
    assert record["facts"]["cpu"]
    assert set(record["state"]) == {"load", "governor", "clock_mhz", "celsius", "throttled"}


@pytest.mark.parametrize(
    ("printed", "flags"), [("throttled=0x0\n", "0x0"), ("throttled=0x50005\n", "0x50005"), ("", None)]
)
def test_throttle_flags_of_a_raspberry_pi(printed, flags, tmp_path, monkeypatch):
    command = tmp_path / "vcgencmd"
    command.write_text(f"#!/bin/sh\nprintf '{printed}'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert host.state()["throttled"] == flags


def test_latencies_are_compared_with_float():
    tiles = []

    def contenders(threads):
        return {"float": lambda batch: tiles.append((threads, batch.shape)), "other": np.sum}

    records = list(workloads.latencies(contenders, 0.02, (1, 2), (1, 8)))
    assert [(record["threads"], record["batch"]) for record in records] == [(1, 1), (1, 8), (2, 1), (2, 8)]
    assert set(tiles) == {(record["threads"], (record["batch"], 28, 28)) for record in records}
    for record in records:
        assert record["ratio_to_float"]["float"] == 1
        assert record["us"]["other"]["count"] > 0


def test_stages_of_a_page_are_those_of_the_reader():
    stages = workloads.frame_stages(0, "int8", (320, 240))
    assert list(stages) == ["preprocess", "detect", "crop", "classify", "draw"]
    assert all(spent > 0 for spent in stages.values())


def test_processes_are_timed_in_turns(tmp_path):
    log = tmp_path / "log"
    programs = {name: f"open({str(log)!r}, 'a').write({name!r})" for name in "ab"}
    results = workloads.cold_starts(3, programs)
    assert log.read_text() == "ababab"
    for result in results.values():
        assert result["ms"] > 0
        assert result["peak_mb"] is None or 1 < result["peak_mb"] < 1000


def test_models_agree_on_drawn_tiles():
    assert workloads.agreement("float", count=50) == 1
    assert workloads.agreement("int8", count=100) >= 0.98
