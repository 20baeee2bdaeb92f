"""Release: copy models into the runtime and write `manifest.json`, which nothing else writes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

from edge_runtime.models import manifest
from edge_runtime.models.manifest import ModelEntry
from export import graph
from export.errors import ExportError


def release(
    models: dict[str, Path],
    task: str,
    accuracies: dict[str, float],
    measured: str,
    parameters: int,
    folder: Path = manifest.FOLDER,
) -> list[ModelEntry]:
    """Copy the models of a task, by precision, to `folder` and list them in its manifest.

    `accuracies`, 0..1, were measured with these files on the data that `measured` describes. Models of the
    other task are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    released = []
    for precision, path in models.items():
        content = path.read_bytes()
        metadata = graph.metadata(path)
        released.append(
            ModelEntry(
                task=task,
                name=precision,
                file=f"{task}-{precision}.onnx",
                architecture=metadata["architecture"],
                precision=metadata["precision"],
                bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                accuracy=round(accuracies[precision], 5),
                measured=measured,
                parameters=parameters,
                run_id=metadata["run_id"],
                released=date.today().isoformat(),
            )
        )
    others = [entry for entry in _listed(folder) if entry["task"] != task]
    listed = {"models": [dataclasses.asdict(entry) for entry in released] + others}
    files = {entry.file: models[entry.name].read_bytes() for entry in released}
    files["manifest.json"] = (json.dumps(listed, indent=2) + "\n").encode()
    # Everything is written before anything is replaced.
    for name, content in files.items():
        (folder / f"{name}.partial").write_bytes(content)
    for name in files:
        (folder / f"{name}.partial").replace(folder / name)
    return released


def _listed(folder: Path) -> list[dict[str, Any]]:
    path = folder / "manifest.json"
    if not path.exists():
        return []
    try:
        listed: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["models"]
        return [dataclasses.asdict(ModelEntry(**entry)) for entry in listed]
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"{path} is damaged ({error!r}); restore it, or delete it and release both tasks again"
        ) from error
