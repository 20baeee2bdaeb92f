"""Variation of tiles during training, a whole batch at a time.

Every image gets its own rotation, scale, shear, shift, bend, stroke width, blur, contrast and
noise, and comes back as the network takes it: `uint8`, a little off the centre and the size that a tile has,
as cut tiles are. One `grid_sample` does all the geometry, for a whole batch: torchvision's transforms work on
one image at a time and took 5 to 20 times as long (62 us an image against 312, with a bend 1258).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

ROTATION_DEGREES = 14.0
SCALE = 0.16  # the longer and the shorter side vary apart from each other, by up to this share
SHEAR = 0.25
SHIFT_PIXELS = 2.2
BEND_PIXELS = 1.3  # how far a coarse field of displacements bends strokes (Simard et al., 2003)
BEND_CELLS = 5
BLUR_SHARE = 0.25
STROKE_SHARE = 0.5
NOISE = 0.06  # standard deviation, of the pixel range, at the most


def augment(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Vary tiles: `uint8 [N, 28, 28]` to `uint8 [N, 28, 28]`, all randomness from `generator`.

    `generator` lives on the CPU whatever the tiles' device is, so that a seed means one thing.
    """
    device = tiles.device

    def uniform(*shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
        return (torch.rand(*shape, generator=generator) * (high - low) + low).to(device)

    count = len(tiles)
    images = tiles.unsqueeze(1).to(torch.float32) / 255
    images = functional.grid_sample(
        images, _grid(count, uniform), mode="bilinear", padding_mode="zeros", align_corners=False
    )
    images = _vary_stroke(images, uniform)
    images = _blur(images, uniform)

    gain = uniform(count, 1, 1, 1, low=0.7, high=1.3)
    deviation = (uniform(count, 1, 1, 1) * NOISE).clamp_min(0)
    noise = torch.randn(images.shape, generator=generator).to(device)
    images = images * gain + noise * deviation
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).squeeze(1)


def _grid(count: int, uniform) -> Tensor:
    """Sampling positions `float32 [N, 28, 28, 2]` in -1..1 of the combined geometry."""
    angle = uniform(count) * math.radians(ROTATION_DEGREES)
    across, down = 1 + uniform(count) * SCALE, 1 + uniform(count) * SCALE
    shear = uniform(count) * SHEAR
    shift = uniform(count, 2) * SHIFT_PIXELS / 14
    cosine, sine = torch.cos(angle), torch.sin(angle)
    rows = [
        torch.stack([cosine * across, (cosine * shear - sine) * down, shift[:, 0]], dim=1),
        torch.stack([sine * across, (sine * shear + cosine) * down, shift[:, 1]], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), [count, 1, 28, 28], align_corners=False)
    field = uniform(count, 2, BEND_CELLS, BEND_CELLS) * (BEND_PIXELS / 14) * uniform(count, 1, 1, 1, low=0)
    field = functional.interpolate(field, size=(28, 28), mode="bicubic", align_corners=True)
    return grid + field.permute(0, 2, 3, 1)


def _vary_stroke(images: Tensor, uniform) -> Tensor:
    """Make strokes thicker or thinner by blending with the local maximum or minimum."""
    count = len(images)
    amount = uniform(count, 1, 1, 1) * 0.8
    amount = amount * (uniform(count, 1, 1, 1, low=0) < STROKE_SHARE)
    thicker = functional.max_pool2d(images, 3, 1, 1)
    thinner = -functional.max_pool2d(-images, 3, 1, 1)
    return images + amount.clamp_min(0) * (thicker - images) + (-amount).clamp_min(0) * (thinner - images)


def _blur(images: Tensor, uniform) -> Tensor:
    """Soften a share of the images with a binomial 3x3 kernel, to a varying degree."""
    side = torch.tensor([0.25, 0.5, 0.25], device=images.device)
    soft = functional.conv2d(images, torch.outer(side, side)[None, None], padding=1)
    amount = uniform(len(images), 1, 1, 1, low=0)
    amount = amount * (uniform(len(images), 1, 1, 1, low=0) < BLUR_SHARE)
    return images + amount * (soft - images)


def corrupt(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Disturb tiles `uint8 [N, 28, 28]` as bad scans, lenses and papers do: each in one way or two.

    Haze and raised brightness, coarse and fine noise, dead pixels, lines through the ink, blots, blur, an
    inverted band, outlines in the ink's place.
    """
    count = len(tiles)
    device = tiles.device

    def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return (torch.rand(*shape, generator=generator) * (high - low) + low).to(device)

    images = tiles.unsqueeze(1).to(torch.float32) / 255
    ways = (_haze, _speckle, _line, _line, _blots, _smear, _band, _outline)
    for often in (1.0, 0.3):
        way = torch.randint(len(ways), (count,), generator=generator).to(device)
        way = torch.where(uniform(count) < often, way, -1)
        for index, disturb in enumerate(ways):
            chosen = torch.nonzero(way == index).flatten()
            if len(chosen):
                images[chosen] = disturb(images[chosen], uniform)
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).squeeze(1)


def _haze(images: Tensor, uniform) -> Tensor:
    """Brightness, even or in clouds, and less contrast under it."""
    count = len(images)
    level = uniform(count, 1, 1, 1, low=0.0, high=0.8)
    cells = 3 + int(uniform(1) * 6)
    clouds = functional.interpolate(
        uniform(count, 1, cells, cells), size=(28, 28), mode="bicubic", align_corners=True
    )
    cloudy = (uniform(count, 1, 1, 1) < 0.6).float()
    veil = level * (1 - cloudy + cloudy * clouds * 1.4)
    return veil + images * (1 - uniform(count, 1, 1, 1) * level)


def _speckle(images: Tensor, uniform) -> Tensor:
    """Noise that grows with brightness or not, and pixels that are black or white."""
    count = len(images)
    rough = uniform(*images.shape, low=-1) + uniform(*images.shape, low=-1)
    noisy = images + rough * uniform(count, 1, 1, 1, high=0.5) * (0.3 + images)
    dead = uniform(*images.shape) < uniform(count, 1, 1, 1, low=-0.1, high=0.25)
    return torch.where(dead, (uniform(*images.shape) < 0.5).float(), noisy)


def _line(images: Tensor, uniform) -> Tensor:
    """A straight, bent or dotted line through the image, bright or dark."""
    count = len(images)
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    rows, columns = rows.to(images.device), columns.to(images.device)
    for _ in range(2):
        angle = uniform(count, 1, 1, 1) * math.pi
        x, y = uniform(count, 1, 1, 1, low=6, high=22), uniform(count, 1, 1, 1, low=6, high=22)
        along = (columns - x) * torch.cos(angle) + (rows - y) * torch.sin(angle)
        away = (rows - y) * torch.cos(angle) - (columns - x) * torch.sin(angle)
        bend = uniform(count, 1, 1, 1, high=3) * (uniform(count, 1, 1, 1) < 0.5)
        period = uniform(count, 1, 1, 1, low=0.3, high=1.2)
        away = away - bend * torch.asin(torch.sin(along * period))
        stroke = (uniform(count, 1, 1, 1, low=0.7, high=1.6) - away.abs()).clamp(0, 1)
        dotted = uniform(count, 1, 1, 1) < 0.4
        stroke = stroke * torch.where(dotted, (torch.sin(along * period * 3) > 0).float(), 1.0)
        stroke = stroke * (uniform(count, 1, 1, 1) < 0.7)
        dark = uniform(count, 1, 1, 1) < 0.25
        images = torch.where(dark, images * (1 - stroke), torch.maximum(images, stroke))
    return images


def _blots(images: Tensor, uniform) -> Tensor:
    """Drops of ink, or of white over the ink."""
    count = len(images)
    cells = 8 + int(uniform(1) * 8)
    hills = functional.interpolate(
        uniform(count, 1, cells, cells), size=(28, 28), mode="bicubic", align_corners=True
    )
    blots = ((hills - uniform(count, 1, 1, 1, low=0.75, high=0.95)) * 8).clamp(0, 1)
    white = uniform(count, 1, 1, 1) < 0.5
    return torch.where(white, images * (1 - blots), torch.maximum(images, blots))


def _smear(images: Tensor, uniform) -> Tensor:
    """Blur in all directions or along one."""
    side = 7
    grid = torch.arange(side, dtype=torch.float32, device=images.device) - side // 2
    count = len(images)
    angle = uniform(count, 1, 1) * math.pi
    long, short = uniform(count, 1, 1, low=0.6, high=2.8), uniform(count, 1, 1, low=0.3, high=1.3)
    along = grid[None, None] * torch.cos(angle) + grid[None, :, None] * torch.sin(angle)
    across = grid[None, :, None] * torch.cos(angle) - grid[None, None] * torch.sin(angle)
    kernels = torch.exp(-((along / long) ** 2 + (across / short) ** 2) / 2)
    kernels = kernels / kernels.sum((1, 2), keepdim=True)
    smeared = functional.conv2d(images.permute(1, 0, 2, 3), kernels[:, None], padding=side // 2, groups=count)
    return smeared.permute(1, 0, 2, 3) * uniform(count, 1, 1, 1, low=1.0, high=1.5)


def _band(images: Tensor, uniform) -> Tensor:
    """A band, or a side, of the image in negative."""
    count = len(images)
    places = torch.arange(28.0, device=images.device)
    start, length = uniform(count, 1, 1, 1, low=-6, high=24), uniform(count, 1, 1, 1, low=2, high=16)
    inside = ((places >= start) & (places < start + length)).float()
    upright = uniform(count, 1, 1, 1) < 0.7
    inside = torch.where(upright, inside, inside.transpose(2, 3))
    return inside * (1 - images) + (1 - inside) * images


def _outline(images: Tensor, uniform) -> Tensor:
    """The ink's edges alone, as a photocopier or an edge filter leaves them."""
    wide = functional.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
    edges = functional.max_pool2d(wide, 3, 1, 1) + functional.max_pool2d(-wide, 3, 1, 1)
    edges = functional.avg_pool2d(edges, 2)
    return edges * uniform(len(images), 1, 1, 1, low=0.8, high=1.6)
