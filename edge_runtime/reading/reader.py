"""The public entry point: read one image, a stream of images, or tiles."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ImageError
from edge_runtime.images import inputs
from edge_runtime.images.files import Received
from edge_runtime.images.pages import PageOf, Pages
from edge_runtime.models import manifest
from edge_runtime.reading import workers
from edge_runtime.reading.ahead import Choose, prepare_ahead
from edge_runtime.reading.cores import cores, cores_for_workers
from edge_runtime.reading.networks import Classifier, Detector
from edge_runtime.reading.orientation import turn_upright
from edge_runtime.reading.pipeline import Page, Pipeline, to_reading
from edge_runtime.reading.rejection import parse_confidence, reject_below
from edge_runtime.reading.tile import zero_background
from edge_runtime.reading.turn import AUTO, parse
from edge_runtime.results import Reading, TileReadings

if TYPE_CHECKING:
    from edge_runtime.images.inputs import Image

_MAX_WAIT = 0.25  # s for which results are held back to fill a batch
_DOWNLOADS = 4  # addresses that are fetched side by side unless `threads` is given


class DigitReader:
    """Reads handwritten digits in images.

    `model` is the name of a released model ("int8" or "float") or the path of an exported .onnx file, which
    is used with the released INT8 detector. `threads`, 1 to 1024, is the number of cores to use; "auto" uses
    one for a single image, and all of them for many files, as far as the memory suffices. `rotate` is the
    number of degrees by which images are turned clockwise before they are read: 0, 90, 180 or 270, or
    "auto", which turns only those that clearly read better that way. Digits are rejected whose confidence is
    below `min_confidence`, 0..1, or below the model's own threshold. Raises `ModelError` when a model cannot
    be loaded, and `ArgumentError` for any other `threads`, `rotate` or `min_confidence`.

    Any number of threads may use a reader at the same time. A pickled reader holds its arguments only, so it
    can be sent to other processes, which load the models again.
    """

    def __init__(
        self,
        model: str | Path = manifest.DEFAULT,
        *,
        threads: int | str = AUTO,
        rotate: int | str = AUTO,
        min_confidence: float = 0.0,
    ) -> None:
        self.min_confidence = parse_confidence(min_confidence)
        self._turn = parse(rotate)
        is_auto = isinstance(threads, str) and threads == AUTO
        per_image: Any = 1 if is_auto else threads
        self.classifier = Classifier(model, threads=per_image)
        is_file = Path(model).suffix == ".onnx"
        self.detector = Detector(manifest.DEFAULT if is_file else model, threads=per_image)
        self._pipeline = Pipeline(self.classifier, self.detector)
        self._threads: int | None = None if is_auto else per_image
        self._model = str(self.classifier.path.absolute()) if is_file else str(model)

    @property
    def rotate(self) -> int | str:
        """The degrees by which images are turned clockwise, or "auto"."""
        return AUTO if self._turn is None else self._turn

    def read(self, image: Image, *, rotate: int | str | None = None) -> Reading:
        """Read one image.

        It may be a path or an address, the bytes of an image file, a binary file object, a Pillow image, or a
        NumPy array: grey `(H, W)`, BGR `(H, W, 3)` or BGRA `(H, W, 4)`, with 8 or 16 bits, bool, or floats
        from 0 to 1. Of a file with several pages, the first is read, or the one that the path names:
        "scan.pdf#2". `rotate` replaces the reader's. If the image is an array, the reading holds it, so that
        it can be drawn. Raises `ImageError` when the image cannot be read, and `ArgumentError` for an unknown
        `rotate`.
        """
        turn = self._turn if rotate is None else parse(rotate)
        try:
            (reading,) = self._finish([self._prepare(image, turn)])
        except ImageError as error:
            name = inputs.name_of(image)
            message = f"{name}: {error}" if name else str(error)
            raise ImageError(message + inputs.hint(image)) from error
        return replace(reading, array=image) if isinstance(image, np.ndarray) else reading

    def read_many(self, images: Image | Iterable[Image], *, frames: bool = False) -> Iterator[Reading]:
        """Read images as they come and yield their readings in the same order.

        Each may be anything that `read` takes, or a folder or a glob, which stands for the images in it. A
        file with several pages gives one reading per page, whose source is "scan.pdf#1" and so on; with
        `frames`, an animation gives one per frame. `images` may also be a single path or file.

        An image that cannot be read, or anything that is not an image, such as None, gives a `Reading` with
        an "error: ..." status, and the rest is read. Small images are classified together, many files are
        read side by side in worker processes, and other inputs in `threads` threads; if addresses come
        first, "auto" is four, so that they need not wait for each other. Memory does not grow
        with the number of images or pages: readings hold no arrays, so use `annotate` to draw on these.
        Raises `ImageError` when `images` is a single array, or cannot be iterated over.
        """
        images = inputs.expand(inputs.check_many(images))
        batches = self.read_batches(
            (inputs.NO_IMAGE if image is None else image for image in images), frames=frames
        )
        return (reading for batch in batches for reading in batch)

    def read_batches(
        self,
        images: Iterable[Image | None],
        *,
        frames: bool = False,
        choose: Choose | None = None,
    ) -> Iterator[list[Reading]]:
        """Read as `read_many` does, but yield the readings in the batches in which they are finished.

        A None among the images yields what is finished so far: use it when the next image will take a while.
        Folders and globs are not expanded. `choose` takes the names of the pages of a file and returns the
        indices of those that are to be read; it may be called from any thread.
        """
        images = iter(images)
        first = next(images, None)
        images = itertools.chain([first], images)
        threads = self._threads or (_DOWNLOADS if inputs.is_address(first) else 1)
        count = min(threads, cores()) if self._threads else cores_for_workers()
        if count > 1 and workers.are_possible():
            if workers.path_for_workers(first):  # files are for the workers, threads for all else
                threads = 1
            here = partial(self._read_here, frames=frames, choose=choose, threads=threads)
            arguments = (self._model, self.rotate, self.min_confidence)
            with workers.Workers(count, arguments, frames=frames, choose=choose) as crew:
                yield from crew.read(images, here)
        else:
            yield from self._read_here(images, frames=frames, choose=choose, threads=threads)

    def _read_here(
        self, images: Iterable[Any], *, frames: bool, choose: Choose | None, threads: int
    ) -> Iterator[list[Reading]]:
        """Read images in this process, in `threads` threads."""
        pages: list[Page] = []
        waiting, deadline = 0, time.monotonic() + _MAX_WAIT
        opening = partial(self._open, frames=frames)
        for page in prepare_ahead(images, opening, self._prepare_opened, choose, threads):
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

    def _prepare(self, image: Image | PageOf, turn: int | None) -> Page:
        """Run the stages that gain nothing from a batch of images; a `turn` of None is automatic."""
        if isinstance(image, np.ndarray) and type(image) is not np.ndarray:
            image = np.asarray(image)  # a matrix stays two-dimensional, whatever is done with it
        page = self._pipeline.preprocess(image, turn or 0)
        if page.may_be_tile:
            return page
        self._pipeline.search(page)
        if turn is None:
            page = turn_upright(page, self._pipeline)
        page.drop_image()  # a batch of large images would fill the memory
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

    def _open(self, image: Any, *, frames: bool) -> Any:
        """Open a file; a `Page` with the error if that fails. Anything that is no file stays what it is."""
        if image is None or isinstance(image, (PageOf, np.ndarray)) or inputs.is_pillow(image):
            return image
        try:
            return Pages(image, frames=frames)
        except ImageError as error:
            return _failed(inputs.name_of(image), error)

    def _prepare_opened(self, opened: Any) -> Page | None:
        """Prepare what `_open` returned, or one of its pages; None and an error stay what they are."""
        if opened is None or isinstance(opened, Page):
            return opened
        image = opened.first if isinstance(opened, Pages) else opened
        try:
            return self._prepare(image, self._turn)
        except ImageError as error:
            return _failed(image.source if isinstance(image, PageOf) else inputs.name_of(image), error)


def _failed(name: str, error: ImageError) -> Page:
    """What stands for an image that cannot be read."""
    return Page(name, f"error: {error}; {name.hint}" if isinstance(name, Received) else f"error: {error}")
