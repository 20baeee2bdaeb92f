"""The public entry point: read one image, a stream of images, or tiles."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ImageError
from edge_runtime.images.paths import Received
from edge_runtime.models import manifest
from edge_runtime.reading.networks import Classifier, Detector
from edge_runtime.reading.orientation import turn_upright
from edge_runtime.reading.pipeline import Image, Page, Pipeline, source_name, to_reading
from edge_runtime.reading.rejection import parse_confidence, reject_below
from edge_runtime.reading.tile import zero_background
from edge_runtime.reading.turn import AUTO, parse
from edge_runtime.results import Reading, TileReadings

_MAX_WAIT = 0.25  # s for which results are held back to fill a batch
_AHEAD = 4  # images per thread that are prepared ahead of time

_NO_IMAGE: Any = object()  # a None among the images of `read_many`; `read_batches` gives None another meaning


class DigitReader:
    """Reads handwritten digits in images.

    `model` is the name of a released model ("int8" or "float") or the path of an exported .onnx file, which
    is used with the released INT8 detector; `threads`, 1 to 1024, is the number of cores to use. `rotate` is
    the number of degrees by which images are turned clockwise before they are read: 0, 90, 180 or 270, or
    "auto", which turns only those that certainly read better then. Digits are rejected whose confidence is
    below `min_confidence`, 0..1, or below the model's own threshold. Raises `ModelError` when a model cannot
    be loaded, and `ArgumentError` for any other `threads`, `rotate` or `min_confidence`.

    Any number of threads may use a reader at the same time. A pickled reader holds its arguments only, so it
    can be sent to other processes, which load the models again.
    """

    def __init__(
        self,
        model: str | Path = manifest.DEFAULT,
        *,
        threads: int = 1,
        rotate: int | str = AUTO,
        min_confidence: float = 0.0,
    ) -> None:
        self.min_confidence = parse_confidence(min_confidence)
        self._turn = parse(rotate)
        self.classifier = Classifier(model, threads=threads)
        is_file = Path(model).suffix == ".onnx"
        self.detector = Detector(manifest.DEFAULT if is_file else model, threads=threads)
        self._pipeline = Pipeline(self.classifier, self.detector)
        self._threads = threads

    @property
    def rotate(self) -> int | str:
        """The degrees by which images are turned clockwise, or "auto"."""
        return AUTO if self._turn is None else self._turn

    def read(self, image: Image, *, rotate: int | str | None = None) -> Reading:
        """Read one image: a path, or an array as `decode.to_grey` accepts it (colour is BGR).

        `rotate` replaces the reader's. The reading holds the array, so that it can be drawn. Raises
        `ImageError` when the image cannot be read, or is neither a path nor an array, and `ArgumentError` for
        an unknown `rotate`.
        """
        turn = self._turn if rotate is None else parse(rotate)
        try:
            (reading,) = self._finish([self._prepare(image, turn)])
        except ImageError as error:
            name = source_name(image)
            raise ImageError(f"{name}: {error}" if name else str(error)) from error
        return replace(reading, array=image) if isinstance(image, np.ndarray) else reading

    def read_many(self, images: Iterable[Image]) -> Iterator[Reading]:
        """Read images as they come and yield their readings in the same order, one for each.

        An image that cannot be read gives a `Reading` with an "error: ..." status, and the rest is read. So
        does anything that is neither a path nor an array, such as None. Small images are classified together,
        several threads decode and search images side by side, and memory does not grow with the number of
        images: readings hold no arrays, so use `annotate` to draw on these. Raises `ImageError` when `images`
        is a single image, or cannot be iterated over.
        """
        _check_many(images)
        batches = self.read_batches(_NO_IMAGE if image is None else image for image in images)
        return (reading for batch in batches for reading in batch)

    def read_batches(self, images: Iterable[Image | None]) -> Iterator[list[Reading]]:
        """Read as `read_many` does, but yield the readings in the batches in which they are finished.

        A None among the images yields what is finished so far: use it when the next image will take a while.
        """
        pages: list[Page] = []
        waiting, deadline = 0, time.monotonic() + _MAX_WAIT
        for page in self._prepare_ahead(images):
            if page is not None:
                pages.append(page)
                waiting += 1 + len(page.tiles)
            if page is None or waiting >= Classifier.BATCH or time.monotonic() > deadline:
                if pages:
                    yield self._finish(pages)
                pages = []
                waiting, deadline = 0, time.monotonic() + _MAX_WAIT
        if pages:
            yield self._finish(pages)

    def read_tiles(self, tiles: NDArray[np.uint8]) -> TileReadings:
        """Classify ready-made tiles: uint8 `[N, 28, 28]`, bright ink on black, laid out as in MNIST.

        A background that is not quite black is set to black first. Raises `ArgumentError` for another shape
        or dtype.
        """
        if isinstance(tiles, np.ndarray) and tiles.dtype == np.uint8 and tiles.ndim == 3 and len(tiles):
            tiles = zero_background(tiles)
        values, confidences = self.classifier.classify(tiles)
        threshold = max(self.classifier.info.rejection_threshold, self.min_confidence)
        return TileReadings(values, confidences, confidences < threshold)

    def _prepare(self, image: Image, turn: int | None) -> Page:
        """Run the stages that gain nothing from a batch of images; a `turn` of None is automatic."""
        _check_one(image)
        if isinstance(image, np.ndarray) and type(image) is not np.ndarray:
            image = np.asarray(image)  # a matrix stays two-dimensional, whatever is done with it
        page = self._pipeline.preprocess(image, turn or 0)
        if page.may_be_tile:
            return page
        self._pipeline.search(page)
        if turn is None:
            page = turn_upright(page, self._pipeline)
        page.grey = None  # a batch of large images would fill the memory
        return page

    def _finish(self, pages: list[Page]) -> list[Reading]:
        """Run the stages of a batch."""
        self._pipeline.accept_tiles(pages)
        for page in pages:
            if page.may_be_tile:
                self._pipeline.search(page)
        self._pipeline.classify(pages)
        readings = [to_reading(page) for page in pages]
        if not self.min_confidence:
            return readings
        return [reject_below(reading, self.min_confidence) for reading in readings]

    def _prepare_or_fail(self, image: Image | None) -> Page | None:
        if image is None:
            return None
        try:
            return self._prepare(image, self._turn)
        except ImageError as error:
            hint = f"; {image.hint}" if isinstance(image, Received) else ""
            return Page(source_name(image), f"error: {error}{hint}")

    def _prepare_ahead(self, images: Iterable[Image | None]) -> Iterator[Page | None]:
        """Prepare images in several threads and yield them in order; None stays None."""
        if self._threads == 1:
            yield from map(self._prepare_or_fail, images)
            return
        from concurrent.futures import Future, ThreadPoolExecutor  # takes 4 ms; one thread does not need it

        ahead: deque[Future[Page | None]] = deque()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="read") as pool:
            for image in images:
                ahead.append(pool.submit(self._prepare_or_fail, image))
                # A None asks for everything at once.
                while ahead and (image is None or len(ahead) > _AHEAD * self._threads):
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()


def _check_one(image: object) -> None:
    """Raise `ImageError` if an object is neither a path nor an array."""
    if isinstance(image, (str, os.PathLike, np.ndarray)):
        return
    if image is None or image is _NO_IMAGE:
        raise ImageError(
            "None is not an image; cv2.imread returns it for a file that it cannot read: give the path"
        )
    kind = _kind(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        raise ImageError(
            f"{kind} is neither a path nor an array; decode an image file's bytes with "
            "cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR)"
        )
    if hasattr(image, "read"):
        raise ImageError(f"{kind} is neither a path nor an array; give the path of the file")
    raise ImageError(f"{kind} is neither a path nor an array; convert it to a NumPy array, grey or BGR")


def _check_many(images: object) -> None:
    """Raise `ImageError` if an object is a single image instead of several."""
    if isinstance(images, (str, os.PathLike)):
        raise ImageError(
            f"{os.fspath(images)!r} is one path, and read_many takes several; use read, or give a list"
        )
    if isinstance(images, np.ndarray) and (
        images.ndim == 2 or (images.ndim == 3 and images.shape[2] in (1, 3, 4))
    ):
        raise ImageError(
            f"an array of shape {images.shape} is one image, and read_many takes several; use read, or "
            "give a list"
        )
    if isinstance(images, (bytes, bytearray, memoryview)) or hasattr(images, "read"):
        raise ImageError(f"{_kind(images)} is no list of images; give a list of paths or arrays")
    if not isinstance(images, Iterable):
        raise ImageError(f"{_kind(images)} is no list of images; give a list of paths or arrays, or use read")


def _kind(value: object) -> str:
    return f"an object of type {type(value).__name__}"
