"""Augmentation and corruption of tiles during training, a whole batch at a time.

Every tile gets its own random values, and comes back as a tile that is a little off in position and size, as
cropped tiles are. One `grid_sample` does all the geometry of a batch. torchvision's transforms work on one
image at a time and are 5 to 20 times slower (312 us per image, or 1258 us with bends, against 62 us).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

ROTATION_DEGREES = 6.0  # more would blur the angle that tells a 1 with an upstroke from a 7
SCALE = 0.16  # width and height vary by up to this share, independently
SHEAR = 0.12
SHIFT_PIXELS = 2.2
BEND_PIXELS = 1.3  # largest displacement in the coarse field that bends strokes (Simard et al., 2003)
BEND_CELLS = 5  # rows and columns of that field
BLUR_SHARE = 0.25  # of the tiles
STROKE_SHARE = 0.5  # of the tiles, whose strokes become thicker or thinner
NOISE = 0.06  # largest standard deviation, as a share of the pixel range

_Uniform = Callable[..., Tensor]  # (*shape, low=..., high=...) to float32 of that shape


def augment(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Vary tiles in geometry, stroke width, sharpness, contrast and noise: uint8 `[N, 28, 28]` to the same.

    Everything random comes from `generator`, which is on the CPU whatever the device of the tiles, so that a
    seed gives the same values everywhere.
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


def _grid(count: int, uniform: _Uniform) -> Tensor:
    """Sampling positions of the combined geometry: float32 `[N, 28, 28, 2]`, -1..1 from edge to edge."""
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


def _vary_stroke(images: Tensor, uniform: _Uniform) -> Tensor:
    """Make the strokes of some tiles thicker or thinner: blend with the local maximum or minimum."""
    count = len(images)
    amount = uniform(count, 1, 1, 1) * 0.8
    amount = amount * (uniform(count, 1, 1, 1, low=0) < STROKE_SHARE)
    thicker = functional.max_pool2d(images, 3, 1, 1)
    thinner = -functional.max_pool2d(-images, 3, 1, 1)
    return images + amount.clamp_min(0) * (thicker - images) + (-amount).clamp_min(0) * (thinner - images)


def _blur(images: Tensor, uniform: _Uniform) -> Tensor:
    """Blur some tiles with a binomial 3x3 kernel, to a varying degree."""
    side = torch.tensor([0.25, 0.5, 0.25], device=images.device)
    soft = functional.conv2d(images, torch.outer(side, side)[None, None], padding=1)
    amount = uniform(len(images), 1, 1, 1, low=0)
    amount = amount * (uniform(len(images), 1, 1, 1, low=0) < BLUR_SHARE)
    return images + amount * (soft - images)


def corrupt(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Corrupt tiles as bad scans, lenses and paper do: uint8 `[N, 28, 28]` to the same.

    Each tile gets one corruption, and three in ten get a second one: haze, noise, lines, blots, blur, an
    inverted band, or outlines instead of ink. As in `augment`, everything random comes from `generator`.
    """
    count = len(tiles)
    device = tiles.device

    def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return (torch.rand(*shape, generator=generator) * (high - low) + low).to(device)

    images = tiles.unsqueeze(1).to(torch.float32) / 255
    # Lines are listed twice: they come up twice as often as the others.
    kinds = (_haze, _speckle, _line, _line, _blots, _smear, _band, _outline)
    for share in (1.0, 0.3):
        kind = torch.randint(len(kinds), (count,), generator=generator).to(device)
        kind = torch.where(uniform(count) < share, kind, -1)
        for index, apply in enumerate(kinds):
            chosen = torch.nonzero(kind == index).flatten()
            if len(chosen):
                images[chosen] = apply(images[chosen], uniform)
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).squeeze(1)


def _haze(images: Tensor, uniform: _Uniform) -> Tensor:
    """Brighten evenly or in clouds, and lower the contrast."""
    count = len(images)
    level = uniform(count, 1, 1, 1, low=0.0, high=0.8)
    cells = 3 + int(uniform(1) * 6)
    clouds = functional.interpolate(
        uniform(count, 1, cells, cells), size=(28, 28), mode="bicubic", align_corners=True
    )
    cloudy = (uniform(count, 1, 1, 1) < 0.6).float()
    veil = level * (1 - cloudy + cloudy * clouds * 1.4)
    return veil + images * (1 - uniform(count, 1, 1, 1) * level)


def _speckle(images: Tensor, uniform: _Uniform) -> Tensor:
    """Add noise, more of it on ink, and black and white pixels."""
    count = len(images)
    rough = uniform(*images.shape, low=-1) + uniform(*images.shape, low=-1)
    noisy = images + rough * uniform(count, 1, 1, 1, high=0.5) * (0.3 + images)
    dead = uniform(*images.shape) < uniform(count, 1, 1, 1, low=-0.1, high=0.25)
    return torch.where(dead, (uniform(*images.shape) < 0.5).float(), noisy)


def _line(images: Tensor, uniform: _Uniform) -> Tensor:
    """Draw up to two lines, each straight, wavy or dotted, bright or dark."""
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


def _blots(images: Tensor, uniform: _Uniform) -> Tensor:
    """Add blots of ink, or of correction fluid, which hides the ink."""
    count = len(images)
    cells = 8 + int(uniform(1) * 8)
    hills = functional.interpolate(
        uniform(count, 1, cells, cells), size=(28, 28), mode="bicubic", align_corners=True
    )
    blots = ((hills - uniform(count, 1, 1, 1, low=0.75, high=0.95)) * 8).clamp(0, 1)
    erasing = uniform(count, 1, 1, 1) < 0.5
    return torch.where(erasing, images * (1 - blots), torch.maximum(images, blots))


def _smear(images: Tensor, uniform: _Uniform) -> Tensor:
    """Blur, more along one random direction than across it."""
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


def _band(images: Tensor, uniform: _Uniform) -> Tensor:
    """Invert a horizontal or vertical band, which may reach an edge."""
    count = len(images)
    places = torch.arange(28.0, device=images.device)
    start, length = uniform(count, 1, 1, 1, low=-6, high=24), uniform(count, 1, 1, 1, low=2, high=16)
    inside = ((places >= start) & (places < start + length)).float()
    upright = uniform(count, 1, 1, 1) < 0.7
    inside = torch.where(upright, inside, inside.transpose(2, 3))
    return inside * (1 - images) + (1 - inside) * images


def _outline(images: Tensor, uniform: _Uniform) -> Tensor:
    """Replace the ink by its outlines, as a worn photocopier or an edge filter does."""
    wide = functional.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
    edges = functional.max_pool2d(wide, 3, 1, 1) + functional.max_pool2d(-wide, 3, 1, 1)
    edges = functional.avg_pool2d(edges, 2)
    return edges * uniform(len(images), 1, 1, 1, low=0.8, high=1.6)
