"""The report of a finished run: metrics, curves, confusion matrix, sheets of samples, mistakes and scenes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch.nn import functional

from edge_runtime.contract import BACKGROUND
from train.checkpoint import Checkpoint
from train.classifier import predict
from train.classifier_samples import draw_classifier_scene
from train.data import Digits
from train.detector_samples import draw_detector_scene
from train.sources import Source
from train.synthetic.scenes import Scene

FILE_NAME = "report.json"

# Images on the sheets.
_SAMPLES = 60
_SCENES = 120
_MISTAKES = 48
_COLUMNS = 12

_ACCURACIES = ["accuracy", "scene_accuracy", "background_accuracy", "precision", "recall"]


def write_classifier_report(state: Checkpoint, test: Digits, training: Source, run: Path) -> dict[str, float]:
    """Evaluate a finished run on the test set, once, and write `report.json` and its images to `run`.

    The sheet of scenes is drawn with the handwriting of `training`. Returns the metrics: accuracy 0..1, loss,
    and the numbers of images and mistakes.
    """
    mpl.use("agg")  # needs no display, whatever the user's settings are
    with torch.inference_mode():
        logits = predict(state.network(), test.tiles)
    predicted = logits[:, :BACKGROUND].argmax(1)
    wrong = predicted != test.labels
    metrics = {
        "test_images": len(test),
        "test_mistakes": int(wrong.sum()),
        "test_accuracy": 1 - float(wrong.double().mean()),
        "test_loss": float(functional.cross_entropy(logits, test.labels)),
    }
    _draw_curves(state, run / "curves.png")
    _draw_confusion(predicted, test.labels, run / "confusion.png")

    generator = torch.Generator().manual_seed(state.config["seed"])
    samples = torch.randperm(len(test), generator=generator)[:_SAMPLES]
    _draw_sheet("Samples of the test set", test, predicted, samples, run / "samples.png")
    # The worst mistakes are the most confident ones.
    confidence = logits.softmax(1)[:, :BACKGROUND].amax(1)
    worst = torch.nonzero(wrong).flatten()
    worst = worst[confidence[worst].argsort(descending=True)][:_MISTAKES]
    title = f"The worst of {metrics['test_mistakes']} mistakes, most confident first"
    _draw_sheet(title, test, predicted, worst, run / "mistakes.png")
    if state.config["scenes"]:
        seed = (state.config["seed"], 3)
        handwriting = training.handwriting(seed)
        _draw_scenes(
            lambda index: draw_classifier_scene(np.random.default_rng((*seed, index)), handwriting),
            run / "scenes.png",
        )
    # Written last: a run with this file has a complete report.
    (run / FILE_NAME).write_text(json.dumps(metrics, indent=2) + "\n")
    return metrics


def write_detector_report(state: Checkpoint, training: Source, run: Path) -> dict[str, float]:
    """Write `report.json`, curves and a sheet of scenes to `run`; return the last validation metrics.

    The scenes are the first ones that the detector was trained on, drawn again with the handwriting of
    `training`.
    """
    mpl.use("agg")
    metrics = {name: value for name, value in state.metrics[-1].items() if name.startswith("validation")}
    _draw_curves(state, run / "curves.png")
    seed = (state.config["seed"], 1)
    handwriting = training.handwriting(seed)
    _draw_scenes(lambda index: draw_detector_scene((*seed, index), handwriting), run / "scenes.png")
    (run / FILE_NAME).write_text(json.dumps(metrics, indent=2) + "\n")
    return metrics


def _draw_scenes(draw: Callable[[int], Scene], path: Path) -> None:
    """Write a sheet of the first scenes with boxes: green for digits, red for ignored glyphs.

    `draw` draws a scene, given its index.
    """
    cells = []
    for scene in map(draw, range(_SCENES)):
        cell = cv2.cvtColor(cv2.resize(scene.grey, None, fx=2, fy=2), cv2.COLOR_GRAY2BGR)
        for (x, y, width, height), label in zip(2 * scene.boxes, scene.labels, strict=True):
            corners = (round(float(x)), round(float(y))), (round(float(x + width)), round(float(y + height)))
            cv2.rectangle(cell, *corners, (0, 0, 220) if label < 0 else (0, 160, 0), 1)
        cells.append(cv2.copyMakeBorder(cell, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
    rows = [np.hstack(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows))


def _draw_curves(state: Checkpoint, path: Path) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = [line["epoch"] for line in state.metrics]
    for axes, names in ((loss, ["loss"]), (accuracy, _ACCURACIES)):
        for name in names:
            for key, label in ((name, f"{name}, training"), (f"validation_{name}", f"{name}, validation")):
                if key in state.metrics[-1]:
                    values = [line[key] for line in state.metrics]
                    axes.plot(epochs, values, ".-", label=label.replace("_", " "))
        axes.set(xlabel="epoch", title=names[0])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    loss.set_yscale("log")
    # The scale leaves out the first epochs, beside which all later ones would look alike.
    later = state.metrics[len(state.metrics) // 4 :]
    lowest = min(line[key] for line in later for key in line if key.split("validation_")[-1] in _ACCURACIES)
    accuracy.set_ylim(lowest - 0.1 * (1 - lowest) - 1e-3, 1)
    figure.suptitle(f"{state.run_id}: {state.config['arch']}, {state.epoch} epochs")
    figure.savefig(path, dpi=120)


def _draw_confusion(predicted: torch.Tensor, labels: torch.Tensor, path: Path) -> None:
    counts = torch.bincount(labels * 10 + predicted, minlength=100).reshape(10, 10)
    mistakes = counts.clone().fill_diagonal_(0)
    figure = Figure(figsize=(6.4, 6), layout="constrained")
    axes = figure.subplots()
    # The colours show mistakes only: on a scale of all images they would be invisible.
    axes.imshow(mistakes.numpy(), cmap="Reds", vmax=max(1, int(mistakes.max())))
    for true in range(10):
        for guess in range(10):
            count = int(counts[true, guess])
            if count:
                dark = true != guess and count > mistakes.max() * 0.6
                axes.text(guess, true, count, ha="center", va="center", color="white" if dark else "black")
    axes.set(
        xticks=range(10),
        yticks=range(10),
        xlabel="predicted",
        ylabel="true",
        title=f"Test set: {int(mistakes.sum())} mistakes in {len(labels):,} images",
    )
    figure.savefig(path, dpi=120)


def _draw_sheet(
    title: str, digits: Digits, predicted: torch.Tensor, chosen: torch.Tensor, path: Path
) -> None:
    rows = max(1, -(-len(chosen) // _COLUMNS))
    height = rows * 1.25 + 0.5
    figure = Figure(figsize=(_COLUMNS, height))
    # A constrained layout of so many axes takes seconds.
    figure.subplots_adjust(0.01, 0.01, 0.99, 1 - 0.65 / height, hspace=0.3)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for axes in grid:
        axes.axis("off")
    for axes, index in zip(figure.axes, chosen.tolist(), strict=False):
        true, guess = int(digits.labels[index]), int(predicted[index])
        axes.imshow(digits.tiles[index].numpy(), cmap="gray", vmin=0, vmax=255)
        colour = "black" if true == guess else "crimson"
        axes.set_title(f"{guess}" if true == guess else f"{guess}, is {true}", fontsize=10, color=colour)
    figure.suptitle(f"{title} (predicted, and the true digit where it differs)")
    figure.savefig(path, dpi=100)
