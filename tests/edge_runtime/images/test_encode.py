"""Encoding images: for every suffix that OpenCV knows, or an error that names it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime import ImageError
from edge_runtime.images.encode import encode

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".tif"])
def test_images_survive_encoding(suffix):
    assert (cv2.imdecode(np.frombuffer(encode(IMAGE, suffix), np.uint8), cv2.IMREAD_COLOR) == IMAGE).all()


@pytest.mark.parametrize(
    ("image", "suffix", "message"),
    [
        pytest.param(IMAGE, ".txt", r"an image of 50x40 px as \.txt$", id="kind"),
        pytest.param(IMAGE, "", "an image of 50x40 px as a file without a suffix$", id="no suffix"),
        pytest.param(np.zeros((1, 70_000, 3), np.uint8), ".jpg", r"70000x1 px as \.jpg$", id="too wide"),
    ],
)
def test_what_cannot_be_encoded_is_named(image, suffix, message):
    with pytest.raises(ImageError, match=message):
        encode(image, suffix)
