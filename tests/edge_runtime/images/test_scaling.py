"""Scaling: what OpenCV's averaging gives, in the right place, for all sides."""

import cv2
import numpy as np
import pytest

from edge_runtime.images.scaling import reduce_to, scale_to


def soft_noise(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(3).integers(0, 255, (height, width, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 9), None, 0, 255, cv2.NORM_MINMAX)


@pytest.mark.parametrize("size", [(320, 240), (203, 151), (131, 97), (40, 30), (900, 700)])
@pytest.mark.parametrize("shape", [(480, 640), (481, 643), (479, 637)])
def test_an_image_is_scaled_as_by_averaging(shape, size):
    image = soft_noise(*shape)
    scaled = scale_to(image, size)
    assert scaled.shape == (size[1], size[0], 3)
    method = cv2.INTER_AREA if size[0] < shape[1] else cv2.INTER_LINEAR
    difference = cv2.absdiff(scaled, cv2.resize(image, size, interpolation=method))
    assert difference[:-1, :-1].mean() < 2


def test_the_pixels_that_an_odd_side_loses_do_not_move_the_others():
    image = np.zeros((2047, 2047), np.uint8)
    image[1000:1040, 1900:1940] = 255
    moments = cv2.moments(scale_to(image, (100, 100)))
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    expected = (np.array([1919.5, 1019.5]) + 0.5) * 100 / 2047 - 0.5
    assert centre == pytest.approx(expected, abs=0.1)


def test_only_larger_images_are_reduced():
    image = soft_noise(60, 90)
    assert reduce_to(image, 90) is image
    assert reduce_to(image, 45).shape == (30, 45, 3)
    assert reduce_to(np.zeros((1, 5000), np.uint8), 100).shape == (1, 100)
