"""Where the time of a network goes: its operators, by onnxruntime's profiler, on one thread."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.models import manifest
from edge_runtime.profiling import workloads

_CALLS = 50
_WARM_UP = 5  # calls that do not count
_SIZE = (640, 480)  # of the detector's page
_NAME = re.compile(r"^node_|(_token_\d+)?_kernel_time$")


def measure() -> Iterator[dict[str, Any]]:
    """Yield one result per released network: the median microseconds of each operator, in order."""
    page = np.asarray(cv2.cvtColor(workloads.sample_page(*_SIZE), cv2.COLOR_BGR2GRAY), np.uint8)
    inputs = {
        manifest.CLASSIFIER: ("one tile", workloads.sample_tiles(1)),
        manifest.DETECTOR: ("x".join(map(str, _SIZE)), page[None]),
    }
    for entry in sorted(manifest.entries(), key=lambda entry: (entry.task, entry.name)):
        name, images = inputs[entry.task]
        yield {
            "kind": "operators",
            "subject": entry.task,
            "contender": entry.name,
            "input": name,
            "calls": _CALLS,
            "operators": profile(entry.path, images),
        }


def profile(path: Path, images: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """The `name`, `type` and median `us` of each operator of a network, in order of execution."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (taken,) = session.get_inputs()
        for _ in range(_WARM_UP + _CALLS):
            session.run(None, {taken.name: images})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[tuple[str, str, str], list[float]] = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            about = event["args"]
            key = about["node_index"], _NAME.sub("", event["name"]), about["op_name"]
            times.setdefault(key, []).append(event["dur"])
    return [
        {"name": name, "type": kind, "us": round(float(np.median(taken[_WARM_UP:])), 1)}
        for (_, name, kind), taken in times.items()
    ]
