"""The contract: any picture -> grey; the ink in a box of it -> a tile.

A tile is `uint8 (28, 28)`, bright ink on black, the ink's longer side scaled to 20 px and its centre of
mass at the centre: the way MNIST itself was made (LeCun, Cortes, Burges, "The MNIST database"). MNIST's
pictures *are* tiles. Whoever needs a tile of anything else makes it here.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import imagesize
import numpy as np

from edge_runtime.errors import PictureError
from edge_runtime.locate import covered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]

CONTRACT = 2
TILE = 28
INK = 20
CLASSES = 10
NO_DIGIT = 10  # the class behind the digits: what is none
# Larger pictures are refused: by their header, before any memory is taken, in the formats that imagesize
# knows (all the common ones), after decoding in the others.
MAX_PIXELS = 200_000_000

# How far a 28x28 picture may be from the contract and still be taken for a tile. MNIST's training set has
# its centres within 0.6 px, radii of 4.6 to 9.3 px, frames up to 9 bright and 5,000 of mass at the least.
_CENTRE_TOLERANCE = 2.0
_RADII = (4.2, 9.8)
_FRAME_BRIGHTNESS = 16
_LEAST_MASS = 2500
_LONGEST_SIDE = 23
_RAISED = 4  # a tile's darkest pixel is brighter where its background is no longer black

_EIGHT_BITS = np.dtype(np.uint8)
_PNG = b"\x89PNG\r\n\x1a\n"
# Bytes in which the size is looked for, by how a file begins: of these kinds every byte costs time of its
# own. Others may hold their size at their end, as TIFFs do.
_HEADS = ((b"P", 1 << 15), (b"\xff\xd8", 1 << 24))
_ALPHA_FORMATS = (b"RIFF", b"GIF8", b"II*\0", b"MM\0*")


def decode(data: bytes) -> Grey:
    """Decode a picture file's bytes to grey `uint8 (H, W)`, the right way up.

    Orientation tags are followed, 16 bits reduced to 8, transparency is laid over the paper that shows
    its ink. Raises `PictureError` for anything that is no picture, is damaged or exceeds `MAX_PIXELS`.
    """
    transparent = _decode_transparent(data)
    if transparent is not None:
        return to_grey(transparent)
    return to_grey(_decode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH))


def decode_colour(data: bytes) -> NDArray[np.uint8]:
    """Decode to `uint8 (H, W, 3)`, BGR, the right way up, to draw on. Raises as `decode` does."""
    transparent = _decode_transparent(data)
    if transparent is not None:
        # What shows is what the reader saw.
        return np.asarray(cv2.cvtColor(to_grey(transparent), cv2.COLOR_GRAY2BGR), np.uint8)
    picture: NDArray[np.uint8] = _decode(data, cv2.IMREAD_COLOR)
    return picture


def _decode_transparent(data: bytes) -> NDArray[Any] | None:
    """Decode a picture that has an alpha channel, as BGRA; None for one that has none."""
    if data.startswith(_PNG):
        # Colour types 4 and 6 carry alpha; a palette or grey may bring it in a chunk before the pixels.
        if data[25:26] not in b"\x04\x06" and not 0 < data.find(b"tRNS", 33, 2048) < data.find(b"IDAT", 33):
            return None
    elif not data.startswith(_ALPHA_FORMATS):
        return None
    picture: NDArray[Any] = _decode(data, cv2.IMREAD_UNCHANGED)
    return picture if picture.ndim == 3 and picture.shape[2] == 4 else None


def _decode(data: bytes, flags: int) -> Any:
    if not data:
        raise PictureError("the file is empty")
    width, height = _size_in_header(data)
    _check_size(width, height)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise PictureError("not a picture that OpenCV can decode, or a damaged one") from error
    if picture is None:
        raise PictureError("not a picture that OpenCV can decode, or a damaged one")
    if width <= 0:
        _check_size(picture.shape[1], picture.shape[0])
    return picture


def _size_in_header(data: bytes) -> tuple[int, int]:
    """Width and height that a file claims to have; 0 or less where its format or its header is not known."""
    try:
        if data.startswith(_PNG):
            # Small PNG files come by the million: this takes a fifth of what imagesize takes for it.
            size: tuple[int, int] = struct.unpack_from(">II", data, 16)
        else:
            end = next((end for begin, end in _HEADS if data.startswith(begin)), len(data))
            size = imagesize.get(io.BytesIO(data[:end]))
        return size
    # A damaged header meets all kinds of errors in there: OpenCV has the last word on it.
    except Exception:
        return 0, 0


def _check_size(width: int, height: int) -> None:
    # Signs: a BMP that is stored from the top has a negative height.
    if abs(width * height) > MAX_PIXELS:
        raise PictureError(
            f"{abs(width)}x{abs(height)} pixels, over the limit of {MAX_PIXELS / 1e6:.0f} megapixels; "
            "reduce it first"
        )


def to_grey(picture: NDArray[Any]) -> Grey:
    """Bring any picture array to grey `uint8 (H, W)`.

    Takes `(H, W)`, `(H, W, 1)`, BGR `(H, W, 3)` and BGRA `(H, W, 4)`; uint8, uint16 (of 9 to 16 used
    bits), bool, other integers within 0..255, and floats within 0..1. Raises `PictureError` otherwise.
    """
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise PictureError(f"a picture has shape (H, W), (H, W, 3) or (H, W, 4), not {picture.shape}")
    if picture.size == 0:
        raise PictureError(f"an empty picture, of shape {picture.shape}")
    if picture.dtype != _EIGHT_BITS:
        picture = _to_eight_bits(picture)
    if picture.ndim == 2:
        return picture
    if picture.shape[2] == 1:
        return np.asarray(picture[:, :, 0], np.uint8)
    if picture.shape[2] == 4:
        return _over_paper(picture)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def _to_eight_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    if picture.dtype == np.bool_:
        return np.where(picture, 255, 0).astype(np.uint8)
    if picture.dtype.kind not in "iuf":
        raise PictureError(f"a picture holds numbers, not {picture.dtype}")
    low, high = picture.min(), picture.max()
    if np.issubdtype(picture.dtype, np.floating):
        if not (low >= 0 and high <= 1):
            raise PictureError(
                f"a floating-point picture holds 0..1, this one {low:.3g}..{high:.3g}; "
                "convert it with .astype('uint8') if it holds 0..255"
            )
        return np.asarray(np.rint(picture * 255), np.uint8)
    if picture.dtype == np.uint16:
        # Scanners and cameras write 10, 12 or 16 bits: shift away only the bits that are used.
        return np.asarray(picture >> max(0, int(high).bit_length() - 8), np.uint8)
    if low < 0 or high > 255:
        raise PictureError(
            f"a picture of {picture.dtype} within {low}..{high}; convert it to uint8 within 0..255"
        )
    return picture.astype(np.uint8)


def _over_paper(picture: NDArray[np.uint8]) -> Grey:
    """Lay BGRA over white, or over black where its opaque part is bright."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2GRAY), np.uint8)
    opacity = np.ascontiguousarray(picture[:, :, 3])
    # In whole numbers and by OpenCV: a large picture in floats would not fit a small machine.
    inked = cv2.multiply(grey, opacity, scale=1 / 255)
    weight = cv2.sumElems(opacity)[0] / 255
    bright = weight > 0 and cv2.sumElems(inked)[0] / weight > 127
    return np.asarray(inked if bright else cv2.add(inked, cv2.bitwise_not(opacity)), np.uint8)


_ROWS, _COLUMNS = np.mgrid[:TILE, :TILE].astype(np.float32) - TILE / 2
_FRAME = np.ones((TILE, TILE), np.float32)
_FRAME[1:-1, 1:-1] = 0
_MOMENTS = np.stack(
    [np.ones_like(_FRAME), _COLUMNS, _ROWS, _COLUMNS**2 + _ROWS**2, _FRAME / _FRAME.sum()], axis=2
).reshape(-1, 5)


def recognise_tiles(pictures: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Find out which 28x28 pictures are tiles already, as in MNIST exported to files.

    `pictures` uint8 `[N, 28, 28]`. Returns the pictures, inverted where the ink is dark on a bright
    frame, and bool `[N]`: whether size and position of the ink are those of a tile.
    """
    moments = pictures.reshape(-1, TILE * TILE).astype(np.float32) @ _MOMENTS
    inverted = moments[:, 4] > 255 - _FRAME_BRIGHTNESS
    if inverted.any():
        pictures = np.where(inverted[:, None, None], 255 - pictures, pictures)
        moments = pictures.reshape(-1, TILE * TILE).astype(np.float32) @ _MOMENTS
    mass, x, y, square, frame = moments.T
    mass = np.maximum(mass, 1)
    x, y = x / mass, y / mass
    # How far the ink reaches, without a look at every column: the radius of gyration.
    radius = np.sqrt(np.maximum(square / mass - x**2 - y**2, 0))
    good = (frame < _FRAME_BRIGHTNESS) & (mass > _LEAST_MASS)
    good &= np.maximum(np.abs(x), np.abs(y)) <= _CENTRE_TOLERANCE
    good &= (radius >= _RADII[0]) & (radius <= _RADII[1])
    # Ink at the frame may be a digit that fills the picture: only then is a look at every column worth it.
    doubtful = good & (frame > 1)
    if doubtful.any():
        good[doubtful] = _longer_side(pictures[doubtful]) <= _LONGEST_SIDE
    return pictures, good


def level_tiles(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a raised background down to black: uint8 `[N, 28, 28]`; most tiles come back as they are."""
    darkest = np.asarray(tiles.min(axis=(1, 2)), np.uint8)
    raised = darkest > _RAISED
    if not raised.any():
        return tiles
    low = darkest[raised, None, None].astype(np.float32)
    span = np.maximum(tiles[raised].max(axis=(1, 2), keepdims=True) - low, 1)
    levelled: NDArray[np.uint8] = np.array(tiles, np.uint8)
    levelled[raised] = np.rint((tiles[raised] - low) * (255 / span)).astype(np.uint8)
    return levelled


def _longer_side(pictures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pixels from the first to the last inked row or column, whichever is more, int64 `[N]`."""

    def extent(used: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.asarray(used.shape[1] - used.argmax(axis=1) - used[:, ::-1].argmax(axis=1), np.int64)

    return np.maximum(extent(pictures.max(axis=1) > 64), extent(pictures.max(axis=2) > 64))


# Cutting the ink of a box. Every box is brought to one size first, so that lengths below are pixels of it.
_WORK = 2 * INK  # the box's longer side
_RIM = 8  # around the box: room to see the paper, and lines and neighbours that come in from there
_SLACK = 4  # ink may reach beyond the box by as much: boxes are found to some pixels only
_THINNEST_STROKE = 1.7  # px in the tile; MNIST's strokes are 2 to 3
_SAME_THING = 0.4  # share of overlap from which on two boxes are about one thing
_ALIKE = 0.7  # doublings by which neighbours' sizes may differ
_OWNED = 0.8  # share of a piece of ink in a neighbour's box that makes it the neighbour's
_LEAST_INK = 8  # grey levels from the paper


def cut_tile(grey: Grey, x: float, y: float, width: float, height: float) -> Grey | None:
    """Cut the ink in a box of a picture and make a tile of it; None where the box holds no ink.

    `grey` uint8 `(H, W)`, dark ink on bright paper or the reverse, unevenly lit; the box in its pixels.
    Neighbours that reach into the box, and lines that run through its margin, are left out.
    """
    (cut,) = cut_tiles(grey, [(x, y, x + width, y + height)])
    return None if cut is None else cut.tile


class Cut(NamedTuple):
    """What was cut out of a box.

    `box` (left, top, right, bottom) is tight around the ink, in pixels of the picture; `contrast` says by how
    many grey levels the ink departs from the paper, `spill` which share 0..1 of the main piece of ink lies
    beyond the box that was given, in the rim that can be seen.
    """

    tile: Grey
    box: tuple[float, float, float, float]
    contrast: float
    spill: float


def cut_tiles(grey: Grey, boxes: Sequence[Sequence[float]]) -> list[Cut | None]:
    """Cut the ink of every box (left, top, right, bottom) of a picture, as `cut_tile` does of one.

    What one picture holds is mostly written in one ink: where a box alone leaves it open whether its ink is
    dark or bright, the others decide. A piece of ink that lies in a neighbour's box is the neighbour's.
    """
    patches = [_Patch.of(grey, *box) for box in boxes]
    leanings = [patch.leaning for patch in patches if patch is not None]
    common = sum(leanings) / len(leanings) if leanings else 0.0
    cuts: list[Cut | None] = []
    for patch, near in zip(patches, _neighbours(boxes), strict=True):
        if patch is None:
            cuts.append(None)
        else:
            cuts.append(patch.cut([boxes[other] for other in near], dark=patch.leaning + common >= 0))
    return cuts


def _neighbours(boxes: Sequence[Sequence[float]]) -> list[list[int]]:
    """For every box the others of about its size that reach into it, and are not about the same thing."""
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    longer = np.maximum(corners[:, 2:] - corners[:, :2], 1e-3).max(axis=1)
    alike = np.abs(np.log2(longer[:, None] / longer)) < _ALIKE
    share = covered(corners)
    near = (share > 0) & (share < _SAME_THING) & alike
    return [np.flatnonzero(row).tolist() for row in near]


def whole_tile(grey: Grey) -> Grey | None:
    """A small picture as one tile: as it is where it has a tile's size, else its ink; None without ink."""
    if grey.shape == (TILE, TILE):
        return np.asarray(level_tiles(recognise_tiles(grey[None])[0])[0], np.uint8)
    return cut_tile(grey, 0, 0, grey.shape[1], grey.shape[0])


@dataclass(frozen=True, slots=True)
class _Patch:
    """A box and its margin at working size: how far each pixel departs from the paper, brighter is positive.

    `inside` is the box in it (left, top, right, bottom); `leaning` tells dark ink, positive, from bright. The
    patch begins at (x, y) of the picture, `scale` times as large.
    """

    departure: NDArray[np.float32]
    inside: tuple[int, int, int, int]
    leaning: float
    x: int
    y: int
    scale: float

    @classmethod
    def of(cls, grey: Grey, left: float, top: float, right: float, bottom: float) -> _Patch | None:
        """Look at a box of a picture; None where the picture ends."""
        scale = _WORK / max(right - left, bottom - top, 1)
        rim = _RIM / scale
        x, y = max(0, round(left - rim)), max(0, round(top - rim))
        patch = grey[y : max(0, round(bottom + rim)), x : max(0, round(right + rim))]
        # Of a very large patch a part of the pixels is plenty.
        step = max(1, int(1 / (4 * scale)))
        patch = patch[::step, ::step]
        if patch.shape[0] < 3 or patch.shape[1] < 3:
            return None
        size = (max(3, round(patch.shape[1] * scale * step)), max(3, round(patch.shape[0] * scale * step)))
        method = cv2.INTER_AREA if scale * step < 1 else cv2.INTER_LINEAR
        departure = _departure(cv2.resize(patch, size, interpolation=method))
        inside = (
            max(0, round((left - x) * scale)),
            max(0, round((top - y) * scale)),
            round((right - x) * scale),
            round((bottom - y) * scale),
        )
        leaning = _leaning(departure[inside[1] : inside[3], inside[0] : inside[2]])
        return cls(departure, inside, leaning, x, y, scale)

    def cut(self, neighbours: Sequence[Sequence[float]], *, dark: bool) -> Cut | None:
        """Cut out what is darker, or brighter, than the paper; None where nothing is.

        `neighbours` are other boxes of the picture whose ink is theirs.
        """
        ink, contrast = _ink(-self.departure if dark else self.departure)
        if ink is None:
            return None
        left, top, right, bottom = self.inside
        _erase_lines(ink, left, top, right, bottom)
        left, top = max(0, left - _SLACK), max(0, top - _SLACK)
        theirs = [
            [max(0, round((value - start) * self.scale)) for value, start in zip(box, origin, strict=True)]
            for origin in [(self.x, self.y) * 2]
            for box in neighbours
        ]
        kept, spill = _keep_inside(ink, left, top, right + _SLACK, bottom + _SLACK, theirs)
        if kept is None:
            return None
        across, down, width, height = cv2.boundingRect(cv2.compare(kept, 96, cv2.CMP_GT))
        x, y = self.x + (left + across) / self.scale, self.y + (top + down) / self.scale
        tight = (x, y, x + width / self.scale, y + height / self.scale)
        return Cut(make_tile(kept), tight, contrast, spill)


def _departure(patch: Grey) -> NDArray[np.float32]:
    """How far pixels are from the paper, in grey levels: float32 `(H, W)`, brighter is positive."""
    bright = patch.astype(np.float32)
    paper, level = _paper(bright)
    # Light multiplies: the same ink departs less where the paper is darker, so departure is a share of it.
    return np.asarray(bright * (level / paper) - level, np.float32)


def _leaning(departure: NDArray[np.float32]) -> float:
    """Log of the darker part's energy over the brighter one's, -2..2."""
    darker, brighter = np.minimum(departure, 0).ravel(), np.maximum(departure, 0).ravel()
    ratio = (float(np.dot(darker, darker)) + 1) / (float(np.dot(brighter, brighter)) + 1)
    return max(-2.0, min(2.0, math.log(ratio)))


def _ink(strength: NDArray[np.float32]) -> tuple[Grey | None, float]:
    """Ink of full strength as 255, paper as 0, None where nothing is ink; and what full strength is."""
    strength = np.maximum(strength, 0)
    threshold, mask = cv2.threshold(
        np.minimum(strength, 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU
    )
    full = cv2.mean(strength, mask)[0]
    if full < _LEAST_INK:
        return None, full
    floor = min(threshold * 0.5, full * 0.4)
    # Saturates at both ends.
    ink = cv2.convertScaleAbs(np.maximum(strength - floor, 0), alpha=255 / (full - floor))
    return np.asarray(ink, np.uint8), full


# The paper's plane is fitted to a grid of points that lie at the same shares of every patch.
_GRID = 12
_SPREAD = np.linspace(-1, 1, _GRID, dtype=np.float32)
_PLANE = np.stack([np.ones(_GRID**2, np.float32), np.repeat(_SPREAD, _GRID), np.tile(_SPREAD, _GRID)], axis=1)
_FIT = np.linalg.pinv(_PLANE)


@lru_cache(maxsize=256)  # sides of a patch at working size: a few dozen
def _grid(side: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The grid's indices along a side of a patch, and the side's pixels as -1..1."""
    return (np.arange(_GRID) * (side - 1)) // (_GRID - 1), np.linspace(-1, 1, side, dtype=np.float32)


def _paper(bright: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Brightness of the paper, float32 `(H, W)`, at least 1, and its mean: a plane without what departs."""
    rows, down = _grid(bright.shape[0])
    columns, across = _grid(bright.shape[1])
    values = bright[rows[:, None], columns].ravel()
    # Ink covers less than half of any patch: start from the middle level and look at what is near to it.
    level = np.sort(values)[len(values) // 2]
    tolerance = max(12.0, 4 * float(np.sort(np.abs(values - level))[len(values) // 2]))
    plane = np.array([level, 0, 0], np.float32)
    for _ in range(3):
        guess = _PLANE @ plane
        # Where there is ink, the paper under it is as the last plane says.
        plane = np.asarray(_FIT @ np.where(np.abs(values - guess) < tolerance, values, guess), np.float32)
    level, slope, lean = plane
    paper = np.maximum((slope * down)[:, None] + (lean * across + level), np.float32(1))
    return np.asarray(paper, np.float32), max(1.0, float(level))


def _erase_lines(ink: Grey, left: int, top: int, right: int, bottom: int) -> None:
    """Erase straight lines that run through the box from rim to rim, in place: rules, tables, frames."""
    for picture, low, high in ((ink, left, right), (ink.T, top, bottom)):
        before, after = picture[:, : max(0, low - 1)], picture[:, high + 1 :]
        if before.shape[1] < 3 or after.shape[1] < 3:
            continue
        # A line inks nearly all of a row in both rims; tilted, it enters in another row than it leaves.
        begins, ends = before.min(axis=1) > 96, after.min(axis=1) > 96
        if not (begins.any() and ends.any()):
            continue
        for start, thick in _runs(begins):
            for stop, _ in _runs(ends):
                if abs(start - stop) <= 5 and thick <= 6:
                    _erase(picture, start, stop, thick)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index and length of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.view(np.int8), [0]])))
    return [(int(start), int(stop - start)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _erase(picture: Grey, start: int, stop: int, thick: int) -> None:
    """Erase the line from row `start` at the left to `stop` at the right, where no stroke crosses it."""
    height, width = picture.shape
    rows = np.rint(np.linspace(start, stop, width)).astype(int)
    columns = np.arange(width)
    over, under = np.maximum(rows - 2, 0), np.minimum(rows + thick + 1, height - 1)
    # Ink on either side of the line is a stroke that goes on through it.
    crossed = (picture[over, columns] > 96) | (picture[under, columns] > 96)
    for offset in range(-1, thick + 1):
        row = np.clip(rows + offset, 0, height - 1)
        picture[row[~crossed], columns[~crossed]] = 0


def _keep_inside(
    ink: Grey, left: int, top: int, right: int, bottom: int, theirs: Sequence[Sequence[int]]
) -> tuple[Grey | None, float]:
    """The ink inside these borders, without pieces that lie mainly beyond or in the boxes `theirs`.

    Returns None where nothing stays, and which share of the main piece lies beyond.
    """
    mask = cv2.compare(ink, 96, cv2.CMP_GT)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 1:
        return None, 0.0
    part, ink = labels[top:bottom, left:right], ink[top:bottom, left:right]
    areas = stats[:, cv2.CC_STAT_AREA]
    inside = np.bincount(part.ravel(), minlength=count)
    keep = inside * 2 > areas
    # What reaches far out and yet has the most ink here is the digit, tied to a line or a neighbour.
    main = 1 + int(inside[1:].argmax())
    spill = 1 - float(inside[main] / areas[main])
    for x, y, end, low in theirs:
        keep &= np.bincount(labels[y:low, x:end].ravel(), minlength=count) < _OWNED * areas
    keep[main] = True
    # Specks of noise would move the centre of mass and stretch the ink's box.
    keep &= inside * 40 > inside[1:].max()
    keep[0] = False
    if not inside[main]:
        return None, spill
    if keep[1:].all():
        return ink, spill
    # The soft rim of a stroke belongs to it: grow what is kept by as much as the mask cut off.
    kept = cv2.dilate(keep[part].astype(np.uint8), np.ones((5, 5), np.uint8))
    return np.where((kept > 0) & ((part == 0) | keep[part]), ink, 0).astype(np.uint8), spill


def make_tile(ink: Grey) -> Grey:
    """Make a tile of ink on black: `uint8 (H, W)`, 0 on paper, any size, to `uint8 (28, 28)`.

    Strokes that would be thinner than those of MNIST after scaling are thickened first: a fine pen on a
    large digit would otherwise leave a faint trace. Raises `PictureError` when there is no ink at all.
    """
    strong = ink > 96
    if not strong.any():
        raise PictureError("no ink to make a tile of")
    x, y, width, height = cv2.boundingRect(strong.astype(np.uint8))
    ink = ink[y : y + height, x : x + width]
    scale = INK / max(width, height)
    if scale < 1:
        ink = _thicken(ink, strong[y : y + height, x : x + width], scale)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    peak = int(small.max())
    if 0 < peak < 255:
        small = cv2.convertScaleAbs(small, alpha=255 / peak)
    return _centred(small)


def _thicken(ink: Grey, strong: NDArray[np.bool_], scale: float) -> Grey:
    """Widen strokes that `scale` would make thinner than MNIST's."""
    mask = cv2.copyMakeBorder(strong.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    # Mean distance to the rim, over a stroke of width w, is about w / 4.
    width = 4 * cv2.mean(distance, mask)[0] - 1
    missing = round((_THINNEST_STROKE / scale - width) / 2)
    if missing < 1:
        return ink
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * missing + 1, 2 * missing + 1))
    padded = cv2.copyMakeBorder(ink, missing, missing, missing, missing, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.dilate(padded, kernel), np.uint8)


def _centred(ink: Grey) -> Grey:
    """Place ink `(<= 28, <= 28)` so that its centre of mass is at the tile's centre, as far as it fits."""
    height, width = ink.shape
    moments = cv2.moments(ink)
    centre_x, centre_y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    left = min(max(round(TILE / 2 - centre_x), 0), TILE - width)
    top = min(max(round(TILE / 2 - centre_y), 0), TILE - height)
    tile = np.zeros((TILE, TILE), np.uint8)
    tile[top : top + height, left : left + width] = ink
    return tile
