"""Scoring labelled photographs, on images that the project draws."""

import json

import cv2
import numpy as np
import pytest

from benchmarks import photos
from benchmarks.__main__ import main
from edge_runtime.results import Box, Digit, Reading
from tests import drawing


def labelled(*digits, ignore=(), negative=False):
    return photos.Labelled("image.png", "somebody", "photo", digits, ignore, negative)


def reading(*digits):
    return Reading("", tuple(Digit(value, 0.9, box) for value, box in digits))


TRUTH = (3, Box(10, 10, 20, 30))


@pytest.mark.parametrize(
    ("found", "right", "false", "located"),
    [
        pytest.param([(3, Box(10, 10, 20, 30))], 1, 0, 1, id="the same box"),
        pytest.param([(5, Box(10, 10, 20, 30))], 0, 1, 1, id="another value"),
        pytest.param([(3, Box(14, 14, 20, 30))], 1, 0, 1, id="moved a little"),
        pytest.param([(3, Box(5, 5, 32, 42))], 1, 0, 1, id="around it, less than thrice as large"),
        pytest.param([(3, Box(0, 0, 100, 100))], 0, 1, 0, id="far too large"),
        pytest.param([(3, Box(15, 18, 12, 18))], 1, 0, 1, id="inside it, more than a third"),
        pytest.param([(3, Box(28, 36, 8, 8))], 0, 1, 0, id="a speck beside it"),
        pytest.param([(3, Box(10, 10, 20, 30)), (3, Box(11, 10, 20, 30))], 1, 1, 1, id="twice"),
        pytest.param([(None, Box(10, 10, 20, 30))], 0, 0, 0, id="rejected"),
        pytest.param([], 0, 0, 0, id="nothing"),
    ],
)
def test_matching(found, right, false, located):
    score = photos.score(labelled(TRUTH), reading(*found))
    assert (score.right, score.false, score.located) == (right, false, located)
    assert score.perfect == (right == 1 and false == 0)


def test_what_may_be_anything_counts_for_nothing():
    image = labelled(TRUTH, ignore=(Box(100, 0, 50, 50),))
    score = photos.score(image, reading((8, Box(110, 10, 20, 30))))
    assert (score.right, score.false, score.missed) == (0, 0, 1)


@pytest.fixture
def folder(tmp_path):
    """A labelled folder: two drawn pages, a blank one, and an unruly one."""
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
    # The second image's label is wrong on purpose: it cannot be read perfectly.
    cv2.imwrite(str(tmp_path / "photos" / "b.png"), page)
    wrong = json.loads(json.dumps(entry)) | {"source_repo": "own/others"}
    wrong["digits"][0]["label"] = 9
    (tmp_path / "labels.json").write_text(json.dumps({"a.png": entry, "b.png": wrong}))
    cv2.imwrite(str(tmp_path / "negatives" / "blank.png"), np.full((200, 300), 210, np.uint8))
    (tmp_path / "negatives.json").write_text(json.dumps({"blank.png": {"category": "paper"}}))
    return tmp_path


def test_the_command_scores_a_folder(folder, tmp_path, capsys):
    sheet = tmp_path / "failures.png"
    assert main(["photos", str(folder), "--json", "--failures", str(sheet)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["digits"] == 6
    assert figures["perfect"] == 0.5
    assert figures["f1_by_source"]["own/pages"] == 1
    assert figures["f1_by_source"]["own/others"] == pytest.approx(4 / 6, abs=1e-3)
    assert figures["f1_mean_of_sources"] == pytest.approx((1 + 4 / 6) / 2, abs=1e-3)
    assert figures["false_per_negative"] == 0
    assert set(figures["ms"]) == {"grey", "detect", "tile", "classify"}
    assert cv2.imread(str(sheet)).std() > 5
    assert main(["photos", str(folder)]) == 0
    page = capsys.readouterr().out
    assert "b.png: 1 missed, 1 false" in page
    assert "read perfectly 50.0%" in page


def no_labels(folder):
    (folder / "labels.json").unlink()
    (folder / "negatives.json").unlink()


def broken_labels(folder):
    (folder / "labels.json").write_text("{")


def strange_labels(folder):
    (folder / "labels.json").write_text('{"a.png": {"digits": [{"label": "x", "box": [1]}]}}')


def lost_image(folder):
    (folder / "photos" / "a.png").unlink()


@pytest.mark.parametrize("harm", [no_labels, broken_labels, strange_labels, lost_image])
def test_a_folder_that_is_none_is_said_in_a_line(harm, folder, capsys):
    harm(folder)
    assert main(["photos", str(folder)]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert str(folder) in errors


def test_half_of_a_folder_is_scored_too(folder, capsys):
    (folder / "negatives.json").unlink()
    assert main(["photos", str(folder), "--json"]) == 0
    assert "negatives" not in json.loads(capsys.readouterr().out)
