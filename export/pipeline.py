"""A run's way to its models: graphs, quantisation, what confidence means, the gates, the release."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from edge_runtime import manifest
from edge_runtime.locate import SIZES, STRIDE, Candidates
from edge_runtime.manifest import ModelEntry
from edge_runtime.model import Classifier, Locator
from edge_runtime.preprocess import CONTRACT
from edge_runtime.vote import Vote
from export import calibration, graph, parity, quantize
from export.errors import ExportError
from export.parity import Parity
from export.release import release
from train import checkpoint, data
from train.checkpoint import Checkpoint
from train.data import Digits
from train.loop import Config
from train.tiles import draw_cuts, draw_tiles
from train.windows import draw_windows

# Scenes that the last steps draw for themselves, as shares of the run's own.
_CALIBRATION, _FITTING, _PROOF = 0.005, 0.03, 0.03
_LEAST_SCENES = 30
_PAGE_SIDE = 384  # px, of the scenes that votes are weighed by


def export(run: Path, root: Path) -> tuple[dict[str, Path], Parity]:
    """Write `run/export/{float,int8}.onnx` and `parity.json`; return the models' paths and the proof.

    Raises `ExportError` when the run is not finished or a gate fails.
    """
    state = checkpoint.load(run)
    if not state.complete:
        raise ExportError(
            f"{run} stopped at epoch {state.epoch} of {state.config['epochs']}; "
            f"finish it with: python -m train --resume {run}"
        )
    config = Config(**state.config)
    training, validation = data.split(
        data.load_mnist(root, train=True), validation=config.validation, seed=config.seed
    )
    # Models that do not pass the gates never lie where passed ones do.
    folder, unproved = run / "export", run / "export.unproved"
    shutil.rmtree(unproved, ignore_errors=True)
    unproved.mkdir()
    build = _build_locator if config.arch == "locator" else _build_classifier
    paths = {precision: unproved / f"{precision}.onnx" for precision in ("int8", "float")}
    measured = build(state, config, (training, validation), paths)
    (unproved / "parity.json").write_text(json.dumps(dataclasses.asdict(measured), indent=2) + "\n")
    parity.check(measured)
    shutil.rmtree(folder, ignore_errors=True)
    unproved.rename(folder)
    return {precision: folder / path.name for precision, path in paths.items()}, measured


def release_run(
    run: Path, models: dict[str, Path], root: Path, folder: Path = manifest.FOLDER
) -> list[ModelEntry]:
    """Measure a run's models and place them in the runtime.

    This is the one place where MNIST's test set is read to put a figure on a release; a locator's is its F1
    over the cells of the validation windows.
    """
    state = checkpoint.load(run)
    parameters = sum(p.numel() for p in graph.fold(state.network()).parameters())
    if state.config["arch"] == "locator":
        proof = json.loads((run / "export" / "parity.json").read_text())
        accuracies = {"int8": proof["int8_accuracy"], "float": proof["float_accuracy"]}
        measured, task = "cells of simulated scenes (F1)", manifest.LOCATOR
    else:
        test = data.load_mnist(root, train=False)
        labels = test.labels.numpy()
        accuracies = {
            precision: float((Classifier(path).classify(test.tiles.numpy())[0] == labels).mean())
            for precision, path in models.items()
        }
        measured, task = "MNIST's test set", manifest.CLASSIFIER
        known = graph.about(models["int8"]).get("locator")
        if known is not None and known != Locator("int8").run_id:
            raise ExportError(f"its vote was weighed with the locator {known}; export it again")
    return release(models, task, accuracies, measured, parameters, folder)


def _scenes(config: Config, share: float) -> int:
    return max(_LEAST_SCENES, round(share * config.scenes))


def _build_locator(
    state: Checkpoint, config: Config, digits: tuple[Digits, Digits], paths: dict[str, Path]
) -> Parity:
    training, validation = digits
    network = state.network()
    floating = graph.to_onnx(network)
    seen = draw_windows(_scenes(config, _CALIBRATION), training, (config.seed, 5)).grey.numpy()
    models = {"int8": quantize.quantize(floating, seen), "float": floating}
    for precision, model in models.items():
        sizes = " ".join(f"{size:g}" for size in SIZES)
        graph.describe(model, _about(state, precision) | {"stride": STRIDE, "sizes": sizes})
        onnx.save(model, paths[precision])
    proof = draw_windows(_scenes(config, _PROOF), validation, (config.seed, 6))
    return parity.compare_locator(network, paths["float"], paths["int8"], proof)


def _build_classifier(
    state: Checkpoint, config: Config, digits: tuple[Digits, Digits], paths: dict[str, Path]
) -> Parity:
    training, validation = digits
    network = state.network()
    per_class = min(quantize.CALIBRATION_PER_CLASS, int(torch.bincount(training.labels, minlength=10).min()))
    chosen = data.balanced_indices(training.labels, per_class, config.seed)
    seen, judged = [training.tiles[chosen]], validation
    if config.scenes:
        seen.append(draw_tiles(_scenes(config, _CALIBRATION), training, (config.seed, 5)).tiles)
        drawn = draw_tiles(_scenes(config, _FITTING), validation, (config.seed, 6))
        judged = Digits(torch.cat([judged.tiles, drawn.tiles]), torch.cat([judged.labels, drawn.labels]))
    floating = graph.to_onnx(network)
    models = {"int8": quantize.quantize(floating, torch.cat(seen).numpy()), "float": floating}
    for precision, model in models.items():
        # Only the finished model's own answers tell how sure it may be of them: it is described anew
        # as each of its settings is found.
        about = _about(state, precision) | {"temperature": 1.0, "refuse_below": 0.5, "vote": Vote()}

        def described(entries: dict[str, Any], model=model, path=paths[precision]) -> Classifier:
            graph.describe(model, entries)
            onnx.save(model, path)
            return Classifier(path)

        logits = described(about).logits(judged.tiles.numpy())
        about["temperature"] = round(calibration.fit_temperature(logits, judged.labels.numpy()), 4)
        classifier = described(about)
        values, confidences = classifier.classify(validation.tiles.numpy())
        right = values == validation.labels.numpy()
        about["refuse_below"] = round(calibration.choose_threshold(confidences[right]), 4)
        if config.scenes:
            about["vote"] = _fit_vote(classifier, precision, config, validation)
            about["locator"] = Locator(precision).run_id
        described(about)
    return parity.compare_classifier(network, paths["float"], paths["int8"], validation)


def _about(state: Checkpoint, precision: str) -> dict[str, Any]:
    return {
        "contract": CONTRACT,
        "architecture": state.config["arch"],
        "precision": precision,
        "run_id": state.run_id,
    }


def _fit_vote(classifier: Classifier, locator: str, config: Config, digits: Digits) -> Vote:
    """Weigh this classifier's vote and the released locator's by what they say of validation scenes."""
    drawn = draw_cuts(_scenes(config, _FITTING), digits, (config.seed, 7), locator, side=_PAGE_SIDE, marks=0)
    scenes = []
    for cuts in drawn:
        found = [(cut, cut.found) for cut in cuts if cut.found is not None]
        if found:
            scenes.append(
                calibration.Scene(
                    classifier.probabilities(np.stack([cut.tile for cut, _ in found])),
                    Candidates.concatenate([candidates for _, candidates in found]),
                    np.array([cut.contrast for cut, _ in found], np.float32),
                    np.array([cut.spill for cut, _ in found], np.float32),
                    np.array([cut.label for cut, _ in found]),
                )
            )
    return calibration.fit_vote(scenes)
