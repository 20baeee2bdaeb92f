"""`edge-digits models`: lists the installed models."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from edge_runtime.models import manifest


def models(options: argparse.Namespace) -> int:
    """List the installed models."""
    entries = manifest.entries()
    if options.json:
        print(json.dumps([{**asdict(entry), "path": str(entry.path)} for entry in entries]))
        return 0
    print("task        name   architecture       size  run                             score")
    for entry in entries:
        default = "  (default)" if entry.name == manifest.DEFAULT else ""
        print(
            f"{entry.task:<11} {entry.name:<6} {entry.architecture:<12} {entry.bytes / 1000:>7.1f} kB"
            f"  {entry.run_id:<30}  {entry.accuracy:.2%} on {entry.measured}{default}"
        )
    print(f"files in {manifest.FOLDER}")
    return 0
