"""The connection to Ray: which cluster is used, and what is switched off. A stand-in takes Ray's place."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from edge_runtime.errors import OutputError
from edge_runtime.scale import ray_engine


class StandIn(ModuleType):
    """Ray, with a cluster at each of `addresses`; `calls` are those of `init`."""

    def __init__(self, *addresses):
        super().__init__("ray")
        self.addresses, self.calls, self.running = addresses, [], False
        self.context = SimpleNamespace(enable_progress_bars=True)
        self.data = ModuleType("ray.data")
        self.data.DataContext = SimpleNamespace(get_current=lambda: self.context)

    def init(self, address, **options):
        self.calls.append((address, options))
        if address not in (*self.addresses, "local"):
            raise ConnectionError(f"Could not find any running Ray instance at {address}")
        self.running = True

    def shutdown(self):
        self.running = False


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_USAGE_STATS_CONFIG_PATH", str(tmp_path / "none.json"))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def provide(*addresses):
        ray = StandIn(*addresses)
        monkeypatch.setitem(sys.modules, "ray", ray)
        monkeypatch.setitem(sys.modules, "ray.data", ray.data)
        return ray

    return provide


def test_a_cluster_of_its_own_has_no_dashboard(stand_in):
    ray = stand_in()
    with ray_engine.connected():
        assert ray.running
    assert not ray.running
    (_, (address, options)) = ray.calls
    assert address == "local"
    assert options["include_dashboard"] is False
    assert ray.context.enable_progress_bars is False


def test_a_cluster_of_its_own_can_be_asked_for(stand_in, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "local")
    ray = stand_in("auto")
    with ray_engine.connected():
        ((address, options),) = ray.calls
    assert (address, options["include_dashboard"]) == ("local", False)


def test_what_ray_prints_stays_off_standard_output(stand_in, capsys):
    stand_in()
    with ray_engine.connected():
        sys.stdout.write("(raylet) a worker died")
    assert capsys.readouterr().out == ""


def test_the_cluster_of_this_machine_is_used(stand_in):
    ray = stand_in("auto")
    with ray_engine.connected():
        assert [address for address, _ in ray.calls] == ["auto"]


def test_the_cluster_that_the_environment_names_is_used(stand_in, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    ray = stand_in("auto", "10.0.0.1:6379")
    with ray_engine.connected():
        assert [address for address, _ in ray.calls] == ["10.0.0.1:6379"]


def test_a_cluster_that_is_named_and_gone_is_not_replaced(stand_in, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    ray = stand_in()
    with (
        pytest.raises(OutputError, match=r"cannot be reached: .* at 10\.0\.0\.1:6379$"),
        ray_engine.connected(),
    ):
        pass
    assert len(ray.calls) == 1


def test_ray_ends_with_the_run_that_fails(stand_in):
    ray = stand_in()
    with pytest.raises(KeyboardInterrupt), ray_engine.connected():
        raise KeyboardInterrupt
    assert not ray.running
