"""Training samples of the detector: views of small simulated scenes, and the targets of every cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from edge_runtime.contract import DIGIT_SIZES, STRIDE
from train import workers
from train.sources import Source
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes import IGNORE, Scene, draw_scene
from train.synthetic.scenes.page import LABELLED_SHARE

SCENE_SIDE = 176  # px, side of a scene
SIDE = 160  # px, side of a sample, which shows a part of a scene

EMPTY, UNJUDGED = -1, -2  # targets of cells without a digit, and of cells that the loss leaves out

# Ranges of digit heights in px, and the share of scenes drawn from each: digits for this level of the
# pyramid, for finer and for coarser levels.
_HEIGHTS = (((10.0, 31.0), 0.7), ((4.0, 11.0), 0.1), ((28.0, 200.0), 0.2))

_SCALED_SHARE = 0.5  # of random views; the others show the scene's own pixels
_MAX_SCALE = 1.1  # of width and height, each on its own; the smallest scale is the inverse

_TOLERANCE = 0.16  # digits outside `DIGIT_SIZES` by up to this share may be detected, but need not be
_CENTRE = 0.27  # cells this close to a digit's centre, as a share of its sides, must detect it
_UNJUDGED_REACH = 0.5  # the same, for the cells around those, which may or may not detect it
_CHUNK = 64  # scenes that a worker process draws at a time


@dataclass(frozen=True)
class DetectorScenes:
    """N simulated scenes of `SCENE_SIDE` x `SCENE_SIDE` px, with up to M digits each.

    `grey` is uint8 `[N, SCENE_SIDE, SCENE_SIDE]`. `boxes` is float32 `[N, M, 4]`: x, y, width and height in
    px. `labels` is int8 `[N, M]`: 0..9, or `IGNORE`, as in the unused rows, whose boxes have no size.
    """

    grey: Tensor
    boxes: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.grey)

    def __getitem__(self, index: Tensor | slice) -> DetectorScenes:
        return DetectorScenes(self.grey[index], self.boxes[index], self.labels[index])

    def to(self, device: torch.device) -> DetectorScenes:
        """Copy to `device`."""
        return DetectorScenes(*(part.to(device) for part in (self.grey, self.boxes, self.labels)))

    def middle(self) -> DetectorSamples:
        """The middle of every scene as samples."""
        margin = (SCENE_SIDE - SIDE) // 2
        inside = slice(margin, margin + SIDE)
        origin, scale = torch.full((len(self), 2), margin), torch.ones(len(self), 2)
        return self._samples(self.grey[:, inside, inside], origin, scale)

    def random_views(self, generator: torch.Generator) -> DetectorSamples:
        """A random part of every scene as samples, half of them stretched or shrunk by up to a tenth.

        A digit thus lies differently on the detector's grid of cells in every epoch.
        """
        count, device = len(self), self.grey.device
        limit = float(np.log(_MAX_SCALE))
        scale = (torch.rand(count, 2, generator=generator) * 2 * limit - limit).exp()
        scaled = torch.rand(count, 1, generator=generator) < _SCALED_SHARE
        scale = torch.where(scaled, scale, torch.ones(()))
        origin = torch.rand(count, 2, generator=generator) * (SCENE_SIDE - SIDE / scale)
        origin = torch.where(scaled, origin, origin.floor())
        shown = SIDE / scale  # px of the scene
        # In the coordinates of `affine_grid`, a scene reaches from -1 to 1.
        transform = torch.zeros(count, 2, 3)
        transform[:, [0, 1], [0, 1]] = shown / SCENE_SIDE
        transform[:, :, 2] = (2 * origin + shown) / SCENE_SIDE - 1
        grid = functional.affine_grid(transform.to(device), [count, 1, SIDE, SIDE], align_corners=False)
        views = functional.grid_sample(
            self.grey[:, None].float(), grid, padding_mode="border", align_corners=False
        )
        return self._samples(views[:, 0].round().to(torch.uint8), origin, scale)

    def _samples(self, views: Tensor, origin: Tensor, scale: Tensor) -> DetectorSamples:
        """Samples from views whose corners lie at `origin` `[N, 2]` in the scenes, at the scales `[N, 2]`."""
        origin, scale = (part.to(self.boxes.device)[:, None] for part in (origin, scale))
        start = (self.boxes[..., :2] - origin) * scale
        size = self.boxes[..., 2:] * scale
        left_top, right_bottom = start.clamp(0, SIDE), (start + size).clamp(0, SIDE)
        visible = right_bottom - left_top
        cut_off = visible.prod(-1) < LABELLED_SHARE * size.prod(-1)
        labels = self.labels.masked_fill(cut_off, IGNORE)
        return DetectorSamples(views, *targets(torch.cat([left_top, visible], -1), labels))


@dataclass(frozen=True)
class DetectorSamples:
    """N samples of `SIDE` x `SIDE` px, with C x C cells each, and their targets.

    `grey` is uint8 `[N, SIDE, SIDE]`. `digit` is int8 `[N, C, C]`: 0..9, `EMPTY` or `UNJUDGED`. `sides` is
    float32 `[N, 4, C, C]`: distances in px from the centre of a cell with a digit to the left, top, right and
    bottom of the digit's box, and 0 elsewhere.
    """

    grey: Tensor
    digit: Tensor
    sides: Tensor

    def __len__(self) -> int:
        return len(self.grey)


def targets(boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The targets `digit` and `sides` of samples, see `DetectorSamples`.

    `boxes` float32 `[N, M, 4]`, in px of the samples, and `labels` int8 `[N, M]` are as in `DetectorScenes`.
    """
    size = boxes[..., 2:].amax(-1)
    smallest, largest = DIGIT_SIZES
    usable = (size >= smallest * (1 - _TOLERANCE)) & (size <= largest * (1 + _TOLERANCE))
    # Usable boxes first: most rows of most samples are not, and the rest of the work grows with the rows.
    rows = torch.argsort(~usable, dim=1, stable=True)[:, : max(1, int(usable.sum(1).max()))]
    boxes = boxes.gather(1, rows[..., None].expand(-1, -1, 4))
    labels, size, usable = (part.gather(1, rows) for part in (labels, size, usable))
    judged = usable & (labels != IGNORE) & (size >= smallest) & (size <= largest)

    centres = (torch.arange(SIDE // STRIDE, device=boxes.device) + 0.5) * STRIDE
    x, y, width, height = boxes[..., None].unbind(2)
    across, down = (centres - (x + width / 2)).abs(), (centres - (y + height / 2)).abs()

    def within(reach: float, of: Tensor) -> Tensor:
        """Cells, bool `[N, M, C, C]`, whose distance from a box's centre is at most `reach` times its sides.

        At least the nearest cell counts, however small the box.
        """
        near_x = across <= (reach * width).clamp(min=STRIDE / 2)
        near_y = down <= (reach * height).clamp(min=STRIDE / 2)
        return near_x[:, :, None] & (near_y & of[..., None])[..., None]

    # A cell that two digits share belongs to the one with the nearer centre.
    distance = torch.maximum(
        (across / width.clamp(min=4))[:, :, None], (down / height.clamp(min=4))[..., None]
    )
    distance = distance.masked_fill(~within(_CENTRE, judged), torch.inf)
    nearest, owner = distance.min(1)
    present = nearest < torch.inf
    around = within(_UNJUDGED_REACH, usable).any(1)
    digit = torch.where(around, UNJUDGED, EMPTY).to(torch.int8)
    own = labels.gather(1, owner.flatten(1)).view_as(owner)
    digit = torch.where(present, own, digit)
    left, top, width, height = (boxes[..., i].gather(1, owner.flatten(1)).view_as(owner) for i in range(4))
    sides = torch.stack(
        [
            centres - left,
            centres[:, None] - top,
            left + width - centres,
            top + height - centres[:, None],
        ],
        1,
    )
    return digit, sides * present[:, None]


def draw_detector_scene(seed: tuple[int, ...], handwriting: Handwriting) -> Scene:
    """Draw one scene; the same for the same seed."""
    generator = np.random.default_rng(seed)
    index = generator.choice(len(_HEIGHTS), p=[share for _, share in _HEIGHTS])
    return draw_scene(generator, handwriting, SCENE_SIDE, _HEIGHTS[index][0])


def draw_detector_scenes(
    count: int, source: Source, seed: tuple[int, ...], processes: int | None = None
) -> DetectorScenes:
    """Draw `count` scenes with the handwriting of `source`, by default on all cores.

    The same seed gives the same scenes, whatever the number of processes.
    """
    handwriting = source.handwriting(seed)
    drawn = workers.draw_all(_prepare, (handwriting, seed), count, chunk=_CHUNK, processes=processes)
    # The pixels are most of the memory, so there is never a second copy of them.
    grey = np.empty((count, SCENE_SIDE, SCENE_SIDE), np.uint8)
    digits = []
    for index, (scene, *own) in enumerate(drawn):
        grey[index] = scene
        digits.append(own)
    most = max(len(own_labels) for _, own_labels in digits)
    boxes = np.zeros((count, most, 4), np.float32)
    labels = np.full((count, most), IGNORE, np.int8)
    for index, (own_boxes, own_labels) in enumerate(digits):
        boxes[index, : len(own_boxes)], labels[index, : len(own_labels)] = own_boxes, own_labels
    return DetectorScenes(*(torch.from_numpy(part) for part in (grey, boxes, labels)))


def _prepare(handwriting: Handwriting, seed: tuple[int, ...]) -> Callable[[int], tuple[NDArray[Any], ...]]:
    def draw(index: int) -> tuple[NDArray[Any], ...]:
        scene = draw_detector_scene((*seed, index), handwriting)
        return scene.grey, scene.boxes, scene.labels

    return draw
