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

from edge_runtime.contract import CONTRACT, DIGIT_SIZES, STRIDE
from edge_runtime.models import manifest
from edge_runtime.models.manifest import ModelEntry
from edge_runtime.reading.candidates import Candidates
from edge_runtime.reading.fusion import FusionWeights
from edge_runtime.reading.networks import Classifier, Detector
from export import calibration, graph, parity, quantize
from export.errors import ExportError
from export.parity import Parity
from export.release import release
from train import checkpoint, data
from train.checkpoint import Checkpoint
from train.classifier_samples import draw_samples, draw_tiles
from train.data import Digits
from train.detector_samples import draw_windows
from train.loop import Config

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
    build = _build_detector if config.arch == "detector" else _build_classifier
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

    This is the one place where MNIST's test set is read to put a figure on a release; a detector's is its F1
    over the cells of the validation windows.
    """
    state = checkpoint.load(run)
    parameters = sum(p.numel() for p in graph.fold(state.network()).parameters())
    if state.config["arch"] == "detector":
        proof = json.loads((run / "export" / "parity.json").read_text())
        accuracies = {"int8": proof["int8_accuracy"], "float": proof["float_accuracy"]}
        measured, task = "simulated validation scenes (detection F1)", manifest.DETECTOR
    else:
        test = data.load_mnist(root, train=False)
        labels = test.labels.numpy()
        accuracies = {
            precision: float((Classifier(path).classify(test.tiles.numpy())[0] == labels).mean())
            for precision, path in models.items()
        }
        measured, task = "MNIST's test set", manifest.CLASSIFIER
        known = graph.about(models["int8"]).get("detector")
        if known is not None and known != Detector("int8").run_id:
            raise ExportError(f"its fusion weights were fitted with the detector {known}; export it again")
    return release(models, task, accuracies, measured, parameters, folder)


def _scenes(config: Config, share: float) -> int:
    return max(_LEAST_SCENES, round(share * config.scenes))


def _build_detector(
    state: Checkpoint, config: Config, digits: tuple[Digits, Digits], paths: dict[str, Path]
) -> Parity:
    training, validation = digits
    network = state.network()
    floating = graph.to_onnx(network)
    seen = draw_windows(_scenes(config, _CALIBRATION), training, (config.seed, 5)).grey.numpy()
    models = {"int8": quantize.quantize(floating, seen), "float": floating}
    for precision, model in models.items():
        sizes = " ".join(f"{size:g}" for size in DIGIT_SIZES)
        graph.describe(model, _about(state, precision) | {"stride": STRIDE, "sizes": sizes})
        onnx.save(model, paths[precision])
    proof = draw_windows(_scenes(config, _PROOF), validation, (config.seed, 6))
    return parity.compare_detector(network, paths["float"], paths["int8"], proof)


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
        about = _about(state, precision) | {
            "temperature": 1.0,
            "rejection_threshold": 0.5,
            "fusion": FusionWeights().to_json(),
        }

        def described(entries: dict[str, Any], model=model, path=paths[precision]) -> Classifier:
            graph.describe(model, entries)
            onnx.save(model, path)
            return Classifier(path)

        logits = described(about).logits(judged.tiles.numpy())
        about["temperature"] = round(calibration.fit_temperature(logits, judged.labels.numpy()), 4)
        classifier = described(about)
        values, confidences = classifier.classify(validation.tiles.numpy())
        right = values == validation.labels.numpy()
        about["rejection_threshold"] = round(calibration.choose_threshold(confidences[right]), 4)
        if config.scenes:
            about["fusion"] = _fit_fusion(classifier, precision, config, validation).to_json()
            about["detector"] = Detector(precision).run_id
        described(about)
    return parity.compare_classifier(network, paths["float"], paths["int8"], validation)


def _about(state: Checkpoint, precision: str) -> dict[str, Any]:
    return {
        "contract": CONTRACT,
        "architecture": state.config["arch"],
        "precision": precision,
        "run_id": state.run_id,
    }


def _fit_fusion(classifier: Classifier, detector: str, config: Config, digits: Digits) -> FusionWeights:
    """Fit the fusion weights of a classifier and the released detector on simulated validation scenes."""
    drawn = draw_samples(
        _scenes(config, _FITTING), digits, (config.seed, 7), detector, side=_PAGE_SIDE, negatives_per_scene=0
    )
    scenes = []
    for samples in drawn:
        found = [(sample, sample.candidate) for sample in samples if sample.candidate is not None]
        if found:
            scenes.append(
                calibration.SceneScores(
                    classifier.probabilities(np.stack([sample.tile for sample, _ in found])),
                    Candidates.concatenate([candidate for _, candidate in found]),
                    np.array([sample.contrast for sample, _ in found], np.float32),
                    np.array([sample.overflow for sample, _ in found], np.float32),
                    np.array([sample.label for sample, _ in found]),
                )
            )
    return calibration.fit_fusion(scenes)
