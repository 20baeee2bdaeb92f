"""Ray: a cluster of two nodes reads what a single process reads, also when it loses some of its workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.processes import COMMAND, started

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray"),
    pytest.mark.skipif(not os.path.isdir("/proc"), reason="finds Ray's workers in /proc"),
]

# Prints the address of a cluster, and stops the node whose number it reads; 0 is the head.
CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster()
nodes = [cluster.add_node(num_cpus=1, include_dashboard=False) for _ in range(2)]
print(cluster.address, flush=True)
if line := sys.stdin.readline():
    cluster.remove_node(nodes[int(line)], allow_graceful=False)
sys.stdin.read()
cluster.shutdown()
"""

IMAGES = 400


@pytest.fixture
def environment(monkeypatch):
    """Of the processes: `mark` tells Ray's workers of this test from all others."""
    for name in list(os.environ):
        if name.startswith("RAY_"):
            monkeypatch.delenv(name)
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    path = os.pathsep.join(filter(None, [str(Path.cwd()), *sys.path]))
    quiet = {"PYTHONWARNINGS": "ignore", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    return {**os.environ, **quiet, "PYTHONPATH": path, "EDGE_DIGITS_TEST": mark}


def workers(environment):
    """The process numbers of Ray's workers that read partitions."""
    mark = f"EDGE_DIGITS_TEST={environment['EDGE_DIGITS_TEST']}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_worker = folder.joinpath("cmdline").read_bytes().startswith(b"ray::MapWorker")
            if is_worker and mark in folder.joinpath("environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:  # it has just ended
            continue


def wait_for(condition, process):
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return found


def test_lost_workers_and_a_lost_node_cost_no_row(environment, image_file, tmp_path, monkeypatch, rows_in):
    import pyarrow.parquet

    monkeypatch.chdir(tmp_path)
    pages = [image_file(f"pages/page-{text}.png", text, height=40) for text in ("31 4", "27", "", "905 16")]
    (tmp_path / "scans").mkdir()
    for index in range(IMAGES):
        shutil.copy(pages[index % len(pages)], f"scans/{index:04}.png")
    Path("scans/0200.png").write_bytes(b"nonsense")
    command = [*COMMAND, "scale", "scans", "--out", "out", "--partition", "20"]
    single = [*COMMAND, "read", "scans", "--out", "single.parquet", "--quiet"]
    assert subprocess.run(single, env=environment, stderr=subprocess.DEVNULL).returncode == 1
    parts = tmp_path / "out"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | {"deadline": 300}
    with started(sys.executable, "-c", CLUSTER, env=environment, **pipes) as cluster:
        address = cluster.stdout.readline().strip()
        with started(*command, env={**environment, "RAY_ADDRESS": address}, **pipes) as run:
            wait_for(lambda: list(parts.glob("part-*")) and list(parts.glob("_attempts-*")), run)
            os.kill(next(workers(environment)), signal.SIGKILL)
            done = len(list(parts.glob("part-*")))
            wait_for(lambda: len(list(parts.glob("part-*"))) > done + 2, run)
            cluster.stdin.write("1\n")
            cluster.stdin.flush()
            _, errors = run.communicate()
        cluster.stdin.close()
        cluster.wait()
    assert run.returncode == 1, errors
    assert f"edge-digits: {IMAGES} images, " in errors
    assert ", 1 unreadable; " in errors
    assert errors.count("\n") == 1, errors
    assert rows_in(parts) == pyarrow.parquet.read_table("single.parquet").to_pylist()
    assert len(list(parts.iterdir())) == IMAGES // 20 + 1


def test_a_lost_cluster_is_reported(environment, image_file, tmp_path, monkeypatch):
    """Although Ray then ends the process without a word."""
    monkeypatch.chdir(tmp_path)
    page = image_file("scans/0000.png", "31 4", height=40)
    for index in range(1, IMAGES):
        shutil.copy(page, f"scans/{index:04}.png")
    environment |= {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}  # instead of 60
    command = [*COMMAND, "scale", "scans", "--out", "out", "--partition", "2"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | {"deadline": 300}
    with started(sys.executable, "-c", CLUSTER, env=environment, **pipes) as cluster:
        address = cluster.stdout.readline().strip()
        with started(*command, env={**environment, "RAY_ADDRESS": address}, **pipes) as run:
            wait_for(lambda: list(Path("out").glob("part-*")), run)
            cluster.stdin.write("0\n")
            cluster.stdin.flush()
            output, errors = run.communicate()
    assert (run.returncode, output) == (1, "")
    assert errors.endswith("; continue with --resume\n")
    assert errors.count("\n") == 1, errors
