"""The contest: the released models against what people would use instead.

On tiles, other runtimes with the same weights, and classifiers in files of any origin; on labelled images,
programs that read text. Each has one thread. Every ratio is to INT8 in onnxruntime, as the package runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import accuracy, model_files, ocr, runtimes
from benchmarks.contenders import PRECISIONS, Contender, classifiers, file_hash, readers
from benchmarks.errors import BenchmarkError
from benchmarks.mnist import load_test_set
from benchmarks.photos.labels import LabelledImage, load_labels
from benchmarks.photos.scoring import count_right
from benchmarks.scenarios import Progress, models_of
from edge_runtime.profiling import workloads
from edge_runtime.profiling.comparison import single_stream

BASELINE = "int8"
BATCH = 64  # tiles in a call of Offline

_PACKAGES = ("ai-edge-litert", "ncnn", "openvino", "pnnx", "torch")


def open_all(files: Sequence[Path]) -> tuple[list[Contender], dict[str, str]]:
    """Every contender on tiles, on one thread, and the reason for each that is left out."""
    given, missing = [], {}
    for path in files:  # before runtimes take their time to load
        try:
            run = model_files.load(path, threads=1)
        except ModuleNotFoundError as error:
            missing[path.name] = f"{error.name} is not installed"
        else:
            given.append(Contender(path.name, run, (file_hash(path),), own=False))
    own = [each for each in classifiers(1) if each.name in PRECISIONS]
    others, left_out = runtimes.load_all(1)
    return [*own, *others, *given], {**left_out, **missing}


def measure(
    data: Path, files: Sequence[Path], images: Path | None, seconds: float, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Yield what takes part, then accuracies on MNIST, SingleStream, Offline, and the labelled images.

    Raises `BenchmarkError` for a file or folder that cannot be used.
    """
    tiles, labels = load_test_set(data)
    labelled = load_images(images) if images else []
    contenders, left_out = open_all(files)
    programs, missing = ocr.load_all() if labelled else ([], {})
    yield {
        "kind": "contenders",
        "baseline": BASELINE,
        "left_out": {**left_out, **missing},
        "versions": {**_versions(), **ocr.versions()},
    }
    for result in accuracy.classify(contenders, tiles, labels):
        yield {"kind": "accuracy", **result}
    yield _single(contenders, seconds, progress)
    yield _offline(contenders, seconds / 3, progress)
    if labelled:
        yield from whole_images([*readers(), *programs], labelled, progress)


def _versions() -> dict[str, str]:
    known = {}
    for name in _PACKAGES:
        try:
            known[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return known


def _time(
    contenders: Sequence[Contender], seconds: float, inputs: Sequence[Any], progress: Progress
) -> dict[str, Any]:
    calls = {each.name: each.run for each in contenders}
    timed = single_stream(calls, seconds, inputs, baseline=BASELINE, progress=progress)
    return {"models": models_of(contenders), **timed}


def _single(contenders: Sequence[Contender], seconds: float, progress: Progress) -> dict[str, Any]:
    timed = _time(contenders, seconds, [workloads.sample_tiles(1)], progress)
    return {"kind": "single stream", "subject": "classifier", "threads": 1, "batch": 1, **timed}


def _offline(contenders: Sequence[Contender], seconds: float, progress: Progress) -> dict[str, Any]:
    timed = _time(contenders, seconds, [workloads.sample_tiles(BATCH)], progress)
    rates = {name: round(BATCH * 1e6 / times["mean"], 1) for name, times in timed["us"].items()}
    about = {"subject": "classifier", "threads": 1, "batch": BATCH, "per_second": rates}
    return {"kind": "offline", **about, **timed}


def load_images(folder: Path) -> list[tuple[LabelledImage, NDArray[np.uint8]]]:
    """The images of a labelled folder with their pixels, BGR; without those that have areas to ignore.

    What others read there could not be told apart. Raises `BenchmarkError` if there are none.
    """
    loaded = []
    for image in load_labels(folder):
        pixels = cv2.imread(str(image.path))
        if pixels is None:
            raise BenchmarkError(f"{image.path} is missing or not an image that OpenCV can decode")
        if not image.ignore:
            loaded.append((image, np.asarray(pixels, np.uint8)))
    if not any(image.values for image, _ in loaded):
        raise BenchmarkError(f"no digits in {folder} outside images with areas to ignore")
    return loaded


def whole_images(
    contenders: Sequence[Contender],
    labelled: Sequence[tuple[LabelledImage, NDArray[np.uint8]]],
    progress: Progress,
) -> Iterator[dict[str, Any]]:
    """Time every contender on all images in turn, and compare what these same calls have read.

    Only values count, wherever they are: programs that read text have no boxes of digits.
    """
    read: dict[str, dict[int, list[int]]] = {each.name: {} for each in contenders}

    def recorded(contender: Contender) -> Callable[[int], None]:
        def run(index: int) -> None:
            read[contender.name][index] = values_of(contender.run(labelled[index][1]))

        return run

    timed = _time(
        [Contender(each.name, recorded(each), each.hashes) for each in contenders],
        0,
        range(len(labelled)),
        progress,
    )
    for each in contenders:
        found = [read[each.name][index] for index in range(len(labelled))]
        yield {
            "kind": "image accuracy",
            "data": "labelled images",
            "contender": each.name,
            "hashes": each.hashes,
            **_compare(found, [image.values for image, _ in labelled]),
        }
    size = f"{len(labelled)} labelled images"
    yield {"kind": "single stream", "subject": "reading", "size": size, "threads": 1, **timed}


def values_of(result: Any) -> list[int]:
    """The digits in a reading, or in a text."""
    if isinstance(result, str):
        return [int(one) for one in result]
    return [digit.value for digit in result.digits if digit.value is not None]


def _compare(found: Sequence[Sequence[int]], labelled: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Counts of digits, and `accuracy`: the share of images with exactly the digits of their labels."""
    right = [sum(count_right(one, truth)) for one, truth in zip(found, labelled, strict=True)]
    wrong = [
        index
        for index, (one, truth) in enumerate(zip(found, labelled, strict=True))
        if not right[index] == len(one) == len(truth)
    ]
    empty = [len(one) for one, truth in zip(found, labelled, strict=True) if not truth]
    digits, read = sum(map(len, labelled)), sum(map(len, found))
    return {
        "images": len(labelled),
        "accuracy": round(1 - len(wrong) / len(labelled), 5),
        "mistakes": len(wrong),
        "wrong": wrong,
        "digits": digits,
        "right": sum(right),
        "missed": digits - sum(right),
        "false": read - sum(right),
        "f1": round(2 * sum(right) / (digits + read), 4),
        "negatives": len(empty),
        "false_on_negatives": sum(empty),
    }
