"""The timing core, the facts about the host, and the workloads."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest

from edge_runtime.profiling import comparison, energy, host, readings, timing, workloads
from edge_runtime.reading.cores import cores
from edge_runtime.reading.reader import DigitReader
from edge_runtime.results import Box, Digit, Reading


class Machine:
    """A machine with a clock of its own, other load that comes and goes, and calls that wait for the core."""

    def __init__(self, seed=None):
        self.now, self.load, self.changes = 0, 0.0, 0
        self.random = random.Random(seed) if seed is not None else None

    def clock(self):
        return self.now

    def work(self, microseconds):
        """A function that takes so long, more or less."""

        def call(_=None):
            taken = microseconds
            if self.random:
                if self.now >= self.changes:
                    self.load = self.random.choice((0, 0, 0, 0.1, 0.3, 1.0))
                    self.changes = self.now + int(self.random.expovariate(20) * 1e9)
                taken *= (1 + self.load) * math.exp(self.random.gauss(0, 0.08))
                if self.random.random() < 0.02:
                    taken += self.random.uniform(500, 4000)
            self.now += int(taken * 1000)

        return call


def test_percentiles_are_those_of_all_calls():
    durations = list(range(1000, 101_000, 1000))  # 1 to 100 microseconds
    summary = timing.Timing.of([*durations, 10_000_000])
    assert summary.count == 101
    assert summary.p50 == 51.0
    assert summary.p90 == 91.0
    assert summary.p99 == 100.0
    assert summary.mean == 149.01


@pytest.mark.parametrize(("quantile", "needed"), [("p50", 5), ("p90", 29), ("p99", 299), ("p999", 2995)])
def test_percentiles_are_shown_once_there_are_enough_calls(quantile, needed):
    assert timing.calls_for(quantile) == needed
    times = {"count": needed, quantile: 1234.5}
    assert timing.shown(times, quantile) == "1234.50"
    assert timing.shown(times, quantile, 1000) == "1.23"
    assert timing.shown({**times, "count": needed - 1}, quantile) == "-"


def test_contenders_take_turns_in_random_order_after_their_warm_up():
    machine, calls = Machine(), []

    def contender(name):
        work = machine.work(1000)
        return lambda _: (calls.append(name), work())

    trial = timing.alternate({name: contender(name) for name in "ab"}, 0.5, [None], clock=machine.clock)
    warm_up = timing.WARM_UP_CALLS
    assert calls[: 2 * warm_up] == ["a"] * warm_up + ["b"] * warm_up
    assert [len(trial.rounds[name]) for name in "ab"] == [25, 25]
    assert all(len(slice_) == 20 for slice_ in trial.rounds["a"])
    assert trial.timing("a").count == calls.count("a") - warm_up
    turns = calls[2 * warm_up :: 20]
    pairs = {"".join(turns[index : index + 2]) for index in range(0, 50, 2)}
    assert pairs == {"ab", "ba"}


def test_slow_contenders_do_not_get_more_calls_than_they_need():
    machine = Machine()
    contenders = {"fast": machine.work(1000), "slow": machine.work(500_000)}
    trial = timing.alternate(contenders, 1, [None], clock=machine.clock)
    assert trial.timing("slow").count == len(trial.rounds["slow"]) == timing.LEAST_ROUNDS
    assert trial.timing("fast").count == 500 * timing.LEAST_ROUNDS


def test_every_contender_gets_every_input_equally_often():
    machine, seen = Machine(), {"a": [], "b": []}
    contenders = {
        name: lambda value, name=name: (seen[name].append(value), machine.work(1000)()) for name in "ab"
    }
    shares = []
    trial = timing.alternate(contenders, 0.05, [1, 2, 3], clock=machine.clock, progress=shares.append)
    timed = seen["a"][timing.WARM_UP_CALLS :]
    assert timed == seen["b"][timing.WARM_UP_CALLS :]
    assert len(timed) >= 50
    assert timed == [1, 2, 3] * (len(timed) // 3)
    assert trial.timing("a").count == len(timed)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_histograms_count_every_call():
    trial = timing.Trial({"a": [[100_000, 100_500], [200_000]]})
    histogram = trial.histogram("a")
    assert sum(histogram["counts"]) == 3
    assert histogram["counts"][0] == 2
    last = histogram["start_us"] * histogram["factor"] ** (len(histogram["counts"]) - 1)
    assert last <= 200 < last * histogram["factor"]


def compared(seed, slowdown):
    """Whether a contender is told apart from the baseline on a noisy machine."""
    machine = Machine(seed)
    contenders = {"float": machine.work(7000), "other": machine.work(7000 * slowdown)}
    entries = {**contenders, "float again": contenders["float"]}
    trial = timing.alternate(entries, 5, [None], clock=machine.clock)
    noise = comparison.noise_of(comparison.ratio(trial, "float again", "float"))
    return comparison.ratio(trial, "other", "float").differs(noise)


def test_a_contender_does_not_differ_from_itself():
    assert sum(compared(seed, 1.0) for seed in range(20)) <= 1


def test_a_difference_of_five_percent_is_found():
    assert sum(compared(seed, 1.05) for seed in range(20)) >= 18


def test_differences_smaller_than_the_noise_are_called_noise():
    result = {
        "baseline": "float",
        "noise": 0.05,
        "ratio": {"int8": {"value": 0.97, "low": 0.96, "high": 0.98}},
    }
    assert comparison.describe(result, "int8") == "0.97x (0.96 to 0.98), no difference beyond noise"
    assert comparison.describe({**result, "noise": 0.01}, "int8") == "0.97x (0.96 to 0.98)"
    assert comparison.describe(result, "float") == "1.00x"


def test_noise_is_never_below_a_percent():
    assert comparison.noise_of(comparison.Ratio(1.0, 1.0, 1.0)) == 0.01
    assert comparison.noise_of(comparison.Ratio(1.0, 0.8, 1.1)) == 0.25


def test_times_of_stages_add_up_to_that_of_a_reading():
    taken = [{"detect": 0.001, "crop": 0.009}, {"detect": 0.005, "crop": 0.001}, {"detect": 0, "crop": 0.002}]
    means = readings._means(taken)
    assert means == {"detect": 2.0, "crop": 4.0}


def test_readings_are_timed_and_compared(draw_page):
    readers = {name: DigitReader(name) for name in ("float", "int8")}
    read = readings.read_all(readers, [draw_page("12 7"), "missing.png", draw_page("345")])
    assert len(read.images) == 2
    assert read.unreadable == ["missing.png: no such file or directory"]
    result = readings.measure(readers, read, 0.01)
    assert result["images"] == 2
    assert set(result["us"]) == set(result["stages_ms"]) == {"float", "int8"}
    assert set(result["ratio"]) == {"int8"}
    assert result["us"]["int8"]["count"] >= timing.LEAST_ROUNDS
    assert result["agreement"] == {
        "int8": {
            "digits": 6,
            "same_digits": 6,
            "numbers": 3,
            "same_numbers": 3,
            "images": 2,
            "same_images": 2,
        }
    }


def reading_of(text, x=0):
    digits = [
        Digit(None if each == "?" else int(each), 0.9, Box(x + 30 * index, 0, 20, 28))
        for index, each in enumerate(text)
    ]
    return Reading("", tuple(digits))


@pytest.mark.parametrize(
    ("one", "other", "digits", "same_digits", "numbers", "same_numbers"),
    [
        pytest.param(reading_of("12"), reading_of("12"), 2, 2, 1, 1, id="alike"),
        pytest.param(reading_of("12"), reading_of("13"), 2, 1, 1, 0, id="another digit"),
        pytest.param(reading_of("12"), reading_of("1"), 2, 1, 2, 0, id="a digit missing"),
        pytest.param(reading_of("12"), reading_of("1?"), 2, 1, 1, 0, id="a digit rejected"),
        pytest.param(reading_of("1"), reading_of("1", x=90), 2, 0, 2, 0, id="elsewhere"),
        pytest.param(reading_of(""), reading_of(""), 0, 0, 0, 0, id="nothing"),
    ],
)
def test_agreement_is_counted_in_digits_and_numbers(one, other, digits, same_digits, numbers, same_numbers):
    for pair in ((one, other), (other, one)):
        counts = readings.agreement([pair[0]], [pair[1]])
        assert (counts["digits"], counts["same_digits"]) == (digits, same_digits)
        assert (counts["numbers"], counts["same_numbers"]) == (numbers, same_numbers)
        assert counts["same_images"] == (one.text == other.text)


def test_versions_include_what_is_not_installed():
    found = host.versions(("no-such-package",))
    assert found["no-such-package"] is None
    assert all(found[name] for name in ("python", "edge-digits", "numpy", "onnxruntime", "opencv"))


def test_facts_about_the_host_can_be_written_as_json():
    record = json.loads(json.dumps({"facts": host.facts(), "state": host.state()}))
    assert record["facts"]["cores"] == cores() >= 1
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
        assert record["baseline"] == "float"
        assert record["us"]["other"]["count"] > 0
        assert record["ratio"]["other"]["low"] <= record["ratio"]["other"]["high"]


def test_stages_of_a_page_are_those_of_the_reader():
    stages = workloads.frame_stages(0, "int8", (320, 240))
    assert list(stages) == ["preprocess", "detect", "crop", "classify", "draw"]
    assert all(spent > 0 for spent in stages.values())
    tracked = []
    assert "track" in workloads.frame_stages(0, "int8", (320, 240), tracked.append)
    assert len(tracked[0]) == 10


def test_processes_are_timed_in_turns(tmp_path):
    log = tmp_path / "log"
    programs = {name: f"open({str(log)!r}, 'a').write({name!r}){workloads.PRINT_PEAK}" for name in "ab"}
    results = workloads.cold_starts(3, programs)
    assert log.read_text() == "ababab"
    for result in results.values():
        assert result["ms"] > 0
        assert result["peak_mb"] is None or 1 < result["peak_mb"] < 1000


def test_a_cold_start_is_the_sum_of_its_parts():
    parts = workloads.cold_parts(1, ["int8"])["int8"]
    assert list(parts)[:4] == ["interpreter", "numpy", "opencv", "onnxruntime"]
    assert list(parts)[-2:] == ["models", "first call"]
    assert all(value > 0 for value in parts.values())


class Counter:
    """The counters of one or two processors, as Linux shows them; each call uses 1.5 J of each."""

    def __init__(self, folder, start, largest=9_000_000):
        self.files = []
        for index, value in enumerate(start):
            domain = folder / f"intel-rapl:{index}"
            domain.mkdir()
            (domain / "max_energy_range_uj").write_text(f"{largest}\n")
            self.files.append(domain / "energy_uj")
            self.files[-1].write_text(f"{value}\n")
        (folder / "intel-rapl:0:0").mkdir()  # a part of the first
        self.largest = largest

    def call(self):
        for file in self.files:
            file.write_text(f"{(int(file.read_text()) + 1_500_000) % (self.largest + 1)}\n")


@pytest.mark.parametrize(
    ("start", "millijoules"),
    [
        pytest.param([1_000_000], 1500.0, id="one processor"),
        pytest.param([1_000_000, 0], 3000.0, id="two"),
        pytest.param([8_000_000], 1500.0, id="a full counter begins again"),
    ],
)
def test_energy_is_that_of_all_processors(start, millijoules, tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "FOLDER", tmp_path)
    counter = Counter(tmp_path, start)
    assert energy.per_call(counter.call, 0) == millijoules


def test_machines_without_a_counter_say_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "FOLDER", tmp_path)
    calls = []
    assert energy.per_call(lambda: calls.append(1), 0) is None
    (tmp_path / "intel-rapl:0").mkdir()  # that only root may read
    assert energy.per_call(lambda: calls.append(1), 0) is None
    assert not calls


def test_models_agree_on_drawn_tiles():
    assert workloads.agreement("float", count=50) == 1
    assert workloads.agreement("int8", count=100) >= 0.98
