"""Score fusion: the scores of both networks and the context of a candidate as one probability."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from edge_runtime.contract import BACKGROUND, CLASSES
from edge_runtime.reading import fusion
from edge_runtime.reading.candidates import Candidates
from edge_runtime.reading.fusion import FusionWeights
from edge_runtime.reading.surroundings import Surroundings


def boxes_of(*rectangles):
    return np.array([(x, y, x + w, y + h) for x, y, w, h in rectangles], np.float32)


def candidates_at(*rectangles, objectness=0.0):
    count = len(rectangles)
    objectness = np.broadcast_to(np.float32(objectness), count)
    return Candidates(boxes_of(*rectangles), objectness, np.zeros((count, BACKGROUND), np.float32))


def test_context_compares_a_candidate_with_the_others():
    row = [(40 * i, 0, 20, 30) for i in range(5)]
    faint, large = (45, 60, 20, 30), (300, 10, 70, 90)
    contrasts = np.array([80, 80, 80, 80, 80, 8, 80], np.float32)
    p_digit = np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.6], np.float32)
    neighbours, faintness, size_mismatch = fusion.context(
        p_digit, candidates_at(*row, faint, large), contrasts
    )
    assert (neighbours[:5] > 0).all()
    assert faintness[5] > 1
    assert (faintness[:5] == 0).all()
    assert size_mismatch[6] > 0
    assert (size_mismatch[:6] == 0).all()


def test_a_candidate_that_stands_alone_has_no_context():
    alone = fusion.context(np.float32([0.9]), candidates_at((0, 0, 20, 30)), np.float32([80]))
    assert [feature.tolist() for feature in alone] == [[0], [0], [0]]


def neighbours_of_the_first(*others, p_digit=0.95, objectness=0.0):
    """The evidence of the `others`, rectangles, for a candidate at the origin."""
    candidates = candidates_at((0, 0, 20, 30), *others, objectness=objectness)
    p_digit, contrasts = (
        np.full(len(candidates), p_digit, np.float32),
        np.full(len(candidates), 80, np.float32),
    )
    return fusion.context(p_digit, candidates, contrasts)[0][0]


def test_near_neighbours_on_the_same_line_weigh_most():
    beside, further, below = ((40, 0, 20, 30), (80, 0, 20, 30), (0, 40, 20, 30))
    for p_digit, sign in ((0.95, 1), (0.05, -1)):
        weights = [
            sign * neighbours_of_the_first(other, p_digit=p_digit) for other in (beside, further, below)
        ]
        assert weights[0] > max(weights[1:])
        assert min(weights) > 0
    assert neighbours_of_the_first((40, 0, 40, 60)) == 0  # twice as large: no neighbour


def test_what_the_detector_hardly_proposes_says_little_about_its_neighbours():
    beside = (40, 0, 20, 30)
    weak, strong = (
        neighbours_of_the_first(beside, p_digit=0.05, objectness=objectness) for objectness in (-1.0, 2.0)
    )
    assert strong < weak < 0


def fused(weights, probabilities, objectness=(0.0, 0.0), class_logits=None, overflows=(0, 0)):
    """Fuse two candidates that stand far apart."""
    candidates = Candidates(
        boxes_of((0, 0, 20, 30), (90, 200, 20, 30)),
        np.array(objectness, np.float32),
        np.zeros((2, BACKGROUND), np.float32) if class_logits is None else class_logits,
    )
    blank = Surroundings(np.full((260, 160), 200, np.uint8), 0, 0, 1.0, 160, 80.0, whole=True)
    return fusion.fuse(
        weights,
        probabilities,
        candidates,
        np.float32([80, 80]),
        np.float32(overflows),
        lambda chosen: [blank for _ in chosen],
    )


UNDECIDED = np.full((2, CLASSES), 0.01, np.float32)
UNDECIDED[:, 7] = UNDECIDED[:, BACKGROUND] = 0.455


def test_the_weights_of_a_new_model_keep_the_classifiers_probabilities():
    assert fused(FusionWeights(), UNDECIDED) == pytest.approx(UNDECIDED, abs=1e-5)


def test_objectness_decides_between_digit_and_background():
    probabilities = fused(FusionWeights(objectness=1.0), UNDECIDED, objectness=(4.0, -4.0))
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert probabilities[0, 7] > 0.5
    assert probabilities[1, BACKGROUND] > 0.9


def test_class_logits_of_the_detector_decide_between_digits():
    undecided = np.full((2, CLASSES), 0.01, np.float32)
    undecided[:, 1] = undecided[:, 7] = 0.455
    class_logits = np.zeros((2, BACKGROUND), np.float32)
    class_logits[0, 1] = class_logits[1, 7] = 6
    probabilities = fused(FusionWeights(class_logits=1.0), undecided, class_logits=class_logits)
    assert probabilities.argmax(axis=1).tolist() == [1, 7]
    assert probabilities.max(axis=1).min() > 0.9


@pytest.mark.parametrize(
    ("weights", "change"),
    [
        (FusionWeights(background=2.0), [1, 1]),
        (FusionWeights(background=-2.0), [-1, -1]),
        (FusionWeights(overflow=2.0), [0, 1]),
        # The logarithm of a probability is negative: half of it speaks less against the background.
        (FusionWeights(classifier_background=0.5), [1, 1]),
    ],
    ids=["background", "less background", "overflow", "classifier background"],
)
def test_each_weight_does_what_its_name_says(weights, change):
    background = fused(weights, UNDECIDED, overflows=(0, 0.1))[:, BACKGROUND]
    assert np.sign(np.round(background - UNDECIDED[:, BACKGROUND], 3)).tolist() == change


@pytest.mark.parametrize(("p_digit", "counts"), [(0.01, False), (0.5, True), (0.99, False)])
def test_writing_beside_a_candidate_decides_only_close_calls(p_digit, counts):
    page = np.full((56, 120), 200, np.uint8)
    for x in (40, 70):
        cv2.rectangle(page, (x, 12), (x + 18, 40), 50, 3)
    probabilities = np.full((1, CLASSES), 1e-4, np.float32)
    probabilities[0, [7, BACKGROUND]] = p_digit, 1 - p_digit
    lone = np.float32([0])
    digit = Candidates(boxes_of((39, 11, 21, 31)), lone, np.zeros((1, BACKGROUND), np.float32))
    asked = []

    def surroundings(chosen):
        asked.extend(chosen)
        return [Surroundings(page, 0, 0, 1.0, 60, 150.0, whole=True) for _ in chosen]

    fused = fusion.fuse(FusionWeights(writing=2.0), probabilities, digit, lone + 150, lone, surroundings)
    assert asked == [0] * counts
    assert (fused[0, BACKGROUND] > 1 - p_digit + 0.1) == counts


def test_sharpness_moves_probabilities_away_from_the_middle():
    probabilities = np.full((2, CLASSES), 0.02, np.float32)
    probabilities[:, 3] = 0.8
    assert fused(FusionWeights(sharpness=2.0), probabilities)[0, 3] > 0.95
    assert fused(FusionWeights(sharpness=0.5), probabilities)[0, 3] < 0.6


FULL = FusionWeights().to_json()


def test_weights_survive_json():
    weights = FusionWeights(0.5, 1.25, -0.75, 0.4, 2.0, 0.3, 0.1234, 0.0, 0.7, 0.9)
    assert FusionWeights.from_json(weights.to_json()) == weights
    assert json.loads(weights.to_json())["faintness"] == 0.1234
    assert "\n" not in weights.to_json()
    assert FusionWeights.from_json(FULL) == FusionWeights()
    # Integers are numbers, too.
    assert FusionWeights.from_json(FULL.replace("1.0", "1")) == FusionWeights()
    assert weights.vector() == [0.5, 1.25, -0.75, 0.4, 2.0, 0.3, 0.1234, 0.0, 0.7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "Expecting value", id="empty"),
        pytest.param("1 2", "Extra data", id="numbers"),
        pytest.param("[1]", "fusion weights must be background, class_logits, ", id="list"),
        pytest.param('{"objectness": 1}', "fusion weights must be background, class_logits, ", id="too few"),
        pytest.param(FULL.replace("1.0", "NaN"), "fusion weights must be within", id="not a number"),
        pytest.param(FULL.replace("1.0", '"x"'), "fusion weights must be within", id="text"),
    ],
)
def test_invalid_weights_are_rejected(text, message):
    with pytest.raises(ValueError, match=message):
        FusionWeights.from_json(text)
