"""The networks, from raw pixels to scores.

A classifier maps tiles uint8 `[N, 28, 28]` to logits float32 `[N, 11]`, ten digits and the background. The
detector maps grey images to scores for every cell. Cast and scale are the first lines of `forward`, so they
are part of the exported graph, and no other code has to normalise pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from edge_runtime.contract import BOX_SCALE, CLASSES, DETECTOR_CHANNELS, GRID, STRIDE, TILE


class TileNetwork(nn.Module):
    """A stack of layers. All networks share its input format, raw pixels.

    `pixel_scale` brings pixels to 0..1; export folds it into the first layer and sets it to 1.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.pixel_scale = 1 / 255

    def forward(self, tiles: Tensor) -> Tensor:
        """Map images uint8 `[N, H, W]` to scores float32; a classifier takes tiles, bright ink on black."""
        pixels = tiles.unsqueeze(1).to(torch.float32)
        if self.pixel_scale != 1:
            pixels = pixels * self.pixel_scale
        return self.layers(pixels)


def mlp() -> TileNetwork:
    """The simplest baseline: one hidden ReLU layer of 128 units (102 k parameters)."""
    return TileNetwork(nn.Flatten(), nn.Linear(TILE * TILE, 128), nn.ReLU(), nn.Linear(128, CLASSES))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def _context(channels: int) -> list[nn.Module]:
    """A dilated 5x5 convolution of each channel on its own, so that the layers after it see farther.

    It starts as the identity (Yu and Koltun, 2016, "Multi-Scale Context Aggregation by Dilated
    Convolutions").
    """
    layer = nn.Conv2d(channels, channels, kernel_size=5, padding=4, dilation=2, groups=channels)
    nn.init.dirac_(layer.weight, groups=channels)
    nn.init.zeros_(layer.bias)
    return [layer, nn.ReLU()]


def cnn() -> TileNetwork:
    """The released classifier, designed for integer kernels on a small core.

    The first convolution stays in float after quantisation, as onnxruntime has no fast integer kernel for one
    input channel. It therefore shrinks the image to 12x12 at once; all later layers have small maps and
    channel counts that are multiples of 8. Pooling before the last layer cost accuracy and saved no time.
    174,667 parameters once export has folded batch normalisation.
    """
    return TileNetwork(
        *_convolution(1, 32, kernel=5, stride=2, padding=0),
        *_convolution(32, 64, kernel=3, stride=2, padding=1),
        *_convolution(64, 96, kernel=3, stride=1, padding=0),
        *_convolution(96, 96, kernel=3, stride=1, padding=1),
        nn.Flatten(),
        nn.Linear(96 * 4 * 4, CLASSES),
    )


class DetectorNetwork(TileNetwork):
    """Maps images uint8 `[N, H, W]`, sides multiples of 8, to scores float32 `[N, 15, H/4, W/4]`.

    `edge_runtime.contract` describes the channels; `edge_runtime.reading.detector` turns them into boxes.
    """


def detector() -> DetectorNetwork:
    """The released detector: fully convolutional, with a receptive field of 191x191 px.

    A digit is recognised by its shape and by what is around it: a 0 in a word is an o. The layers work at an
    eighth of the resolution, where they are cheap, and the last one predicts four cells of 4 x 4 px at once
    (Shi et al., 2016, "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network"). 133,732 parameters once export has folded batch normalisation.
    """
    layers = [
        *_convolution(1, 8, kernel=3, stride=2, padding=1),
        *_convolution(8, 24, kernel=3, stride=2, padding=1),
        *_convolution(24, 64, kernel=3, stride=2, padding=1),
        *_convolution(64, 64, kernel=3, stride=1, padding=1),
        *_convolution(64, 64, kernel=3, stride=1, padding=1),
        *_context(64),
        *_convolution(64, 64, kernel=3, stride=1, padding=1),
        *_context(64),
    ]
    cells = (GRID // STRIDE) ** 2
    head = nn.Conv2d(64, cells * DETECTOR_CHANNELS, 1)
    with torch.no_grad():
        bias = head.bias.view(DETECTOR_CHANNELS, cells)
        # Digits are rare: a low initial probability keeps the first steps stable (Lin et al., 2017).
        bias[0] = -4.0
        bias[-4:] = 10.0 / BOX_SCALE
    return DetectorNetwork(*layers, head, nn.PixelShuffle(GRID // STRIDE))


ARCHITECTURES: dict[str, Callable[[], TileNetwork]] = {"cnn": cnn, "mlp": mlp, "detector": detector}
