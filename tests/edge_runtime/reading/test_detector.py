"""Detection: levels of the image pyramid, and where candidates lie in the image."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime import contract
from edge_runtime.reading import detector


def network_that_detects(*places):
    """A network that detects digits of 20 px at these (x, y, logit) of every level, and nothing else."""

    def network(images):
        cells = [side // contract.STRIDE for side in images.shape[1:]]
        scores = np.full((len(images), contract.DETECTOR_CHANNELS, *cells), -9.0, np.float32)
        for x, y, logit in places:
            scores[0, 0, y // contract.STRIDE, x // contract.STRIDE] = logit
            scores[0, 12:, y // contract.STRIDE, x // contract.STRIDE] = 10 / contract.BOX_SCALE
        return scores

    return network


NOTHING = network_that_detects()


def test_boxes_lie_where_the_network_detects_a_digit():
    grey = np.full((84, 84), 200, np.uint8)  # the finest level has the same size, and is padded to 100 px
    found = detector.detect(grey, network_that_detects((50, 50, 3.0)))
    # The coarser levels are searched as well, and there the same place is another one of the image.
    assert found.objectness[0] == 3.0
    assert found.class_logits.shape == (len(found), 10)
    sizes = found.boxes[:, 2] - found.boxes[:, 0]
    smallest = found.boxes[sizes.argmin()]
    # The centre of the cell at 48..52 px, less the padding, plus and minus 10 px.
    assert smallest == pytest.approx([32, 32, 52, 52], abs=0.1)


def test_candidates_below_the_least_objectness_are_dropped():
    grey = np.full((84, 84), 200, np.uint8)
    network = network_that_detects((50, 50, -1.0))
    assert len(detector.detect(grey, network, min_objectness=-1.0)) > 0
    assert len(detector.detect(grey, network, min_objectness=-0.9)) == 0


def test_the_best_candidates_come_first():
    grey = np.full((84, 84), 200, np.uint8)
    found = detector.detect(grey, network_that_detects((14, 14, 1.0), (50, 50, 3.0), (50, 14, 2.0)))
    assert (np.diff(found.objectness) <= 0).all()
    assert set(found.objectness.tolist()) == {1.0, 2.0, 3.0}


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (28, 28), (37, 41), (480, 640), (1200, 90)])
def test_levels_of_any_image_consist_of_whole_cells(shape):
    seen = []

    def network(images):
        seen.append(images.shape)
        return NOTHING(images)

    assert len(detector.detect(np.zeros(shape, np.uint8), network)) == 0
    assert seen
    assert all(height % contract.STRIDE == width % contract.STRIDE == 0 for _, height, width in seen)


def levels(shape, gate=None):
    """Sizes of the levels that are searched in an image, if the first one opens its gate in a cell."""
    seen = []

    def network(images):
        seen.append(images.shape[1:])
        scores = NOTHING(images)
        if gate and len(seen) == 1:
            scores[0, 1][gate] = 5
        return scores

    detector.detect(np.zeros(shape, np.uint8), network)
    return seen


def test_finer_levels_are_searched_only_where_a_gate_opens():
    closed, opened = levels((2000, 3000)), levels((2000, 3000), gate=(20, 30))
    assert max(max(level) for level in closed) <= detector.START_SIDE + 32
    # One more level, and of it little more than the cell and its context.
    assert opened[: len(closed)] == closed
    (finer,) = opened[len(closed) :]
    assert max(finer) <= 8 + 2 * detector._CONTEXT + 32


@pytest.mark.parametrize("shape", [(3, 5000), (20, 1000), (60, 1500), (2000, 40), (1200, 90)])
def test_gates_in_the_padding_are_ignored(shape):
    searched = []

    def network(images):
        searched.append(images.shape)
        scores = NOTHING(images)
        scores[0, 1, :2] = scores[0, 1, -2:] = scores[0, 1, :, :2] = scores[0, 1, :, -2:] = 9
        return scores

    assert len(detector.detect(np.zeros(shape, np.uint8), network)) == 0
    assert searched


def test_a_finer_level_is_searched_in_blocks_of_bounded_size():
    sizes = []

    def network(images):
        sizes.append(images.size)
        scores = NOTHING(images)
        scores[0, 1] = 9
        return scores

    detector.detect(np.zeros((2600, 3400), np.uint8), network)
    assert max(sizes) <= (detector._BLOCK + 2 * detector._CONTEXT + 32) ** 2
    assert sum(sizes) > 2600 * 3400
