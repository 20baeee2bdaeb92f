"""Ray: its workers, one for each core of a cluster or of this machine, read the partitions (extra `ray`).

Ray Data hands out the partitions and starts the workers; where one is lost, it starts another and hands out
its partition again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_runtime.errors import MissingDependencyError, OutputError
from edge_runtime.images.quiet import quiet
from edge_runtime.scale.partitions import Part, PartitionReader
from edge_runtime.scale.stores import Store

_MOST_BLOCKS = 10_000  # that Ray Data has to keep track of; of more partitions, several form one block


def require() -> None:
    """Raise `MissingDependencyError` unless Ray Data is installed."""
    _keep_private()
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(f"scale needs Ray: pip install 'edge-digits[ray]' ({error})") from error


@contextlib.contextmanager
def connected() -> Iterator[None]:
    """Use the cluster of RAY_ADDRESS or of this machine, or else start one that ends with the block.

    Raises `OutputError` if the cluster cannot be reached, and `MissingDependencyError` without Ray.
    """
    require()
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):  # it prints there
        try:
            with quiet:  # its libraries keep the stream for messages that they find now
                _connect(ray)
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise OutputError(f"Ray cannot be started, or its cluster cannot be reached: {reason}") from error
        try:
            yield
        finally:
            ray.shutdown()


def _connect(ray: Any) -> None:
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    address = os.environ.get("RAY_ADDRESS")
    if address != "local":
        try:
            ray.init(address or "auto", **options)
            return
        except ConnectionError:
            if address:
                raise
    # Its ports are open to other machines. From 2.60 on, Ray demands a token there, which it keeps in ~/.ray.
    ray.init("local", include_dashboard=False, **options)


def _keep_private() -> None:
    """Turn Ray's statistics of usage off, unless the user has turned them on. By default, it sends them."""
    path = Path(os.environ.get("RAY_USAGE_STATS_CONFIG_PATH") or Path.home() / ".ray" / "config.json")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if json.loads(path.read_bytes()).get("usage_stats") is True:
            return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def read(folder: Store, stores: tuple[Store, ...], run: str, partitions: int) -> Iterator[Part]:
    """Have all partitions of a job read and yield the `Part` of each, in any order, inside of `connected`.

    The arguments are those of `PartitionReader`.

    Raises `OutputError` when a worker reports an error, and when Ray gives up.
    """
    import ray
    import ray.data

    resources: Any = ray.cluster_resources  # without types
    cores = max(1, int(resources().get("CPU", 1)))
    # These blocks are in memory: a task of their own, to make them, would compete with the workers for cores.
    items = ray.data.from_items(list(range(partitions)), override_num_blocks=min(partitions, _MOST_BLOCKS))
    parts = items.map_batches(
        PartitionReader,
        fn_constructor_args=(folder, stores, run),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, initial_size=cores),
        num_cpus=1,
    )
    try:
        for row in parts.iter_rows():
            result = json.loads(row["part"])
            if "error" in result:
                raise OutputError(result["error"])
            yield Part.parse(row["part"])
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise OutputError(f"Ray gave up: {reason[0][:300]}") from error
