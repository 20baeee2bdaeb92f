"""Where digits are found, which of the boxes stay, and in which order they are read."""

from __future__ import annotations

import numpy as np
import pytest

from edge_runtime import Box, boxes, contract
from edge_runtime.reading import candidates as candidate_module
from edge_runtime.reading import detector, fusion, layout


@pytest.mark.parametrize(
    ("boxes", "order"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(50, 0, 9, 20), (0, 3, 9, 20), (20, -4, 9, 20)], [[1, 2, 0]], id="one line"),
        pytest.param(
            [(0, 40, 9, 20), (30, 0, 9, 20), (0, 2, 9, 20), (30, 41, 9, 20)], [[2, 1], [0, 3]], id="two lines"
        ),
        pytest.param(
            [(i * 20, i * 4, 9, 20) for i in range(6)][::-1], [[5, 4, 3, 2, 1, 0]], id="a rising line"
        ),
        pytest.param([(0, 0, 40, 100), (50, 60, 10, 20)], [[0, 1]], id="tall beside small"),
    ],
)
def test_reading_order(boxes, order):
    assert layout.reading_order([Box(*box) for box in boxes]) == order


def answer_with(places):
    """A network that finds digits of 20 px at these places of the level it is given, and nothing else."""

    def network(images):
        scores = np.full((len(images), contract.CHANNELS, *(side // 4 for side in images.shape[1:])), -9.0)
        for x, y, logit in places:
            scores[0, 0, y // 4, x // 4] = logit
            scores[0, 12:, y // 4, x // 4] = 10 / contract.BOX_SCALE
        return scores.astype(np.float32)

    return network


def test_candidates_are_placed_where_the_network_sees_them():
    grey = np.full((84, 84), 200, np.uint8)  # one level of its own size, surrounded up to 96
    found = detector.detect(grey, answer_with([(50, 50, 3.0)]))
    # Coarser levels are looked at as well, and the same place in them is another one of the image.
    assert found.objectness[0] == 3.0
    sizes = found.boxes[:, 2] - found.boxes[:, 0]
    assert sizes.min() == pytest.approx(20, abs=0.1)
    smallest = found.boxes[sizes.argmin()]
    assert smallest[:2] == pytest.approx([50 - 6 - 10, 50 - 6 - 10], abs=2)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (28, 28), (37, 41), (480, 640), (1200, 90)])
def test_levels_of_any_shape_are_given_in_whole_cells(shape):
    seen = []

    def network(images):
        seen.append(images.shape)
        return answer_with([])(images)

    assert len(detector.detect(np.zeros(shape, np.uint8), network)) == 0
    assert seen
    assert all(height % 4 == width % 4 == 0 for _, height, width in seen)


def test_a_finer_level_is_looked_at_only_where_it_is_asked_for():
    areas = []

    def network(images):
        areas.append(images.shape[1:])
        scores = answer_with([])(images)
        if len(areas) == 1:
            scores[0, 1, 20, 30] = 5
        return scores

    detector.detect(np.zeros((2000, 3000), np.uint8), network)
    coarsest_first = [area for area in areas if max(area) > 400]
    assert not coarsest_first
    quiet = answer_with([])
    counted = []
    detector.detect(np.zeros((2000, 3000), np.uint8), lambda p: counted.append(1) or quiet(p))
    assert len(areas) > len(counted)


@pytest.mark.parametrize("shape", [(3, 5000), (20, 1000), (60, 1500), (2000, 40), (1200, 90)])
def test_what_the_border_asks_for_is_not_looked_at(shape):
    def network(images):
        scores = answer_with([])(images)
        scores[0, 1, :2] = scores[0, 1, -2:] = scores[0, 1, :, :2] = scores[0, 1, :, -2:] = 9
        return scores

    assert len(detector.detect(np.zeros(shape, np.uint8), network)) == 0


def test_a_finer_level_is_looked_at_in_blocks_of_bounded_size():
    seen = []

    def network(images):
        seen.append(images.size)
        scores = answer_with([])(images)
        scores[0, 1] = 9
        return scores

    detector.detect(np.zeros((2600, 3400), np.uint8), network)
    assert max(seen) <= (detector._BLOCK + 2 * detector._CONTEXT + 32) ** 2
    assert sum(seen) > 2600 * 3400


def boxes_of(*rects):
    return np.array([(x, y, x + w, y + h) for x, y, w, h in rects], np.float32)


@pytest.mark.parametrize(
    ("rects", "likely", "overflows", "kept"),
    [
        pytest.param([(0, 0, 20, 30), (40, 0, 20, 30)], [0.9, 0.8], [0, 0], [0, 1], id="apart"),
        pytest.param([(0, 0, 20, 30), (2, 1, 20, 30)], [0.7, 0.9], [0, 0], [1], id="the same digit twice"),
        pytest.param([(0, 0, 20, 32), (3, 1, 14, 15)], [0.8, 0.9], [0, 0.1], [0], id="an 8 and its loop"),
        pytest.param([(0, 0, 90, 90), (35, 30, 18, 28)], [0.99, 0.8], [0, 0], [1], id="a digit in a circle"),
        pytest.param([(0, 0, 90, 90), (35, 30, 18, 28)], [0.99, 0.2], [0, 0], [0], id="a speck in a zero"),
        pytest.param([(0, 0, 90, 90), (35, 30, 18, 28)], [0.9, 0.8], [0, 0.2], [0], id="a bend of a digit"),
        pytest.param(
            [(0, 0, 50, 40), (0, 2, 20, 38), (29, 0, 21, 39)], [0.9, 0.9, 0.9], [0, 0, 0], [1, 2], id="a pair"
        ),
        pytest.param(
            [(0, 0, 40, 60), (4, 0, 30, 28), (4, 31, 30, 28)], [0.9, 0.9, 0.9], [0, 0, 0], [0], id="two loops"
        ),
        pytest.param(
            [(0, 0, 40, 50), (0, 0, 12, 50), (28, 0, 12, 50)],
            [0.9, 0.8, 0.8],
            [0, 0.3, 0.3],
            [0],
            id="two bends",
        ),
        pytest.param([(0, 0, 50, 40), (0, 2, 20, 38)], [0.9, 0.9], [0, 0], [0], id="a part alone"),
    ],
)
def test_of_boxes_in_each_other_one_stays(rects, likely, overflows, kept):
    assert boxes.suppress_nested(boxes_of(*rects), np.float32(likely), np.float32(overflows)) == kept


def test_context_judges_by_the_company():
    row = boxes_of(*[(40 * i, 0, 20, 30) for i in range(5)], (45, 60, 20, 30), (300, 10, 70, 90))
    contrasts = np.array([80, 80, 80, 80, 80, 8, 80], np.float32)
    likely = np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.6], np.float32)
    company, faint, odd = fusion.context(likely, row, contrasts)
    assert (company[:5] > 0).all()
    assert faint[5] > 1
    assert (faint[:5] == 0).all()
    assert odd[6] > 0
    assert (odd[:6] == 0).all()


def test_what_stands_alone_is_not_judged_by_what_is_not_there():
    alone = boxes_of((0, 0, 20, 30))
    for part in fusion.context(np.float32([0.9]), alone, np.float32([80])):
        assert part.tolist() == [0]


FULL = fusion.FusionWeights().to_json()


def test_votes_add_up():
    candidates = candidate_module.Candidates(
        boxes_of((0, 0, 20, 30), (90, 200, 20, 30)),
        np.array([4.0, -4.0], np.float32),
        np.zeros((2, 10), np.float32),
    )
    unsure = np.full((2, 11), 0.01, np.float32)
    unsure[:, 7] = unsure[:, 10] = 0.455
    combined = fusion.fuse(
        fusion.FusionWeights(objectness=1.0), unsure, candidates, np.float32([80, 80]), np.float32([0, 0])
    )
    assert combined.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert combined[0, 7] > 0.5
    assert combined[1, 10] > 0.9


@pytest.mark.parametrize(
    "text", ["", "1 2", "[1]", '{"objectness": 1}', FULL.replace("1.0", "NaN"), FULL.replace("1.0", '"x"')]
)
def test_what_is_no_vote_is_refused(text):
    with pytest.raises(ValueError, match=r"fusion weights|Expecting value|Extra data"):
        fusion.FusionWeights.from_json(text)
