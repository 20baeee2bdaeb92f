"""Variation of tiles during training, a whole batch at a time.

Every picture gets its own rotation, scale, shear, shift, bend, stroke width, blur, contrast and
noise, and comes back as the network takes it: `uint8`, a little off the centre and the size that a tile has,
as cut tiles are. One `grid_sample` does all the geometry, for a whole batch: torchvision's transforms work on
one picture at a time and took 5 to 20 times as long (62 us a picture against 312, with a bend 1258).
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
    pictures = tiles.unsqueeze(1).to(torch.float32) / 255
    pictures = functional.grid_sample(
        pictures, _grid(count, uniform), mode="bilinear", padding_mode="zeros", align_corners=False
    )
    pictures = _vary_stroke(pictures, uniform)
    pictures = _blur(pictures, uniform)

    gain = uniform(count, 1, 1, 1, low=0.7, high=1.3)
    deviation = (uniform(count, 1, 1, 1) * NOISE).clamp_min(0)
    noise = torch.randn(pictures.shape, generator=generator).to(device)
    pictures = pictures * gain + noise * deviation
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8).squeeze(1)


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


def _vary_stroke(pictures: Tensor, uniform) -> Tensor:
    """Make strokes thicker or thinner by blending with the local maximum or minimum."""
    count = len(pictures)
    amount = uniform(count, 1, 1, 1) * 0.8
    amount = amount * (uniform(count, 1, 1, 1, low=0) < STROKE_SHARE)
    thicker = functional.max_pool2d(pictures, 3, 1, 1)
    thinner = -functional.max_pool2d(-pictures, 3, 1, 1)
    return (
        pictures + amount.clamp_min(0) * (thicker - pictures) + (-amount).clamp_min(0) * (thinner - pictures)
    )


def _blur(pictures: Tensor, uniform) -> Tensor:
    """Soften a share of the pictures with a binomial 3x3 kernel, to a varying degree."""
    side = torch.tensor([0.25, 0.5, 0.25], device=pictures.device)
    soft = functional.conv2d(pictures, torch.outer(side, side)[None, None], padding=1)
    amount = uniform(len(pictures), 1, 1, 1, low=0)
    amount = amount * (uniform(len(pictures), 1, 1, 1, low=0) < BLUR_SHARE)
    return pictures + amount * (soft - pictures)
