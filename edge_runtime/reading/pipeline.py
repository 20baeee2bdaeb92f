"""The stages from an image to its digits: preprocess, detect, crop, classify.

Whatever is read, one image, a folder or the frames of a camera, goes through these functions in this order.
The seconds that each stage took come with the result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.boxes import to_box
from edge_runtime.contract import BACKGROUND, CLASSES, TILE
from edge_runtime.errors import ImageError
from edge_runtime.images import decode, inputs
from edge_runtime.images.header import TOO_LARGE
from edge_runtime.images.pages import PageOf, Pages
from edge_runtime.images.scaling import reduce_to
from edge_runtime.nms import suppress_nested
from edge_runtime.reading import fusion, rejection
from edge_runtime.reading.candidates import Candidates
from edge_runtime.reading.crop import Crop, crop_tiles, whole_tile
from edge_runtime.reading.detector import detect
from edge_runtime.reading.layout import Layout
from edge_runtime.reading.marks import SLASHES, Slashes, find_marks
from edge_runtime.reading.networks import Classifier, Detector
from edge_runtime.reading.surroundings import Surroundings
from edge_runtime.reading.tile import recognise_tiles
from edge_runtime.reading.turn import box_as_given, turn_image
from edge_runtime.results import FIRST_ONLY, INCOMPLETE, NOTHING_FOUND, OK, Box, Digit, Reading

if TYPE_CHECKING:
    from edge_runtime.images.inputs import Image

STAGES = ("preprocess", "detect", "crop", "classify")

CELL = 64  # px; an image of at most this size may be one digit that fills it, such as a cell of a form
_WHOLE_TILE = Box(0, 0, TILE, TILE)
_NONE = np.empty((0, CLASSES), np.float32)


@dataclass(slots=True)
class Page:
    """One image on its way through the stages, with what each has added so far."""

    source: str
    status: str = OK
    first_only: bool = False  # preprocess: whether the file has further pages or frames
    grey: NDArray[np.uint8] | None = None  # preprocess
    size: tuple[int, int] = (0, 0)  # preprocess: width and height in px of the image as given
    turn: int = 0  # degrees clockwise by which `grey` is turned; what follows refers to the turned image
    candidates: Candidates | None = None  # detect; None where the image is a tile itself
    crops: Sequence[Crop] = ()  # crop: one per candidate
    surroundings: Sequence[Surroundings] = ()  # one per candidate, once the image is dropped
    tiles: Sequence[NDArray[np.uint8]] = ()  # crop: of the candidates, then of `whole`
    whole: Box | None = None  # crop: the box of a small image that may be a single digit
    probabilities: NDArray[np.float32] = field(default_factory=lambda: _NONE)  # classify: of the tiles
    digits: tuple[Digit, ...] | None = None  # classify
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    def drop_image(self) -> None:
        """Free the memory of the image; a page that is not classified yet keeps what it needs of it."""
        if self.digits is None:
            self.surroundings = self.surroundings_of(range(len(self.crops)))
        self.grey = None

    def surroundings_of(self, chosen: Iterable[int]) -> list[Surroundings]:
        """The surroundings of some of the candidates, by index."""
        if self.grey is None:
            return [self.surroundings[index] for index in chosen]
        return [Surroundings.of(self.grey, self.crops[index]) for index in chosen]

    @property
    def may_be_tile(self) -> bool:
        """Whether the image is 28x28 and it has not been decided yet whether it is a tile."""
        return self.grey is not None and self.grey.shape == (TILE, TILE) and not self.tiles


class Pipeline:
    """The two networks and the stages that use them. Its methods may be called from several threads."""

    def __init__(self, classifier: Classifier, detector: Detector) -> None:
        self.classifier, self.detector = classifier, detector

    def preprocess(self, image: Image | PageOf, turn: int = 0) -> Page:
        """Load an input, or its first page, as grey uint8 `(H, W)`, and turn it. Raises `ImageError`."""
        start = time.perf_counter()
        with _memory_errors():
            if isinstance(image, np.ndarray):
                page = Page("", grey=decode.to_grey(image))
            elif inputs.is_pillow(image):
                page = Page(inputs.name_of(image), grey=inputs.pillow_to_grey(image))
            else:
                shown = image if isinstance(image, PageOf) else Pages(image).first
                start -= shown.seconds if shown is image else 0
                page = Page(shown.source, first_only=shown.more, grey=shown.decode())
            assert page.grey is not None
            page.size, page.turn = (page.grey.shape[1], page.grey.shape[0]), turn
            page.grey = turn_image(page.grey, turn)
        page.seconds["preprocess"] = time.perf_counter() - start
        return page

    def accept_tiles(self, pages: Sequence[Page]) -> None:
        """Decide for all 28x28 images at once whether they are tiles, which need no detection."""
        small = [page for page in pages if page.may_be_tile]
        if not small:
            return
        tiles, good = recognise_tiles(_stack([page.grey for page in small if page.grey is not None]))
        for page, tile, is_tile in zip(small, tiles, good.tolist(), strict=True):
            if is_tile:
                page.tiles = [tile]

    def search(self, page: Page) -> None:
        """Find the candidates and crop their tiles. Raises `ImageError` if the image is too large."""
        self._detect(page)
        self._crop(page)

    def search_turned(self, page: Page, turn: int, side: int | None = None) -> Page:
        """The same image turned clockwise, with its tiles cropped; its time counts for both pages.

        `page` is not turned. A longer side above `side` px is reduced to that.
        """
        assert page.grey is not None and not page.turn
        start = time.perf_counter()
        with _memory_errors():
            turned = turn_image(reduce_to(page.grey, side or math.inf), turn)
        page.seconds["preprocess"] += time.perf_counter() - start
        other = Page(page.source, OK, page.first_only, turned, page.size, turn, seconds=page.seconds)
        self.search(other)
        return other

    def _detect(self, page: Page) -> None:
        assert page.grey is not None
        start = time.perf_counter()
        with _memory_errors():
            page.candidates = detect(page.grey, self.detector.scores)
        if not page.candidates.complete:
            page.status = INCOMPLETE
        page.seconds["detect"] += time.perf_counter() - start

    def _crop(self, page: Page) -> None:
        """Crop a tile out of every candidate's box and drop the candidates without ink."""
        assert page.grey is not None and page.candidates is not None
        start = time.perf_counter()
        crops = crop_tiles(page.grey, page.candidates.boxes.tolist())
        inked = page.candidates[[index for index, crop in enumerate(crops) if crop is not None]]
        page.crops = [crop for crop in crops if crop is not None]
        height, width = page.grey.shape
        # Ink is measured in an enlarged patch, and may seem to reach half a pixel beyond the image.
        boxes = np.clip(np.array([crop.box for crop in page.crops]).reshape(-1, 4), 0, (width, height) * 2)
        page.candidates = inked.with_boxes(boxes.tolist())
        page.tiles = [crop.tile for crop in page.crops]
        if max(page.grey.shape) <= CELL and (whole := whole_tile(page.grey)) is not None:
            page.tiles = [*page.tiles, whole]
            page.whole = Box(0, 0, page.grey.shape[1], page.grey.shape[0])
        page.seconds["crop"] += time.perf_counter() - start

    def classify(self, pages: Sequence[Page]) -> None:
        """Classify the tiles of all pages in one run, and decide which candidates are digits.

        Pages that have been classified are left out.
        """
        start = time.perf_counter()
        left = [page for page in pages if page.digits is None]
        if not left:
            return
        tiles = [tile for page in left for tile in page.tiles]
        ends = np.cumsum([len(page.tiles) for page in left])
        for page, probabilities in zip(left, np.split(self.probabilities(tiles), ends[:-1]), strict=True):
            page.probabilities = probabilities
            page.digits = self._digits(page, probabilities)
        share = (time.perf_counter() - start) / len(left)
        for page in left:
            page.seconds["classify"] += share

    def probabilities(self, tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """The classifier's probabilities float32 `[N, 11]` for tiles uint8 `(28, 28)`, of any number N."""
        return self.classifier.probabilities(_stack(tiles)) if tiles else _NONE

    def _digits(self, page: Page, probabilities: NDArray[np.float32]) -> tuple[Digit, ...]:
        if page.candidates is None:
            return tuple(
                [
                    self._digit(each, _WHOLE_TILE, tile)
                    for each, tile in zip(probabilities, page.tiles, strict=True)
                ]
            )
        digits = self._digits_of_candidates(page, page.candidates, probabilities[: len(page.candidates)])
        if page.whole is None:
            return digits
        whole = self._digit(probabilities[-1], page.whole, page.tiles[-1])
        read = [digit.confidence for digit in digits if digit.value is not None]
        if whole.value is None or len(read) > 1 or max(read, default=0.0) >= whole.confidence:
            return digits
        return (whole,)

    def _digits_of_candidates(
        self, page: Page, candidates: Candidates, probabilities: NDArray[np.float32]
    ) -> tuple[Digit, ...]:
        """Fuse the scores of the candidates, suppress nested ones, and put the rest in reading order."""
        contrasts = np.array([crop.contrast for crop in page.crops], np.float32)
        overflows = np.array([crop.overflow for crop in page.crops], np.float32)
        weights = self.classifier.info.fusion
        fused = fusion.fuse(weights, probabilities, candidates, contrasts, overflows, page.surroundings_of)
        left = np.flatnonzero(~rejection.is_background(fused))
        if not len(left):
            return ()
        confidences = fused[left, :BACKGROUND].max(axis=1)
        kept = left[suppress_nested(candidates.boxes[left], confidences, overflows[left])].tolist()
        digits = [
            self._digit(fused[index], to_box(*corners), page.tiles[index])
            for index, corners in zip(kept, candidates.boxes[kept].tolist(), strict=True)
        ]
        return in_reading_order(digits, page.surroundings_of(kept))

    def _digit(self, probabilities: NDArray[np.float32], box: Box, tile: NDArray[np.uint8]) -> Digit:
        value, confidence, status = rejection.decide(probabilities, self.classifier.info.rejection_threshold)
        return Digit(value, confidence, box, status, tile=tile, probabilities=probabilities)


def in_reading_order(
    digits: Sequence[Digit], around: Sequence[Surroundings], slashes: Slashes = SLASHES
) -> tuple[Digit, ...]:
    """The digits in reading order, with lines, numbers and marks, given the surroundings of each."""
    layout = Layout([digit.box for digit in digits])
    marks = find_marks(layout.lines, digits, around, slashes)
    return tuple(
        [
            replace(digits[index], line=line, number=number, before=marks[index] or "")
            for number, (line, indices) in enumerate(layout.numbers(marks))
            for index in indices
        ]
    )


def to_reading(page: Page) -> Reading:
    """The result of a classified page."""
    digits = page.digits or ()
    if page.turn:
        digits = tuple(replace(digit, box=box_as_given(digit.box, page.turn, page.size)) for digit in digits)
    status = page.status if digits or page.status != OK else NOTHING_FOUND
    if page.first_only:
        status += FIRST_ONLY
    return Reading(page.source, digits, status, page.seconds, *page.size, turn=page.turn)


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Raise `ImageError` for an image that does not fit into memory, and where OpenCV fails."""
    try:
        yield
    except MemoryError as error:
        raise ImageError(TOO_LARGE) from error
    except cv2.error as error:
        if error.code == decode.OUT_OF_MEMORY:
            raise ImageError(TOO_LARGE) from error
        raise ImageError(f"OpenCV failed: {error.err}") from error


def _stack(tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Tiles `(28, 28)` as one array `[N, 28, 28]`, in a third of the time of np.stack."""
    return np.concatenate(tiles).reshape(-1, TILE, TILE)
