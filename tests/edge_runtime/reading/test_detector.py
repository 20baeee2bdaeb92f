"""Detection: levels of the image pyramid, and where candidates lie in the image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_runtime import contract
from edge_runtime.reading import detector, regions


def network_that_detects(*places, size=20):
    """A network that detects digits of this size in px at these (x, y, logit) of every level."""

    def network(images):
        cells = [side // contract.STRIDE for side in images.shape[1:]]
        scores = np.full((len(images), contract.DETECTOR_CHANNELS, *cells), -9.0, np.float32)
        for x, y, logit in places:
            scores[0, 0, y // contract.STRIDE, x // contract.STRIDE] = logit
            scores[0, contract.SIDES, y // contract.STRIDE, x // contract.STRIDE] = (
                size / 2 / contract.BOX_SCALE
            )
        return scores

    return network


NOTHING = network_that_detects()


def page_of_strokes(height, width):
    """A page full of short vertical strokes."""
    grey = np.full((height, width), 230, np.uint8)
    grey[:, np.arange(width) % 12 < 3] = 60
    grey[np.arange(height) % 36 < 12] = 230
    return grey


def test_boxes_lie_where_the_network_detects_a_digit():
    grey = np.full((84, 84), 200, np.uint8)  # the finest level has the same size, and is padded by 8 px
    found = detector.detect(grey, network_that_detects((50, 50, 3.0)))
    # The coarser levels are searched as well, and there the same place is another one of the image.
    assert found.objectness[0] == 3.0
    assert found.class_logits.shape == (len(found), 10)
    # The centre of the cell at 48..52 px, less the padding, plus and minus 10 px.
    assert np.abs(found.boxes - [32, 32, 52, 52]).max(axis=1).min() < 0.1


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


def test_too_many_candidates_are_not_dropped_in_silence(monkeypatch):
    grey = np.full((84, 84), 200, np.uint8)
    network = network_that_detects((14, 14, 1.0), (50, 50, 3.0), (50, 14, 2.0))
    assert detector.detect(grey, network).complete
    monkeypatch.setattr(detector, "MAX_CANDIDATES", 2)
    found = detector.detect(grey, network)
    assert len(found) == 2
    assert not found.complete


@pytest.mark.parametrize(("limit", "most"), [("_MAX_SEARCHED", 200_000), ("_MAX_FOUND", 3)])
def test_the_search_of_a_page_full_of_ink_ends(limit, most, monkeypatch):
    grey = page_of_strokes(600, 900)
    shapes = []

    def network(images):
        shapes.append(images.shape[1:])
        return network_that_detects((14, 14, 1.0))(images)

    assert detector.detect(grey, network).complete
    complete = len(shapes)
    shapes.clear()
    monkeypatch.setattr(detector, limit, most)
    found = detector.detect(grey, network)
    assert not found.complete
    assert 3 < len(shapes) < complete  # the coarsest levels are always searched
    assert len(found) > 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (28, 28), (37, 41), (480, 640), (1200, 90)])
def test_levels_of_any_image_consist_of_whole_cells(shape):
    seen = []

    def network(images):
        seen.append(images.shape)
        return NOTHING(images)

    assert len(detector.detect(np.zeros(shape, np.uint8), network)) == 0
    assert seen
    assert all(height % contract.GRID == width % contract.GRID == 0 for _, height, width in seen)


@pytest.mark.parametrize(
    ("size", "searched"),
    [
        pytest.param(14, {1}, id="the image's own pixels"),
        pytest.param(40, {1, 2}, id="half the resolution"),
    ],
)
def test_small_writing_in_a_large_image_is_searched_at_its_own_size(size, searched):
    """A stroke of the thickness of a digit of `size` px, in the corner of a large page."""
    grey = np.full((1500, 2100), 230, np.uint8)
    cv2.line(grey, (1900, 1300), (1900, 1300 + size), 60, max(1, size // 8))
    shapes = []

    def network(images):
        shapes.append(images.shape[1:])
        return NOTHING(images)

    detector.detect(grey, network)
    # The levels up to 96 px are searched completely; the others only close to the stroke.
    close = [shape for shape in shapes if max(shape) <= size + 2 * detector._CONTEXT + 64]
    assert len(close) == len(shapes)
    assert len(shapes) >= len(searched) + 2


def test_an_empty_page_is_not_searched():
    shapes = []

    def network(images):
        shapes.append(images.shape[1:])
        return NOTHING(images)

    noise = np.random.default_rng(1).normal(0, 3, (1200, 900))
    detector.detect((230 + noise).astype(np.uint8), network)
    assert all(max(shape) <= 128 for shape in shapes)


def test_digits_are_found_where_the_network_sees_them_whole():
    """A part begins above its region; what lies there belongs to the region above."""
    grey = page_of_strokes(1000, 400)
    found = detector.detect(grey, network_that_detects((50, 20, 3.0)))
    sizes = found.boxes[:, 2] - found.boxes[:, 0]
    assert (sizes == 20).sum() == 1  # in the first part of the image's own level only


def test_a_page_full_of_writing_is_searched_in_parts_of_bounded_size():
    sizes = []

    def network(images):
        sizes.append(images.size)
        return NOTHING(images)

    detector.detect(page_of_strokes(2600, 3400), network)
    assert max(sizes) <= regions._LARGEST * regions.CELL**2
    assert sum(sizes) > 2600 * 3400


def test_the_network_sees_a_digit_alike_wherever_it_stands_on_its_grid():
    def finest_part(x):
        seen = []

        def network(images):
            seen.append(images[0])
            return NOTHING(images)

        grey = np.full((300, 600), 230, np.uint8)
        cv2.circle(grey, (x, 150), 8, 60, 2)
        detector.detect(grey, network)
        return seen[-1]

    assert np.array_equal(finest_part(200), finest_part(200 + 5 * contract.GRID))


def test_finer_levels_are_not_searched_inside_a_certain_digit():
    grey = np.full((300, 600), 230, np.uint8)
    cv2.circle(grey, (150, 150), 40, 60, 3)
    cv2.circle(grey, (450, 150), 8, 60, 2)
    half = detector._half(grey)
    none, large = np.empty((0, 4), np.float32), np.float32([[108, 108, 192, 192]])
    both = detector._regions(grey, half, none)
    rest = detector._regions(grey, half, large)
    assert min(left for left, *_ in both) < 110
    assert rest == [region for region in both if region[0] > 400] != []


@pytest.mark.parametrize(
    ("size", "objectness", "searched"),
    [
        pytest.param(14, 1.2, [150], id="28 px on the finer level"),
        pytest.param(20, 1.2, [], id="too large for it"),
        pytest.param(14, 3.0, [], id="beyond doubt"),
    ],
)
def test_a_digit_is_searched_again_where_it_may_get_a_better_score(size, objectness, searched, monkeypatch):
    levels, regions_of = {}, detector._regions

    def regions_and_record(level, half, digits):
        levels[len(level)] = len(digits)
        return regions_of(level, half, digits)

    monkeypatch.setattr(detector, "_regions", regions_and_record)
    digit = network_that_detects((50, 50, objectness), size=size)
    # Only on the level of 75 px, which is 96 px with its padding.
    detector.detect(
        np.full((300, 300), 230, np.uint8),
        lambda images: (digit if images.shape[1] == 96 else NOTHING)(images),
    )
    assert [side for side in (150, 300) if not levels[side]] == searched


def test_the_box_of_a_digit_is_the_mean_of_all_levels_and_its_objectness_the_best():
    def rows(*found):
        return np.array([[*box, objectness, *[logit] * 10] for box, objectness, logit in found], np.float32)

    likely, unlikely = 3.0, float(3 - np.log(3))  # the odds are 3 to 1
    merged = detector._merge_duplicates(
        rows(((0, 0, 20, 40), likely, 1), ((40, 0, 60, 40), 2.0, 5), ((2, 4, 20, 36), unlikely, 9))
    )
    np.testing.assert_allclose(merged[:, :5], [[0.5, 1, 20, 39, 3], [40, 0, 60, 40, 2]], rtol=1e-5)
    np.testing.assert_allclose(merged[:, 5], [3, 5], rtol=1e-5)
