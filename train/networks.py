"""The networks. The classifiers: tiles `uint8 [N, 28, 28]` to logits `float32 [N, 11]`, ten digits and none.

Cast and scale are the first lines of `forward`, so they travel inside the exported graph and no
mean or deviation exists anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from edge_runtime.contract import BOX_SCALE, CLASSES, DETECTOR_CHANNELS


class TileNetwork(nn.Module):
    """A stack of layers behind the one input form of this project.

    `pixel_scale` brings pixels to 0..1; export folds it into the first layer and sets it to 1.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.pixel_scale = 1 / 255

    def forward(self, tiles: Tensor) -> Tensor:
        """Classify tiles: `uint8 [N, 28, 28]`, bright ink on black, to `float32 [N, 11]` logits."""
        pixels = tiles.unsqueeze(1).to(torch.float32)
        if self.pixel_scale != 1:
            pixels = pixels * self.pixel_scale
        return self.layers(pixels)


def mlp() -> TileNetwork:
    """The smallest thing that works: one hidden ReLU layer of 128 units (102 k parameters)."""
    return TileNetwork(nn.Flatten(), nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, CLASSES))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def cnn() -> TileNetwork:
    """The network that ships, shaped for integer kernels on a small core.

    The first convolution stays in float after quantisation (onnxruntime has no fast integer kernel
    for one input channel), so it takes the image down to 12x12 at once; everything behind it has
    channel counts that are multiples of 8 and small maps. The last layer sees where things are: pooling
    in front of it cost accuracy and saved nothing. 86 k parameters.
    """
    return TileNetwork(
        *_convolution(1, 24, kernel=5, stride=2, padding=0),
        *_convolution(24, 48, kernel=3, stride=2, padding=1),
        *_convolution(48, 64, kernel=3, stride=1, padding=0),
        *_convolution(64, 64, kernel=3, stride=1, padding=1),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, CLASSES),
    )


class DetectorNetwork(TileNetwork):
    """`uint8 [N, H, W]`, sides multiples of 4, to `float32 [N, 16, H/4, W/4]`: see `edge_runtime.detect`."""


def detector() -> DetectorNetwork:
    """Fully convolutional; a cell sees 47 px around it."""
    layers: list[nn.Module] = []
    for inputs, outputs, stride, dilation in (
        (1, 16, 2, 1),
        (16, 24, 2, 1),
        (24, 32, 1, 1),
        (32, 40, 1, 2),
        (40, 48, 1, 2),
    ):
        layers += [
            nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    head = nn.Conv2d(48, DETECTOR_CHANNELS, 1)
    with torch.no_grad():
        # Digits are rare: begin by finding none (Lin et al., 2017, "Focal Loss").
        head.bias[:2] = -4.0
        head.bias[-4:] = 10.0 / BOX_SCALE
    return DetectorNetwork(*layers, head)


ARCHITECTURES: dict[str, Callable[[], TileNetwork]] = {"cnn": cnn, "mlp": mlp, "detector": detector}
