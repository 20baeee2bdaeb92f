"""`edge-digits doctor`: checks the installation and reports the machine."""

from __future__ import annotations

import argparse
import json
from typing import Any

from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError, ModelError

# What the extras install, as far as their versions matter.
_OPTIONAL = (
    *("pyarrow", "pandas", "pypdfium2", "pillow-heif", "fsspec", "aiohttp"),
    *("fastapi", "uvicorn", "prometheus-client", "av", "ray"),
)


def doctor(options: argparse.Namespace) -> int:
    """Check the installation; returns 1 if there is a problem."""
    from edge_runtime.live.sources import devices
    from edge_runtime.profiling import host

    report: dict[str, Any] = {
        **host.versions(_OPTIONAL),
        **host.facts(),
        **host.opencv_build(),
        "cameras": [f"{each.source}: {each.name}" for each in devices.list_cameras()] or "none found",
    }
    problems = _check_models(report)
    report["problems"] = problems or "none"
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            if text in (None, ""):
                text = "not installed" if name in _OPTIONAL else "-"
            print(f"{name:<24} {text}")
    for problem in problems:
        print_message(problem)
    return 1 if problems else 0


def _check_models(report: dict[str, Any]) -> list[str]:
    """Add the state of the models to the report and return the problems; none of them stops the report."""
    from edge_runtime.models import manifest
    from edge_runtime.profiling import workloads

    problems = []
    try:
        for entry in manifest.entries():
            try:
                entry.check()
                report[f"{entry.task} {entry.name}"] = "intact"
            except ModelError as error:
                report[f"{entry.task} {entry.name}"] = "DAMAGED"
                problems.append(str(error))
        if problems:
            return problems
        agreement = workloads.agreement("int8")
        report["INT8 agrees with float"] = f"{agreement:.1%} of synthetic tiles"
        if agreement < workloads.MIN_AGREEMENT:
            problems.append("INT8 and float disagree on this CPU; use --model float and please report it")
    except EdgeDigitsError as error:
        problems.append(str(error))
    return problems
