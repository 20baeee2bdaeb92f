"""Scoring of labelled photographs, on images that the project draws."""

import json

import cv2
import numpy as np
import pytest

from benchmarks import photos
from benchmarks.__main__ import main
from edge_runtime.results import Box, Digit, Reading
from tests import drawing


def labelled(*digits, ignore=(), negative=False):
    return photos.LabelledImage("image.png", "somebody", "photo", digits, ignore, negative)


def reading(*digits):
    return Reading("", tuple(Digit(value, 0.9, box) for value, box in digits))


TRUTH = (3, Box(10, 10, 20, 30))


@pytest.mark.parametrize(
    ("found", "correct", "false", "detected"),
    [
        pytest.param([(3, Box(10, 10, 20, 30))], 1, 0, 1, id="the same box"),
        pytest.param([(5, Box(10, 10, 20, 30))], 0, 1, 1, id="wrong value"),
        pytest.param([(3, Box(14, 14, 20, 30))], 1, 0, 1, id="slightly moved"),
        pytest.param([(3, Box(5, 5, 32, 42))], 1, 0, 1, id="around it, less than three times as large"),
        pytest.param([(3, Box(0, 0, 100, 100))], 0, 1, 0, id="around it, far too large"),
        pytest.param([(3, Box(15, 18, 12, 18))], 1, 0, 1, id="inside it, more than a third as large"),
        pytest.param([(3, Box(28, 36, 8, 8))], 0, 1, 0, id="a small box beside it"),
        pytest.param([(3, Box(10, 10, 20, 30)), (3, Box(11, 10, 20, 30))], 1, 1, 1, id="detected twice"),
        pytest.param([(None, Box(10, 10, 20, 30))], 0, 0, 0, id="rejected"),
        pytest.param([], 0, 0, 0, id="nothing found"),
    ],
)
def test_matching(found, correct, false, detected):
    score = photos.score(labelled(TRUTH), reading(*found))
    assert (score.correct, score.false, score.detected) == (correct, false, detected)
    assert score.false_detections == sum(value is not None for value, _ in found) - detected
    assert score.perfect == (correct == 1 and false == 0)


def test_digits_in_ignored_boxes_do_not_count():
    image = labelled(TRUTH, ignore=(Box(100, 0, 50, 50),))
    score = photos.score(image, reading((8, Box(110, 10, 20, 30))))
    assert (score.correct, score.false, score.missed) == (0, 0, 1)


@pytest.fixture
def folder(tmp_path):
    """A labelled folder: a drawn page with correct labels and with a wrong one, and a blank image."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "negatives").mkdir()
    page = drawing.page("407", height=60)
    cv2.imwrite(str(tmp_path / "photos" / "a.png"), page)
    boxes = [[round(60 * (0.6 + 1.1 * column)), 36, 40, 60] for column in range(3)]
    entry = {
        "source_repo": "own/pages",
        "kind": "drawn",
        "digits": [{"label": int(text), "box": box} for text, box in zip("407", boxes, strict=True)],
    }
    # One label of the second image is wrong on purpose, so that it is not read perfectly.
    cv2.imwrite(str(tmp_path / "photos" / "b.png"), page)
    wrong = json.loads(json.dumps(entry)) | {"source_repo": "own/mislabelled"}
    wrong["digits"][0]["label"] = 9
    (tmp_path / "labels.json").write_text(json.dumps({"a.png": entry, "b.png": wrong}))
    cv2.imwrite(str(tmp_path / "negatives" / "blank.png"), np.full((200, 300), 210, np.uint8))
    (tmp_path / "negatives.json").write_text(json.dumps({"blank.png": {"category": "paper"}}))
    return tmp_path


def test_command_scores_a_folder(folder, tmp_path, capsys):
    sheet = tmp_path / "failures.png"
    assert main(["photos", str(folder), "--json", "--failures", str(sheet)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["digits"] == 6
    assert figures["perfect"] == 0.5
    assert figures["f1_by_source"]["own/pages"] == 1
    assert figures["f1_by_source"]["own/mislabelled"] == pytest.approx(4 / 6, abs=1e-3)
    assert figures["f1_mean_of_sources"] == pytest.approx((1 + 4 / 6) / 2, abs=1e-3)
    assert figures["false_per_negative"] == 0
    assert set(figures["ms"]) == {"preprocess", "detect", "crop", "classify"}
    cells = cv2.imread(str(sheet))
    assert cells.shape == (320, 6 * 320, 3)
    for colour in ((0, 160, 0), (220, 90, 0), (0, 0, 230)):  # labels, correct digits, false ones
        assert (cells[:, :320] == colour).all(axis=2).any()
    assert (cells[:, 320:] == 255).all()
    assert main(["photos", str(folder)]) == 0
    page = capsys.readouterr().out
    assert "b.png: 1 missed, 1 false" in page
    assert "images read perfectly 50.0%" in page


def test_unwritable_contact_sheets_are_reported_in_one_line(folder, tmp_path, capsys):
    assert main(["photos", str(folder), "--failures", str(tmp_path / "sheet.xyz")]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert str(tmp_path / "sheet.xyz") in errors[0]


def test_digits_and_labels_are_paired_one_to_one():
    boxes = [Box(10, 10, 20, 30), Box(24, 10, 20, 30), Box(60, 10, 20, 30)]
    image = labelled(*zip((1, 1, 2), boxes, strict=True))
    score = photos.score(image, reading((1, Box(12, 10, 20, 30)), (1, boxes[1]), (7, boxes[2])))
    assert (score.correct, score.false, score.missed) == (2, 1, 1)
    assert (score.detected, score.false_detections) == (3, 0)


def no_labels(folder):
    (folder / "labels.json").unlink()
    (folder / "negatives.json").unlink()


def broken_labels(folder):
    (folder / "labels.json").write_text("{")


def invalid_labels(folder):
    (folder / "labels.json").write_text('{"a.png": {"digits": [{"label": "x", "box": [1]}]}}')


def missing_image(folder):
    (folder / "photos" / "a.png").unlink()


@pytest.mark.parametrize("harm", [no_labels, broken_labels, invalid_labels, missing_image])
def test_invalid_folders_are_reported_in_one_line(harm, folder, capsys):
    harm(folder)
    assert main(["photos", str(folder)]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert str(folder) in errors


def test_negatives_are_optional(folder, capsys):
    (folder / "negatives.json").unlink()
    assert main(["photos", str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"] == 2
    assert "negatives" not in figures
