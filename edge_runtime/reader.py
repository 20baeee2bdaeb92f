"""Picture in, result out: locate, cut tiles, classify, vote, refuse. The public entry of the library."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import locate, manifest, preprocess, sources
from edge_runtime.errors import PictureError
from edge_runtime.locate import Candidates
from edge_runtime.model import BATCH, Classifier, Locator
from edge_runtime.results import NOTHING_FOUND, OK, Box, Digit, Reading, TileReadings

Picture: TypeAlias = "str | Path | NDArray[Any]"

_WHOLE_TILE = Box(0, 0, preprocess.TILE, preprocess.TILE)
_TILE_SHAPE = (preprocess.TILE, preprocess.TILE)
_LONGEST_WAIT = 0.25  # s; results of slow pictures come out soon, those of tiles in batches
LEAST_LOGIT = -1.25  # the locator's word for what is worth a look by the classifier
_DISMISSED = 0.7  # probability of no digit from which on a candidate is not mentioned at all
_CELL = 64  # px; a picture of this size may be a form's cell, one digit that fills it
_AHEAD = 4  # pictures a thread may be ahead of the one whose turn it is


@dataclass(slots=True)
class _Page:
    """A picture on its way: what was found in it so far. `grey` is kept only while it may be a tile."""

    source: str
    status: str = OK
    grey: NDArray[np.uint8] | None = None
    tiles: Sequence[NDArray[np.uint8]] = ()  # of the candidates, and of the whole behind them
    cuts: Sequence[preprocess.Cut] = ()  # of the candidates
    candidates: Candidates | None = None  # none where the picture is a tile itself
    whole: Box | None = None  # a picture so small that it may be one digit's


class DigitReader:
    """Reads handwritten digits in pictures.

    `model` is a released name ("int8", "float") or the path of an exported .onnx file; `threads` is how
    many cores to use. Raises `ModelError` when the model cannot be loaded.
    """

    def __init__(self, model: str | Path = manifest.DEFAULT, *, threads: int = 1) -> None:
        self.classifier = Classifier(model, threads=threads)
        # A classifier of one's own goes with the locator that ships.
        own = Path(model).suffix == ".onnx"
        self.locator = Locator(manifest.DEFAULT if own else model, threads=threads)
        self._threads = threads

    def read(self, picture: Picture) -> Reading:
        """Read one picture: a path, or an array as `preprocess.to_grey` takes it (colour is BGR).

        Raises `PictureError` when it is not a picture that can be read.
        """
        return self.read_timed(picture)[0]

    def read_timed(self, picture: Picture) -> tuple[Reading, dict[str, float]]:
        """Read one picture as `read` does; also return the seconds that each stage took."""
        page = _Page(_name(picture))
        moments = [time.perf_counter()]
        grey = _load(picture)
        moments.append(time.perf_counter())
        candidates: Candidates | None = None
        if grey.shape == _TILE_SHAPE:
            page.grey = grey
            _recognise_tiles([page])
        if not page.tiles:
            candidates = self._locate(grey)
        moments.append(time.perf_counter())
        if candidates is not None:
            _cut_tiles(page, grey, candidates)
        moments.append(time.perf_counter())
        (reading,) = self._classify([page])
        moments.append(time.perf_counter())
        stages = ("grey", "locate", "tile", "classify")
        return reading, {
            stage: end - start for stage, start, end in zip(stages, moments, moments[1:], strict=False)
        }

    def read_many(self, pictures: Iterable[Picture]) -> Iterator[Reading]:
        """Read pictures as they come, in their order; many small ones are classified together.

        A picture that cannot be read gives a `Reading` with an "error: ..." status and stops nothing.
        Memory does not grow with the number of pictures. With several threads, pictures are decoded and
        searched side by side.
        """
        for batch in self.read_batches(pictures):
            yield from batch

    def read_batches(self, pictures: Iterable[Picture | None]) -> Iterator[list[Reading]]:
        """Read as `read_many` does, and yield the readings in the groups in which they are ready.

        A None among the pictures asks for what is ready so far: more will take a while to come.
        """
        pages: list[_Page] = []
        waiting, deadline = 0, time.monotonic() + _LONGEST_WAIT
        for page in self._prepare(pictures):
            if page is not None:
                pages.append(page)
                waiting += 1 + len(page.tiles)
            if page is None or waiting >= BATCH or time.monotonic() > deadline:
                if pages:
                    yield self._finish(pages)
                pages = []
                waiting, deadline = 0, time.monotonic() + _LONGEST_WAIT
        if pages:
            yield self._finish(pages)

    def read_tiles(self, tiles: NDArray[np.uint8]) -> TileReadings:
        """Classify tiles that are made already: uint8 `[N, 28, 28]`, bright ink on black, as MNIST's are.

        A background that is not quite black is brought down to it.
        """
        if len(tiles) and tiles.dtype == np.uint8 and tiles.ndim == 3:
            tiles = preprocess.level_tiles(tiles)
        values, confidences = self.classifier.classify(tiles)
        return TileReadings(values, confidences, confidences < self.classifier.info.refuse_below)

    def _prepare(self, pictures: Iterable[Picture | None]) -> Iterator[_Page | None]:
        """Decode, locate and cut every picture, in order; None stays None."""
        if self._threads == 1:
            yield from map(self._open_page, pictures)
            return
        from concurrent.futures import Future, ThreadPoolExecutor  # 4 ms that one thread need not pay

        ahead: deque[Future[_Page | None]] = deque()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="read") as pool:
            for picture in pictures:
                ahead.append(pool.submit(self._open_page, picture))
                # What was asked for at once is not held back; otherwise only so many run ahead.
                while ahead and (picture is None or len(ahead) > _AHEAD * self._threads):
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _finish(self, pages: list[_Page]) -> list[Reading]:
        """Tell which small pictures are tiles, look for digits in those that are not, classify all."""
        small = [page for page in pages if page.grey is not None]
        if small:
            _recognise_tiles(small)
            for page in small:
                if page.grey is not None:
                    _cut_tiles(page, page.grey, self._locate(page.grey))
        return list(self._classify(pages))

    def _classify(self, pages: list[_Page]) -> Iterator[Reading]:
        tiles = [tile for page in pages for tile in page.tiles]
        probabilities = self.classifier.probabilities(_batch(tiles)) if tiles else _NO_PROBABILITIES
        start = 0
        for page in pages:
            own = probabilities[start : start + len(page.tiles)]
            start += len(page.tiles)
            if page.candidates is not None:
                digits = self._judge(own[: len(page.candidates)], page, page.candidates)
                if page.whole is not None:
                    digits = _better(digits, self._digit(own[-1], page.whole, 0, page.tiles[-1]))
            else:
                pairs = zip(own, page.tiles, strict=True)
                digits = tuple([self._digit(each, _WHOLE_TILE, 0, tile) for each, tile in pairs])
            status = page.status if digits or page.status != OK else NOTHING_FOUND
            yield Reading(page.source, digits, status)

    def _judge(
        self, probabilities: NDArray[np.float32], page: _Page, candidates: Candidates
    ) -> tuple[Digit, ...]:
        """What a picture's candidates are: digits, refused ones, or nothing worth a word."""
        contrasts = np.array([cut.contrast for cut in page.cuts], np.float32)
        spills = np.array([cut.spill for cut in page.cuts], np.float32)
        combined = self.classifier.info.vote.combine(probabilities, candidates, contrasts, spills)
        boxes = [_box(*corners) for corners in candidates.boxes.tolist()]
        # Where both networks see nothing there is nothing to be refused.
        shown = np.flatnonzero(combined[:, preprocess.NO_DIGIT] < _DISMISSED)
        likely = combined[shown, : preprocess.NO_DIGIT].max(axis=1)
        kept = (
            shown[locate.resolve(candidates.boxes[shown], likely, spills[shown])].tolist()
            if len(shown)
            else []
        )
        lines = locate.reading_order([boxes[index] for index in kept])
        return tuple(
            self._digit(combined[kept[index]], boxes[kept[index]], number, page.tiles[kept[index]])
            for number, line in enumerate(lines)
            for index in line
        )

    def _digit(
        self, probabilities: NDArray[np.float32], box: Box, line: int, tile: NDArray[np.uint8]
    ) -> Digit:
        value = int(probabilities[: preprocess.NO_DIGIT].argmax())
        confidence = float(probabilities[value])
        least = self.classifier.info.refuse_below
        if confidence >= least:
            return Digit(value, confidence, box, OK, line, tile, probabilities)
        none = float(probabilities[preprocess.NO_DIGIT])
        if none > confidence:
            reason = f"refused: no digit, as it seems (probability {none:.2f})"
        else:
            reason = f"refused: confidence {confidence:.2f} is below {least:.2f}"
        return Digit(None, confidence, box, reason, line, tile, probabilities)

    def _open_page(self, picture: Picture | None) -> _Page | None:
        """Bring one picture as far as it goes on its own."""
        if picture is None:
            return None
        try:
            page, grey = _Page(_name(picture)), _load(picture)
            if grey.shape == _TILE_SHAPE:
                page.grey = grey
            else:
                _cut_tiles(page, grey, self._locate(grey))
            return page
        except PictureError as error:
            return _Page(_name(picture), f"error: {error}")

    def _locate(self, grey: NDArray[np.uint8]) -> Candidates:
        try:
            return locate.find_digits(grey, self.locator.scores, LEAST_LOGIT)
        except MemoryError as error:
            raise PictureError("too large for this machine's memory") from error
        except cv2.error as error:
            reason = "too large for this machine's memory" if error.code == _NO_MEMORY else error.err
            raise PictureError(f"cannot be searched: {reason}") from error


class Readers:
    """Readers of several models, one of which is switched on; from any thread.

    `model` is a released name or the path of an .onnx file, `threads` as a reader's. Raises `ModelError` as a
    reader does.
    """

    def __init__(self, model: str | Path = manifest.DEFAULT, *, threads: int = 1) -> None:
        self._threads = threads
        self._made: dict[str, DigitReader] = {}
        self.switch(str(model))

    @property
    def model(self) -> str:
        """The model that is switched on."""
        return self._model

    @property
    def reader(self) -> DigitReader:
        """Its reader."""
        return self._made[self._model]

    def switch(self, model: str) -> None:
        """Switch another model on, which is loaded the first time. Raises `ModelError`."""
        if model not in self._made:
            self._made[model] = DigitReader(model, threads=self._threads)
        self._model = model


def _better(found: tuple[Digit, ...], whole: Digit) -> tuple[Digit, ...]:
    """What was found in a small picture, or the picture as one digit where that is surer."""
    read = [digit.confidence for digit in found if digit.value is not None]
    if whole.value is None or len(read) > 1 or max(read, default=0.0) >= whole.confidence:
        return found
    return (whole,)


_NO_MEMORY = -4  # OpenCV's code
_NO_PROBABILITIES = np.empty((0, preprocess.NO_DIGIT + 1), np.float32)


def _box(left: float, top: float, right: float, bottom: float) -> Box:
    x, y = int(left), int(top)
    return Box(x, y, max(1, round(right) - x), max(1, round(bottom) - y))


def _batch(tiles: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Tiles `(28, 28)` as one array `[N, 28, 28]`; a third of the time of np.stack."""
    return np.concatenate(tiles).reshape(-1, *_TILE_SHAPE)


def _name(picture: Picture) -> str:
    return "" if isinstance(picture, np.ndarray) else str(picture)


def _load(picture: Picture) -> NDArray[np.uint8]:
    try:
        if isinstance(picture, np.ndarray):
            return preprocess.to_grey(picture)
        return preprocess.decode(sources.read_file(picture))
    except MemoryError as error:
        raise PictureError("too large for this machine's memory") from error


def _recognise_tiles(pages: list[_Page]) -> None:
    """Take pictures of 28x28 for tiles where they are; the others keep their `grey`."""
    pictures = _batch([page.grey for page in pages if page.grey is not None])
    tiles, good = preprocess.recognise_tiles(pictures)
    for page, tile, whole in zip(pages, tiles, good.tolist(), strict=True):
        if whole:
            page.grey, page.tiles = None, [tile]


def _cut_tiles(page: _Page, grey: NDArray[np.uint8], candidates: Candidates) -> None:
    """Cut a tile out of every candidate's box; those without ink are dropped."""
    cuts = preprocess.cut_tiles(grey, candidates.boxes.tolist())
    inked = candidates[[index for index, cut in enumerate(cuts) if cut is not None]]
    page.cuts = [cut for cut in cuts if cut is not None]
    page.candidates = inked.tightened([cut.box for cut in page.cuts])
    page.tiles = [cut.tile for cut in page.cuts]
    if max(grey.shape) <= _CELL:
        whole = preprocess.whole_tile(grey)
        if whole is not None:
            page.tiles.append(whole)
            page.whole = Box(0, 0, grey.shape[1], grey.shape[0])
