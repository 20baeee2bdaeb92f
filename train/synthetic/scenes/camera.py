"""The camera of scenes: blur, exposure, noise, thresholding and JPEG compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import surfaces
from train.synthetic.scenes.page import Page


def photograph(generator: np.random.Generator, page: Page, contrast: float) -> NDArray[np.uint8]:
    """Photograph or scan a page: uint8 `(H, W)`.

    `contrast` of the ink, 0 to 1, limits the noise, so that the writing stays legible.
    """
    image = page.brightness
    if generator.random() < 0.06:
        return _binarised(generator, image)
    if generator.random() < 0.05:  # moiré: the raster of a screen and the pixels of the sensor interfere
        wave = surfaces.ramp(generator, *image.shape) * (2 * np.pi / generator.uniform(2.2, 12))
        image = image * (1 + generator.uniform(0.02, 0.1) * np.sin(wave))
    if generator.random() < 0.8:
        # Mostly sharp; when out of focus, never so much that the writing disappears.
        worst = 0.5 + min(1.0, 0.04 * page.unit) if generator.random() < 0.2 else 0.7
        image = cv2.GaussianBlur(image, (0, 0), generator.uniform(0.3, worst))
    if generator.random() < 0.15:  # phones sharpen their photos
        halo = cv2.GaussianBlur(image, (0, 0), generator.uniform(0.6, 2))
        image = image + generator.uniform(0.3, 1.5) * (image - halo)
    if generator.random() < 0.03:
        image = cv2.filter2D(image, -1, _motion_kernel(generator, max(2.0, 0.15 * page.unit)))
    if generator.random() < 0.12:  # exposure: dim rooms and washed-out scans
        low, high = generator.uniform(0, 70), generator.uniform(150, 300)
        image = low + image * ((high - low) / 255)
        contrast = contrast * (high - low) / 255
    if generator.random() < 0.1:
        image = 255 * (np.clip(image, 0, 255) / 255) ** generator.uniform(0.6, 1.6)
    if generator.random() < 0.75:
        grain = surfaces.noise(generator, *image.shape)
        if generator.random() < 0.4:
            grain = 1.7 * cv2.GaussianBlur(grain, (0, 0), 0.7)
        strongest = min(8.0, contrast * 25)
        image = image + generator.uniform(0, strongest) * grain
    if generator.random() < 0.3:
        image = 255 - image
    grey = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    if generator.random() < 0.5:
        quality = int(generator.integers(35, 95))
        _, packed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        grey = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return grey


def _binarised(generator: np.random.Generator, image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A scan in black and white."""
    # Thresholds are relative to the surroundings: one for the whole image would lose writing in a shadow.
    light = cv2.blur(image, (41, 41), borderType=cv2.BORDER_REFLECT)
    grey = np.clip(image / np.maximum(light, 1) * 170, 0, 255).astype(np.uint8)
    kind = cv2.THRESH_BINARY_INV if generator.random() < 0.6 else cv2.THRESH_BINARY
    _, sharp = cv2.threshold(grey, 0, 255, kind | cv2.THRESH_OTSU)
    return cv2.GaussianBlur(sharp, (0, 0), 0.4) if generator.random() < 0.5 else np.asarray(sharp, np.uint8)


def _motion_kernel(generator: np.random.Generator, length: float) -> NDArray[np.float32]:
    """Kernel of a motion blur of up to about `length` px in a random direction."""
    middle = int(np.ceil(length / 2))
    kernel = np.zeros((2 * middle + 1, 2 * middle + 1), np.float32)
    angle = generator.uniform(0, np.pi)
    reach = generator.uniform(0.5, 1) * middle
    dx, dy = reach * np.cos(angle), reach * np.sin(angle)
    ends = [(round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy))]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1)
    return kernel / kernel.sum()
