"""From a run to its models: graph, quantisation, calibration, parity, release."""

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
from train.classifier_samples import draw_classifier_samples, draw_tiles
from train.detector_samples import draw_detector_scenes
from train.loop import Config
from train.recipes import is_unchanged
from train.sources import Source, load_sources

# Scenes drawn to calibrate, to fit the temperature, to fit the fusion, and for parity: shares of the run's.
_CALIBRATION, _FITTING, _FUSION, _PARITY = 0.005, 0.03, 0.1, 0.03
_MIN_SCENES = 30
_PAGE_SIDE = 384  # px, side of the scenes on which the fusion weights are fitted


def export(run: Path, root: Path) -> tuple[dict[str, Path], Parity]:
    """Write `run/export/{float,int8}.onnx` and `parity.json`; return the models' paths and their parity.

    `root` is the folder of MNIST. Raises `ExportError` when the run is not finished or the models do not
    agree.
    """
    state = checkpoint.load(run)
    if not state.complete:
        raise ExportError(
            f"{run} is not finished (epoch {state.epoch} of {state.config['epochs']}); "
            f"continue it with: python -m train --resume {run}"
        )
    config = Config(**state.config)
    training, validation = load_sources(root, config)
    # Models that fail the gates never appear in the folder of those that passed.
    folder, rejected = run / "export", run / "export.rejected"
    shutil.rmtree(rejected, ignore_errors=True)
    rejected.mkdir()
    build = _build_detector if config.arch == "detector" else _build_classifier
    paths = {precision: rejected / f"{precision}.onnx" for precision in ("int8", "float")}
    measured = build(state, config, (training, validation), paths)
    (rejected / "parity.json").write_text(json.dumps(dataclasses.asdict(measured), indent=2) + "\n")
    parity.check(measured)
    shutil.rmtree(folder, ignore_errors=True)
    rejected.rename(folder)
    return {precision: folder / path.name for precision, path in paths.items()}, measured


def release_run(
    run: Path, models: dict[str, Path], root: Path, folder: Path = manifest.FOLDER
) -> list[ModelEntry]:
    """Measure the models of a run and copy them, with a manifest, to `folder`.

    The accuracy of a classifier is measured on the MNIST test set, that of a detector is its F1 over the
    cells of simulated validation scenes. Raises `ExportError` when the fusion weights belong to another
    detector.
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
        measured, task = "MNIST test set", manifest.CLASSIFIER
        known = graph.metadata(models["int8"]).get("detector")
        if known is not None and known != Detector("int8").run_id:
            raise ExportError(
                f"{run} was calibrated for detector {known}, which is not the released one; export it again"
            )
    return release(models, task, accuracies, measured, parameters, folder)


def _scenes(config: Config, share: float) -> int:
    return max(_MIN_SCENES, round(share * config.scenes))


def _build_detector(
    state: Checkpoint, config: Config, sources: tuple[Source, Source], paths: dict[str, Path]
) -> Parity:
    training, validation = sources
    network = state.network()
    floating = graph.to_onnx(network)
    seen = (
        draw_detector_scenes(_scenes(config, _CALIBRATION), training, (config.seed, 5)).middle().grey.numpy()
    )
    models = {"int8": quantize.quantize(floating, seen), "float": floating}
    for precision, model in models.items():
        sizes = " ".join(f"{size:g}" for size in DIGIT_SIZES)
        graph.set_metadata(model, _metadata(state, precision) | {"stride": STRIDE, "sizes": sizes})
        onnx.save(model, paths[precision])
    scenes = draw_detector_scenes(_scenes(config, _PARITY), validation, (config.seed, 6)).middle()
    return parity.compare_detector(network, paths["float"], paths["int8"], scenes)


def _build_classifier(
    state: Checkpoint, config: Config, sources: tuple[Source, Source], paths: dict[str, Path]
) -> Parity:
    training, validation = sources
    network = state.network()
    digits, held_out = training.digits, validation.digits
    per_class = min(quantize.CALIBRATION_PER_CLASS, int(torch.bincount(digits.labels, minlength=10).min()))
    chosen = data.balanced_indices(digits.labels, per_class, config.seed)
    seen, judged = [digits.tiles[chosen]], held_out
    if config.scenes:
        seen.append(draw_tiles(_scenes(config, _CALIBRATION), training, (config.seed, 5)).tiles)
        drawn = draw_tiles(_scenes(config, _FITTING), validation, (config.seed, 6))
        judged = data.join([judged, drawn])
    floating = graph.to_onnx(network)
    models = {"int8": quantize.quantize(floating, torch.cat(seen).numpy()), "float": floating}
    for precision, model in models.items():
        # Each value is fitted on the outputs of the saved model with the values fitted before.
        entries = _metadata(state, precision) | {
            "temperature": 1.0,
            "rejection_threshold": 0.5,
            "fusion": FusionWeights().to_json(),
        }

        def saved(entries: dict[str, Any], model=model, path=paths[precision]) -> Classifier:
            graph.set_metadata(model, entries)
            onnx.save(model, path)
            return Classifier(path)

        logits = saved(entries).logits(judged.tiles.numpy())
        entries["temperature"] = round(calibration.fit_temperature(logits, judged.labels.numpy()), 4)
        classifier = saved(entries)
        values, confidences = classifier.classify(held_out.tiles.numpy())
        correct = values == held_out.labels.numpy()
        entries["rejection_threshold"] = round(calibration.choose_threshold(confidences[correct]), 4)
        if config.scenes:
            entries["fusion"] = _fit_fusion(classifier, precision, config, validation).to_json()
            entries["detector"] = Detector(precision).run_id
        saved(entries)
    return parity.compare_classifier(network, paths["float"], paths["int8"], held_out)


def _metadata(state: Checkpoint, precision: str) -> dict[str, Any]:
    return {
        "contract": CONTRACT,
        "architecture": state.config["arch"],
        "precision": precision,
        "run_id": state.run_id,
        "recipe": state.config["recipe"] + " (changed)" * (not is_unchanged(Config(**state.config))),
        **state.origin,
    }


def _fit_fusion(classifier: Classifier, detector: str, config: Config, source: Source) -> FusionWeights:
    """Fit the fusion weights of a classifier and the released detector on simulated validation scenes."""
    drawn = draw_classifier_samples(
        _scenes(config, _FUSION),
        source,
        (config.seed, 7),
        detector,
        side=_PAGE_SIDE,
        negatives_per_scene=0,
        all_candidates=True,
    )
    scenes = []
    for samples in drawn:
        found = [sample for sample in samples if sample.candidate is not None]
        if found:
            scenes.append(
                calibration.SceneScores(
                    classifier.probabilities(np.stack([sample.tile for sample in found])),
                    Candidates.concatenate([each.candidate for each in found if each.candidate is not None]),
                    np.array([sample.contrast for sample in found], np.float32),
                    np.array([sample.overflow for sample in found], np.float32),
                    [sample.surroundings for sample in found if sample.surroundings is not None],
                    np.array([sample.label for sample in found]),
                )
            )
    return calibration.fit_fusion(scenes)
