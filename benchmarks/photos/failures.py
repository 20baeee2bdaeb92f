"""Failures: a contact sheet of the images that were not read perfectly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.photos.scoring import Score, failed
from edge_runtime.images import decode
from edge_runtime.results import Box

_CELL = 320  # px, side of a cell of the contact sheet
_COLUMNS = 6
_MAX_CELLS = 60


def draw_failures(scores: Sequence[Score], path: Path) -> int:
    """Write a contact sheet of the images that were not read perfectly, worst first; return their number.

    Labels are green, correct digits blue, false ones red. Writes nothing if all images were read perfectly.
    Raises `BenchmarkError` if the file cannot be written.
    """
    images = failed(scores)
    cells = [_draw_cell(one) for one in images[:_MAX_CELLS]]
    if not cells:
        return 0
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % _COLUMNS)
    rows = [np.hstack(cells[index : index + _COLUMNS]) for index in range(0, len(cells), _COLUMNS)]
    try:
        written = cv2.imwrite(str(path), np.vstack(rows))
    except cv2.error:  # unknown file extension
        written = False
    if not written:
        raise BenchmarkError(f"cannot write {path}: give a .png or .jpg file in an existing folder")
    return len(images)


def _draw_cell(one: Score) -> NDArray[np.uint8]:
    image = decode.decode_colour(one.image.path.read_bytes())
    scale = min(_CELL / image.shape[1], (_CELL - 20) / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    def outline(box: Box, text: str, colour: tuple[int, int, int]) -> None:
        x, y = round(box.x * scale), round(box.y * scale)
        corner = (x + round(box.width * scale), y + round(box.height * scale))
        cv2.rectangle(image, (x, y), corner, colour, 1)
        cv2.putText(image, text, (x, max(9, y - 2)), cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, 1, cv2.LINE_AA)

    for label, box in one.image.digits:
        outline(box, str(label), (0, 160, 0))
    for digit, is_correct in zip(one.digits, one.is_correct, strict=True):
        outline(digit.box, str(digit.value), (220, 90, 0) if is_correct else (0, 0, 230))
    cell = np.full((_CELL, _CELL, 3), 255, np.uint8)
    cell[: image.shape[0], : image.shape[1]] = image
    title = f"{one.image.path.name[:26]} -{one.missed} +{one.false}"
    cv2.putText(cell, title, (3, _CELL - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return cell
