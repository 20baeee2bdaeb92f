"""Scoring of labelled photographs, on images that the project draws."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.photos import figures, report, scoring, stability
from benchmarks.photos.labels import LabelledImage
from benchmarks.photos.numbers import find_numbers
from edge_runtime.results import Box, Digit, Reading
from tests import drawing


def labelled(*digits, ignore=(), negative=False):
    return LabelledImage(Path("image.png"), "somebody", "photo", digits, ignore, negative)


def reading(*digits):
    return Reading("", tuple(Digit(value, 0.9, box) for value, box in digits), seconds={"detect": 0.001})


def scored(image, *digits, longer_side=1000, **varied):
    return scoring.score(image, reading(*digits), longer_side=longer_side, varied=varied)


TRUTH = (3, Box(10, 10, 20, 30))


@pytest.mark.parametrize(
    ("found", "correct", "false", "detected", "read_as"),
    [
        pytest.param([(3, Box(10, 10, 20, 30))], 1, 0, 1, 3, id="the same box"),
        pytest.param([(5, Box(10, 10, 20, 30))], 0, 1, 1, 5, id="wrong value"),
        pytest.param([(3, Box(14, 14, 20, 30))], 1, 0, 1, 3, id="slightly moved"),
        pytest.param([(3, Box(5, 5, 32, 42))], 1, 0, 1, 3, id="around it, less than three times as large"),
        pytest.param([(3, Box(0, 0, 100, 100))], 0, 1, 0, None, id="around it, far too large"),
        pytest.param([(3, Box(15, 18, 12, 18))], 1, 0, 1, 3, id="inside it, more than a third as large"),
        pytest.param([(3, Box(28, 36, 8, 8))], 0, 1, 0, None, id="a small box beside it"),
        pytest.param([(3, Box(10, 10, 20, 30)), (3, Box(11, 10, 20, 30))], 1, 1, 1, 3, id="detected twice"),
        pytest.param([(7, Box(10, 10, 20, 30)), (3, Box(12, 12, 20, 30))], 1, 1, 1, 3, id="two values"),
        pytest.param([(None, Box(10, 10, 20, 30))], 0, 0, 0, None, id="rejected"),
        pytest.param([], 0, 0, 0, None, id="nothing found"),
    ],
)
def test_matching(found, correct, false, detected, read_as):
    score = scored(labelled(TRUTH), *found)
    assert (score.correct, score.false, score.detected) == (correct, false, detected)
    assert score.read_as == (read_as,)
    assert score.perfect == (correct == 1 and false == 0)


def test_digits_in_ignored_boxes_do_not_count():
    image = labelled(TRUTH, ignore=(Box(100, 0, 50, 50),))
    score = scored(image, (8, Box(110, 10, 20, 30)))
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


@pytest.mark.parametrize("option", ["--failures", "--chart"])
def test_unwritable_images_are_reported_in_one_line(option, folder, tmp_path, capsys):
    assert main(["photos", str(folder), option, str(tmp_path / "sheet.xyz")]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert str(tmp_path / "sheet.xyz") in errors[0]


def test_digits_and_labels_are_paired_one_to_one():
    boxes = [Box(10, 10, 20, 30), Box(24, 10, 20, 30), Box(60, 10, 20, 30)]
    image = labelled(*zip((1, 1, 2), boxes, strict=True))
    score = scored(image, (1, Box(12, 10, 20, 30)), (1, boxes[1]), (7, boxes[2]))
    assert (score.correct, score.false, score.missed) == (2, 1, 1)
    assert score.read_as == (1, 1, 7)
    assert score.detected == 3


def row_of(*lefts, y=0, height=50):
    """Boxes 30 px wide and 50 px high with these left edges, labelled 0, 1 and so on."""
    return [(value, Box(x, y, 30, height)) for value, x in enumerate(lefts)]


@pytest.mark.parametrize(
    ("digits", "numbers"),
    [
        pytest.param([], [], id="no digit"),
        pytest.param(row_of(0), [(0,)], id="one digit"),
        pytest.param(row_of(80, 40, 0), [(2, 1, 0)], id="one number, from left to right"),
        pytest.param(row_of(0, 40, 110, 150), [(0, 1), (2, 3)], id="two numbers"),
        pytest.param(row_of(0, 40, 95, 135), [(0, 1, 2, 3)], id="one number, unevenly written"),
        pytest.param(row_of(0, 35, 100, 150), [], id="two numbers, perhaps"),
        pytest.param(row_of(0, 35, 120, 210, 245), [(0, 1), (3, 4)], id="a digit that may belong to others"),
        pytest.param(row_of(0, 40, 240, 370), [(0, 1), (2,), (3,)], id="single digits far from others"),
        pytest.param(row_of(0, 85, 170, 255), [], id="evenly spread"),
        pytest.param(row_of(0, 70, 140, 210), [(0, 1, 2, 3)], id="evenly spread, but not widely"),
        pytest.param([*row_of(0), *row_of(40, y=26)], [(0,), (1,)], id="two lines"),
        pytest.param([*row_of(0), *row_of(40, y=24)], [(0, 1)], id="not quite level"),
        pytest.param([*row_of(0), *row_of(40, height=19)], [(0,), (1,)], id="far smaller"),
    ],
)
def test_labels_show_which_digits_form_a_number(digits, numbers):
    assert sorted(find_numbers(labelled(*digits))) == sorted(numbers)


@pytest.mark.parametrize(
    ("ignore", "numbers"),
    [
        pytest.param(Box(80, 0, 30, 50), [], id="beside a number"),
        pytest.param(Box(200, 0, 30, 50), [(0, 1)], id="far from it"),
        pytest.param(Box(80, 60, 30, 50), [(0, 1)], id="below it"),
    ],
)
def test_what_is_ignored_may_be_a_digit_of_the_number(ignore, numbers):
    assert find_numbers(labelled(*row_of(0, 40), ignore=(ignore,))) == numbers


@pytest.mark.parametrize(
    ("found", "found_numbers", "whole"),
    [
        pytest.param([(0, 0), (1, 40), (2, 240)], [0, 0, 1], (2, 1.0), id="whole"),
        pytest.param([(0, 0), (1, 40), (2, 240)], [0, 1, 2], (2, 0.5), id="split"),
        pytest.param([(0, 0), (1, 40), (2, 240)], [0, 0, 0], (2, 0.0), id="joined"),
        pytest.param([(1, 0), (1, 40), (2, 240)], [0, 0, 1], (1, 1.0), id="a misread digit"),
        pytest.param([(0, 0), (1, 40), (8, 76), (2, 240)], [0, 0, 0, 1], (2, 0.5), id="a false digit"),
        pytest.param([(0, 0), (1, 40), (None, 76), (2, 240)], [0, 0, 0, 1], (2, 1.0), id="a rejected one"),
        pytest.param([], [], (0, None), id="nothing read"),
    ],
)
def test_numbers_are_whole_if_one_that_was_read_has_their_digits(found, found_numbers, whole):
    digits = tuple(
        Digit(value, 0.9, Box(x, 0, 30, 50), number=number)
        for (value, x), number in zip(found, found_numbers, strict=True)
    )
    image = labelled(*row_of(0, 40, 240))
    score = scoring.score(image, Reading("", digits, seconds={"detect": 0.001}), longer_side=1000)
    result = figures.sum_up([score])
    assert result["numbers"] == {"labelled": 2, "found": whole[0], "whole": whole[1]}
    several = result["numbers_of_several_digits"]
    assert several["labelled"] == 1
    page = report.format_page(result, [score])
    for name, part in (("numbers", result["numbers"]), ("numbers of several digits", several)):
        share = f"{name} read whole {(part['whole'] or 0):.1%} of the {part['found']} whose digits were all"
        assert (share in page) == bool(part["found"])


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


def own_coco(entry):
    """The same labels in the format of COCO, and what others may have beside them."""
    boxes = [digit["box"] for digit in entry["digits"]]
    return {
        "images": [
            *({"id": 5, "file_name": "photos/a.png"}, {"id": 6, "file_name": "negatives/blank.png"}),
        ],
        "categories": [
            *({"id": 10 + value, "name": str(value)} for value in range(10)),
            {"id": 1, "name": "pen"},
        ],
        "annotations": [
            *(
                {"image_id": 5, "category_id": 10 + value, "bbox": [each + 0.2 for each in box]}
                for value, box in zip((4, 0, 7), boxes, strict=True)
            ),
            {"image_id": 6, "category_id": 1, "bbox": [0, 0, 9, 9]},
            {"image_id": 6, "category_id": 11, "bbox": [0, 0, 20, 20], "iscrowd": 1},
        ],
    }


def as_coco(folder, entry):
    (folder / "negatives.json").unlink()
    (folder / "labels.json").write_text(json.dumps(own_coco(entry)))
    return folder


def as_named_coco(folder, entry):
    path = folder / "instances.json"
    path.write_text(json.dumps(own_coco(entry)))
    return path


def as_csv(folder, entry):
    rows = [f"photos/a.png,{digit['label']},{','.join(map(str, digit['box']))}" for digit in entry["digits"]]
    path = folder / "boxes.csv"
    path.write_text(
        "\ufefffile,label,x,y,width,height\n" + "\n".join([*rows, "negatives/blank.png,,,,,"]), "utf-8"
    )
    return path


@pytest.mark.parametrize("write", [as_coco, as_named_coco, as_csv])
def test_boxes_of_other_formats_are_scored(write, folder, capsys):
    source = write(folder, json.loads((folder / "labels.json").read_text())["a.png"])
    assert main(["photos", str(source), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["images"], result["digits"], result["f1"], result["negatives"]) == (1, 3, 1.0, 1)


def test_images_with_text_alone_are_counted(folder, capsys):
    for name in ("labels.json", "negatives.json"):
        (folder / name).unlink()
    (folder / "labels.csv").write_text(
        "file,text\nphotos/a.png,4 0-7\nphotos/b.png,409\nnegatives/blank.png,\n"
    )
    assert main(["photos", str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert "images" not in figures and figures["negatives"] == 1
    assert figures["text_only"] == {
        **{"images": 2, "digits": 6, "correct": 5, "missed": 1, "false": 1, "perfect": 0.5},
        **{"precision": 0.8333, "recall": 0.8333, "f1": 0.8333},
    }
    assert main(["photos", str(folder)]) == 0
    page = capsys.readouterr().out
    assert "2 images with 6 digits of known text, without boxes" in page
    assert "b.png: 1 missed, 1 false" in page


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("a.csv", "name,value\na.png,1\n", "its columns are neither", id="columns"),
        pytest.param(
            "a.csv", "file,label,x,y,width,height\na.png,12,0,0,9,9\n", "'12' is not a digit", id="label"
        ),
        pytest.param("a.csv", "file,text\n", "no labels in", id="empty"),
        pytest.param(
            "a.json", '{"images": [], "annotations": [], "categories": []}', "0 to 9", id="categories"
        ),
        pytest.param("missing.csv", None, "no labels in", id="missing"),
    ],
)
def test_invalid_label_files_are_reported_in_one_line(name, content, message, tmp_path, capsys):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    refused(path, message, capsys)


def refused(path, message, capsys):
    assert main(["photos", str(path)]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert str(path) in errors and message in errors


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param("a.png,1,0,0,9", "line 2: height is missing", id="no height"),
        pytest.param("a.png,1,0,0,9,inf", "line 2: height must be from 1 to", id="infinite"),
        pytest.param("a.png,1,nan,0,9,9", "line 2: x must be from -", id="NaN"),
        pytest.param("a.png,1,0,1e9,9,9", "line 2: y must be from -", id="far away"),
        pytest.param("a.png,1,a,0,9,9", "line 2: x is not a number: 'a'", id="a word"),
        pytest.param("a.png,1,0,0,9,9\na.png,2,0,0,-9,9", "line 3: width must be from 1 to", id="negative"),
        pytest.param("a.png,1,0,0,0.4,9", "line 2: width must be from 1 to", id="less than a pixel"),
        pytest.param("a.png,1,0,0,9,9\na.png,1,0,0,9,9", "line 3: another digit has the same", id="twice"),
        pytest.param("a.png,,0,0,9,9", "line 2: a box without a label", id="no label"),
        pytest.param(",1,0,0,9,9", "line 2: file is missing", id="no file"),
        pytest.param("a.png,1,0,0,9,9,7", "line 2 has more cells than the header", id="too many cells"),
        pytest.param('a.png,"1', "line 2: unexpected end of data", id="an open quote"),
    ],
)
def test_rows_that_cannot_be_used_are_named(rows, message, tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text(f"file,label,x,y,width,height\n{rows}\n")
    refused(path, f"{path}: {message}", capsys)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param("a.png,1\nb.png,2\n./a.png,3", "line 4 is {folder}/a.png again, after ", id="twice"),
        pytest.param("a.png,1,234", "line 2 has more cells than the header", id="a comma"),
    ],
)
def test_rows_of_text_that_cannot_be_used_are_named(rows, message, tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text(f"file,text\n{rows}\n")
    refused(path, f"{path}: {message.format(folder=tmp_path)}", capsys)


IMAGE = {"id": 5, "file_name": "a.png"}
MARKED = {"image_id": 5, "category_id": 1, "bbox": [0, 0, 9, 9]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"annotations": [{**MARKED, "category_id": 77}]}, "no category 77", id="category"),
        pytest.param({"annotations": [{**MARKED, "image_id": 77}]}, "no image 77", id="image"),
        pytest.param({"annotations": [MARKED, MARKED]}, "annotations[1]: another digit", id="twice"),
        pytest.param({"annotations": ["a"]}, "annotations[0] is not an object: 'a'", id="no object"),
        pytest.param({"annotations": [{"image_id": 5}]}, "annotations[0] has no category_id", id="no field"),
        pytest.param({"annotations": {}}, "annotations is not an array", id="no array"),
        pytest.param({"annotations": [{**MARKED, "bbox": None}]}, ".bbox is not", id="no box"),
        pytest.param({"annotations": [{**MARKED, "bbox": [1, 2]}]}, "has 2 numbers, not", id="short box"),
        pytest.param(
            {"annotations": [MARKED, {**MARKED, "bbox": [0, 0, 9, -9]}]},
            "annotations[1].bbox: height must be from 1 to 100000 pixels, not -9",
            id="negative",
        ),
        pytest.param(
            {"annotations": [{**MARKED, "bbox": [float("nan"), 0, 9, 9]}]}, "bbox: x must be", id="NaN"
        ),
        pytest.param({"annotations": [{**MARKED, "bbox": [10**400, 0, 9, 9]}]}, "bbox: x must be", id="huge"),
        pytest.param(
            {"annotations": [{**MARKED, "bbox": ["1", 0, 9, 9]}]}, "x is not a number: '1'", id="a text"
        ),
        pytest.param({"images": [IMAGE, IMAGE]}, "images[1] has the id 5 of images[0]", id="same image"),
        pytest.param({"images": [IMAGE, {**IMAGE, "id": 6}]}, "images[1] is ", id="same file"),
        pytest.param({"images": [{"id": 5}]}, "images[0] has no file_name", id="no file"),
        pytest.param({"images": [{**IMAGE, "file_name": 5}]}, "file_name is not a text: 5", id="number"),
        pytest.param({"categories": [{"id": []}]}, "categories[0]: id is neither", id="list as id"),
        pytest.param({"categories": None}, "categories is not an array: None", id="no categories"),
    ],
)
def test_faults_of_coco_are_named(change, message, tmp_path, capsys):
    path = tmp_path / "a.json"
    entries = {"images": [IMAGE], "annotations": [MARKED], "categories": [{"id": 1, "name": "7"}]}
    path.write_text(json.dumps(entries | change))
    refused(path, message, capsys)


OWN_DIGIT = {"label": 7, "box": [0, 0, 9, 9]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("labels.json", [], "it holds no JSON object", id="a list"),
        pytest.param("labels.json", {"a.png": [1]}, "a.png is not an object: [1]", id="no object"),
        pytest.param("labels.json", {"a.png": {}}, "a.png has no digits", id="no digits"),
        pytest.param("labels.json", {"a.png": {"digits": [OWN_DIGIT]}}, "has no source_repo", id="no source"),
        pytest.param("labels.json", {"a\n.png": {}}, r"a\n.png has no digits", id="line break in a name"),
        pytest.param(
            "labels.json",
            {"a.png": {"digits": [{**OWN_DIGIT, "label": 12}]}},
            "the label 12 is not",
            id="label",
        ),
        pytest.param(
            "labels.json",
            {"a.png": {"digits": [OWN_DIGIT, {**OWN_DIGIT, "box": [0, 0, 0, 9]}]}},
            "a.png: digits[1].box: width must be from 1 to 100000 pixels, not 0",
            id="no width",
        ),
        pytest.param("negatives.json", {"a.png": 1}, "a.png is not an object: 1", id="no negative"),
        pytest.param(
            "negatives.json",
            {"a.png": {"category": "paper", "ignore": [[1e9, 0, 9, 9]]}},
            "a.png: ignore[0]: x must be",
            id="ignored far away",
        ),
    ],
)
def test_faults_of_the_own_form_are_named(name, content, message, tmp_path, capsys):
    path = tmp_path / name
    path.write_text(json.dumps(content))
    refused(path, message, capsys)


def test_an_image_has_labels_only_once(folder, capsys):
    (folder / "labels.csv").write_text("file,text\nphotos/a.png,407\n")
    refused(folder, f"labels.csv: line 2 is {folder}/photos/a.png again, after ", capsys)
    (folder / "labels.json").write_text('{"a.png": {}, "a.png": {}}')
    refused(folder, "'a.png' is listed twice", capsys)


def test_boxes_outside_their_image_are_named(folder, capsys):
    labels = json.loads((folder / "labels.json").read_text())
    labels["a.png"]["digits"][0]["box"][0] = 90_000
    (folder / "labels.json").write_text(json.dumps(labels))
    refused(folder, "photos/a.png: the box of a 4 at (90000, 36) lies outside the image", capsys)


@pytest.mark.parametrize(("width", "f1"), [(40, 1.0), (21, 1.0), (19, 0.0)])
def test_f1_is_also_given_at_an_iou_of_a_half(width, f1):
    score = scored(labelled((3, Box(10, 10, width, 40))), (3, Box(10, 10, 40, 40)))
    result = figures.sum_up([score])
    assert (result["f1"], result["f1_at_iou_50"]) == (1.0, f1)


def test_negatives_are_optional(folder, capsys):
    (folder / "negatives.json").unlink()
    assert main(["photos", str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"] == 2
    assert "negatives" not in figures


def test_recall_is_split_by_digit_height():
    heights = (11, 12, 15, 16, 20, 30, 200)  # of 1000 px
    boxes = [Box(300 * index, 10, 10, height) for index, height in enumerate(heights)]
    image = labelled(*((1, box) for box in boxes))
    found = [(7 if box.height in (15, 30) else 1, box) for box in boxes if box.height != 16]
    result = figures.sum_up([scored(image, *found)])
    assert result["by_size"] == {
        "below 1.2%": {"digits": 1, "recall": 1.0, "misread": 0, "not_found": 0},
        "1.2 to 1.6%": {"digits": 2, "recall": 0.5, "misread": 1, "not_found": 0},
        "1.6 to 2%": {"digits": 1, "recall": 0.0, "misread": 0, "not_found": 1},
        "2 to 3%": {"digits": 1, "recall": 1.0, "misread": 0, "not_found": 0},
        "from 3%": {"digits": 2, "recall": 0.5, "misread": 1, "not_found": 0},
        "1.2 to 3%": {"digits": 4, "recall": 0.5, "misread": 1, "not_found": 1},
    }
    assert result["misread"] == 2
    assert result["misread_as"] == {"1 read as 7": 2}


def test_sizes_without_digits_have_no_recall():
    result = figures.sum_up([scored(labelled(TRUTH))])
    assert result["by_size"]["below 1.2%"]["recall"] is None
    assert result["by_size"]["from 3%"] == {"digits": 1, "recall": 0.0, "misread": 0, "not_found": 1}


def test_digits_are_counted_by_the_least_confidence_that_is_accepted():
    image = labelled(TRUTH, (1, Box(100, 10, 20, 30)), (4, Box(200, 10, 20, 30)))
    found = ((3, 0.995, TRUTH[1]), (1, 0.9, Box(100, 10, 20, 30)), (9, 0.93, Box(200, 10, 20, 30)))
    digits = tuple(Digit(value, confidence, box) for value, confidence, box in found)
    page = Reading("", digits, seconds={"detect": 0.001})
    blank = Reading("", (Digit(8, 0.6, Box(0, 0, 20, 30)),), seconds={"detect": 0.001})
    scores = [
        scoring.score(image, page, longer_side=1000),
        scoring.score(labelled(negative=True), blank, longer_side=1000),
    ]
    counts = figures.sum_up(scores)["by_confidence"]
    assert counts["0"] == {"right": 2, "wrong": 2, "missed": 1}
    assert counts["0.9"] == {"right": 2, "wrong": 1, "missed": 1}
    assert counts["0.95"] == {"right": 1, "wrong": 0, "missed": 2}


def test_documents_and_groups_of_negatives_are_summed_up_apart():
    form = LabelledImage(Path("form.png"), "an office", "scan", (TRUTH,), group="form")
    kana = LabelledImage(Path("kana.png"), "", "letters (scan)", negative=True, group="letters")
    scores = [scored(labelled(TRUTH), TRUTH), scored(form), scored(kana, TRUTH)]
    result = figures.sum_up(scores)
    parts = result["by_document"]
    assert [(name, part["images"], part["f1"]) for name, part in parts.items()] == [
        ("documents", 1, 0.0),
        ("others", 1, 1.0),
    ]
    assert result["false_by_group"] == {"letters": {"images": 1, "false_per_image": 1.0}}
    text = report.format_page(result, scores)
    assert "documents: 1 images with 1 digits; F1 0.000" in text
    assert "by group: letters 1.00 (1)" in text
    assert "by_document" not in figures.sum_up(scores[:1])


def test_stability_counts_unchanged_texts_and_accepted_digits():
    other = (5, Box(10, 10, 20, 30))
    rejected = (None, Box(40, 10, 20, 30))
    same, added = reading(TRUTH), reading(TRUTH, rejected)
    scores = [
        scored(labelled(TRUTH), TRUTH, right=same, down=same, brighter=same, path=added),
        scored(labelled(TRUTH), TRUTH, right=same, down=reading(other), brighter=added, path=same),
    ]
    shares = figures.sum_up(scores)["stability"]
    assert shares["text"] == {"right": 1.0, "down": 0.5, "brighter": 0.5, "path": 0.5, "pixels": 0.5}
    assert shares["digits"] == {"right": 1.0, "down": 0.5, "brighter": 1.0, "path": 1.0, "pixels": 0.5}


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_changes_move_the_content_by_a_pixel_or_a_grey_level(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    image[0, 0] = 255
    right, down, brighter = (change(image) for change in stability.CHANGES.values())
    np.testing.assert_array_equal(right, np.concatenate([image[:, :1], image[:, :-1]], axis=1))
    np.testing.assert_array_equal(down, np.concatenate([image[:1], image[:-1]]))
    np.testing.assert_array_equal(brighter, np.clip(image.astype(int) + 1, 0, 255))
    assert right.dtype == down.dtype == brighter.dtype == np.uint8


def test_models_have_twins_in_the_other_precision(tmp_path):
    assert (stability.find_twin("int8"), stability.find_twin("float")) == ("float", "int8")
    exported = tmp_path / "int8.onnx"
    assert stability.find_twin(str(exported)) is None
    (tmp_path / "float.onnx").touch()
    assert stability.find_twin(str(exported)) == str(tmp_path / "float.onnx")
    assert stability.find_twin(str(tmp_path / "mine.onnx")) is None


def test_command_measures_stability_and_draws_a_chart(folder, tmp_path, capsys):
    chart = tmp_path / "chart.png"
    command = ["photos", str(folder), "--stability", "--chart", str(chart)]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    for shares in (result["stability"], result["stability_of_negatives"]):
        # A large digit on clean paper, and nothing on it.
        assert shares["text"] == dict.fromkeys(
            ("right", "down", "brighter", "path", "precision", "pixels"), 1.0
        )
        assert shares["digits"] == shares["text"]
    assert cv2.imread(str(chart)).shape[1] > 1000
    assert main(command) == 0
    page = capsys.readouterr().out
    assert "one grey level brighter 100.0% (100.0%)" in page
    assert "misread digits 1; most often 9 read as 4: 1" in page


def test_charts_need_labelled_digits(folder, tmp_path, capsys):
    (folder / "labels.json").unlink()
    assert main(["photos", str(folder), "--chart", str(tmp_path / "chart.png")]) == 2
    assert "no labels.json" in capsys.readouterr().err
