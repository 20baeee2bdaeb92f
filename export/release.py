"""The release: both models and the manifest, placed in the runtime. The one writer of `manifest.json`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import date
from pathlib import Path

from edge_runtime import manifest
from edge_runtime.manifest import ModelEntry
from edge_runtime.model import Classifier
from train.data import Digits


def release(
    models: dict[str, Path], test: Digits, parameters: int, folder: Path = manifest.FOLDER
) -> list[ModelEntry]:
    """Copy models, by precision, into `folder` and describe them in its manifest.

    This is the one place where the test set is read to put a figure on a release.
    """
    folder.mkdir(parents=True, exist_ok=True)
    released = []
    for precision, path in models.items():
        classifier = Classifier(path)
        values, _ = classifier.classify(test.tiles.numpy())
        content = path.read_bytes()
        released.append(
            ModelEntry(
                name=precision,
                file=f"digits-{precision}.onnx",
                architecture=classifier.info.architecture,
                precision=classifier.info.precision,
                bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                accuracy=round(float((values == test.labels.numpy()).mean()), 5),
                parameters=parameters,
                run_id=classifier.info.run_id,
                released=date.today().isoformat(),
            )
        )
    listed = {"models": [dataclasses.asdict(entry) for entry in released]}
    files = {entry.file: models[entry.name].read_bytes() for entry in released}
    files["manifest.json"] = (json.dumps(listed, indent=2) + "\n").encode()
    # All is written before anything is replaced.
    for name, content in files.items():
        (folder / f"{name}.partial").write_bytes(content)
    for name in files:
        (folder / f"{name}.partial").replace(folder / name)
    return released
