"""Picture in, result out: locate, cut tiles, classify, refuse. The public entry of the library."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_runtime import locate, manifest, preprocess, sources
from edge_runtime.errors import PictureError
from edge_runtime.model import BATCH, Classifier
from edge_runtime.results import NOTHING_FOUND, OK, Box, Digit, Reading, TileReadings

Picture: TypeAlias = "str | Path | NDArray[Any]"

_WHOLE_TILE = Box(0, 0, preprocess.TILE, preprocess.TILE)
_TILE_SHAPE = (preprocess.TILE, preprocess.TILE)
_LONGEST_WAIT = 0.25  # s; results of slow pictures come out one by one, those of tiles in batches


@dataclass(slots=True)
class _Page:
    """A picture on its way: what was found in it so far. `grey` is kept only while it may be a tile."""

    source: str
    status: str = OK
    grey: NDArray[np.uint8] | None = None
    boxes: list[Box] = field(default_factory=list)
    tiles: list[NDArray[np.uint8]] = field(default_factory=list)


class DigitReader:
    """Reads handwritten digits in pictures.

    `model` is a released name ("int8", "float") or the path of an exported .onnx file; `threads` is how
    many cores the network may use. Raises `ModelError` when the model cannot be loaded.
    """

    def __init__(self, model: str | Path = manifest.DEFAULT, *, threads: int = 1) -> None:
        self.classifier = Classifier(model, threads=threads)

    def read(self, picture: Picture) -> Reading:
        """Read one picture: a path, or an array as `preprocess.to_grey` takes it (colour is BGR).

        Raises `PictureError` when it is not a picture that can be read.
        """
        return self.read_timed(picture)[0]

    def read_timed(self, picture: Picture) -> tuple[Reading, dict[str, float]]:
        """Read one picture as `read` does; also return the seconds that each stage took."""
        started = time.perf_counter()
        grey = _load(picture)
        decoded = time.perf_counter()
        page = _Page(_name(picture))
        if not _take_as_tile(page, grey):
            page.boxes = locate.find_digits(grey)
        located = time.perf_counter()
        if not page.tiles:
            _cut_tiles(page, grey)
        cut = time.perf_counter()
        (reading,) = self._classify([page])
        stages = {
            "grey": decoded - started,
            "locate": located - decoded,
            "tile": cut - located,
            "classify": time.perf_counter() - cut,
        }
        return reading, stages

    def read_many(self, pictures: Iterable[Picture]) -> Iterator[Reading]:
        """Read pictures as they come, in their order; many small ones are classified together.

        A picture that cannot be read gives a `Reading` with an "error: ..." status and stops nothing.
        Memory does not grow with the number of pictures.
        """
        pages: list[_Page] = []
        waiting, deadline = 0, time.monotonic() + _LONGEST_WAIT
        for picture in pictures:
            try:
                grey = _load(picture)
            except PictureError as error:
                page = _Page(_name(picture), f"error: {error}")
            else:
                page = _Page(_name(picture))
                if grey.shape == _TILE_SHAPE:
                    page.grey = grey
                else:
                    _find(page, grey)
            pages.append(page)
            waiting += 1 + len(page.tiles)
            if waiting >= BATCH or time.monotonic() > deadline:
                _recognise_tiles(pages)
                yield from self._classify(pages)
                pages = []
                waiting, deadline = 0, time.monotonic() + _LONGEST_WAIT
        _recognise_tiles(pages)
        yield from self._classify(pages)

    def read_tiles(self, tiles: NDArray[np.uint8]) -> TileReadings:
        """Classify tiles that are made already: uint8 `[N, 28, 28]`, bright ink on black, as MNIST's are."""
        values, confidences = self.classifier.classify(tiles)
        return TileReadings(values, confidences, confidences < self.classifier.info.refuse_below)

    def _classify(self, pages: list[_Page]) -> Iterator[Reading]:
        tiles = [tile for page in pages for tile in page.tiles]
        verdicts: Iterator[tuple[int, float, bool]] = iter(())
        if tiles:
            batch = self.read_tiles(np.stack(tiles))
            verdicts = zip(
                batch.values.tolist(), batch.confidences.tolist(), batch.refused.tolist(), strict=True
            )
        for page in pages:
            digits = tuple([self._digit(box, *next(verdicts)) for box in page.boxes])
            status = page.status if digits or page.status != OK else NOTHING_FOUND
            yield Reading(page.source, digits, status)

    def _digit(self, box: Box, value: int, confidence: float, refused: bool) -> Digit:
        if not refused:
            return Digit(value, confidence, box)
        least = self.classifier.info.refuse_below
        return Digit(None, confidence, box, f"refused: confidence {confidence:.2f} is below {least:.2f}")


def _name(picture: Picture) -> str:
    return "" if isinstance(picture, np.ndarray) else str(picture)


def _load(picture: Picture) -> NDArray[np.uint8]:
    if isinstance(picture, np.ndarray):
        return preprocess.to_grey(picture)
    return preprocess.decode(sources.read_file(picture))


def _take_as_tile(page: _Page, grey: NDArray[np.uint8]) -> bool:
    if grey.shape != _TILE_SHAPE:
        return False
    page.grey = grey
    _recognise_tiles([page])
    return True


def _recognise_tiles(pages: list[_Page]) -> None:
    """Take pictures of 28x28 for tiles where they are; look for digits in those that are not."""
    small = [page for page in pages if page.grey is not None]
    if not small:
        return
    pictures, good = preprocess.recognise_tiles(
        np.stack([page.grey for page in small if page.grey is not None])
    )
    for page, tile, whole in zip(small, pictures, good.tolist(), strict=True):
        grey, page.grey = page.grey, None
        if whole:
            page.boxes, page.tiles = [_WHOLE_TILE], [tile]
        elif grey is not None:
            _find(page, grey)


def _find(page: _Page, grey: NDArray[np.uint8]) -> None:
    page.boxes = locate.find_digits(grey)
    _cut_tiles(page, grey)


def _cut_tiles(page: _Page, grey: NDArray[np.uint8]) -> None:
    """Cut a tile out of every box; boxes without ink are dropped."""
    cut = [(box, preprocess.cut_tile(grey, box.x, box.y, box.width, box.height)) for box in page.boxes]
    page.boxes = [box for box, tile in cut if tile is not None]
    page.tiles = [tile for _, tile in cut if tile is not None]
